"""Products over HTTP."""

import json

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests import factories

PRODUCT = {
    "id",
    "name",
    "pinyin",
    "category",
    "county",
    "prefecture",
    "season_months",
    "storage",
    "gi",
    "image_url",
    "skus",
}
SKU = {"sku", "pack", "unit", "weight_g", "price_fen", "stock"}


class TestListProducts:
    def test_is_open_and_has_the_shape_that_clients_rely_on(self, client: FlaskClient) -> None:
        answer = client.get("/api/v1/products?q=huaniu")

        assert answer.status_code == 200
        (product,) = answer.get_json()
        assert "花牛苹果" in answer.get_data(as_text=True)  # as it is, not in escapes
        assert set(product) >= PRODUCT
        assert (product["category"], product["gi"], product["season_months"]) == (
            "produce",
            True,
            [9, 10, 11, 12, 1, 2, 3],
        )
        assert {"code": "620503", "name": "麦积区"}.items() <= product["county"].items()
        assert {"code": "620500", "name": "天水市"}.items() <= product["prefecture"].items()
        (sku,) = product["skus"]
        assert set(sku) >= SKU
        assert (sku["sku"], sku["weight_g"], sku["price_fen"], sku["stock"]) == ("GS027-1", 5000, 5900, 0)

    def test_pages_with_a_header(self, client: FlaskClient) -> None:
        answer = client.get("/api/v1/products?page=2&page_size=50")

        assert len(answer.get_json()) == 50
        assert json.loads(answer.headers["X-Pagination"]) == {
            "total": 181,
            "total_pages": 4,
            "page": 2,
            "page_size": 50,
        }

    def test_filters(self, client: FlaskClient, session: Session) -> None:
        factories.stock(session, "GS027-1", packs=2)

        available = client.get("/api/v1/products?available=true&county=620503&category=produce").get_json()

        assert [product["id"] for product in available] == ["GS027"]
        assert client.get("/api/v1/products?q=").status_code == 200
        assert client.get("/api/v1/products?category=nonsense").get_json() == []

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("colour=red", "colour"),
            ("page=0", "page"),
            ("page_size=201", "page_size"),
            ("available=perhaps", "available"),
            ("month=13", "month"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, client: FlaskClient, query: str, field: str) -> None:
        answer = client.get(f"/api/v1/products?{query}")

        assert answer.status_code == 422
        assert answer.content_type == "application/problem+json"
        assert [error["field"] for error in answer.get_json()["errors"]] == [field]


class TestGetProduct:
    def test_tells_unknown_from_no(self, client: FlaskClient) -> None:
        product = client.get("/api/v1/products/GS006").get_json()

        assert (product["gi"], product["skus"][0]["weight_g"]) == (True, None)
        assert client.get("/api/v1/products/GS002").get_json()["gi"] is None

    @pytest.mark.parametrize("product_id", ["GS999", "GS171"])
    def test_is_a_problem_for_what_is_not_for_sale(self, client: FlaskClient, product_id: str) -> None:
        answer = client.get(f"/api/v1/products/{product_id}")

        assert answer.status_code == 404
        assert answer.get_json()["type"].endswith("/not-found")
