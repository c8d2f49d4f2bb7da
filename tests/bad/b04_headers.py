"""B4: header fields, above all From: whoever cannot be told for sure speaks for nobody."""

from __future__ import annotations

from . import APPLIED, Bad, mail

FROM = "From: Lea <lea@corp.example>"
AMBIGUOUS, MISMATCH, UNREADABLE = "quarantined from_ambiguous", "quarantined from_mismatch", "quarantined from_unreadable"


def sender(line: str) -> bytes:
    return mail((FROM, line))


def more(lines: str) -> bytes:
    return mail((FROM, f"{FROM}\n{lines}"))


def subject(text: str) -> bytes:
    return mail(("Subject: Accepted: Fire safety", f"Subject: {text}"))


def number(text: str) -> bytes:
    return mail(("Message-ID: <1@corp.example>", text))


CASES = [
    Bad("01 no From", mail((FROM + "\n", "")), "quarantined from_missing"),
    Bad("02 two From", more("From: eve@evil.example"), AMBIGUOUS),
    Bad("03 an empty From", sender("From:"), "quarantined from_missing"),
    Bad("04 a group", sender("From: All: lea@corp.example;"), AMBIGUOUS),
    Bad("05 two mailboxes", sender("From: lea@corp.example, eve@evil.example"), AMBIGUOUS),
    Bad("06 the victim in quotes", sender('From: "lea@corp.example" <eve@evil.example>'), MISMATCH),
    Bad("07 the victim bare", sender("From: lea@corp.example <eve@evil.example>"), AMBIGUOUS),
    Bad("08 two in brackets", sender("From: <lea@corp.example> <eve@evil.example>"), AMBIGUOUS),
    Bad("09 the other in a comment", sender("From: lea@corp.example(eve@evil.example)"), AMBIGUOUS),
    Bad("10 a comment before", sender("From: (Lea) lea@corp.example"), APPLIED),
    Bad("11 an @ in an encoded word", sender("From: =?utf-8?q?lea=40corp.example?="), UNREADABLE),
    Bad("12 a quoted local part", sender('From: "lea@corp.example"@evil.example'), AMBIGUOUS),
    Bad("13 an address literal", sender("From: lea@[127.0.0.1]"), UNREADABLE),
    Bad("14 a letter that looks alike", sender("From: lea@c\u043erp.example"), MISMATCH),
    Bad("15 its twin in punycode", sender("From: lea@xn--crp-hed.example"), MISMATCH),
    Bad("16 a local part in UTF-8", sender("From: l\u00e9a@corp.example"), MISMATCH),
    Bad("17 NUL in the address", sender("From: lea@corp.example\x00@evil.example"), AMBIGUOUS),
    Bad("18 a line end in the address", mail((FROM, "From: lea@corp\x0b.example")), AMBIGUOUS),
    Bad("19 2,000 brackets", sender("From: " + "(" * 2000 + "lea@corp.example"), AMBIGUOUS),
    Bad("20 20,000 brackets", sender("From: " + "(" * 20_000 + "lea@corp.example"), AMBIGUOUS),
    Bad("21 20,000 recipients", more("Cc: " + ", ".join(f"a{n}@b.example" for n in range(10_000))), APPLIED),
    Bad("22 a From of 64 kB", sender("From: " + "x" * 65_536 + " <lea@corp.example>"), AMBIGUOUS),
    Bad("23 another Sender", more("Sender: eve@evil.example"), APPLIED),
    Bad("24 Reply-To is the victim", mail((FROM, "From: eve@evil.example\nReply-To: lea@corp.example")), MISMATCH),
    Bad("25 Resent-From is the victim", mail((FROM, "From: eve@evil.example\nResent-From: lea@corp.example")), MISMATCH),
    Bad("26 a forged Return-Path", mail((FROM, "Return-Path: <lea@corp.example>\nFrom: eve@evil.example")), MISMATCH),
    Bad("27 a forged Delivered-To", more("Delivered-To: tom@corp.example"), APPLIED),
    Bad("28 half a Message-ID", number("Message-ID: <a@["), APPLIED),
    Bad("29 no Message-ID", mail(("Message-ID: <1@corp.example>\n", "")), APPLIED),
    Bad("30 a Message-ID of 10 kB", number("Message-ID: <" + "a" * 10_000 + "@b>"), APPLIED),
    Bad("31 two Message-IDs", number("Message-ID: <1@corp.example>\nMessage-ID: <2@corp.example>"), APPLIED),
    Bad("32 no date", more("Date: yesterday, I think"), APPLIED),
    Bad("33 1970", more("Date: Thu, 01 Jan 1970 00:00:00 +0000"), APPLIED),
    Bad("34 2099", more("Date: Thu, 01 Jan 2099 00:00:00 +9999"), APPLIED),
    Bad("35 a Bcc in the subject", subject("=?utf-8?q?x=0ABcc:_eve@evil.example?="), APPLIED),
    Bad("36 100,000 encoded words", subject("=?utf-8?q?x?= " * 10_000), APPLIED),
    Bad("37 a subject that turns around", subject("\u202eabc"), APPLIED),
    Bad("38 a subject for terminals", subject("\x1b[2J\x1b]0;x\x07"), APPLIED),
    Bad("39 50,000 parameters", mail(("; charset=utf-8", "; a=b" * 50_000)), "rejected broken"),
    Bad("40 5,000 servers", more("Received: from a by b\n" * 5000 + "X: y"), "rejected broken"),
    Bad("41 a line that is no field", more("this is no field"), APPLIED),
    Bad("42 a blank in a name", more("X Y: z"), APPLIED),
    Bad("43 100,000 fields", more("A:b\n" * 100_000 + "X: y"), "rejected broken"),
    Bad("44 a header of 40 kB", more("X-Long: " + "a" * 40_000), APPLIED),
    Bad("45 folds of blanks", more("X-Fold: a\n \n \n\t\n b"), APPLIED),
]  # fmt: skip
