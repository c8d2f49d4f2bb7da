"""What can be tried from here when somebody presses a button: does the relay answer, does our receiver take mail for the mailbox."""

from __future__ import annotations

import contextlib
import smtplib
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from ..settings import Settings
from .health import INBOUND_ADDRESS

SECONDS = 4.0
DONE, NOT_YET, UNKNOWN = "done", "not yet", "not known"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing of the set-up: done, not yet, or not known, with words."""

    what: str
    state: str
    words: str


def relay(found: Settings, seconds: float = SECONDS) -> Check:
    """Whether the relay answers and takes our sign-in; nothing is sent."""
    if found.captures:
        return Check("Relay", NOT_YET, "Mail is captured here and leaves by no relay: set SMTP_URL.")
    url = urlsplit(found.smtp_url)
    host, policy = url.hostname or "", parse_qs(url.query).get("tls", [""])[-1]
    port = url.port or (465 if url.scheme == "smtps" else 587 if url.username else 25)
    try:
        kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
        with kind(host, port, local_hostname="localhost", timeout=seconds) as smtp:
            smtp.ehlo()
            if url.scheme == "smtp" and policy != "none" and (policy or smtp.has_extn("starttls")):
                smtp.starttls()
                smtp.ehlo()
            if url.username:
                smtp.login(unquote(url.username), unquote(url.password or ""))
    except (OSError, smtplib.SMTPException) as error:
        return Check("Relay", NOT_YET, f"{host}:{port} does not take us: {_said(error)}")
    return Check("Relay", DONE, f"{host}:{port} answers" + (" and takes our sign-in." if url.username else "."))


def receiver(found: Settings, mailbox: str, seconds: float = SECONDS) -> Check:
    """Whether our own receiver listens, and takes mail for the mailbox and for the bounce addresses below it; no mail is handed in."""
    host, port = found.inbound_bind
    if not port:
        with contextlib.suppress(OSError, ValueError):
            host, _, text = (found.data_dir / INBOUND_ADDRESS).read_text().strip().rpartition(":")
            port = int(text)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host.strip("[]"), host.strip("[]"))  # noqa: S104 - asked, not bound
    local, _, domain = mailbox.rpartition("@")
    kind = smtplib.LMTP if found.inbound_protocol == "lmtp" else smtplib.SMTP
    try:
        # `timeout` is given to the connection that the constructor of LMTP does not make yet.
        smtp = kind(local_hostname="localhost", timeout=seconds)
        smtp.connect(host, port)
        with smtp:
            smtp.ehlo()
            smtp.mail("")
            refused = [one for one in (mailbox, f"{local}+b-test@{domain}") if smtp.rcpt(one)[0] != 250]
            smtp.rset()
    except (OSError, smtplib.SMTPException) as error:
        level = UNKNOWN if found.imap_url else NOT_YET
        return Check("Receiver", level, f"Nobody takes mail at {host}:{port} ({_said(error)}): start `serve` or `receive`.")
    if refused:
        return Check("Receiver", NOT_YET, f"It listens at {host}:{port}, but does not take mail for {refused[0]}.")
    return Check(
        "Receiver", DONE, f"It listens at {host}:{port} ({found.inbound_protocol}) and takes mail for {mailbox} and its bounce addresses."
    )


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        return f"{error.smtp_code} {text}"[:300]
    return str(error)[:300] or type(error).__name__
