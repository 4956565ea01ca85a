"""The library's mails, written into our outbox."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from flask_security import MailUtil
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shop.db import db, now, transaction
from shop.identity.models import User
from shop.mail import outbox
from shop.mail.models import OutgoingMail

log = structlog.get_logger()

MAX_ALIKE = 5
ALIKE_WITHIN = timedelta(hours=1)
"""So many mails of one kind go to one address in this time: nobody is to be buried under mails that others ask for."""


_STORED_BY_THE_LIBRARY = frozenset({"reset_notice", "change_notice"})
"""Mails that tell of a change which the library commits itself, at the request's end and with our audit row."""


class OutboxMail(MailUtil):  # type: ignore[misc]  # flask-security ships no types
    """Puts what the library sends into the outbox, in our own words."""

    def send_mail(
        self,
        template: str,
        subject: str,  # noqa: ARG002  # the template's first line
        recipient: str,
        sender: object,  # noqa: ARG002  # from the settings
        body: str | None,  # noqa: ARG002  # the library is told to write none
        html: str | None,  # noqa: ARG002
        **context: Any,  # noqa: ANN401  # a template's own
    ) -> None:
        """Store one mail, together with what the library has changed and not stored yet.

        A mail to somebody who does not exist costs the same work, so that the time to the answer does not tell. It is
        never sent.
        """
        language = context["user"].language  # nobody has none
        if template in _STORED_BY_THE_LIBRARY:
            outbox.add(db.session, to=recipient, template=template, language=language, **context)
            return
        try:
            with transaction() as session:
                session.flush()
                mail = outbox.add(session, to=recipient, template=template, language=language, **context)
                if _is_nobody(context["user"]) or _had_enough(session, recipient, template):
                    mail.sent_at, mail.text, mail.html = now(), "", ""
        except IntegrityError:
            # The same address registered twice at the same moment: the other one has its mail.
            log.info("registered twice at once")


def _is_nobody(user: User) -> bool:
    return user.id is None


def _had_enough(session: Session, recipient: str, template: str) -> bool:
    alike = sa.select(sa.func.count()).where(
        OutgoingMail.recipient == recipient,
        OutgoingMail.template == template,
        OutgoingMail.created_at > now() - ALIKE_WITHIN,
    )
    return (session.scalar(alike) or 0) > MAX_ALIKE
