"""Who may come in: API tokens for programs, one-time links and browser sessions for people. Only digests are stored."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from .. import tokens
from ..addresses import canonical, check
from ..errors import Conflict, Invalid, NotFound
from ..store.access import ROLES, ApiToken, BrowserSession, SignIn, SignInLink
from ..store.database import Database
from . import audiences
from .work import Work

LINK_LIVES = timedelta(hours=24)
IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
_NOTED_EVERY = timedelta(minutes=5)
_LONGEST_SECRET = 200
TOKEN_DAYS = 365
_MOST_TOKEN_DAYS = 3650


def create_token(work: Work, name: str, days: int = TOKEN_DAYS) -> str:
    """A new API token with all rights in its organisation, for so many days, as text that is shown this once; raises `Invalid`."""
    name = name.strip()
    if not name or not name.isprintable() or len(name) > 100:
        raise Invalid("Give the token a name of 1 to 100 printable characters.", field="name")
    if not 1 <= days <= _MOST_TOKEN_DAYS:
        raise Invalid(f"A token lives for 1 to {_MOST_TOKEN_DAYS} days.", field="days")
    text = f"fs_{tokens.new_secret()}"
    ends = work.now + timedelta(days=days)
    work.db.add(ApiToken(organisation_id=work.organisation_id, name=name, digest=tokens.digest(text), created_at=work.now, expires_at=ends))
    work.record("token created", detail={"name": name})
    work.db.flush()
    return text


def token_of(db: Session, text: str) -> ApiToken | None:
    """The token that this text is, unless it is unknown or revoked; one that has expired too."""
    if not _plausible(text):
        return None
    return db.scalars(select(ApiToken).where(ApiToken.digest == tokens.digest(text), ApiToken.revoked_at.is_(None))).first()


def note_token_use(database: Database, token: ApiToken, now: datetime) -> None:
    """Keep `last_used_at` true to five minutes, so that most calls write nothing."""
    if token.last_used_at is not None and token.last_used_at > now - _NOTED_EVERY:
        return
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at <= now - _NOTED_EVERY)
    used = update(ApiToken).where(ApiToken.id == token.id, stale).values(last_used_at=now)
    database.run(lambda db: db.execute(used))


def list_tokens(work: Work) -> list[ApiToken]:
    """All tokens of the organisation, newest first, revoked ones too."""
    return list(work.db.scalars(select(ApiToken).where(ApiToken.organisation_id == work.organisation_id).order_by(ApiToken.id.desc())))


def revoke_token(work: Work, token_id: int) -> None:
    """End a token at once; doing it twice changes nothing. Raises `NotFound`."""
    token = work.db.scalars(select(ApiToken).where(ApiToken.id == token_id, ApiToken.organisation_id == work.organisation_id)).first()
    if token is None:
        raise NotFound(f"There is no token {token_id} in this organisation.")
    if token.revoked_at is None:
        token.revoked_at = work.now
        work.record("token revoked", detail={"name": token.name})


def create_sign_in(work: Work, email: str, role: str) -> str:
    """The secret of a one-time link for this person, who is made or gets the role; raises `Invalid`."""
    if role not in ROLES:
        raise Invalid(f"{role[:40]!r} is not a role; choose one of {', '.join(ROLES)}.", field="role")
    email = check(email)
    sign_in = work.db.scalars(
        select(SignIn).where(SignIn.organisation_id == work.organisation_id, SignIn.email_key == canonical(email))
    ).first()
    if sign_in is not None and role != "owner":
        _keep_an_owner(work, sign_in)
    if sign_in is None:
        sign_in = SignIn(organisation_id=work.organisation_id, email=email, email_key=canonical(email), role=role, created_at=work.now)
        work.db.add(sign_in)
    sign_in.role, sign_in.disabled_at = role, None
    work.db.flush()
    secret = tokens.new_secret()
    work.db.add(SignInLink(sign_in_id=sign_in.id, digest=tokens.digest(secret), created_at=work.now, expires_at=work.now + LINK_LIVES))
    work.record("sign-in link made", detail={"sign_in_id": sign_in.id, "role": role})
    work.db.flush()
    return secret


def list_sign_ins(work: Work) -> list[SignIn]:
    """The people who may sign in, by address."""
    return list(work.db.scalars(select(SignIn).where(SignIn.organisation_id == work.organisation_id).order_by(SignIn.email_key)))


def disable_sign_in(work: Work, sign_in_id: int) -> None:
    """Shut somebody out, browsers that are signed in and calendars for others included. Raises `NotFound`."""
    sign_in = work.db.scalars(select(SignIn).where(SignIn.id == sign_in_id, SignIn.organisation_id == work.organisation_id)).first()
    if sign_in is None:
        raise NotFound(f"There is no sign-in {sign_in_id} in this organisation.")
    _keep_an_owner(work, sign_in)
    sign_in.disabled_at = sign_in.disabled_at or work.now
    open_ones = BrowserSession.sign_in_id == sign_in.id, BrowserSession.ended_at.is_(None)
    work.db.execute(update(BrowserSession).where(*open_ones).values(ended_at=work.now))
    audiences.end_those_of(work, {sign_in.email_key})
    work.record("sign-in disabled", detail={"sign_in_id": sign_in.id})


def _keep_an_owner(work: Work, sign_in: SignIn) -> None:
    if sign_in.role != "owner" or sign_in.disabled_at is not None:
        return
    others = select(SignIn.id).where(
        SignIn.organisation_id == work.organisation_id, SignIn.role == "owner", SignIn.disabled_at.is_(None), SignIn.id != sign_in.id
    )
    if work.db.scalar(others.limit(1)) is None:
        raise Conflict("This is the last owner; make somebody else one first, or nobody can manage people and settings.", field="role")


def link_is_good(db: Session, token: str, now: datetime) -> bool:
    """Whether a link could still be used, without using it (its page has a button: scanners open links)."""
    return _plausible(token) and db.scalar(select(SignInLink.id).where(*_usable(token, now))) is not None


def use_link(db: Session, token: str, now: datetime) -> str | None:
    """Use a one-time link: the secret for the browser's cookie, or None where it is unknown, used, too old or its person shut out."""
    if not _plausible(token):
        return None
    link = db.scalars(select(SignInLink).where(*_usable(token, now))).first()
    if link is None or db.get_one(SignIn, link.sign_in_id).disabled_at is not None:
        return None
    mine = update(SignInLink).where(SignInLink.id == link.id, SignInLink.used_at.is_(None)).values(used_at=now)
    if not db.execute(mine).rowcount:
        return None
    secret = tokens.new_secret()
    db.add(
        BrowserSession(
            sign_in_id=link.sign_in_id, digest=tokens.digest(secret), created_at=now, last_seen_at=now, expires_at=now + LONGEST
        )
    )  # fmt: skip
    db.flush()
    return secret


def signed_in(db: Session, secret: str, now: datetime) -> SignIn | None:
    """Whose browser this is: None after 12 idle hours, after 7 days, after signing out, and for somebody shut out. Only looks."""
    found = _browser(db, secret, now)
    return found[1] if found else None


def visit(database: Database, secret: str, now: datetime) -> SignIn | None:
    """`signed_in`, and the 12 idle hours begin anew; writes at most every five minutes."""
    with database.read() as db:
        found = _browser(db, secret, now)
    if found is None:
        return None
    browser, sign_in = found
    if browser.last_seen_at <= now - _NOTED_EVERY:
        seen = update(BrowserSession).where(BrowserSession.id == browser.id).values(last_seen_at=now)
        database.run(lambda db: db.execute(seen))
    return sign_in


def sign_out(db: Session, secret: str, now: datetime) -> None:
    """End this browser's session; unknown secrets change nothing."""
    if _plausible(secret):
        mine = BrowserSession.digest == tokens.digest(secret), BrowserSession.ended_at.is_(None)
        db.execute(update(BrowserSession).where(*mine).values(ended_at=now))


def _browser(db: Session, secret: str, now: datetime) -> tuple[BrowserSession, SignIn] | None:
    if not _plausible(secret):
        return None
    row = db.execute(
        select(BrowserSession, SignIn)
        .join(SignIn, SignIn.id == BrowserSession.sign_in_id)
        .where(
            BrowserSession.digest == tokens.digest(secret),
            BrowserSession.ended_at.is_(None),
            BrowserSession.expires_at > now,
            BrowserSession.last_seen_at > now - IDLE,
            SignIn.disabled_at.is_(None),
        )
    ).first()
    return (row[0], row[1]) if row else None


def _usable(token: str, now: datetime) -> tuple:
    return SignInLink.digest == tokens.digest(token), SignInLink.used_at.is_(None), SignInLink.expires_at > now


def _plausible(text: str) -> bool:
    return isinstance(text, str) and 20 <= len(text) <= _LONGEST_SECRET and text.isascii()
