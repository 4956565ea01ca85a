from hypothesis import given
from hypothesis import strategies as st

from shop.orders import rules
from shop.orders.models import OrderStatus, PaymentMethod

ENOUGH = 200


class TestNewNumber:
    def test_is_random_and_found_in_what_a_payer_types(self) -> None:
        numbers = {rules.new_number() for _ in range(ENOUGH)}

        assert len(numbers) == ENOUGH
        for number in numbers:
            assert rules.find_number(f"货款{number[:6].lower()} {number[6:]}谢谢") == number

    @given(st.text(max_size=60))
    def test_is_never_found_in_two_versions(self, text: str) -> None:
        found = rules.find_number(text)

        assert found is None or (found.startswith("GW") and len(found) == len("GW") + rules.NUMBER_LENGTH)


class TestFindNumber:
    def test_forgives_letters_that_look_like_digits(self) -> None:
        assert rules.find_number("GWO1I2L34567AB") == "GW01121 34567AB".replace(" ", "")

    def test_finds_nothing_when_two_orders_are_named(self) -> None:
        assert rules.find_number("GW000000000001 GW000000000002") is None

    def test_finds_nothing_in_other_words(self) -> None:
        assert rules.find_number("十一月食堂货款") is None


class TestDemand:
    def test_sums_the_lines_of_one_item(self) -> None:
        assert rules.demand([("a", 2), ("b", 1), ("a", 3)]) == {"a": 5, "b": 1}


class TestFreight:
    def test_is_free_for_organisations_and_from_99_yuan(self) -> None:
        assert rules.freight_fen(98_99, for_organisation=False) == rules.FREIGHT_FEN
        assert rules.freight_fen(99_00, for_organisation=False) == 0
        assert rules.freight_fen(1, for_organisation=True) == 0


class TestMayBecome:
    def test_knows_no_way_out_of_an_ended_order(self) -> None:
        for status in OrderStatus:
            assert not rules.may_become(OrderStatus.CANCELLED, status)
            assert not rules.may_become(OrderStatus.REFUNDED, status)

    def test_lets_nobody_cancel_what_was_paid_or_accepted(self) -> None:
        assert rules.may_cancel(OrderStatus.AWAITING_PAYMENT, paid_fen=0)
        assert not rules.may_cancel(OrderStatus.AWAITING_PAYMENT, paid_fen=1)
        assert not rules.may_cancel(OrderStatus.PAID, paid_fen=0)
        assert not rules.may_cancel(OrderStatus.ACCEPTED, paid_fen=0)

    def test_starts_with_goods_on_account_and_with_money_otherwise(self) -> None:
        assert rules.first_status(PaymentMethod.ON_ACCOUNT) is OrderStatus.AWAITING_ACCEPTANCE
        assert rules.first_status(PaymentMethod.BANK_TRANSFER) is OrderStatus.AWAITING_PAYMENT
