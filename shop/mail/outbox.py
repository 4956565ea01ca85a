"""Writing a mail: the first line of its template is the subject, the rest the text; the HTML is made of the text."""

from typing import Any

from flask import current_app, has_request_context, request
from flask_babel import force_locale
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from shop.config import Settings
from shop.languages import LOCALES, page_language
from shop.mail.models import OutgoingMail


def add(  # its context is a template's own
    session: Session,
    *,
    to: str,
    template: str,
    language: str | None = None,
    **context: Any,  # noqa: ANN401
) -> OutgoingMail:
    """Put the mail `mail/<language>/<template>.txt` into the outbox, in the caller's transaction.

    The language is the reader's; that of the page which causes the mail where the reader's is unknown.
    """
    subject, text, html = render(template, language=language or page_language(), **context)
    mail = OutgoingMail(template=template, recipient=to, subject=subject, text=text, html=html)
    session.add(mail)
    return mail


def render(template: str, *, language: str, **context: Any) -> tuple[str, str, str]:  # noqa: ANN401  # a template's own
    """Return subject, text and HTML. It needs no request: the worker writes mails too."""
    jinja = current_app.jinja_env
    with force_locale(LOCALES[language]):
        written = jinja.get_template(f"mail/{language}/{template}.txt").render(url=address, **context)
        subject, _, text = written.strip().partition("\n")
        paragraphs = [_paragraph(part) for part in text.strip().split("\n\n")]
        html = jinja.get_template("mail/_frame.html").render(language=language, subject=subject, paragraphs=paragraphs)
    return subject.strip(), text.strip() + "\n", html


def address(endpoint: str, **values: object) -> str:
    """Return the full address of a page, for somebody who reads it elsewhere.

    It begins with the address from the settings, never with what a request claims as its host: a forged one would
    lead whoever follows the link, with its token, to another site. Only a demo without that setting asks the request.
    """
    settings: Settings = current_app.config["SETTINGS"]
    path = current_app.url_map.bind("shop.invalid").build(endpoint, values)
    base = settings.public_url or (request.host_url if has_request_context() else "http://127.0.0.1:8000")
    return base.rstrip("/") + path


def _paragraph(text: str) -> Markup:
    """Return a paragraph as HTML: its lines, and its addresses as links."""
    linked = Markup(" ").join(_word(word) for word in text.strip().replace("\n", " \n ").split(" "))
    return Markup(str(linked).replace("\n", "<br>\n"))  # noqa: S704  # each word has been escaped


def _word(word: str) -> Markup:
    if word.startswith(("http://", "https://")):
        return Markup('<a href="{0}">{0}</a>').format(word)
    return escape(word)
