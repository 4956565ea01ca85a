"""Settings: typed, frozen, read once from the environment.

`Settings.from_environment` refuses to start when anything is wrong and names all that is wrong at once, so that an
operator mends the environment in one go.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import limits

import ledger

BUSINESS_TIMEZONE = ZoneInfo("Asia/Shanghai")
"""Business days are days in China, whatever the server's clock says."""

_MIN_SECRET_LENGTH = 32

_MOST_PAYMENT_HOURS = 90 * 24
_MOST_DELIVERY_DAYS = 90

_MIN_PASSWORD_MEMORY_KIB = 19 * 1024
"""The least memory that OWASP's password storage cheat sheet gives argon2id."""


class SettingsError(Exception):
    """The environment is incomplete or wrong; `problems` names everything that has to change."""

    def __init__(self, problems: list[str]) -> None:
        """Keep every problem and print one a line."""
        super().__init__("Cannot start:\n" + "\n".join(f"  - {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Payee:
    """Whom a buyer pays by bank transfer, and the ledger's name for that bank account."""

    name: str
    bank: str
    account_number: str
    ledger_id: str


@dataclass(frozen=True)
class Settings:
    """Everything the application takes from its environment."""

    database_url: str
    secret_key: str
    password_salt: str
    totp_secret: str
    payee: Payee
    database_owner_url: str = ""
    demo: bool = False
    secure_cookies: bool = True
    proxies: int = 0
    password_guesses: str = "10 per minute"  # noqa: S105  # a rate, not a password
    password_memory_kib: int = 64 * 1024
    shared_page_seconds: float = 3
    """How long visitors may share one rendering of a public page; 0 renders each anew."""
    slow_query_ms: int = 500
    """From how many milliseconds on a statement is logged; 0 logs none."""
    payment_hours: int = 72
    """For how many hours an order holds its stock for a bank transfer: over a weekend by default."""
    delivery_days: int = 15
    """After how many days a private buyer who says nothing has received what was shipped."""
    metrics_token: str = ""
    """What /metrics asks for; without it, it answers programs on the same machine only."""
    public_url: str = ""
    """Where people reach the shop: what links in mails begin with. A demo without it asks the request."""
    smtp_url: str = ""
    """The mail server; without it, only in a demo, mails are kept and not sent."""
    mail_from: str = "ganwei@localhost"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from `environ`.

        Raises:
            SettingsError: with everything that is missing or wrong.
        """
        problems: list[str] = []
        demo = _flag(environ, "GANWEI_DEMO", default=False, problems=problems)
        mail = _mail(environ, demo=demo, problems=problems)
        settings = cls(
            database_url=_database_url(environ, "DATABASE_URL", problems),
            database_owner_url=_database_url(environ, "DATABASE_OWNER_URL", problems)
            if environ.get("DATABASE_OWNER_URL")
            else "",
            secret_key=_secret(environ, "SECRET_KEY", problems),
            password_salt=_secret(environ, "SECURITY_PASSWORD_SALT", problems),
            totp_secret=_secret(environ, "TOTP_SECRET", problems),
            payee=_payee(environ, demo=demo, problems=problems),
            demo=demo,
            # The demo is served over plain HTTP on the loopback address.
            secure_cookies=_flag(environ, "GANWEI_SECURE_COOKIES", default=not demo, problems=problems),
            proxies=_count(environ, "GANWEI_PROXIES", problems),
            password_guesses=_rate(environ, "GANWEI_PASSWORD_GUESSES", default=cls.password_guesses, problems=problems),
            password_memory_kib=_password_memory_kib(environ, problems),
            slow_query_ms=_count(environ, "GANWEI_SLOW_QUERY_MS", problems, default=cls.slow_query_ms),
            payment_hours=_within(environ, "GANWEI_PAYMENT_HOURS", cls.payment_hours, _MOST_PAYMENT_HOURS, problems),
            delivery_days=_within(environ, "GANWEI_DELIVERY_DAYS", cls.delivery_days, _MOST_DELIVERY_DAYS, problems),
            metrics_token=_secret(environ, "METRICS_TOKEN", problems) if "METRICS_TOKEN" in environ else "",
            public_url=mail.get("public_url", ""),
            smtp_url=mail.get("smtp_url", ""),
            mail_from=mail.get("mail_from", cls.mail_from),
        )
        if problems:
            raise SettingsError(problems)
        return settings

    @property
    def migration_url(self) -> str:
        """The role that owns the tables; the application's own role where only one is given."""
        return self.database_owner_url or self.database_url


def _database_url(environ: Mapping[str, str], name: str, problems: list[str]) -> str:
    url = environ.get(name, "")
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            url = "postgresql+psycopg://" + url.removeprefix(prefix)
    if not url:
        problems.append(f"{name} is not set; give postgresql://role:password@host/database")
    elif not url.startswith("postgresql+psycopg://"):
        problems.append(f"{name} must be a PostgreSQL address, postgresql://role:password@host/database")
    return url


def _secret(environ: Mapping[str, str], name: str, problems: list[str]) -> str:
    value = environ.get(name, "")
    if len(value) < _MIN_SECRET_LENGTH:
        problems.append(
            f"{name} must have at least {_MIN_SECRET_LENGTH} characters; make one with "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return value


def _flag(environ: Mapping[str, str], name: str, *, default: bool, problems: list[str]) -> bool:
    value = environ.get(name, "1" if default else "0")
    if value not in {"0", "1"}:
        problems.append(f"{name} must be 0 or 1, not {value!r}")
    return value == "1"


def _count(environ: Mapping[str, str], name: str, problems: list[str], *, default: int = 0) -> int:
    value = environ.get(name, str(default))
    if not (value.isascii() and value.isdecimal()):
        problems.append(f"{name} must be a whole number, not {value!r}")
        return 0
    return int(value)


def _rate(environ: Mapping[str, str], name: str, *, default: str, problems: list[str]) -> str:
    """Return a rate that the limiter can read: one that it cannot would limit nothing, and say so in the log only."""
    value = environ.get(name, default)
    try:
        limits.parse_many(value)
    except ValueError:
        problems.append(f"{name} must be a rate such as {default!r}, not {value!r}")
    return value


def _within(environ: Mapping[str, str], name: str, default: int, most: int, problems: list[str]) -> int:
    value = _count(environ, name, problems, default=default)
    if not 0 < value <= most:
        problems.append(f"{name} must be 1 to {most}")
    return value


def _password_memory_kib(environ: Mapping[str, str], problems: list[str]) -> int:
    if "GANWEI_PASSWORD_MEMORY_KIB" not in environ:
        return Settings.password_memory_kib
    value = _count(environ, "GANWEI_PASSWORD_MEMORY_KIB", problems)
    if value < _MIN_PASSWORD_MEMORY_KIB:
        problems.append(f"GANWEI_PASSWORD_MEMORY_KIB must be at least {_MIN_PASSWORD_MEMORY_KIB}")
    return value


def _mail(environ: Mapping[str, str], *, demo: bool, problems: list[str]) -> dict[str, str]:
    """Return where links in mails lead, through whom mails go and from whom. Only a demo may do without."""
    names = {"public_url": "GANWEI_URL", "smtp_url": "GANWEI_SMTP_URL", "mail_from": "GANWEI_MAIL_FROM"}
    values = {field: environ[name] for field, name in names.items() if environ.get(name)}
    if not demo:
        problems += [f"{name} is not set; mails need it" for field, name in names.items() if field not in values]
    if not _is_url(values.get("public_url", "https://unset"), {"http", "https"}):
        problems.append("GANWEI_URL must be the shop's address without a path, such as https://shop.example.org")
    if not _is_url(values.get("smtp_url", "smtps://unset"), {"smtp", "smtp+starttls", "smtps"}):
        problems.append("GANWEI_SMTP_URL must be smtp+starttls://, smtps:// or smtp://user:password@host:port")
    if not re.fullmatch(r"[^\r\n<>@]*<?[^\s<>@]+@[^\s<>@]+>?", values.get("mail_from", Settings.mail_from)):
        problems.append("GANWEI_MAIL_FROM must be an address, such as ganwei@example.org")
    return values


def _is_url(value: str, schemes: set[str]) -> bool:
    try:
        parts = urlsplit(value)
        port_is_a_number = parts.port != 0
    except ValueError:
        return False
    has_rest = parts.query or parts.fragment or parts.path.strip("/")
    return port_is_a_number and parts.scheme in schemes and bool(parts.hostname) and not has_rest


def _payee(environ: Mapping[str, str], *, demo: bool, problems: list[str]) -> Payee:
    if demo and "GANWEI_PAYEE_ACCOUNT" not in environ:
        return Payee("甘味演示商城（虚构户名）", "演示银行兰州分行（虚构）", "0000 0000 0000 0000 000", "demo")
    values = {}
    for field in ("NAME", "BANK", "ACCOUNT", "LEDGER_ID"):
        values[field] = environ.get(f"GANWEI_PAYEE_{field}", "")
        if not values[field]:
            problems.append(f"GANWEI_PAYEE_{field} is not set; buyers need it to pay by bank transfer")
    try:
        ledger.parse("cash", f"asset:bank:{values['LEDGER_ID'] or 'unset'}")
    except ledger.AccountShapeError:
        # Otherwise the first receipt would be the one to find out.
        problems.append(f"GANWEI_PAYEE_LEDGER_ID cannot name an account of the ledger: {values['LEDGER_ID']!r}")
    return Payee(values["NAME"], values["BANK"], values["ACCOUNT"], values["LEDGER_ID"])
