"""What marshmallow says of a field, in the language of who asked. It knows English only."""

import re

from flask_babel import LazyString, lazy_gettext

# What it says, as it says it, and what we say. Groups are the numbers and choices that it names.
_MESSAGES: tuple[tuple[str, LazyString], ...] = (
    (r"Missing data for required field\.|Field may not be null\.", lazy_gettext("必填，不能为空。")),
    (r"Unknown field\.", lazy_gettext("没有这个字段，请检查名称。")),
    (r"Not a valid (?:string|utf-8 string)\.", lazy_gettext("应为文字。")),
    (r"Not a valid integer\.", lazy_gettext("应为整数。")),
    (r"Not a valid (?:number|decimal)\.|Number too large\.", lazy_gettext("应为数字。")),
    (r"Special numeric values .* are not permitted\.", lazy_gettext("应为数字。")),
    (r"Not a valid boolean\.", lazy_gettext("应为 true 或 false。")),
    (r"Not a valid date\.", lazy_gettext("应为日期，如 2026-01-31。")),
    (r"Not a valid datetime\.", lazy_gettext("应为日期和时间，如 2026-01-31T09:00:00+08:00。")),
    (r"Not a valid list\.", lazy_gettext("应为列表。")),
    (r"Not a valid mapping type\.|Invalid (?:input )?type\.", lazy_gettext("类型不对，应为对象。")),
    (r"Not a valid UUID\.", lazy_gettext("编号的格式不对。")),
    (r"Not a valid email address\.", lazy_gettext("邮箱地址的格式不对。")),
    (r"Invalid JSON body\.", lazy_gettext("请求正文不是有效的 JSON。")),
    (r"Must be one of: (?P<choices>.*)\.", lazy_gettext("应为以下之一：%(choices)s。")),
    (
        r"Must be greater than or equal to (?P<min>\S+) and less than or equal to (?P<max>\S+)\.",
        lazy_gettext("应在 %(min)s 到 %(max)s 之间。"),
    ),
    (r"Must be greater than or equal to (?P<min>\S+)\.", lazy_gettext("不能小于 %(min)s。")),
    (r"Must be greater than (?P<min>\S+)\.", lazy_gettext("应大于 %(min)s。")),
    (r"Must be less than or equal to (?P<max>\S+)\.", lazy_gettext("不能大于 %(max)s。")),
    (r"Must be less than (?P<max>\S+)\.", lazy_gettext("应小于 %(max)s。")),
    (r"Shorter than minimum length (?P<min>\d+)\.", lazy_gettext("长度不能少于 %(min)s。")),
    (r"Longer than maximum length (?P<max>\d+)\.", lazy_gettext("长度不能超过 %(max)s。")),
    (r"Length must be between (?P<min>\d+) and (?P<max>\d+)\.", lazy_gettext("长度应在 %(min)s 到 %(max)s 之间。")),
    (r"Length must be (?P<equal>\d+)\.", lazy_gettext("长度应为 %(equal)s。")),
    (r"String does not match expected pattern\.", lazy_gettext("格式不对。")),
    (r"Invalid (?:value|input)\.", lazy_gettext("值不对。")),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL), ours) for pattern, ours in _MESSAGES)


def translated(message: str) -> str:
    """Say a message of marshmallow's in the language of the request; any other message as it is."""
    for pattern, ours in _KNOWN:
        found = pattern.fullmatch(message)
        if found is not None:
            return str(ours) % found.groupdict() if found.groupdict() else str(ours)
    return message
