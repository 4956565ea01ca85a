"""A view of the totals: what it is compared with, where its figures lead, and that its address says all of it."""

import json
import re
from datetime import date
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

import ledger
from shop.finance.figures import comparison
from shop.finance.figures.choice import Cut
from shop.finance.figures.pages import COUNTIES
from shop.identity.models import OrganisationKind, Role
from shop.registry import queries as registry
from tests import factories
from tests.finance.books import NET_FEN, post_all


@pytest.fixture
def finance(client: FlaskClient, session: Session) -> FlaskClient:
    post_all(session)
    factories.sign_in(client, factories.user(session, role=Role.FINANCE))
    return client


def page_of(client: FlaskClient, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def chart_of(page: str) -> dict[str, Any]:
    found = re.search(r"data-chart='([^']*)'", page)
    assert found is not None
    chart: dict[str, Any] = json.loads(found[1])
    return chart


def total_fen(page: str) -> int:
    """Add up the cards of the sides."""
    found = re.findall(r'gw-stat-value"><[^>]*>(−?)<span class="gw-currency">¥</span>([\d,.]+)<', page)
    return sum(ledger.parse_yuan(amount.replace(",", "")) * (-1 if sign else 1) for sign, amount in found)


def drawn_fen(chart: dict[str, Any]) -> int:
    if chart["kind"] == "flow":
        return sum(link["value"] for link in chart["links"])
    if chart["kind"] == "map":
        return sum(item["value"] for item in chart["items"]) + int(chart["unknown_fen"])
    return sum(sum(series["values"]) for series in chart["series"])


class TestPeriods:
    @pytest.mark.parametrize(
        ("since", "last", "before"),
        [
            (date(2021, 3, 1), date(2021, 3, 31), (date(2021, 2, 1), date(2021, 2, 28))),
            (date(2021, 1, 1), date(2021, 3, 31), (date(2020, 10, 1), date(2020, 12, 31))),
            (date(2021, 3, 5), date(2021, 3, 14), (date(2021, 2, 23), date(2021, 3, 4))),
            (date(2021, 1, 1), date(2021, 1, 1), (date(2020, 12, 31), date(2020, 12, 31))),
        ],
    )
    def test_before_months_come_months_and_before_days_days(
        self, since: date, last: date, before: tuple[date, date]
    ) -> None:
        assert comparison.previous(since, last) == before

    @pytest.mark.parametrize(
        ("since", "last", "before"),
        [
            (date(2024, 2, 29), date(2024, 2, 29), (date(2023, 2, 28), date(2023, 2, 28))),
            (date(2025, 2, 1), date(2025, 2, 28), (date(2024, 2, 1), date(2024, 2, 29))),
            (date(2021, 1, 1), date(2021, 11, 24), (date(2020, 1, 1), date(2020, 11, 24))),
        ],
    )
    def test_a_year_earlier_the_end_of_a_month_is_its_end(
        self, since: date, last: date, before: tuple[date, date]
    ) -> None:
        assert comparison.last_year(since, last) == before

    def test_change_is_exact_and_unknown_from_nothing(self) -> None:
        assert comparison.change_percent(150, 100) == Decimal("50.0")
        assert comparison.change_percent(0, 300) == Decimal("-100.0")
        assert comparison.change_percent(100, -100) == Decimal("200.0")
        assert comparison.change_percent(5, 0) is None

    @pytest.mark.parametrize("month", ["2021-01", "2021-12"])
    def test_a_shifted_month_comes_back(self, month: str) -> None:
        assert comparison.shifted_month(comparison.shifted_month(month, 11), -11) == month


class TestComparison:
    def test_shows_both_periods_the_difference_and_the_change(self, finance: FlaskClient) -> None:
        page = unescape(
            page_of(
                finance,
                "/finance/totals?cut=category&from=2021-09-01&to=2021-09-30&vs=custom&vs_from=2021-03-01&vs_to=2021-03-31",
            )
        )

        assert "2021-03-01 至 2021-03-31" in page
        subtotal = page.partition('data-line="subtotal"')[2]
        assert [int(fen) for fen in re.findall(r"</span>(\d+)\.\d\d</span>", subtotal.partition("</tr>")[0])] == [
            600,
            100,
            500,
        ]
        assert ">+500.0%<" in subtotal

    def test_months_stand_beside_their_months(self, finance: FlaskClient) -> None:
        page = page_of(finance, "/finance/totals?cut=month&from=2022-05-01&to=2022-05-31&vs=last-year")

        assert "2022-05（对比 2021-05）" in page
        assert chart_of(page)["before"] == [3200_32]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("period=all&vs=previous", "请先选定日期"),
            ("vs=custom", "请填写对比期间的起止日期"),
            ("vs=custom&vs_from=2021-02-01&vs_to=2021-01-01", "截止日期不能早于开始日期"),
            ("vs=never", "没有这种对比方式"),
        ],
    )
    def test_refuses_what_cannot_be_compared(self, finance: FlaskClient, query: str, field: str) -> None:
        answer = finance.get(f"/finance/totals?{query}")

        assert answer.status_code == 422
        assert field in answer.get_data(as_text=True)

    def test_the_api_gives_every_row_of_either_period(self, finance: FlaskClient, session: Session) -> None:
        headers = factories.bearer(session, factories.user(session, role=Role.AUDITOR))
        days = "from=2021-09-01&to=2021-09-30&compare_from=2021-03-01&compare_to=2021-03-31"

        body = finance.get(f"/api/v1/totals?by=category&{days}", headers=headers).get_json()

        rows = {row["category"]["code"]: row for row in body["rows"]}
        assert (body["total_fen"], body["compared"]["total_fen"]) == (600_06, 100_01)
        assert (rows["produce"]["amount_fen"], rows["produce"]["compared_fen"]) == (0, 100_01)
        assert (rows["produce"]["difference_fen"], rows["produce"]["change_percent"]) == (-100_01, "-100.0")
        assert rows["grain"]["change_percent"] is None
        half = finance.get("/api/v1/totals?compare_from=2021-03-01", headers=headers)
        assert [error["field"] for error in half.get_json()["errors"]] == ["compare_to"]


class TestChart:
    @pytest.mark.parametrize("cut", Cut)
    def test_draws_what_the_table_says(self, finance: FlaskClient, cut: Cut) -> None:
        page = page_of(finance, f"/finance/totals?cut={cut}&period=all")
        chart = chart_of(page)

        assert drawn_fen(chart) == total_fen(page) == NET_FEN
        assert "全部数字见下表" in page

    @pytest.mark.parametrize("cut", Cut)
    def test_a_click_leads_to_the_same_figure(self, finance: FlaskClient, cut: Cut) -> None:
        chart = chart_of(page_of(finance, f"/finance/totals?cut={cut}&period=all"))
        if chart["kind"] == "bars":
            figures = {
                item["url"]: sum(series["values"][number] for series in chart["series"])
                for number, item in enumerate(chart["items"])
            }
        else:
            figures = {item["url"]: item["value"] for item in chart.get("links", []) or chart["items"]}

        assert len(figures) > 2
        for url, amount_fen in figures.items():
            if amount_fen:
                assert total_fen(page_of(finance, url)) == amount_fen, url

    def test_is_absent_where_there_is_nothing(self, finance: FlaskClient) -> None:
        page = page_of(finance, "/finance/totals?from=2019-01-01&to=2019-12-31")

        assert "data-chart" not in page
        assert "js/charts.js" not in page

    def test_the_map_knows_the_counties_of_the_registry(self, finance: FlaskClient, session: Session) -> None:
        shapes = json.loads(finance.get("/finance/map/counties.json").data)

        assert shapes == json.loads(COUNTIES.read_text("utf-8"))
        assert {shape["properties"]["code"]: shape["properties"]["name"] for shape in shapes["features"]} == {
            county.code: county.name for county in registry.counties(session)
        }


class TestAddress:
    def test_a_fixed_link_opens_the_same_figures_after_more_was_posted(
        self, finance: FlaskClient, session: Session
    ) -> None:
        page = unescape(page_of(finance, "/finance/totals?cut=county&period=all&side=eastern"))
        found = re.search(r'gw-fixed.*?<a href="http://localhost([^"]+)"', page, re.DOTALL)
        assert found is not None
        leg = ledger.Leg("partner:120000:direct:union", "county:620821:grain", 77_77, "sale")
        ledger.post(session, ledger.Draft("aid", "late", date(2021, 9, 1), "sale:late", (leg,)))
        session.commit()

        assert total_fen(page_of(finance, found[1])) == total_fen(page)
        now = page_of(finance, "/finance/totals?cut=county&period=all&side=eastern")
        assert total_fen(now) == total_fen(page) + 77_77

    def test_an_officer_sees_no_other_partner_whatever_the_address_says(
        self, client: FlaskClient, session: Session
    ) -> None:
        post_all(session)
        home = factories.organisation(session, kind=OrganisationKind.PARTNER, partner_code="370200")
        factories.sign_in(client, factories.user(session, role=Role.PARTNER_OFFICER, organisation=home))

        for ending in ("", ".csv"):
            page = page_of(client, f"/finance/totals{ending}?period=all&partner=120000&cut=flow")
            assert "800.08" in page
            assert "620821" not in page
            assert "泾川" not in page
