"""The demo's mails on a page, as nothing leaves the demo."""

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from shop.db import db
from shop.errors import NotFound
from shop.mail.models import OutgoingMail

blueprint = Blueprint("mail", __name__)

SHOWN = 50


@blueprint.get("/demo/mails")
def outbox() -> ResponseReturnValue:
    """Show the newest mails of a demo.

    Raises:
        NotFound: this is no demo. Mails open accounts, so no page shows those of real people.
    """
    if not current_app.config["SETTINGS"].demo:
        raise NotFound
    mails = db.session.scalars(select(OutgoingMail).order_by(OutgoingMail.id.desc()).limit(SHOWN))
    return render_template("mail/outbox.html", mails=mails.all())
