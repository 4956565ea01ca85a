"""Drafts: what they refuse, and the bytes that their hash is made of."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from ledger import AccountShapeError, Draft, InvalidDraft, Leg, uuid7
from ledger.journal import entry_id, entry_ids, transfer_id
from tests.ledger.factories import CLEARING, DAY, LINTAO, PREPAID, TIANJIN, a_leg, a_sale


def a_draft(**overrides: Any) -> Draft:
    fields: dict[str, Any] = {"book": "aid", "key": "k", "effective_on": DAY, "source": "s", "legs": (a_leg(),)}
    return Draft(**fields | overrides)


class TestDraft:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("book", "gold"),
            ("key", ""),
            ("key", " k"),
            ("key", "k\n"),
            ("key", "k" * 201),
            ("key", "\ud800"),
            ("key", 7),
            ("source", ""),
            ("source", "a\tb"),
            ("memo", "m" * 501),
            ("memo", "\x00"),
            ("memo", None),
            ("effective_on", datetime(2021, 9, 3, tzinfo=UTC)),
            ("effective_on", "2021-09-03"),
            ("legs", ()),
            ("legs", [a_leg()]),
            ("legs", (a_leg(1), a_leg(2))),
            ("legs", (a_leg(),) * 10_001),
        ],
    )
    def test_refuses_a_field_out_of_shape(self, field: str, value: Any) -> None:
        with pytest.raises(InvalidDraft) as caught:
            a_draft(**{field: value})
        assert caught.value.field == field

    @pytest.mark.parametrize("amount_fen", [0, -1, 10**15 + 1, True, 1.0, "1", None])
    def test_refuses_an_amount_that_is_none(self, amount_fen: Any) -> None:
        with pytest.raises(InvalidDraft):
            a_draft(legs=(a_leg(amount_fen),))

    @pytest.mark.parametrize("kind", ["", "Sale", "9", "a b", "k" * 65])
    def test_refuses_a_kind_out_of_shape(self, kind: str) -> None:
        with pytest.raises(InvalidDraft):
            a_draft(legs=(a_leg(kind=kind),))

    @pytest.mark.parametrize(
        ("debit", "credit"), [(LINTAO, TIANJIN), (TIANJIN, TIANJIN), (LINTAO, "county:621102:produce")]
    )
    def test_lets_assistance_flow_from_partner_to_county_only(self, debit: str, credit: str) -> None:
        with pytest.raises(InvalidDraft):
            a_draft(legs=(a_leg(debit=debit, credit=credit),))

    def test_takes_a_mirror_from_county_to_partner_only(self) -> None:
        mirrored = uuid7()

        assert a_draft(legs=(a_leg(debit=LINTAO, credit=TIANJIN),), reverses=mirrored).reverses == mirrored
        with pytest.raises(InvalidDraft):
            a_draft(reverses=mirrored)

    def test_refuses_an_account_of_the_other_book(self) -> None:
        with pytest.raises(AccountShapeError):
            a_draft(book="cash")
        with pytest.raises(InvalidDraft):
            a_draft(book="cash", legs=(Leg(CLEARING, CLEARING, 1, "capture"),))


class TestPayload:
    def test_has_the_bytes_that_it_always_had(self) -> None:
        draft = Draft(
            "cash",
            "order:7KQ2:capture",
            date(2021, 9, 3),
            "order:7KQ2",
            (Leg(CLEARING, PREPAID, 19900, "capture"), Leg("expense:payment_fee", CLEARING, 120, "fee")),
            memo="支付宝",
            reverses=UUID("01920000-0000-7000-8000-000000000000"),
        )

        assert draft.payload == (
            b"\0\0\0\x16ganwei.ledger.entry.v1\0\0\0\x04cash\0\0\0\x12order:7KQ2:capture\0\0\0\x0a2021-09-03"
            b"\0\0\0\x0aorder:7KQ2\0\0\0\x09\xe6\x94\xaf\xe4\xbb\x98\xe5\xae\x9d"
            b"\0\0\0\x2001920000000070008000000000000000\0\0\0\x012"
            b"\0\0\0\x15asset:clearing:stripe\0\0\0\x11liability:prepaid\0\0\0\x0519900\0\0\0\x07capture"
            b"\0\0\0\x13expense:payment_fee\0\0\0\x15asset:clearing:stripe\0\0\0\x03120\0\0\0\x03fee"
        )
        assert draft.payload_hash.hex() == "d189447e2c1937ab3be07b734dc495080b0e083481b2509274804cc403682475"

    def test_does_not_depend_on_the_order_of_the_legs(self) -> None:
        legs = (a_leg(1), a_leg(2, kind="gift"))

        assert a_sale("k", *legs).payload == a_sale("k", *reversed(legs)).payload

    def test_changes_with_every_field(self) -> None:
        other = [
            a_draft(),
            a_draft(key="l"),
            a_draft(effective_on=date(2021, 9, 4)),
            a_draft(source="t"),
            a_draft(memo="m"),
            a_draft(legs=(a_leg(1001),)),
            a_draft(legs=(a_leg(kind="gift"),)),
            a_draft(legs=(a_leg(credit="county:621102:produce"),)),
        ]

        assert len({draft.payload_hash for draft in other}) == len(other)


class TestIds:
    def test_are_of_version_7_and_sort_by_time(self) -> None:
        made = [uuid7() for _ in range(100)]

        assert {(identifier.version, identifier.variant) for identifier in made} == {(7, "specified in RFC 4122")}
        assert abs((made[0].int >> 80) / 1000 - datetime.now(UTC).timestamp()) < 5
        assert len(set(made)) == 100
        assert [identifier.int >> 80 for identifier in made] == sorted(identifier.int >> 80 for identifier in made)

    def test_of_transfers_follow_that_of_their_entry(self) -> None:
        entry = entry_id()

        assert transfer_id(entry, 1).int == entry.int + 1
        assert entry.int % 2**16 == 0

    def test_of_many_entries_count_up(self) -> None:
        ids = entry_ids()
        first, second = UUID(int=next(ids)), UUID(int=next(ids))

        assert first < second
        assert (second.version, second.variant) == (7, "specified in RFC 4122")
        assert transfer_id(first, 10_000) < second
