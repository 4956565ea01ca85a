"""What no request may carry, whatever it is for."""

import json
from collections.abc import Callable, Iterator
from typing import TypeVar

from flask import Flask, current_app, request
from flask_babel import gettext

from shop.errors import FieldError, InvalidInput
from shop.problems import is_api_request

NUL = "\x00"

V = TypeVar("V", bound=Callable[..., object])
_LIMIT = "upload_limit_bytes"


def takes_files(limit_bytes: Callable[[], int | None]) -> Callable[[V], V]:
    """Let a view take files, so many bytes of them in all as the function says at the request; None is the usual."""

    def mark(view: V) -> V:
        setattr(view, _LIMIT, limit_bytes)
        return view

    return mark


def register(app: Flask) -> None:
    """Check every request before its view."""
    app.before_request(allow_upload)
    app.before_request(refuse_unstorable)
    app.before_request(refuse_no_form)


def allow_upload() -> None:
    """Raise the limit of a body for a view that takes files, before anybody reads the body."""
    limit = _limit()
    if limit is not None:
        request.max_content_length = limit() or request.max_content_length


def _limit() -> Callable[[], int | None] | None:
    return getattr(current_app.view_functions.get(request.endpoint or ""), _LIMIT, None)


def refuse_no_form() -> None:
    """Refuse files and JSON sent to a page, whose forms are made of texts.

    WTForms would hand them to fields as they come, and no field expects anything but text.

    Raises:
        InvalidInput: the body is not a form, or has files.
    """
    has_files = request.method == "POST" and bool(request.files) and _limit() is None
    if request.method == "POST" and not is_api_request() and (request.is_json or has_files):
        raise InvalidInput(gettext("这个页面只接受文字表单。"))


def refuse_unstorable() -> None:
    r"""Refuse text that PostgreSQL cannot keep, naming the field that holds it.

    That is the character NUL, and half of a surrogate pair, which JSON can spell (`"\ud800"`) and UTF-8 cannot.

    Raises:
        InvalidInput: with every field that has it, or because the JSON cannot be read: nested too deep, or with a
            number of thousands of digits.
    """
    values = [
        *(("path", text) for text in (request.view_args or {}).values()),
        *request.args.items(multi=True),
        *request.form.items(multi=True),
        *_texts(_json() if request.is_json else None),
    ]
    names = {name for name, text in values if isinstance(text, str) and not _is_storable(name + text)}
    if names:
        message = gettext("含有不能保存的字符，请删除后重新输入。")
        raise InvalidInput(errors=tuple(FieldError(_storable(name), message) for name in sorted(names)))


def _json() -> object:
    """Return the body's document; None for what is no JSON, which is the view's to refuse."""
    try:
        return json.loads(request.get_data(cache=True))
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    except RecursionError:
        raise InvalidInput(gettext("请求嵌套过深。")) from None
    except ValueError:
        # Python's own limit on turning digits into a number.
        raise InvalidInput(gettext("请求中的数字位数太多。")) from None


def _is_storable(text: str) -> bool:
    return NUL not in text and _storable(text) == text


def _storable(text: str) -> str:
    return text.replace(NUL, "").encode("utf-8", "ignore").decode("utf-8")


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk a JSON document; its parser has bounded how deep it is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            inner_path = f"{path}.{name}".removeprefix(".")
            yield inner_path, name
            yield from _texts(inner, inner_path)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}".removeprefix("."))
