"""The lock against guessing one account's password or code, whoever guesses and at whichever process.

It counts in the database, by address: one that nobody has is locked just the same, so that the lock tells nothing.
"""

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask_babel import gettext, lazy_gettext
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.config import BUSINESS_TIMEZONE
from shop.errors import ShopError
from shop.identity import audit
from shop.identity.models import User
from shop.identity.signin.models import GuessCount
from shop.mail import outbox

MAX_GUESSES = 10
WINDOW = timedelta(minutes=15)
LOCKED_FOR = timedelta(minutes=15)


class AccountLocked(ShopError):
    """Somebody guessed too often. What is sent now is not even looked at, right or wrong."""

    status = 429
    code = "account-locked"
    title = lazy_gettext("失败次数太多，已暂时锁定")

    def __init__(self, until: datetime) -> None:
        """Say until when, and the way out."""
        clock = until.astimezone(BUSINESS_TIMEZONE).strftime("%H:%M")
        super().__init__(
            gettext("登录失败次数太多，这个账户已锁定到北京时间 %(clock)s。请稍后再试，或重设密码。", clock=clock)
        )
        self.until = until


def take_guess(session: Session, address: str, *, at: datetime) -> datetime | None:
    """Count one attempt to sign in as `address`, before it is checked. Returns until when the account is locked.

    The caller commits at once, whatever becomes of the attempt. Attempts at the same moment wait for each other here,
    so no more than `MAX_GUESSES` in `WINDOW` are ever checked. Who gets in calls `forgive`.
    """
    key = _key(address)
    fresh = insert(GuessCount).values(address_hash=key, count=1, since=at)
    if session.scalar(fresh.on_conflict_do_nothing().returning(GuessCount.count)):
        return None
    known = session.get(GuessCount, key, with_for_update=True, populate_existing=True)
    if known is None:  # forgiven between the two statements
        return None
    if known.locked_until is not None and known.locked_until > at:
        return known.locked_until
    if known.locked_until is not None or known.since <= at - WINDOW:
        known.count, known.since, known.locked_until = 1, at, None
        return None
    known.count += 1
    if known.count <= MAX_GUESSES:
        return None
    known.locked_until = at + LOCKED_FOR
    _tell(session, address, until=known.locked_until)
    return known.locked_until


def forgive(session: Session, address: str) -> None:
    """Forget the attempts: the person is in, or has proved by mail to be the one."""
    session.execute(sa.delete(GuessCount).where(GuessCount.address_hash == _key(address)))


def forget_old(session: Session, *, at: datetime) -> None:
    """Delete counts that no longer count."""
    session.execute(sa.delete(GuessCount).where(GuessCount.since < at - WINDOW - LOCKED_FOR))


def _tell(session: Session, address: str, *, until: datetime) -> None:
    """Leave a trace, and warn by mail whoever has the address."""
    user = session.scalar(sa.select(User).where(User.email == _plain(address)))
    if user is not None:
        audit.record(session, None, action="user.locked", subject=f"user:{user.email}", until=until.isoformat())
        outbox.add(session, to=user.email, template="locked", language=user.language, user=user, until=until)


def _plain(address: str) -> str:
    return address.strip().lower()


def _key(address: str) -> str:
    return hashlib.sha256(_plain(address).encode("utf-8", "surrogateescape")).hexdigest()
