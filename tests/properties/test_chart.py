"""What holds for all account codes."""

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from ledger import BOOKS, AccountShapeError, county_account, parse, partner_account
from ledger.chart import account_id

digits = st.from_regex(r"[0-9]{6}", fullmatch=True)
partner_codes = digits | st.from_regex(r"C-[a-z0-9-]{1,40}", fullmatch=True) | st.just("none")
county_codes = digits | st.just("unknown")
channels = st.from_regex(r"[a-z][a-z0-9_]{0,31}", fullmatch=True)
categories = st.from_regex(r"[a-z]{1,32}", fullmatch=True)


@given(code=partner_codes, mode=st.sampled_from(["direct", "assisted"]), channel=channels)
def test_a_partners_account_gives_back_its_parts(code: str, mode: str, channel: str) -> None:
    account = parse("aid", partner_account(code, mode, channel))

    assert (account.kind, account.parts) == ("partner", (code, mode, channel))


@given(code=county_codes, category=categories)
def test_a_countys_account_gives_back_its_parts(code: str, category: str) -> None:
    account = parse("aid", county_account(code, category))

    assert (account.kind, account.parts) == ("county", (code, category))


@given(first=st.text(), second=st.text(), third=st.text())
@example(first="120000:direct", second="direct", third="canteen")
@example(first="120000", second="direct", third="canteen\n")
def test_no_text_makes_an_account_with_other_parts(first: str, second: str, third: str) -> None:
    with contextlib.suppress(AccountShapeError):
        assert parse("aid", partner_account(first, second, third)).parts == (first, second, third)
    with contextlib.suppress(AccountShapeError):
        assert parse("aid", county_account(first, second)).parts == (first, second)


@given(book=st.sampled_from(BOOKS) | st.text(), code=st.text())
def test_any_text_is_an_account_or_a_refusal(book: str, code: str) -> None:
    with contextlib.suppress(AccountShapeError):
        account = parse(book, code)
        assert account.code == ":".join((account.kind, *account.parts)) == code
        assert account.id == account_id(book, code)
