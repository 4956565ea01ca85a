"""Decisions about off-platform sales."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

import ledger
from shop.assistance import rules
from shop.assistance.models import EvidenceKind, SaleMode, SaleStatus
from shop.assistance.rules import KnownCodes, OwnReport, Paper, SaleDraft, WrongState
from shop.errors import InvalidInput, NotAllowed
from shop.identity.actor import Actor
from shop.identity.models import Role

TODAY = date(2026, 11, 23)
KNOWN = KnownCodes(
    partners=frozenset({"120000"}),
    channels=frozenset({"market"}),
    counties=frozenset({"620821", "unknown"}),
    categories=frozenset({"produce"}),
)
SLIP = Paper(EvidenceKind.BANK_SLIP, "AB 1")
DRAFT = SaleDraft(
    reference="T-1",
    partner="120000",
    mode=SaleMode.ASSISTED,
    channel="market",
    county="620821",
    category="produce",
    product="苹果",
    quantity=Decimal("1.5"),
    unit="箱",
    amount_fen=100,
    sold_on=TODAY,
    buyer="某超市",
    evidence=(Paper(EvidenceKind.INVOICE, "24622000000012345678"),),
)


def actor(*roles: Role, partner: str | None = None) -> Actor:
    return Actor(ledger.uuid7(), "某人", "x@example.com", partner_code=partner, roles=frozenset(roles))


class TestNormalised:
    def test_brings_every_spelling_to_one(self) -> None:
        typed = replace(
            DRAFT,
            reference=" Ｔ-1 ",
            product="  泾川　 苹果 ",
            evidence=(
                Paper(EvidenceKind.INVOICE, "２４６２ 2000 0000 1234 5678"),
                Paper(EvidenceKind.PLATFORM_ORDER, " jd 123 456"),
            ),
        )

        tidy = rules.normalised(typed, known=KNOWN, today=TODAY)

        assert tidy.reference == "T-1"
        assert tidy.product == "泾川 苹果"
        assert [paper.number for paper in tidy.evidence] == ["24622000000012345678", "JD123456"]

    @pytest.mark.parametrize(
        ("field", "value", "blamed"),
        [
            ("reference", "", "reference"),
            ("reference", "a b", "reference"),
            ("reference", "T-1:reversal", "reference"),
            ("reference", "new", "reference"),
            ("reference", "../x", "reference"),
            ("partner", "370200", "partner"),
            ("channel", "moon", "channel"),
            ("county", "110101", "county"),
            ("category", "gold", "category"),
            ("product", " ", "product"),
            ("product", "苹果\x00", "product"),
            ("buyer", "字" * 201, "buyer"),
            ("quantity", Decimal(0), "quantity"),
            ("quantity", Decimal(-1), "quantity"),
            ("quantity", Decimal("1.0001"), "quantity"),
            ("quantity", Decimal("NaN"), "quantity"),
            ("quantity", Decimal("Infinity"), "quantity"),
            ("amount_fen", 0, "amount_fen"),
            ("amount_fen", -1, "amount_fen"),
            ("amount_fen", 10**14, "amount_fen"),
            ("sold_on", date(2026, 11, 24), "sold_on"),
            ("sold_on", date(2015, 12, 31), "sold_on"),
            ("evidence", (), "evidence"),
            ("evidence", (Paper(EvidenceKind.INVOICE, "1"),), "evidence.0.number"),
            ("evidence", (Paper(EvidenceKind.PLATFORM_ORDER, "12345"),), "evidence.0.number"),
            ("evidence", (Paper(EvidenceKind.CONTRACT, "a\x00b"),), "evidence.0.number"),
            (
                "evidence",
                (Paper(EvidenceKind.BANK_SLIP, "AB 1"), Paper(EvidenceKind.BANK_SLIP, "ab1")),
                "evidence.1.number",
            ),
        ],
    )
    def test_names_the_field_that_is_wrong(self, field: str, value: Any, blamed: str) -> None:
        wrong = replace(DRAFT, **{field: value})

        with pytest.raises(InvalidInput) as refused:
            rules.normalised(wrong, known=KNOWN, today=TODAY)

        assert [error.field for error in refused.value.errors] == [blamed]

    def test_names_all_that_is_wrong_at_once(self) -> None:
        wrong = replace(DRAFT, unit="", amount_fen=0, partner="x")

        with pytest.raises(InvalidInput) as refused:
            rules.normalised(wrong, known=KNOWN, today=TODAY)

        assert {error.field for error in refused.value.errors} == {"unit", "amount_fen", "partner"}


class TestReporter:
    def test_lets_an_operator_report_for_anybody(self) -> None:
        rules.check_reporter(actor(Role.OPERATOR), "370200")

    def test_lets_an_officer_report_for_their_own_partner(self) -> None:
        rules.check_reporter(actor(Role.PARTNER_OFFICER, partner="120000"), "120000")

    @pytest.mark.parametrize(
        "who",
        [
            actor(Role.PARTNER_OFFICER, partner="370200"),
            actor(Role.PARTNER_OFFICER),
            actor(Role.FINANCE),
            actor(Role.AUDITOR),
            actor(Role.CANTEEN, partner="120000"),
            actor(),
        ],
    )
    def test_refuses_everybody_else(self, who: Actor) -> None:
        with pytest.raises(NotAllowed):
            rules.check_reporter(who, "120000")


class TestDecision:
    def test_follows_the_table_and_nothing_else(self) -> None:
        legal = {
            (SaleStatus.REPORTED, SaleStatus.CONFIRMED),
            (SaleStatus.REPORTED, SaleStatus.REJECTED),
            (SaleStatus.CONFIRMED, SaleStatus.REVERSED),
        }
        for status, target in product(SaleStatus, (SaleStatus.CONFIRMED, SaleStatus.REJECTED, SaleStatus.REVERSED)):
            if (status, target) in legal:
                rules.check_decision(actor(Role.FINANCE), status=status, target=target, is_reporter=False)
            else:
                with pytest.raises(WrongState):
                    rules.check_decision(actor(Role.FINANCE), status=status, target=target, is_reporter=False)

    @pytest.mark.parametrize("target", [SaleStatus.CONFIRMED, SaleStatus.REJECTED])
    def test_needs_a_second_person(self, target: SaleStatus) -> None:
        with pytest.raises(OwnReport):
            rules.check_decision(actor(Role.OPERATOR), status=SaleStatus.REPORTED, target=target, is_reporter=True)

    @pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.PARTNER_OFFICER, Role.CANTEEN])
    def test_leaves_reversing_to_finance(self, role: Role) -> None:
        with pytest.raises(NotAllowed):
            rules.check_decision(
                actor(role), status=SaleStatus.CONFIRMED, target=SaleStatus.REVERSED, is_reporter=False
            )

    def test_offers_on_a_page_exactly_what_it_allows(self) -> None:
        for role, status, target, is_reporter in product(Role, SaleStatus, SaleStatus, (True, False)):
            if target is SaleStatus.REPORTED:
                continue
            who = actor(role)
            offered = target in rules.decisions(who, status=status, is_reporter=is_reporter)
            try:
                rules.check_decision(who, status=status, target=target, is_reporter=is_reporter)
            except (NotAllowed, WrongState):
                assert not offered
            else:
                assert offered
