"""The counterweight: 36 answers that look odd and are good. Over-strict means lost answers: whoever mends a rule runs these too.

Programs with a file in `fixtures/replies` write as they really wrote; the others are made from what is known of them (`made`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from feedserver.settings import Settings
from tests import replies
from tests.bad import APPLIED
from tests.bad.b01_replies import also
from tests.replies import reply
from tests.support import databases
from tests.support.court import LEA, MAILBOX, UID, Court
from tests.support.world import NOW, START

ASKED, MX = "quarantined from_mismatch", "mx.example.net"
ALIAS = "l.learner@corp-group.example"
SCRIPTS = "Bin krank · Je suis désolée · Я приеду позже · 我会迟到 · متأخرة"


def says(client: str, *changes: tuple[bytes, bytes], **values: Any) -> bytes:
    """A Yes of this program to the invitation, with something changed."""
    start = START.replace(tzinfo=replies.BERLIN)
    raw = reply(client, **{"uid": UID, "attendee": LEA, "organizer": MAILBOX, "dtstamp": NOW, "dtstart": start, **values})
    for old, new in changes:
        assert old in raw, old
        raw = raw.replace(old, new)
    return raw


def made(prodid: str, *changes: tuple[bytes, bytes], **values: Any) -> bytes:
    """A plain answer under another program's name."""
    raw = says("sabre", *changes, **values)
    before, _, rest = raw.partition(b"PRODID:")
    return before + b"PRODID:" + prodid.encode() + b"\r\n" + rest.partition(b"\r\n")[2]


def checked(found: str, client: str = "google", **values: Any) -> bytes:
    """With what our own mail server found about it on top."""
    return says(client, headers=f"Authentication-Results: {MX}; {found}\n", **values)


GOOGLE = "dkim=pass header.d=google.com; dmarc=fail header.from=corp.example"
GOOD = {
    "Outlook desktop": (says("exchange"), APPLIED),
    "OWA": (says("exchange", comment="Sent from the web"), APPLIED),
    "outlook.com, no ORGANIZER": (says("exchange", cn=LEA), APPLIED),
    "Exchange 2019 on premises": (says("exchange_cdo"), APPLIED),
    "Outlook mobile": (says("activesync"), APPLIED),
    "Gmail web, everything twice": (says("google"), APPLIED),
    "Gmail mobile": (says("google", comment="On my way"), APPLIED),
    "Workspace with its own DKIM": (checked("dkim=pass header.d=corp.example; dmarc=pass header.from=corp.example"), APPLIED),
    "Workspace without: DMARC fails, Google signed": (checked(GOOGLE), APPLIED),
    "Google's buttons under another mailbox": (checked(GOOGLE.replace("dkim=pass", "dkim=fail header.d=corp.example; dkim=pass")), APPLIED),
    "Apple iOS": (says("apple_ios"), APPLIED),
    "macOS Calendar": (says("apple_mail"), APPLIED),
    "macOS Calendar under another account": (says("apple_mail", sender="lea@home.example"), ASKED),
    "iCloud web": (made("-//Apple Inc.//iCloud Web Calendar//EN"), APPLIED),
    "Thunderbird": (says("thunderbird"), APPLIED),
    "Evolution": (made("-//Ximian//NONSGML Evolution Calendar//EN", (b"PARTSTAT=ACCEPTED", b"CUTYPE=INDIVIDUAL;RSVP=TRUE;PARTSTAT=ACCEPTED")), APPLIED),
    "Zimbra": (says("zimbra"), APPLIED),
    "SOGo": (made("-//Inverse inc./SOGo 5.8//EN", (b"DTSTART:", b"X-SOGO-SENT:1\r\nDTSTART:")), APPLIED),
    "Nextcloud": (says("nextcloud_web"), APPLIED),
    "Roundcube": (made("-//Roundcube 1.6.6//Sabre//EN", (b"BEGIN:VEVENT", b"BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT")), APPLIED),
    "Proton": (says("proton"), APPLIED),
    "Fastmail": (says("cyrus"), APPLIED),
    "Tutanota from its default address": (made("-//Tutao GmbH//tutanota//EN", sender="lea@tuta.example"), ASKED),
    "mailcow": (made("-//mailcow/SOGo//EN", headers="X-Mailer: SOGo\n"), APPLIED),
    "HCL Domino": (
        made("-//Lotus Development Corporation//NONSGML Notes 12//EN_C", (b"BEGIN:VEVENT", b"BEGIN:VEVENT\r\nX-LOTUS-NOTICETYPE:A"), (b"METHOD:REPLY", b"METHOD: REPLY")),
        APPLIED),
    "Zoho": (made("-//Zoho Corporation//Zoho Calendar-US//EN", (b"MIME-Version", b"Sender: noreply@zoho.example\r\nMIME-Version")), APPLIED),
    "Yandex": (made("-//Yandex LLC//Yandex Calendar//EN", (b"ATTENDEE;", b"ATTENDEE;X-FOO=bar;")), APPLIED),
    "grommunio": (made("-//grommunio//EN", (b"ATTENDEE;", b"attendee;")), APPLIED),
    "a comment in five scripts": (says("exchange", comment=SCRIPTS), APPLIED),
    "MAILTO in capitals": (says("sabre", (b"mailto:lea@", b"MAILTO:LEA@")), APPLIED),
    "another name": (says("thunderbird", cn="Lernende Lea (extern)"), APPLIED),
    "the local part in another case": (says("google", attendee="Lea@corp.example", sender="LEA@Corp.Example"), APPLIED),
    "a known alias": (says("google", attendee=ALIAS), APPLIED),
    "an approved assistant": (says("sabre", (b"PARTSTAT=", b'SENT-BY="mailto:amy@corp.example";PARTSTAT='), sender="amy@corp.example"), APPLIED),
    "line ends of IMAP": (says("apple_ios").replace(b"\r\n", b"\n"), APPLIED),
    "header lines beyond 998": (says("exchange", headers=f"X-Microsoft-Antispam-Message-Info: {'a' * 5000}\n"), APPLIED),
}  # fmt: skip
GIVEN = {"a known alias": also(address=ALIAS), "an approved assistant": also("delegate", "amy@corp.example")}


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Court]:
    with Court(databases.sqlite_copy(tmp_path_factory.mktemp("good") / "feedserver.db")) as one:
        yield one


def test_there_are_36():
    assert len(GOOD) == 36 and len({raw for raw, _ in GOOD.values()}) == 36


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_answer_is_not_refused(court, name):
    raw, ends = GOOD[name]
    incoming, verdict, partstat, status = court.ends(raw, GIVEN.get(name), Settings(trusted_authserv_id=MX))
    assert (f"{verdict.outcome} {verdict.code}", incoming) == (ends, "reply"), verdict.reason
    assert (partstat, status) == (("ACCEPTED", "Registered") if ends == APPLIED else ("", "Invited"))


def test_five_scripts_arrive_as_they_were_written(court):
    assert court.pool.read(GOOD["a comment in five scripts"][0]).objects[0].comment == SCRIPTS
