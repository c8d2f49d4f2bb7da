"""What people write who have nothing but mail: one word as the subject or as the first line, and the code of the mail that they answer.

Links in our mails fill in both. Words of six languages mean the same, since nobody looks up which language a server speaks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote


class Verb(StrEnum):
    """What can be done by mail. The value is the word that our links write."""

    YES = "Yes"
    NO = "No"
    MAYBE = "Maybe"
    LEAVE = "Leave"
    TAKE = "Take"
    UNDO = "Undo"
    REGISTER = "Register"
    APPROVE = "Approve"
    REFUSE = "Refuse"
    ROSTER = "Roster"
    COURSES = "Courses"
    STATUS = "Status"
    HELP = "Help"
    STOP = "Stop"


V = Verb
WORDS: dict[Verb, str] = {
    V.YES: "yes, y, yep, ok, okay, accept, accepted, ja, j, zusage, zusagen, oui, si, accepter, accepte, akkoord, acepto, accetto",
    V.NO: "no, n, nope, decline, declined, nein, absage, absagen, non, nee, rechazo, rifiuto, decliner, decline",
    V.MAYBE: "maybe, perhaps, tentative, vielleicht, eventuell, peut-etre, peut etre, misschien, quizas, quiza, tal vez, forse",
    V.LEAVE: "leave, withdraw, unregister, give up, abmelden, austreten, verlassen, quitter, me desinscrire, afmelden, uitschrijven, salir, "
    "darme de baja, lascio, lasciare",
    V.TAKE: "take, take it, nehmen, prendre, nemen, tomar, prendere",
    V.UNDO: "undo, ruckgangig, rueckgaengig, zurucknehmen, retablir, ongedaan maken, ongedaan, deshacer, ripristina, ripristinare",
    V.REGISTER: "register, enrol, enroll, sign up, anmelden, anmeldung, inscrire, m'inscrire, inscription, aanmelden, inschrijven, inscribirme, "
    "inscripcion, iscrivimi, iscrizione",
    V.APPROVE: "approve, approved, genehmigen, genehmigt, approuver, approuve, goedkeuren, goedgekeurd, aprobar, aprobado, approvare, approvato",
    V.REFUSE: "refuse, refused, reject, rejected, ablehnen, abgelehnt, refuser, weigeren, geweigerd, afwijzen, afgewezen, rechazar, rechazado, rifiutare, rifiutato",
    V.ROSTER: "roster, participants, participant list, teilnehmer, teilnehmerliste, liste des participants, deelnemers, deelnemerslijst, participantes, partecipanti",
    V.COURSES: "courses, course, catalogue, catalog, kurse, kurs, cours, formations, cursussen, cursus, cursos, curso, corsi, corso",
    V.STATUS: "status, agenda, schedule, termine, meine termine, planning, programma, statut, estado, stato",
    V.HELP: "help, hilfe, aide, hulp, ayuda, aiuto",
    V.STOP: "stop, unsubscribe, stopp, abbestellen, arreter, desabonner, stoppen, uitzetten, parar, detener, ferma, fermare",
}  # fmt: skip
"""Every word for a verb in English, German, French, Dutch, Spanish and Italian, without accents."""
_BARE = (V.COURSES, V.STATUS, V.ROSTER, V.HELP, V.STOP)
"""These need no code: what they bring goes to the enrolled address alone."""
_REASONED = (V.REFUSE,)
_POLITE_WORDS = (
    "please, bitte, gerne, gern, thanks, thank, you, danke, vielen, dank, merci, svp, s'il, vous, plait, alstublieft, bedankt, je, gracias, por, "
    "favor, grazie, per, favore"
)
_POLITE = frozenset(_POLITE_WORDS.split(", "))

_PREFIX = re.compile(
    r"\s*(?:(?:re|aw|antw|antwort|sv|vs|ref|rif|r|odp|rv|res|fw|fwd|wg|tr)\s*(?:\[\d+\]|\(\d+\))?\s*[:\uff1a]"
    r"|\[(?:ext|extern|external)[^\]]{0,20}\])\s*",
    re.I,
)
_CODE = re.compile(r"(?:(?<![a-z0-9])|(?<=%5b))([a-z]\d{1,18}(?:\.\d{1,18})?)\s*-\s*([a-z2-7]{26})(?![a-z0-9])", re.I)
_WROTE = r"(?:wrote|schrieb|a ecrit|ecrit|schreef|escribio|ha scritto)"
_SEPARATOR = re.compile(
    r"^(?:-{2,}\s*(?:original|urspr|message d|mensaje|messaggio|oorspronkelijk|forwarded|weitergeleitet).*|_{10,}"
    rf"|(?:from|von|de|van|da)\s*:.{{0,200}}[@<].*|(?:on|am|le|op|el|il)\b.{{4,200}}{_WROTE}\b.{{0,200}}|.{{0,200}}{_WROTE}\s*:)$",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Said:
    """The verb, and what stands behind it (a reason, else "")."""

    verb: Verb
    rest: str = ""


def folded(text: str) -> str:
    """Text as words are compared: lower case, without accents, one blank between words."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.replace("\u2019", "'").casefold().split())


_MEANING = {folded(word.strip()): verb for verb, words in WORDS.items() for word in words.split(",")}
_LONGEST = max(len(word.split()) for word in _MEANING)


def codes(subject: str, text: str) -> Iterator[str]:
    """Every code that might be ours, as it is read by `tokens.read_verb_code`; the subject's first, then those that are quoted."""
    seen = set()
    for found in (*_CODE.finditer(subject), *_CODE.finditer(text)):
        code = f"{found[1]}-{found[2]}".lower()
        if code not in seen:
            seen.add(code)
            yield code
        if len(seen) >= 20:
            return


def said(subject: str, text: str, *, coded_subject: bool) -> Said | None:
    """What a mail with a code says; None for what is unclear. `coded_subject`: the subject holds the code, so that its first word is a verb."""
    above = in_subject(subject) if coded_subject else None
    below = in_text(text)
    if above is None or below is None:
        return above or below
    if above.verb is not below.verb:
        return None
    return below if below.rest else above


def in_subject(subject: str) -> Said | None:
    """The verb that a subject with a code begins with, whatever comes behind (links put the title there)."""
    found = _begins(_CODE.sub(" ", unprefixed(subject)))
    return Said(found.verb) if found else None


def in_text(text: str) -> Said | None:
    """The verb that the first own line of a text is: nothing else may stand there but politeness, or a reason behind "Refuse"."""
    lines = own_lines(text)
    for number, line in enumerate(lines):
        if not line:
            continue
        found = _begins(line)
        if found is None:
            return None
        if found.verb in _REASONED or (found.verb is V.NO and found.rest.startswith((":", ",", "-", "–", "."))):
            more = [found.rest, *_until_blank(lines[number + 1 :])]
            return Said(found.verb, " ".join(more).strip(" :,.-–")[:500])
        return Said(found.verb) if set(re.sub(r"[^\w' ]+", " ", folded(found.rest)).split()) <= _POLITE else None
    return None


def alone(subject: str, text: str) -> Verb | None:
    """A verb that needs no code: the whole subject, or the whole first line."""
    for line in (unprefixed(subject), next((one for one in own_lines(text) if one), "")):
        verb = _MEANING.get(folded(line).strip(" .!?,:"))
        if verb in _BARE:
            return verb
    return None


def unprefixed(subject: str) -> str:
    """A subject without what programs put before it (Re:, AW:, [EXTERN])."""
    while found := _PREFIX.match(subject):
        subject = subject[found.end() :]
    return subject.strip()


def own_lines(text: str) -> list[str]:
    """What the person wrote above what is quoted, line by line; empty lines are kept as ""."""
    out = []
    for line in text.splitlines():
        line = line.strip()
        if line == "--":
            break
        if line.startswith((">", "|")) or _SEPARATOR.match(folded(line)):
            # A quote on top may be answered below it; what comes after an answer is no longer theirs.
            if any(out):
                break
            continue
        out.append(line)
    return out


def mailto(mailbox: str, subject: str) -> str:
    """A link that opens a mail with this subject (RFC 6068); `subject` may hold slots."""
    pieces = subject.split("\x00")
    written = [quote(piece, safe="") if i % 2 == 0 else f"\x00{piece}\x00" for i, piece in enumerate(pieces)]
    return f"mailto:{quote(mailbox, safe='@')}?subject={''.join(written)}"


def _begins(line: str) -> Said | None:
    words = line.split()
    for count in range(min(_LONGEST, len(words)), 0, -1):
        head = folded(" ".join(words[:count]))
        verb = _MEANING.get(head) or _MEANING.get(head.strip(".,!:;*\"'()"))
        if verb:
            mark = re.search(r"[:,.\-–!]$", words[count - 1])
            rest = " ".join(words[count:])
            return Said(verb, f"{mark[0]} {rest}" if mark and rest else rest)
    return None


def _until_blank(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not line:
            return
        yield line
