"""Numbers of invoices."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shop.assistance.invoices import InvoiceNumberError, canonical_number

TODAY = date(2026, 11, 23)
REGIONS = ("11", "12", "37", "62", "65", "91", "94")

digital = st.builds(
    lambda year, region, rest: f"{year}{region}{rest:016d}",
    st.integers(21, 26),
    st.sampled_from(REGIONS),
    st.integers(0, 10**16 - 1),
)
older = st.tuples(
    st.sampled_from([10, 12]).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size)),
    st.text("0123456789", min_size=8, max_size=8),
)


def full_width(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if sign.isascii() and sign.isdigit() else sign for sign in text)


class TestDigital:
    @given(number=digital, cut=st.integers(0, 20), separator=st.sampled_from([" ", "  ", "-", "　", "_"]))
    def test_is_known_however_it_is_written(self, number: str, cut: int, separator: str) -> None:
        written = f" {number[:cut]}{separator}{number[cut:]} " if cut else number

        assert canonical_number(written, today=TODAY) == number
        assert canonical_number(full_width(written), today=TODAY) == number

    @pytest.mark.parametrize(
        "number",
        [
            "27622000000012345678",  # a year to come
            "20622000000012345678",  # before there were any
            "24992000000012345678",  # no tax office
            "06200190010412345678",  # an older code and number run together
        ],
    )
    def test_refuses_twenty_digits_that_cannot_be_one(self, number: str) -> None:
        with pytest.raises(InvoiceNumberError, match="代码-号码"):
            canonical_number(number, today=TODAY)


class TestOlder:
    @given(parts=older, separator=st.sampled_from([" ", "-", "－", "/"]))
    def test_keeps_code_and_number_apart(self, parts: tuple[str, str], separator: str) -> None:
        code, number = parts
        assume((code + number).strip("0"))
        written = f"{code}{separator}{number}"

        canonical = canonical_number(written, today=TODAY)

        assert canonical in {f"{code}-{number}", code + number}
        assert canonical_number(canonical, today=TODAY) == canonical

    def test_reads_eighteen_digits_as_code_and_number(self) -> None:
        assert canonical_number("620019113012345678", today=TODAY) == "6200191130-12345678"

    def test_takes_a_digital_number_in_two_pieces_for_what_it_is(self) -> None:
        assert canonical_number("246220000000-12345678", today=TODAY) == "24622000000012345678"

    def test_asks_for_the_code(self) -> None:
        with pytest.raises(InvoiceNumberError, match="发票代码"):
            canonical_number("12345678", today=TODAY)


class TestRefusals:
    @pytest.mark.parametrize("text", ["-24622000000012345678", "红字24622000000012345678", "－24622000000012345678"])
    def test_red_letter_is_no_evidence(self, text: str) -> None:
        with pytest.raises(InvoiceNumberError, match="红字"):
            canonical_number(text, today=TODAY)

    @given(text=st.text(max_size=40))
    def test_any_text_is_refused_or_canonical(self, text: str) -> None:
        try:
            canonical = canonical_number(text, today=TODAY)
        except InvoiceNumberError:
            return
        assert canonical_number(canonical, today=TODAY) == canonical
        assert len(canonical.replace("-", "")) in {18, 20}

    @pytest.mark.parametrize("text", ["", "  ", "00000000000000000000", "2462200000001234567", "2462200000001234567A"])
    def test_what_is_no_number_is_refused(self, text: str) -> None:
        with pytest.raises(InvoiceNumberError):
            canonical_number(text, today=TODAY)
