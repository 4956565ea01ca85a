"""Flask-Mailman, as the settings want it."""

from urllib.parse import unquote, urlsplit

from flask import Flask
from flask_mailman import Mail

from shop.config import Settings
from shop.mail.backend import TIMEOUT_SECONDS


def register(app: Flask, settings: Settings) -> None:
    """Let `app` send mail through the server that the settings name; without one, it only notes that it would."""
    server = urlsplit(settings.smtp_url)
    app.config.update(
        MAIL_BACKEND="shop.mail.backend" if settings.smtp_url else "dummy",
        MAIL_SERVER=server.hostname or "localhost",
        MAIL_PORT=server.port,
        MAIL_USERNAME=unquote(server.username) if server.username else None,
        MAIL_PASSWORD=unquote(server.password) if server.password else None,
        MAIL_USE_TLS=server.scheme == "smtp+starttls",
        MAIL_USE_SSL=server.scheme == "smtps",
        MAIL_TIMEOUT=TIMEOUT_SECONDS,
        MAIL_DEFAULT_SENDER=settings.mail_from,
    )
    Mail(app)
