"""What every page shares: security headers, locale, and the filters that turn integers into words."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from flask import Flask, Response, has_request_context, request, session
from flask_babel import Babel

import ledger
from shop.config import BUSINESS_TIMEZONE
from shop.languages import LANGUAGES, LOCALES, page_language

_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def register(app: Flask, *, has_tls: bool) -> None:
    """Give `app` its headers, languages and template filters; `has_tls` where people reach it by HTTPS only."""
    Babel(app, locale_selector=_select_language, default_locale="zh", default_timezone=BUSINESS_TIMEZONE.key)

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        # A browser that is told so never comes by plain HTTP again: it is said only where HTTPS is known to work.
        if has_tls or request.is_secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if request.endpoint != "static":
            # Pages show one organisation's data: no shared cache may keep them.
            headers.setdefault("Cache-Control", "private, no-cache")
        return response

    app.add_template_filter(ledger.format_yuan, "yuan")
    app.add_template_filter(format_quantity, "quantity")
    app.add_template_filter(format_instant, "instant")
    app.add_template_filter(format_months, "months")
    app.add_template_filter(localised, "localised")
    versions: dict[str, str] = {}

    @app.template_global()
    def asset(path: str) -> str:
        """Return the address of a static file, with its time of change so that browsers may keep it."""
        if path not in versions or app.debug:
            versions[path] = format(int((Path(str(app.static_folder)) / path).stat().st_mtime), "x")
        return f"{app.static_url_path}/{path}?v={versions[path]}"

    @app.context_processor
    def language() -> dict[str, object]:
        return {"language": page_language(), "languages": LANGUAGES}


def _select_language() -> str:
    # A command of the operator runs outside any request.
    chosen = session.get("language", "") if has_request_context() else ""
    return LOCALES.get(chosen, LOCALES["zh"])


def localised(row: object) -> str:
    """Return a registry row's name in the reader's language: `name_en` for English, else `name`."""
    name = getattr(row, "name_en", "") if page_language() == "en" else ""
    return str(name or getattr(row, "name", ""))


def format_quantity(value: Decimal | int | None) -> str:
    """Return a quantity without trailing zeros; nothing for None."""
    return "" if value is None else format(Decimal(value).normalize(), "f")


def format_instant(value: datetime | date | None) -> str:
    """Return an instant as the clock in China shows it, a day as it is; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(BUSINESS_TIMEZONE).strftime("%Y-%m-%d %H:%M")
    return value.isoformat()


def format_months(months: Iterable[int]) -> str:
    """Return a season such as "9–11月", "9月至次年4月" or "全年" from its months in order."""
    ordered = list(months)
    first, last = ordered[0], ordered[-1]
    is_english = page_language() == "en"
    if len(ordered) == len(_MONTHS_EN):
        return "all year" if is_english else "全年"
    if first == last:
        return _MONTHS_EN[first - 1] if is_english else f"{first}月"
    if is_english:
        return f"{_MONTHS_EN[first - 1]} to {_MONTHS_EN[last - 1]}"
    return f"{first}–{last}月" if first < last else f"{first}月至次年{last}月"


def page_number() -> int:
    """Return the page that the address asks for; the first for anything that is no page number."""
    text = request.args.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdecimal() and len(text) < len("1000000") else 1
