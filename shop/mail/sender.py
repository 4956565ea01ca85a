"""Sending what waits in the outbox."""

import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask import current_app
from flask_mailman import EmailMultiAlternatives

from shop.config import Settings
from shop.db import now, transaction
from shop.mail.models import OutgoingMail

log = structlog.get_logger()

LEASE = timedelta(minutes=5)
"""How long a mail that is being sent is left alone; a worker that died meanwhile has it sent again after that."""

RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1440))
"""How long a mail waits after each failure. After the last it is given up."""

KEPT = timedelta(days=30)
"""How long the outbox remembers what was sent or given up."""

MAX_MAILS = 500
"""After so many the rest waits for the next round."""


def send_waiting(should_stop: Callable[[], bool] = lambda: False) -> int:
    """Send the mails that are due, one after another. Returns how many were sent.

    No transaction is open while the mail server is talked to. A worker that dies between sending and noting it sends
    the mail a second time: once too often is better than never.
    """
    count = 0
    for _ in range(MAX_MAILS):
        mail = None if should_stop() else _claim(at=now())
        if mail is None:
            break
        count += _send(mail)
    return count


def forget_old(*, at: datetime) -> int:
    """Delete what was sent or given up long ago. Returns how many mails that were."""
    with transaction() as session:
        is_done = sa.or_(OutgoingMail.sent_at.is_not(None), OutgoingMail.failed_at.is_not(None))
        gone = session.scalars(
            sa.delete(OutgoingMail).where(is_done, OutgoingMail.created_at < at - KEPT).returning(OutgoingMail.id)
        )
        return len(gone.all())


def _claim(*, at: datetime) -> OutgoingMail | None:
    """Take the mail that has waited longest, so that no other worker takes it too; None when none is due."""
    with transaction() as session:
        mail = session.scalar(
            sa.select(OutgoingMail)
            .where(OutgoingMail.sent_at.is_(None), OutgoingMail.failed_at.is_(None), OutgoingMail.due_at <= at)
            .order_by(OutgoingMail.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if mail is not None:
            mail.tries += 1
            mail.due_at = at + LEASE
        return mail


def _send(mail: OutgoingMail) -> bool:
    message = EmailMultiAlternatives(mail.subject, mail.text, to=[mail.recipient])
    message.attach_alternative(mail.html, "text/html")
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:  # the server is away or refuses
        _note_failure(mail.id, mail.tries, error)
        return False
    settings: Settings = current_app.config["SETTINGS"]
    done: dict[str, object] = {"sent_at": now(), "last_error": None}
    if not settings.demo:
        done |= {"text": "", "html": ""}
    with transaction() as session:
        session.execute(sa.update(OutgoingMail).where(OutgoingMail.id == mail.id).values(done))
    return True


def _note_failure(mail_id: UUID, tries: int, error: Exception) -> None:
    # What the server said may quote the address; the log need not hold it.
    log.warning("mail not sent", mail=str(mail_id), attempt=tries, what=type(error).__name__)
    failed: dict[str, object] = {"last_error": str(error)[:500]}
    if tries > len(RETRIES):
        failed["failed_at"] = now()
    else:
        failed["due_at"] = now() + RETRIES[tries - 1]
    with transaction() as session:
        session.execute(sa.update(OutgoingMail).where(OutgoingMail.id == mail_id).values(failed))
