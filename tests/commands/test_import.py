"""An organisation brings its people in a CSV file (B10: what people and programs put into such files)."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from sqlalchemy import event, select

from feedserver.commands import imports
from feedserver.errors import Invalid
from feedserver.services import certifying, grouping, importing, learning
from feedserver.services.learning import FIELDS
from feedserver.services.table_file import TableFile
from feedserver.store.certificates import Certificate
from feedserver.store.feeds import Feed
from feedserver.store.history import HistoryEntry
from feedserver.store.learners import FeedVersion, Learner
from feedserver.store.outbox import Delivery

TWO = "email,name,timezone,locale,start_date\nlea@corp.example,Lea,Europe/Berlin,de,2026-12-01\njo@corp.example,Jo,,,\n"


def imported(desk, text: str | bytes):
    return desk(imports.import_group, "learners", desk.file(text))


def learner(desk, email: str) -> Learner:
    with desk.house.database.read() as db:
        return db.scalars(select(Learner).where(Learner.email_key == email)).one()


def rows(data: bytes) -> list:
    return list(TableFile(io.BufferedReader(io.BytesIO(data)), FIELDS, importing.REQUIRED))


def test_two_people_come_in_with_a_feed_each_and_no_mail(desk):
    done = imported(desk, TWO)
    assert (done.exit_code, done.stdout) == (0, "2 added, 0 changed, 0 unchanged, 0 refused\n")
    lea, jo = learner(desk, "lea@corp.example"), learner(desk, "jo@corp.example")
    assert (lea.timezone, lea.locale, lea.start_date.isoformat(), lea.channel) == ("Europe/Berlin", "de", "2026-12-01", "both")
    assert (jo.timezone, jo.locale, jo.start_date) == ("UTC", "en", None)
    assert desk.count(Feed) == desk.count(FeedVersion) == desk.count(HistoryEntry, HistoryEntry.verb == "learner created") == 2
    assert desk.count(Delivery) == 0


def test_who_was_imported_is_like_who_was_made_by_hand(quick):
    imported(quick, "email,name\nlea@corp.example,Lea\n")
    made = quick.do(lambda work: learning.create_learner(work, {"email": "jo@corp.example", "name": "Jo"}))
    with quick.house.database.read() as db:
        feeds = db.scalars(select(Feed).order_by(Feed.id)).all()
    own = {"id", "email", "email_key", "name", "page_id", "created_at", "learner_id", "public_id", "changed_at"}
    for one, other in ((learner(quick, "lea@corp.example"), made), feeds):
        names = [c.key for c in type(one).__table__.columns if c.key not in own]
        assert [getattr(one, n) for n in names] == [getattr(other, n) for n in names]


def test_the_same_file_again_changes_nothing_and_a_changed_cell_changes_one(desk):
    imported(desk, TWO)
    assert "0 added, 0 changed, 2 unchanged" in imported(desk, TWO).stdout
    assert "0 added, 1 changed, 1 unchanged" in imported(desk, TWO.replace(",Jo,", ",Joanna,")).stdout
    assert (learner(desk, "jo@corp.example").name, learner(desk, "jo@corp.example").version) == ("Joanna", 2)
    assert learner(desk, "lea@corp.example").version == 1


def test_an_empty_cell_and_another_case_of_the_address_leave_what_is_known(quick):
    imported(quick, TWO)
    assert "1 unchanged" in imported(quick, "email,name,timezone\nLEA@corp.example,Lea,\n").stdout
    assert learner(quick, "lea@corp.example").timezone == "Europe/Berlin"


def test_every_refused_line_is_told_and_the_others_come_in(desk):
    done = imported(
        desk,
        "email,name,external_id\nlea@corp.example,Lea,7\nnobody,No,\nLea@CORP.example,Again,\njo@corp.example,Jo,7\n\nbo@corp.example,Bo,8\n",
    )
    assert done.exit_code == 1 and done.stdout == "2 added, 0 changed, 0 unchanged, 3 refused\n"
    said = done.stderr.splitlines()
    assert said[0].startswith("line 3: email: 'nobody' is not an e-mail address")
    assert said[1:] == ["line 4: The same e-mail as in line 2.", "line 5: The same external_id as in line 2."]


def test_an_external_id_of_somebody_else_is_refused(quick):
    imported(quick, "email,name,external_id\nlea@corp.example,Lea,7\n")
    done = imported(quick, "email,name,external_id\nnew.lea@corp.example,Lea,7\n")
    assert done.exit_code == 1 and "'7' belongs to a learner with another e-mail" in done.stderr


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "The file is empty"),
        (b"\n\n", "The file is empty"),
        (b"email\na@b.example\n", "'name' is missing"),
        (b"email,name,email\n", "'email' is there twice"),
        (b"email,name,shoe size\n", "no column 'shoe size'"),
        (("email,name," + ",".join(f"c{n}" for n in range(65))).encode(), "no column 'c0'"),
        ("email,name\n".encode("utf-16"), "UTF-16"),
        ("email,name\n".encode("utf-16-le"), "There is no column"),
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"nothing of the kind", "no column"),
        (b'"email,name\n', "no column"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_before_anything_is_done(quick, data, words):
    done = imported(quick, data)
    assert isinstance(done.exception, Invalid) and words in done.exception.detail
    assert quick.count(Learner) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfemail,name\na@b.example,Zo\xc3\xab\n",
        "email;name\na@b.example;Zoë\n".encode(),
        "email\tname\r\na@b.example\tZoë\r\n".encode(),
        '"email","name"\n"a@b.example","Zoë"\n'.encode(),
        "\n Email , NAME \na@b.example , Zoë \n".encode(),
        "name,email\rZoë,a@b.example\r".encode(),
        ("email,name\n" + "\n" * 10_000 + ",\n" + "a@b.example,Zoë").encode(),
    ],
)
def test_what_spreadsheets_write_is_read(data):
    ((_line, cells),) = rows(data)
    person = importing.read_person(2, cells)
    assert (person.values["email"], person.values["name"]) == ("a@b.example", "Zoë")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"a@b.example,Zo\xeb", "UTF-8"),
        (b"a@b.example,Zo\0", "NUL"),
        (b"a@b.example,Zo,x", "3 cells"),
        (b"a@b.example," + b"x" * 200_000, "longer than 8192"),
        (b'a@b.example,"Zo', "not closed"),
        (b'a@b.example,"Zo" x', "not CSV"),
    ],
)
def test_a_line_that_cannot_be_read_says_why_and_the_next_ones_are_read(line, words):
    found = rows(b"email,name\nc@d.example,Cy\n" + line + b"\n")
    assert [n for n, _ in found] == [2, 3]
    assert words in found[1][1]


def test_a_quotation_mark_that_is_not_closed_tells_how_far_it_reached():
    lines = b"".join(b"p%d@b.example,Person\n" % n for n in range(2000))
    found = rows(b'email,name\na@b.example,"Zo\n' + lines)
    assert found[0][0] == 2 and "lines 2 to" in found[0][1] and len(found) > 1000


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"email": "", "name": "Zo"}, "email"),
        ({"email": "a@b.example", "name": "  "}, "name"),
        ({"email": "a@b.test\r\nRCPT TO:<x@y>", "name": "Zo"}, "email"),
        ({"email": "a@b.example,c@d.example", "name": "Zo"}, "email"),
        ({"email": "<a@b>", "name": "Zo"}, "email"),
        ({"email": "-oQ/tmp@b.example", "name": "Zo"}, "email"),
        ({"email": "a@b.example", "name": "Zo\nBcc: x@y"}, "name"),
        ({"email": "a@b.example", "name": "Z" * 201}, "name"),
        ({"email": "a@b.example", "name": "Zo", "timezone": "Berlin"}, "timezone"),
        ({"email": "a@b.example", "name": "Zo", "locale": "xx-nonsense"}, "locale"),
        ({"email": "a@b.example", "name": "Zo", "channel": "pigeon"}, "channel"),
        ({"email": "a@b.example", "name": "Zo", "start_date": "2026-02-30"}, "start_date"),
        ({"email": "a@b.example", "name": "Zo", "start_date": "1.12.2026"}, "start_date"),
        ({"email": "a@b.example", "name": "Zo", "manager_email": "boss"}, "manager_email"),
    ],
)
def test_a_cell_that_cannot_be_taken_names_its_column(cells, field):
    with pytest.raises(Invalid) as refused:
        importing.read_person(2, cells)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)"])
def test_a_name_that_a_spreadsheet_would_run_is_an_ordinary_name(name):
    assert importing.read_person(2, {"email": "a@b.example", "name": name}).values["name"] == name


def test_an_international_domain_is_one_address_in_both_spellings():
    one, other = (importing.read_person(2, {"email": e, "name": "Zo"}) for e in ("a@bücher.example", "A@xn--bcher-kva.example"))
    assert one.key == other.key


def test_the_number_of_statements_does_not_depend_on_the_number_of_people(desk):
    def statements(count: int) -> int:
        lines = [
            importing.read_person(n, {"email": f"{count}.{n}@b.example", "name": "P", "external_id": f"{count}.{n}"}) for n in range(count)
        ]
        again = [importing.read_person(p.line, {**p.values, "name": "Q"}) for p in lines]
        seen: list[str] = []
        note = lambda *a: seen.append(a[2])  # noqa: E731
        event.listen(desk.house.database.engine, "before_cursor_execute", note)
        desk.do(lambda work: importing.learning_many(work, lines))
        assert desk.do(lambda work: importing.learning_many(work, again)).changed == count
        event.remove(desk.house.database.engine, "before_cursor_execute", note)
        return len(seen)

    assert statements(900) == statements(3)


def test_two_imports_of_the_same_people_at_once_end_as_one(desk):
    text = "email,name\n" + "".join(f"p{n}@b.example,Person {n}\n" for n in range(1500))
    path, totals = desk.file(text), []

    def run() -> None:
        with Path(path).open("rb") as stream:
            table = TableFile(stream, FIELDS, importing.REQUIRED)
            totals.extend(imports.add_people(desk.house, desk.number, batch) for batch in imports.batches(importing.read_lines(table)))

    threads = [threading.Thread(target=run) for _ in range(2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert desk.count(Learner) == desk.count(Feed) == 1500
    assert sum(t.added for t in totals) == 1500 and sum(t.unchanged for t in totals) == 1500


def test_a_server_beside_an_import_gets_its_turns(desk):
    text = "email,name\n" + "".join(f"p{n}@b.example,Person {n}\n" for n in range(3000))
    path, done = desk.file(text), []
    thread = threading.Thread(target=lambda: done.append(desk(imports.import_group, "learners", path)))
    thread.start()
    written = 0
    while thread.is_alive():
        desk.do(lambda work, n=written: learning.create_learner(work, {"email": f"api{n}@b.example", "name": "By API"}))
        written += 1
    thread.join()
    assert done[0].stdout == "3000 added, 0 changed, 0 unchanged, 0 refused\n"
    assert written >= 3  # as many as the import has transactions, at least


def test_completions_and_starts_come_in_by_command_and_a_line_that_names_nobody_is_told(quick):
    imported(quick, TWO)
    quick.do(lambda work: grouping.create_course(work, {"name": "Safety"}))
    done = quick(imports.import_group, "completions", quick.file("email,course\nlea@corp.example,Safety\nno@corp.example,Safety\n"))
    assert (done.exit_code, done.stdout) == (1, "1 noted, 0 on record already, 1 refused\n")
    assert done.stderr == "line 3: email: Nobody here has this address.\n"
    done = quick(imports.import_group, "onboardings", quick.file("email,plan,start_date\nno@corp.example,Start,2026-12-01\n"))
    assert (done.exit_code, done.stdout) == (1, "0 started, 0 moved, 0 left as they are, 1 refused\n")


def test_certificates_come_in_by_command_in_any_order_and_a_second_time_change_nothing(quick):
    imported(quick, TWO)
    quick.do(lambda work: certifying.create_kind(work, {"name": "First aid", "validity_months": 12}))
    lines = "lea@corp.example,first AID,2026-01-31,\nlea@corp.example,1,2025-01-31,\nlea@corp.example,Baking,,\nlea@corp.example,1,2026-02-01,2026-01-01\n"
    path = quick.file("email,certificate,awarded_on,expires_on\n" + lines)
    for counts in ("2 awarded, 0 on record already", "0 awarded, 2 on record already"):
        done = quick(imports.import_group, "certificates", path)
        assert (done.exit_code, done.stdout) == (1, f"{counts}, 2 refused\n")
    assert "line 4: certificate: There is no one kind" in done.stderr and "line 5: expires_on: It has to end after" in done.stderr
    assert quick.count(Certificate, Certificate.renewed_by.is_(None)) == 1
