"""B12: bounces, receipts, complaints, absences: what each is, without a token of ours, so that nobody's address is blamed."""

from __future__ import annotations

from tests.support.court import UID

from . import CALENDAR, Bad, octets, wrapped

DAEMON = "From: Mail Delivery System <mailer-daemon@mx.example>\nReturn-Path: <>\nSubject: {0}\nMIME-Version: 1.0\n"
FAILED = "Undelivered Mail Returned to Sender"


def report(
    status: str, diagnostic: str = "", action: str = "failed", block: str | None = None, returned: str = "", kind: str = "delivery-status"
) -> bytes:
    """A report with its parts (RFC 3464)."""
    said = f"Diagnostic-Code: smtp; {diagnostic}\n" if diagnostic else ""
    block = f"Final-Recipient: rfc822; lea@corp.example\nAction: {action}\nStatus: {status}\n{said}" if block is None else block
    body = (
        f"--b\nContent-Type: text/plain\n\nIt went wrong.\n--b\nContent-Type: message/{kind}\n\nReporting-MTA: dns; mx.example\n\n{block}\n"
    )
    return wrapped(f"multipart/report; report-type={kind}; boundary=b", f"{body}{returned}--b--\n", DAEMON.format(FAILED))


def text(words: str, subject: str = FAILED, head: str = DAEMON) -> bytes:
    return wrapped("text/plain", words, head.format(subject))


def automatic(lines: str, words: str = "I am away until Monday.", body: str = "") -> bytes:
    head = f"From: Lea <lea@corp.example>\n{lines}"
    return octets(f"{head}Content-Type: text/plain\n\n{words}\n") if not body else wrapped("text/calendar", body, head)


OWN = f"--b\nContent-Type: message/rfc822\n\nMessage-ID: <1@localhost>\nContent-Type: text/calendar; method=REQUEST\n\n{CALENDAR.replace('REPLY', 'REQUEST')}\n"
ABSENT = "auto_reply auto_reply"
CASES = [
    Bad("01 no such user", report("5.1.1", "550 5.1.1 User unknown"), "bounce hard_address"),
    Bad("02 no such address", report("5.1.10", "550 5.1.10 Recipient not found"), "bounce hard_address"),
    Bad("03 disabled", report("5.2.1", "550 5.2.1 Mailbox disabled"), "bounce hard_address"),
    Bad("04 full", report("5.2.2", "552 5.2.2 Mailbox full"), "bounce mailbox_full"),
    Bad("05 full, for now", report("4.2.2", "452 4.2.2 Over quota"), "bounce mailbox_full"),
    Bad("06 too large", report("5.3.4", "552 5.3.4 Message too big"), "bounce too_big"),
    Bad("07 no route", report("5.4.4", "Host not found"), "bounce routing"),
    Bad("08 a loop", report("5.4.6", "Too many hops"), "bounce routing"),
    Bad("09 content", report("5.6.0", "Conversion failed"), "bounce content"),
    Bad("10 spam", report("5.7.1", "550 5.7.1 Message considered spam"), "bounce policy"),
    Bad("11 DMARC", report("5.7.26", "550 5.7.26 Unauthenticated"), "bounce policy"),
    Bad("12 a block list", report("5.7.606", "550 5.7.606 Banned sending IP"), "bounce policy"),
    Bad("13 delivered", report("2.0.0", action="delivered"), "bounce success"),
    Bad("14 relayed", report("2.0.0", action="relayed"), "bounce success"),
    Bad("15 expanded", report("2.0.0", action="expanded"), "bounce success"),
    Bad("16 nobody named", report("", block=""), "bounce transient"),
    Bad("17 two people",
        report("", block="Final-Recipient: rfc822; tom@corp.example\nAction: delivered\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; lea@corp.example\n"
        "Action: failed\nStatus: 5.1.1\n"),
        "bounce hard_address"),
    Bad("18 an address in UTF-8",
        report("", block="Original-Recipient: utf-8; l\u00e9a@corp.example\nFinal-Recipient: utf-8; l\u00e9a@corp.example\n"
        "Action: failed\nStatus: 5.1.1\n", kind="global-delivery-status"),
        "bounce hard_address"),
    Bad("19 Exchange", report("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found"), "bounce hard_address"),
    Bad("20 Gmail", report("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist."), "bounce hard_address"),
    Bad("21 Postfix", report("4.4.1", "connect to mx.example[192.0.2.1]:25: Connection timed out", action="delayed"), "bounce delivery_delayed"),
    Bad("22 Exim",
        octets(f"X-Failed-Recipients: lea@corp.example\n{DAEMON.format('Mail delivery failed')}\n"
        f"A message that you sent could not be delivered.\n\n  lea@corp.example\n    550 Unrouteable address\n"),
        "bounce routing"),
    Bad("23 qmail",
        text("Hi. This is the qmail-send program at mx.example.\n\n<lea@corp.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n", "failure notice"),
        "bounce hard_address"),
    Bad("24 sendmail",
        text("   ----- The following addresses had permanent fatal errors -----\n<lea@corp.example>\n"
        "    (reason: 550 5.1.1 User unknown)\n", "Returned mail: see transcript for details"),
        "bounce hard_address"),
    Bad("25 Domino",
        report("", block="Final-Recipient: rfc822; lea@corp.example\n"
        "Action: failed\nDiagnostic-Code: X-Notes; User Lea (lea@corp.example) not listed in Domino Directory\n"),
        "bounce hard_address"),
    Bad("26 German words alone",
        text("Ihre Nachricht an lea@corp.example konnte nicht zugestellt werden: Empf\u00e4nger unbekannt.\n", "Unzustellbar: Einladung"), "bounce transient"),
    Bad("27 Japanese words alone", text("\u5b9b\u5148\u4e0d\u660e lea@corp.example\n", "\u914d\u4fe1\u3067\u304d\u307e\u305b\u3093"), "bounce transient"),
    Bad("28 a token that is not ours",
        octets("Delivered-To: training+b-1-aaaaaaaaaaaaaaaaaaaaaaaaaa@localhost\n") + report("5.1.1", "550 5.1.1 User unknown"), "bounce hard_address"),
    Bad("29 a token of another mail",
        octets("Delivered-To: training+b-99999-bbbbbbbbbbbbbbbbbbbbbbbbbb@localhost\n") + report("5.1.1", "550 5.1.1 User unknown"), "bounce hard_address"),
    Bad("30 a bounce to our mailbox", octets("Delivered-To: training@localhost\n") + report("5.1.1", "550 5.1.1 User unknown"), "bounce hard_address"),
    Bad("31 a bounce of a bounce",
        report("5.1.1", "550 5.1.1 User unknown", returned="--b\nContent-Type: message/rfc822\n\nSubject: failure notice\nReturn-Path: <>\n\nx\n"),
        "bounce hard_address"),
    Bad("32 read", report("", block="Disposition: manual-action/MDN-sent-manually; displayed\n", kind="disposition-notification"), "auto_reply receipt"),
    Bad("33 thrown away unread",
        report("", block="Disposition: automatic-action/MDN-sent-automatically; deleted\n", kind="disposition-notification"), "auto_reply receipt"),
    Bad("34 a complaint", report("", block="Feedback-Type: abuse\nUser-Agent: x\nVersion: 1\n", kind="feedback-report"), "bounce complaint"),
    Bad("35 absent, Exchange",
        automatic("Return-Path: <>\nX-Auto-Response-Suppress: All\nX-MS-Exchange-Inbox-Rules-Loop: lea@corp.example\nSubject: Automatic reply: Fire safety\n"), ABSENT),
    Bad("36 absent, Gmail", automatic("Auto-Submitted: auto-replied\nPrecedence: bulk\nSubject: Away Re: Fire safety\n"), ABSENT),
    Bad("37 a challenge", automatic("Auto-Submitted: auto-replied\nSubject: Please confirm your message\n", "Press this link to have your message delivered."), ABSENT),
    Bad("38 a ticket", automatic("Auto-Submitted: auto-generated\nSubject: [#4711] Received\n", "Your ticket has been opened."), ABSENT),
    Bad("39 a list that asks its moderator",
        automatic("Precedence: list\nList-Id: <a.lists.example>\nSubject: Your message awaits moderator approval\n", "It is being held."), ABSENT),
    Bad("40 a daemon that says Yes", wrapped("text/calendar; method=REPLY", CALENDAR, DAEMON.format("Accepted")), "quarantined from_mismatch"),
    Bad("41 our own invitation comes back", report("5.1.1", "550 5.1.1 User unknown", returned=OWN), "bounce hard_address"),
    Bad("42 a bounce of 2 MB",
        report("5.1.1", "550 5.1.1 User unknown", returned="--b\nContent-Type: message/rfc822\n\n\n" + f"UID:{UID}\n" * 25_000), "bounce hard_address"),
]  # fmt: skip
