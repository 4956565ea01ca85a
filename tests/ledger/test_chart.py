"""The chart of accounts: legal codes and no others."""

from uuid import UUID

import pytest

from ledger import Account, AccountShapeError, county_account, parse, partner_account

LEGAL = [
    ("aid", "partner:120000:direct:canteen", "partner"),
    ("aid", "partner:C-energy-group:assisted:live", "partner"),
    ("aid", "partner:none:direct:platform", "partner"),
    ("aid", "county:621102:produce", "county"),
    ("aid", "county:unknown:grain", "county"),
    ("cash", "asset:clearing:stripe", "asset"),
    ("cash", "asset:bank:CCB-01", "asset"),
    ("cash", "asset:receivable:0190f3a2-7c6e-7a0b-8000-000000000001", "asset"),
    ("cash", "liability:prepaid", "liability"),
    ("cash", "liability:supplier:S1", "liability"),
    ("cash", "liability:unallocated", "liability"),
    ("cash", "income:commission", "income"),
    ("cash", "income:freight", "income"),
    ("cash", "expense:payment_fee", "expense"),
]
ILLEGAL = [
    ("aid", "liability:prepaid"),
    ("cash", "county:621102:produce"),
    ("gold", "county:621102:produce"),
    ("aid", "partner:12000:direct:canteen"),
    ("aid", "partner:120000:gift:canteen"),
    ("aid", "partner:120000:direct:Canteen"),
    ("aid", "partner:120000:direct:canteen:more"),
    ("aid", "partner:C-:direct:canteen"),
    ("aid", "county:621102:produce\n"),
    ("aid", "county:62110２:produce"),
    ("aid", "county:621102:"),
    ("aid", ""),
    ("cash", "asset:clearing:alipay"),
    ("cash", "asset:bank:"),
    ("cash", "asset:bank:a b"),
    ("cash", "income:commission:2"),
]


class TestParse:
    @pytest.mark.parametrize(("book", "code", "kind"), LEGAL)
    def test_reads_every_legal_account(self, book: str, code: str, kind: str) -> None:
        account = parse(book, code)

        assert (account.book, account.code, account.kind) == (book, code, kind)
        assert ":".join((account.kind, *account.parts)) == code

    @pytest.mark.parametrize(("book", "code"), ILLEGAL)
    def test_refuses_every_other(self, book: str, code: str) -> None:
        with pytest.raises(AccountShapeError) as caught:
            parse(book, code)
        assert (caught.value.book, caught.value.code) == (book, code)


class TestNames:
    def test_put_an_account_together(self) -> None:
        assert partner_account("C-energy", "assisted", "live") == "partner:C-energy:assisted:live"
        assert county_account("unknown", "grain") == "county:unknown:grain"

    def test_cannot_smuggle_in_another_part(self) -> None:
        with pytest.raises(AccountShapeError):
            county_account("621102:produce", "grain")


class TestAccount:
    def test_grows_on_its_own_side(self) -> None:
        sides = {code: parse(book, code).is_debit_normal for book, code, _ in LEGAL}

        assert sides["partner:none:direct:platform"]
        assert sides["asset:bank:CCB-01"]
        assert sides["expense:payment_fee"]
        assert not sides["county:621102:produce"]
        assert not sides["liability:prepaid"]
        assert not sides["income:freight"]

    def test_has_an_id_that_never_changes(self) -> None:
        account = Account("aid", "county:621102:produce", "county", ("621102", "produce"))

        assert account.id == UUID("65ab75d3-8fcb-eb68-6c0a-c10b5948dd48")
