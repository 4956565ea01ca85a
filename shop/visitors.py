"""One rendering of a public page for all visitors of the next moment.

Nearly all who look at the shop's front have not signed in and chosen nothing, so they see the same page but for the
token of its forms. It is rendered once in a few seconds and each of them gets it with a token of their own. What it
says of stock may be that old; placing an order counts anew.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import ParamSpec

from flask import current_app, g, request, session
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

P = ParamSpec("P")

MAX_PAGES = 256
MAX_ADDRESS_LENGTH = 300
TOKEN = "csrf_token"  # noqa: S105  # the name under which Flask-WTF keeps it, in `g` and in the session
_SAME_FOR_ALL = frozenset({TOKEN, "language", "campaign", "_permanent", "_fresh"})
"""What a session may hold without the page looking any different; the language is part of the key."""


class _Shelf:
    """Rendered pages by address and language, the least recently used of them dropped first."""

    def __init__(self) -> None:
        self._pages: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, str]) -> str | None:
        with self._lock:
            until, page = self._pages.get(key, (0.0, ""))
            if until < time.monotonic():
                return None
            self._pages.move_to_end(key)
            return page

    def put(self, key: tuple[str, str], page: str, *, seconds: float) -> None:
        with self._lock:
            self._pages[key] = (time.monotonic() + seconds, page)
            self._pages.move_to_end(key)
            while len(self._pages) > MAX_PAGES:
                self._pages.popitem(last=False)


def same_for_visitors(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Let a view that shows all visitors the same page render it once in `Settings.shared_page_seconds`."""
    shelf = _Shelf()
    # No text of a visitor can contain it, so nothing but our own forms is filled in.
    blank = secrets.token_hex(16)

    @wraps(view)
    def shared(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        seconds = current_app.config["SETTINGS"].shared_page_seconds
        key = (request.full_path, session.get("language", ""))
        if not seconds or not session.keys() <= _SAME_FOR_ALL or len(key[0]) > MAX_ADDRESS_LENGTH:
            return view(*args, **kwargs)
        page = shelf.get(key)
        if page is None:
            setattr(g, TOKEN, blank)
            try:
                rendered = view(*args, **kwargs)
            finally:
                # Also after a refusal: the page that tells it has forms of its own, for one visitor.
                g.pop(TOKEN)
            if not isinstance(rendered, str):
                return rendered
            page = rendered
            shelf.put(key, page, seconds=seconds)
        return page.replace(blank, generate_csrf())

    return shared
