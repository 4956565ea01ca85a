"""The same sheet twice changes nothing, and equal rows are counted as often as they truly come."""

import csv
import io

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.assistance.imports import queries
from shop.assistance.imports.files import verdicts
from shop.assistance.imports.models import Outcome, SaleImport
from shop.assistance.imports.work import run as work
from shop.assistance.models import Sale
from shop.identity.actor import Actor
from tests.assistance.imports.conftest import Importer, faults, outcomes, row, sheet


def count(session: Session) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(Sale)) or 0


def mended(session: Session, done: SaleImport, *, only: bool = True, **cells: str) -> bytes:
    """Return the file of verdicts with cells of its rejected rows put right."""
    wanted = (Outcome.REJECTED, Outcome.WITHHELD) if only else tuple(Outcome)
    text = "".join(verdicts.as_csv(done, queries.verdicts(session, done, outcomes=wanted), language="zh"))
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    for one in rows:
        if one["导入结果"] == "未通过":
            one.update(cells)
    return sheet(*rows, headings=list(rows[0]))


class TestTheSameSheetTwice:
    def test_changes_nothing(self, session: Session, read: Importer) -> None:
        data = sheet(row(), row(产品="静宁苹果"), row(编号="A-1", 产品="花牛苹果"))

        first, second = read(data), read(data)

        assert (first.accepted, first.duplicate, first.rejected) == (3, 0, 0)
        assert (second.accepted, second.duplicate, second.rejected) == (0, 3, 0)
        assert count(session) == 3

    def test_changes_nothing_in_another_encoding_and_order_of_columns(self, session: Session, read: Importer) -> None:
        read(sheet(row(), row(产品="静宁苹果")))
        rows = [row(), row(产品="静宁苹果")]

        again = read(sheet(*rows, headings=sorted(row()), encoding="gb18030", delimiter=";"))

        assert (again.accepted, again.duplicate) == (0, 2)
        assert count(session) == 2

    def test_changes_nothing_after_a_colleague_sent_it(
        self, session: Session, read: Importer, officer: Actor, operator: Actor
    ) -> None:
        read(sheet(row()), by=officer)

        assert read(sheet(row()), by=operator).duplicate == 1
        assert count(session) == 1


class TestEqualRows:
    def test_both_count(self, session: Session, read: Importer) -> None:
        done = read(sheet(row(), row()))

        assert done.accepted == 2
        assert count(session) == 2
        assert read(sheet(row(), row())).duplicate == 2
        assert count(session) == 2

    def test_a_third_one_later_is_one_more(self, session: Session, read: Importer) -> None:
        read(sheet(row(), row()))

        assert outcomes(session, read(sheet(row(), row(), row()))) == ["duplicate", "duplicate", "accepted"]

    def test_count_across_pieces(self, session: Session, read: Importer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(work, "ROWS_A_PIECE", 2)

        assert read(sheet(*[row()] * 5)).accepted == 5
        assert read(sheet(*[row()] * 5)).duplicate == 5
        assert count(session) == 5

    def test_with_one_reference_are_one_sale(self, session: Session, read: Importer) -> None:
        done = read(sheet(row(编号="A-1"), row(编号="A-1"), row(编号="A-1", 产品="静宁苹果")))

        assert outcomes(session, done) == ["accepted", "duplicate", "rejected"]
        assert faults(session, done)[0][:3] == (4, "编号", "A-1")

    def test_with_one_invoice_are_a_double_claim(self, session: Session, read: Importer) -> None:
        claim = {"凭证种类": "发票", "凭证编号": "21622000000000000017"}

        done = read(sheet(row(**claim), row(**claim)))

        assert outcomes(session, done) == ["accepted", "rejected"]
        assert faults(session, done)[0][1:3] == ("凭证编号", "21622000000000000017")
        assert outcomes(session, read(sheet(row(**claim), row(**claim)))) == ["duplicate", "rejected"]


class TestMendedRows:
    def test_are_accepted_and_the_others_are_duplicates(self, session: Session, read: Importer) -> None:
        done = read(sheet(row(), row(产品="静宁苹果", 数量="many"), row(产品="花牛苹果")))
        assert outcomes(session, done) == ["accepted", "rejected", "accepted"]

        again = read(mended(session, done, only=False, 数量="12"))

        assert outcomes(session, again) == ["duplicate", "accepted", "duplicate"]
        assert read(mended(session, done, only=False, 数量="12")).duplicate == 3
        assert count(session) == 3

    def test_that_now_equal_an_accepted_row_count_beside_it(self, session: Session, read: Importer) -> None:
        done = read(sheet(row(), row(数量="many")))

        again = read(mended(session, done, 数量="120.5"))

        assert again.accepted == 1
        assert count(session) == 2
        assert read(mended(session, done, 数量="120.5")).duplicate == 1
        assert read(sheet(row(), row())).duplicate == 2
        assert count(session) == 2

    def test_may_be_mended_in_several_turns(self, session: Session, read: Importer) -> None:
        done = read(sheet(row(数量="many"), row(数量="many") | {"金额（元）": "x"}))

        half = read(mended(session, done, 数量="120.5"))
        assert outcomes(session, half) == ["accepted", "rejected"]
        rest = read(mended(session, half, **{"金额（元）": "1234.56"}))

        assert outcomes(session, rest) == ["accepted"]
        assert count(session) == 2
        assert read(sheet(row(), row())).duplicate == 2

    def test_cannot_change_what_was_accepted(self, session: Session, read: Importer) -> None:
        done = read(sheet(row()))
        text = "".join(verdicts.as_csv(done, queries.verdicts(session, done, outcomes=tuple(Outcome)), language="zh"))

        again = read(text.replace("泾川苹果", "静宁苹果").encode())

        assert outcomes(session, again) == ["rejected"]
        assert faults(session, again)[0][1] == "导入行标识"
        assert count(session) == 1

    def test_of_a_sheet_that_was_withheld_are_all_accepted(self, session: Session, read: Importer) -> None:
        done = read(sheet(row(编号="A"), row(编号="A"), row(编号="B", 数量="many")), whole=True)
        assert outcomes(session, done) == ["withheld", "withheld", "rejected"]
        assert (done.accepted, done.withheld, done.duplicate, done.accepted_fen) == (0, 2, 0, 0)
        assert count(session) == 0

        again = read(mended(session, done, 数量="1"), whole=True)

        assert outcomes(session, again) == ["accepted", "duplicate", "accepted"]
        assert count(session) == 2
