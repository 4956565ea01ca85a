"""Reading what waits in the outbox, as whoever gets it."""

import re

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.mail.models import OutgoingMail


def mails_to(session: Session, address: str) -> list[OutgoingMail]:
    """Return the mails that would reach an address, the oldest first."""
    session.expire_all()
    return list(
        session.scalars(
            sa.select(OutgoingMail)
            .where(OutgoingMail.recipient == address, OutgoingMail.text != "")
            .order_by(OutgoingMail.id)
        )
    )


def link_in(mail: OutgoingMail, path: str) -> str:
    """Return the path of the link in a mail that begins with `path`."""
    found = re.search(rf"https?://[^/\s]+({re.escape(path)}\S*)", mail.text)
    assert found is not None, mail.text
    return found.group(1)
