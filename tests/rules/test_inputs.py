"""What no request may carry is refused in words, never by a crash."""

import io
import json
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from shop.identity.models import Role
from tests import factories

HALF_PAIR = "\ud800"
RECEIPT = {"amount_fen": 1, "paid_on": "2026-01-01", "payer": "某公司", "reference": "货款"}


def post(client: FlaskClient, session: Session, body: str) -> tuple[int, list[str]]:
    """Send a bank receipt as typed; return the status and the fields to blame."""
    finance = factories.user(session, role=Role.FINANCE)
    headers = factories.bearer(session, finance) | {"Content-Type": "application/json", "Idempotency-Key": "k"}
    answer = client.post("/api/v1/bank-receipts", data=body, headers=headers)
    assert answer.content_type == "application/problem+json"
    return answer.status_code, [error["field"] for error in answer.get_json()["errors"]]


@pytest.mark.parametrize("text", ["a\x00b", HALF_PAIR])
@pytest.mark.parametrize("field", ["payer", "reference"])
def test_text_that_cannot_be_stored_is_refused_by_the_name_of_its_field(
    client: FlaskClient, session: Session, field: str, text: str
) -> None:
    body = json.dumps(RECEIPT | {field: text})

    assert post(client, session, body) == (HTTPStatus.UNPROCESSABLE_ENTITY, [field])


@pytest.mark.parametrize("name", ["a\x00b", f"a{HALF_PAIR}b"])
def test_a_name_that_cannot_be_stored_is_refused(client: FlaskClient, session: Session, name: str) -> None:
    assert post(client, session, json.dumps(RECEIPT | {name: 1})) == (HTTPStatus.UNPROCESSABLE_ENTITY, ["ab"])


def test_a_number_of_thousands_of_digits_is_refused(client: FlaskClient, session: Session) -> None:
    body = json.dumps(RECEIPT).replace(": 1,", f": {'9' * 5000},")

    assert post(client, session, body) == (HTTPStatus.UNPROCESSABLE_ENTITY, [])


def test_json_nested_too_deep_is_refused(client: FlaskClient, session: Session) -> None:
    assert post(client, session, "[" * 100_000) == (HTTPStatus.UNPROCESSABLE_ENTITY, [])


@pytest.mark.parametrize("body", ["{", "\udcff", '{"a": tru}'])
def test_what_is_no_json_is_refused(client: FlaskClient, session: Session, body: str) -> None:
    finance = factories.user(session, role=Role.FINANCE)
    headers = factories.bearer(session, finance) | {"Content-Type": "application/json"}

    answer = client.post("/api/v1/bank-receipts", data=body.encode("utf-8", "surrogateescape"), headers=headers)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize("address", ["/?q=%00", "/products/%00", "/api/v1/products?q=%00"])
def test_nul_in_an_address_is_refused(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == HTTPStatus.UNPROCESSABLE_ENTITY


@pytest.mark.parametrize("page", ["-1", "0", "9" * 30, "1e9", "١"])
def test_an_odd_page_number_breaks_no_list(client: FlaskClient, session: Session, page: str) -> None:
    factories.sign_in(client, factories.user(session, role=Role.FINANCE))

    for path in ("/", "/orders", "/sales", "/finance/receipts", "/finance/accounts"):
        assert client.get(path, query_string={"page": page}).status_code in {HTTPStatus.OK, HTTPStatus.FOUND}


class TestPage:
    @pytest.fixture
    def token(self, client: FlaskClient, session: Session) -> str:
        """Return a token for forms of somebody with something in the basket."""
        factories.stock(session)
        factories.sign_in(client, factories.user(session))
        token = factories.csrf_token(client.get("/").get_data(as_text=True))
        client.post("/basket/lines", data={"sku": "GS001-1", "quantity": "1", "csrf_token": token})
        return token

    def test_takes_no_file_for_a_text(self, client: FlaskClient, token: str) -> None:
        form = {"csrf_token": token, "name": (io.BytesIO(b"name"), "name.txt")}

        answer = client.post("/checkout", data=form, content_type="multipart/form-data")

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "这个页面只接受文字表单" in answer.get_data(as_text=True)

    @pytest.mark.parametrize("path", ["/login", "/checkout"])
    @pytest.mark.parametrize("body", [1, "x", {"name": 1, "email": 1, "password": 1}, {"name": [1], "email": [1]}])
    def test_takes_no_json_for_a_form(self, client: FlaskClient, token: str, path: str, body: object) -> None:
        answer = client.post(path, json=body, headers={"X-CSRFToken": token})

        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
        assert "这个页面只接受文字表单" in answer.get_data(as_text=True)
