"""The languages of pages and mails."""

from flask_babel import get_locale

LANGUAGES = {"zh": "中文", "en": "English"}
"""What somebody may read in, each by its own name; the first is the default."""

LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
"""The full name finds the Chinese of the libraries too, some of which file it under zh_Hans_CN."""


def page_language() -> str:
    """Return the language of the page or the mail that is being written."""
    locale = get_locale()
    return locale.language if locale is not None and locale.language in LANGUAGES else next(iter(LANGUAGES))
