"""What marshmallow says reaches people in their language, for every field and check that the API uses."""

import re

import marshmallow as ma
import pytest
from flask import Flask
from flask_babel import force_locale
from marshmallow import fields, validate

from shop.messages import translated

CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Everything(ma.Schema):
    """A field of each kind, with each check."""

    required = fields.String(required=True)
    text = fields.String()
    number = fields.Integer(strict=True)
    exact = fields.Decimal()
    day = fields.Date()
    moment = fields.AwareDateTime()
    flag = fields.Boolean()
    id = fields.UUID()
    email = fields.Email()
    lines = fields.List(fields.Nested("Everything"))
    least = fields.Integer(validate=validate.Range(min=1))
    most = fields.Integer(validate=validate.Range(max=5))
    between = fields.Integer(validate=validate.Range(min=1, max=5))
    above = fields.Integer(validate=validate.Range(min=1, min_inclusive=False))
    below = fields.Integer(validate=validate.Range(max=5, max_inclusive=False))
    short = fields.String(validate=validate.Length(min=2))
    long = fields.String(validate=validate.Length(max=2))
    length = fields.String(validate=validate.Length(min=2, max=4))
    exactly = fields.String(validate=validate.Length(equal=2))
    pattern = fields.String(validate=validate.Regexp("a"))
    choice = fields.String(validate=validate.OneOf(["a", "b"]))


WRONG = {
    "text": 1, "number": "x", "exact": "x", "day": "x", "moment": "x", "flag": "x", "id": "x", "email": "x",
    "lines": [[]], "least": 0, "most": 6, "between": 9, "above": 1, "below": 5, "short": "a", "long": "abc",
    "length": "a", "exactly": "a", "pattern": "b", "choice": "c", "stranger": 1,
}  # fmt: skip


def messages(found: object) -> list[str]:
    """Collect what is said, at any depth."""
    if isinstance(found, dict):
        return [message for inner in found.values() for message in messages(inner)]
    if isinstance(found, list):
        return [message for inner in found for message in messages(inner)]
    return [str(found)]


def said() -> list[str]:
    """Return every message that the schema gives."""
    with pytest.raises(ma.ValidationError) as refused:
        Everything().load(WRONG)
    found = messages(refused.value.normalized_messages())
    assert len(found) == len(WRONG) + 1
    return [*found, *messages(Everything().validate({"required": None, "lines": 1}))]


class TestTranslated:
    def test_leaves_nothing_in_english_to_a_reader_of_chinese(self, app: Flask) -> None:
        with app.test_request_context(), force_locale("zh"):
            untranslated = [message for message in said() if not CHINESE.search(translated(message))]
        assert untranslated == []

    def test_leaves_nothing_in_chinese_to_a_reader_of_english(self, app: Flask) -> None:
        with app.test_request_context(), force_locale("en"):
            assert [message for message in said() if CHINESE.search(translated(message))] == []

    def test_keeps_numbers_and_choices(self, app: Flask) -> None:
        with app.test_request_context(), force_locale("zh"):
            assert translated("Length must be between 2 and 4.") == "长度应在 2 到 4 之间。"
            assert translated("Must be one of: a, b.") == "应为以下之一：a, b。"

    def test_passes_other_words_on(self, app: Flask) -> None:
        with app.test_request_context(), force_locale("zh"):
            assert translated("单价不能为负。") == "单价不能为负。"


def test_is_what_the_api_uses(app: Flask) -> None:
    answer = app.test_client().post("/api/v1/tokens", json={"email": ""})
    assert {error["field"]: error["message"] for error in answer.json["errors"]} == {
        "email": "长度应在 1 到 320 之间。",
        "password": "必填，不能为空。",
    }
