"""The description of the API is true: nothing is answered that it does not say, whoever asks whatever.

A few requests an operation and person in `script/test`, more than 20,000 with GANWEI_PROFILE=nightly.
"""

import contextvars
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy.orm import Session

from shop.identity.models import Role
from tests import factories
from tests.profile import IS_NIGHTLY

EXAMPLES = 70 if IS_NIGHTLY else 3
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
)
EVERYBODY: tuple[Role | str | None, ...] = ("nobody", None, *Role)
"""A visitor, a person without a role, and one of each role."""
MALFORMED_BY = EVERYBODY if IS_NIGHTLY else ("nobody", Role.FINANCE)
PEOPLE = [
    (mode, who)
    for mode, those in ((GenerationMode.POSITIVE, EVERYBODY), (GenerationMode.NEGATIVE, MALFORMED_BY))
    for who in those
]


@pytest.fixture
def schema(app: Flask) -> Any:
    """Return the description, as a client would load it."""
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.fixture
def known(app: Flask, session: Session) -> dict[str, list[str]]:
    """Return what exists, by the name of a part of an address, so that requests get past its threshold."""
    factories.stock(session)
    buyer = factories.user(session)
    headers = factories.bearer(session, buyer)
    order = app.test_client().post("/api/v1/orders", json=factories.order_request(), headers=headers).get_json()
    return {
        "number": [order["number"]],
        "product_id": ["GS001"],
        "book": ["aid", "cash"],
        "month": ["2026-01", "2021-09"],
        "code": ["asset:bank:test", "partner:none:direct:online"],
        "sku": ["GS001-1"],
    }


def _headers(session: Session, who: Role | str | None) -> dict[str, str]:
    if who == "nobody":
        return {}
    return factories.bearer(session, factories.user(session, role=who if isinstance(who, Role) else None))


def _reach_something(case: Case, known: dict[str, list[str]], number: int) -> None:
    """Let every second request name things that exist: in its address and in the lines of its body."""
    if number % 2:
        return
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name][number // 2 % len(known[name])]
    body = case.body
    lines = body.get("lines") if isinstance(body, dict) else None
    for line in lines if isinstance(lines, list) else []:
        if isinstance(line, dict) and "sku" in line:
            line["sku"] = known["sku"][0]


def _vanishes(value: object) -> bool:
    """Return whether nothing of the value appears in a query: null, or a list of nothing."""
    return value is None or (isinstance(value, list | tuple) and all(map(_vanishes, value)))


def _asked(strategy: "st.SearchStrategy[Case]", ask: Callable[[Case], None]) -> None:
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        derandomize=not IS_NIGHTLY,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def run(case: Case) -> None:
        # In a context of its own, as over the network.
        contextvars.copy_context().run(ask, case)

    run()


def _operations(schema: Any) -> Iterator[Any]:
    found = [result.ok() for result in schema.get_all_operations()]
    # The last of them ends the token.
    yield from sorted(found, key=lambda operation: operation.method == "delete")


@pytest.mark.parametrize(("mode", "who"), PEOPLE, ids=lambda value: getattr(value, "value", str(value)))
def test_nothing_is_answered_that_the_description_does_not_say(
    schema: Any, session: Session, known: dict[str, list[str]], mode: GenerationMode, who: Role | str | None
) -> None:
    headers = _headers(session, who)
    session.rollback()
    asked = count()

    def ask(case: Case) -> None:
        # What vanishes on the way violates nothing.
        assume(not any(_vanishes(value) for value in (case.query or {}).values()))
        number = next(asked)
        if mode is GenerationMode.POSITIVE:
            _reach_something(case, known, number)
        case.call_and_validate(headers=headers, checks=CHECKS)

    for operation in _operations(schema):
        # To an operation without input nothing malformed can be said.
        with suppress(Unsatisfiable):
            _asked(operation.as_strategy(generation_mode=mode), ask)

    assert next(asked) >= EXAMPLES


def test_every_operation_is_described_whole(app: Flask) -> None:
    description = app.test_client().get("/api/v1/openapi.json").get_json()
    operations = {
        f"{method.upper()} {path}": operation
        for path, item in description["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/v1/")]

    assert len(operations) == sum(len((rule.methods or set()) - {"HEAD", "OPTIONS"}) for rule in rules) - len(
        {"docs", "openapi.json"}
    )
    for name, operation in operations.items():
        assert operation["summary"], name
        assert "default" not in operation["responses"], name
        assert any(status.startswith("2") for status in operation["responses"]), name
