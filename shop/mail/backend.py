"""SMTP that knows whom it talks to: the library's STARTTLS would take any certificate."""

import smtplib
import ssl

from flask_mailman.backends.smtp import EmailBackend as SmtpBackend

TIMEOUT_SECONDS = 20


class _CheckedSmtp(smtplib.SMTP):
    """Checks the server's certificate before it tells a password."""

    # The backend gives the context by keyword; Python 3.11 also declares arguments that are gone since.
    def starttls(self, *, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:  # type: ignore[override]
        return super().starttls(context=context or ssl.create_default_context())


class EmailBackend(SmtpBackend):  # type: ignore[misc]  # flask-mailman ships no types
    """Flask-Mailman's backend, over a connection that checks certificates."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """The class of the connection; the library asks for it."""
        return smtplib.SMTP_SSL if self.use_ssl else _CheckedSmtp
