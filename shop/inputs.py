"""What no request may carry, whatever it is for."""

from collections.abc import Iterator

from flask import Flask, request
from flask_babel import gettext

from shop.errors import FieldError, InvalidInput

NUL = "\x00"


def register(app: Flask) -> None:
    """Check every request before its view."""
    app.before_request(refuse_nul)


def refuse_nul() -> None:
    """Refuse the one character that PostgreSQL cannot keep in text, naming the field that holds it.

    Raises:
        InvalidInput: with every field that has it, or because the JSON is nested too deep to be read.
    """
    try:
        body = request.get_json(silent=True) if request.is_json else None
    except RecursionError:
        raise InvalidInput(gettext("请求嵌套过深。")) from None
    values = [
        *(("path", text) for text in (request.view_args or {}).values()),
        *request.args.items(multi=True),
        *request.form.items(multi=True),
        *_texts(body),
    ]
    names = {name for name, text in values if isinstance(text, str) and NUL in text + name}
    if names:
        message = gettext("含有不能保存的字符，请删除后重新输入。")
        raise InvalidInput(errors=tuple(FieldError(name.replace(NUL, ""), message) for name in sorted(names)))


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Walk a JSON document; its parser has bounded how deep it is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{path}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{path}.{index}".removeprefix("."))
