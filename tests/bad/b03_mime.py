"""B3: MIME structure that parsers disagree on, or that costs them seconds and gigabytes."""

from __future__ import annotations

import base64
import gzip

from . import APPLIED, CALENDAR, HEAD, Bad, octets, wrapped

YES = octets(CALENDAR)
NO = YES.replace(b"ACCEPTED", b"DECLINED")
REPLY = "text/calendar; charset=utf-8; method=REPLY"
HUMAN, BROKEN = "human human", "rejected broken"


def parts(*inside: bytes, kind: str = "mixed", end: bytes = b"--b--\r\n", before: bytes = b"") -> bytes:
    return wrapped(f"multipart/{kind}; boundary=b", before + b"".join(b"--b\r\n" + one + b"\r\n" for one in inside) + end)


def part(kind: str, body: bytes, more: str = "") -> bytes:
    return octets(f"Content-Type: {kind}\n{more}\n") + body


def nested(depth: int) -> bytes:
    inside = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return octets(HEAD) + inside + part(REPLY, YES)


def encoded(name: str, body: bytes) -> bytes:
    return octets(f"{HEAD}Content-Type: {REPLY}\nContent-Transfer-Encoding: {name}\n\n") + body


def charset(name: str) -> bytes:
    return wrapped(f"text/calendar; charset={name}; method=REPLY", CALENDAR)


TEXT = part("text/plain", b"hello")
GZIP = base64.encodebytes(gzip.compress(b"0" * 10_000_000))
CASES = [
    Bad("01 depth 50", nested(50), BROKEN),
    Bad("02 depth 500", nested(500), BROKEN),
    Bad("03 depth 2,000", nested(2000), BROKEN),
    Bad("04 2,000 mails in mails", octets(HEAD) + b"Content-Type: message/rfc822\r\n\r\n" * 2000 + YES, BROKEN),
    Bad("05 100,000 parts", parts(*[b"\r\n"] * 100_000), BROKEN),
    Bad("06 no boundary", wrapped("multipart/mixed", b"--b\r\n" + part(REPLY, YES) + b"--b--\r\n"), HUMAN),
    Bad("07 a boundary of 10 kB", wrapped("multipart/mixed; boundary=" + "b" * 10_000, b"x"), BROKEN),
    Bad("08 a boundary that begins another",
        wrapped("multipart/mixed; boundary=b", b"--b\r\n" + octets("Content-Type: multipart/mixed; boundary=bb\n"
        "\n") + b"--bb\r\n" + part(REPLY, YES) + b"\r\n--bb--\r\n--b--\r\n"),
        APPLIED),
    Bad("09 no closing boundary", parts(part(REPLY, YES), end=b""), APPLIED),
    Bad("10 a preamble alone", wrapped("multipart/mixed; boundary=b", b"This is a message in MIME format.\r\n"), HUMAN),
    Bad("11 the calendar in the preamble", parts(TEXT, before=part(REPLY, YES)), HUMAN),
    Bad("12 the same twice", parts(part(REPLY, YES), part("application/ics", YES)), APPLIED),
    Bad("13 yes and no", parts(part(REPLY, YES), part("application/ics", NO)), "quarantined conflicting_parts"),
    Bad("14 an attached file of no type", parts(TEXT, part("application/octet-stream; name=invite.ics", YES)), HUMAN),
    Bad("15 named like a program", parts(part(REPLY + "; name=invite.exe", YES)), APPLIED),
    Bad("16 application/ics alone", parts(TEXT, part("application/ics", YES)), APPLIED),
    Bad("17 x-vcalendar", parts(part("text/x-vcalendar", YES)), APPLIED),
    Bad("18 winmail.dat", parts(part("application/ms-tnef; name=winmail.dat", b"\x78\x9f\x3e\x22junk")), "human winmail_dat"),
    Bad("19 encrypted by S/MIME", wrapped("application/pkcs7-mime; smime-type=enveloped-data", b"MIAGCSqGSIb3DQEHA6CA"), "human smime_encrypted"),
    Bad("20 signed by S/MIME", parts(part(REPLY, YES), part("application/pkcs7-signature", b"junk"), kind="signed"), APPLIED),
    Bad("21 encrypted by OpenPGP",
        parts(part("application/pgp-encrypted", b"Version: 1"), part("application/octet-stream", b"x"), kind="encrypted"), "human pgp_encrypted"),
    Bad("22 base64 and junk", encoded("base64", b"!!" + base64.encodebytes(YES).replace(b"\n", b" *\r\n")), APPLIED),
    Bad("23 uuencode", encoded("x-uuencode", b"begin 644 a\r\njunk\r\nend\r\n"), BROKEN),
    Bad("24 binary", encoded("binary", YES), APPLIED),
    Bad("25 an unknown encoding", encoded("x-nope", YES), APPLIED),
    Bad("26 broken quoted-printable", encoded("quoted-printable", YES.replace(b"PARTSTAT=", b"PARTSTAT=3D").replace(b"CN=Lea", b"CN=3DL=ZZ=")), APPLIED),
    Bad("27 utf-7", charset("utf-7"), APPLIED),
    Bad("28 unicode_escape", charset("unicode_escape"), APPLIED),
    Bad("29 idna", charset("idna"), APPLIED),
    Bad("30 no charset of this world", charset("nope"), APPLIED),
    Bad("31 not the UTF-8 it says", wrapped(REPLY, YES.replace(b"CN=Lea", b"CN=L\xff\xfea")), APPLIED),
    Bad("32 a file name that climbs", wrapped(REPLY + "; name*=utf-8''..%2F..%2Fetc%2Fpasswd", CALENDAR), APPLIED),
    Bad("33 NUL in a file name", wrapped(REPLY + '; name="a\x00.ics"', CALENDAR), APPLIED),
    Bad("34 a file name of 10 kB", wrapped(REPLY + "; name=" + "a" * 10_000, CALENDAR), BROKEN),
    Bad("35 20,000 pieces of a parameter", wrapped(REPLY + "".join(f"; name*{n}=a" for n in range(20_000)), CALENDAR), BROKEN),
    Bad("36 a body that lies elsewhere", wrapped('message/external-body; access-type=URL; URL="http://127.0.0.1/reply.ics"', "Content-Type: text/calendar\n\n"), HUMAN),
    Bad("37 a piece of a message", wrapped("message/partial; id=1; number=1; total=2", CALENDAR), "human partial_message"),
    Bad("38 a delivery status that is none", wrapped("message/delivery-status", CALENDAR), "bounce transient"),
    Bad("39 an answer in HTML", wrapped("text/html", f"<html><pre>{CALENDAR}</pre></html>"), HUMAN),
    Bad("40 3 MB attached", parts(part(REPLY, YES), part("image/png", b"x" * 3_000_000)), BROKEN),
    Bad("41 a gzip bomb", parts(part(REPLY, YES), part("application/gzip", GZIP, "Content-Transfer-Encoding: base64\n")), APPLIED),
    Bad("42 a zip bomb", parts(TEXT, part("application/zip", b"PK\x03\x04" + b"\x00" * 42)), HUMAN),
    Bad("43 nothing", b"", BROKEN),
    Bad("44 a header alone", octets(HEAD), HUMAN),
]  # fmt: skip
