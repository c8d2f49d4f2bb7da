"""B5: conversations that smuggle, flood, probe and hang up: `say` is sent after EHLO, `codes` are the replies, `stored` the messages kept."""

from __future__ import annotations

from dataclasses import dataclass

SEND = b"MAIL FROM:<ana@example.org>\r\nRCPT TO:<training@example.net>\r\nDATA\r\n"
END, QUIT = b"\r\n.\r\n", b"QUIT\r\n"
OPEN = ("250", "250", "354")
SMUGGLED = b"MAIL FROM:<eve@example.org>\r\nRCPT TO:<training@example.net>\r\nDATA\r\nforged"


@dataclass(frozen=True)
class Talked:
    """One conversation. `codes` are those of every reply after the first 250; `stored` is how many messages are kept."""

    name: str
    say: bytes
    codes: tuple[str, ...]
    stored: int = 0
    protocol: str = "smtp"
    greet: str | None = "EHLO client.example.org"
    hangs_up: bool = False


def smuggling(number: str, end: bytes) -> Talked:
    """Only CRLF . CRLF ends a message: all of it is one."""
    return Talked(f"{number} the end {end!r}", SEND + b"body" + end + SMUGGLED + END + QUIT, (*OPEN, "250", "221"), 1)


def refused(name: str, line: bytes, code: str) -> Talked:
    """A command that is answered, and the conversation goes on."""
    return Talked(name, line + b"\r\nNOOP\r\n" + QUIT, (code, "250", "221"))


def recipient(name: str, path: bytes, code: str = "550") -> Talked:
    """A path that is no way to us."""
    return Talked(name, b"MAIL FROM:<>\r\nRCPT TO:" + path + b"\r\nDATA\r\n" + QUIT, ("250", code, "503", "221"))


def to(name: str, address: bytes) -> Talked:
    """Any tag of our mailbox's domain is taken: what it is worth is judged later, by HMAC."""
    return Talked(name, b"MAIL FROM:<>\r\nRCPT TO:<" + address + b">\r\nDATA\r\nx" + END + QUIT, (*OPEN, "250", "221"), 1)


CASES = [
    smuggling("01", b"\n.\n"),
    smuggling("02", b"\n.\r\n"),
    smuggling("03", b"\r\n.\n"),
    smuggling("04", b"\r.\r"),
    smuggling("05", b"\r\n.\r"),
    smuggling("06", b"\r.\r\n"),
    smuggling("07", b"\0.\r\n"),
    Talked("08 a second message, properly ended", SEND + b"x" + END + SEND + b"y" + END + QUIT, (*OPEN, "250", *OPEN, "250", "221"), 2),
    Talked("09 bare LF", SEND + b"a\nb\n" + END + QUIT, (*OPEN, "250", "221"), 1),
    Talked("10 bare CR", SEND + b"a\rb\r" + END + QUIT, (*OPEN, "250", "221"), 1),
    refused("11 STARTTLS where there is none", b"STARTTLS", "502"),
    Talked("12 STARTTLS twice, and mail behind it", b"STARTTLS\r\nSTARTTLS\r\n" + QUIT, ("502", "502", "221")),
    refused("13 AUTH before TLS", b"AUTH PLAIN AAAA", "502"),
    Talked("14 all before the banner", b"EHLO x\r\n" + SEND + b"x" + END + QUIT, ("220", "250", *OPEN, "250", "221"), 1, greet=None),
    refused("15 a command of 1 kB", b"NOOP " + b"x" * 1000, "250"),
    refused("16 a command of eight bits", b"N\xd6\xd6P", "500"),
    refused("17 VRFY", b"VRFY training@example.net", "252"),
    refused("18 EXPN", b"EXPN staff", "502"),
    refused("19 ETRN", b"ETRN example.net", "502"),
    Talked("20 BDAT, whose octets would be commands", b"BDAT 10\r\n", ("502",)),
    recipient("21 another domain", b"<eve@elsewhere.example>"),
    recipient("22 a percent sign", b"<eve%elsewhere.example@relay.example>"),
    recipient("23 a source route", b"<@example.net:eve@elsewhere.example>"),
    recipient("24 in quotes", b'<"training@example.net"@elsewhere.example>'),
    recipient("25 a domain that ends otherwise", b"<" + b"a" * 70 + b"@example.net.elsewhere.example>"),
    Talked("26 1,000 recipients", b"MAIL FROM:<>\r\n" + b"RCPT TO:<training@example.net>\r\n" * 110 + b"RSET\r\n" + QUIT,
           ("250", *["250"] * 100, *["452"] * 10, "250", "221")),
    to("27 a token in another case", b"TRAINING+B-1-AAAAAAAAAAAAAAAAAAAAAAAAAA@example.net"),
    to("28 a token with one letter changed", b"training+b-1-aaaaaaaaaaaaaaaaaaaaaaaaab@example.net"),
    to("29 a token that has passed", b"training+b-999999-aaaaaaaaaaaaaaaaaaaaaaaaaa@example.net"),
    to("30 a token of another kind", b"training+f-1-aaaaaaaaaaaaaaaaaaaaaaaaaa@example.net"),
    to("31 nobody writes", b"training+b-1-aaaaaaaaaaaaaaaaaaaaaaaaaa@example.net"),
    Talked("32 SIZE too large", b"MAIL FROM:<> SIZE=99999999\r\nDATA\r\n" + QUIT, ("552", "503", "221")),
    Talked("33 DATA for nobody", b"MAIL FROM:<>\r\nDATA\r\n" + QUIT, ("250", "503", "221")),
    Talked("34 RSET and RSET", b"RSET\r\n" * 500 + QUIT, (*["250"] * 500, "221")),
    Talked("35 NOOP and NOOP", b"NOOP\r\n" * 500 + QUIT, (*["250"] * 500, "221")),
    Talked("36 HTTP", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", ("220", "502"), greet=None),
    Talked("37 TLS to a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 30 + b"\r\n", ("220", "502"), greet=None),
    Talked("38 hung up in the middle", SEND + b"half", OPEN, hangs_up=True),
    Talked("39 a command of 4 kB", b"NOOP " + b"x" * 4000 + b"\r\n" + QUIT, ("500", "221")),
    Talked("40 LMTP, one of three is not ours", b"MAIL FROM:<>\r\nRCPT TO:<training@example.net>\r\nRCPT TO:<eve@elsewhere.example>\r\n"
           b"RCPT TO:<b+1@example.net>\r\nDATA\r\nx" + END + QUIT, ("250", "250", "550", "250", "354", "250", "250", "221"), 1, "lmtp", "LHLO mta.example.net"),
]  # fmt: skip
