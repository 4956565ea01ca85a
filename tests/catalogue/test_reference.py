"""Loading the reference files: repeatable, whole or not at all, and it says what it did."""

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from shop.catalogue.models import Producer, Product, Sku
from shop.catalogue.reference import load_reference
from shop.registry.files import BadReferenceFiles
from shop.registry.models import Pairing, Region
from shop.registry.service import DATA
from shop.registry.sync import Change

KINDS = [
    "region",
    "partner",
    "pairing",
    "channel",
    "category",
    "declared_figure",
    "counting_rule",
    "producer",
    "product",
    "sku",
]

Edit = Callable[[str, str, str, str], None]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a folder with a copy of the files that we ship."""
    return shutil.copytree(DATA, tmp_path / "data")


@pytest.fixture
def edit(files: Path) -> Edit:
    """Return a function that changes one cell: file, value of the row's first column, column, new value."""

    def change(name: str, code: str, column: str, value: str) -> None:
        path = files / name
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        (row,) = [row for row in rows if next(iter(row.values())) == code or row.get("code") == code]
        row[column] = value
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    return change


@pytest.fixture
def rolled_back(session: Session) -> Iterator[Session]:
    """Return a session whose changes are gone after the test."""
    yield session
    session.rollback()


@pytest.fixture
def emptied(app: Flask, superuser: sa.Engine) -> Iterator[Session]:
    """Return a session in which what we ship is gone; it is back after the test."""
    with app.app_context(), Session(superuser) as session:
        # Else PostgreSQL would look for rows that hold on to these, which takes a right that no owner has.
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for model in (Sku, Product, Producer, Pairing):
            session.execute(sa.delete(model))
        session.execute(sa.text("SET LOCAL session_replication_role = origin"))
        yield session
        session.rollback()


@pytest.fixture
def shipped_again(app: Flask) -> Iterator[Flask]:
    """Return the application for a command that commits; the shipped files are loaded after it."""
    yield app
    app.test_cli_runner().invoke(args=["reference", "load"])


def by_kind(changes: list[Change]) -> dict[str, Change]:
    return {change.kind: change for change in changes}


class TestLoadReference:
    def test_changes_nothing_when_repeated(self, rolled_back: Session) -> None:
        changes = load_reference(rolled_back)

        assert [change.kind for change in changes] == KINDS
        assert all(change.is_nothing and change.unchanged for change in changes)

    def test_fills_empty_tables(self, emptied: Session) -> None:
        changes = by_kind(load_reference(emptied))

        assert {kind: len(change.added) for kind, change in changes.items() if change.added} == {
            "pairing": 57,
            "producer": 71,
            "product": 185,
            "sku": 185,
        }
        sku = emptied.scalars(sa.select(Sku).where(Sku.code == "GS001-1")).one()
        assert (sku.pack, sku.weight_g, sku.price_fen, sku.is_price_illustrative, sku.stock) == (
            "5kg/箱",
            5000,
            2990,
            True,
            0,
        )
        assert emptied.scalar(sa.select(Producer.name).where(Producer.code == "S-620503")) == "麦积区产地供货方"

    def test_ships_only_pairings_that_a_source_bears(self, rolled_back: Session) -> None:
        verdicts = set(rolled_back.scalars(sa.select(Pairing.verification)))
        ways = rolled_back.scalars(sa.select(Pairing.since_precision).distinct())

        assert verdicts == {"verified", "derived", "supported"}
        assert set(ways) == {"year", "month", None}

    def test_calls_an_indication_protected_only_where_a_source_says_so(self, rolled_back: Session) -> None:
        numbers = dict(rolled_back.execute(sa.select(Product.gi, sa.func.count()).group_by(Product.gi)).all())

        assert numbers == {True: 28, None: 157}

    def test_does_not_list_goods_that_need_a_licence(self, rolled_back: Session) -> None:
        unlisted = rolled_back.scalars(sa.select(Product.id).where(~Product.is_listed).order_by(Product.id))

        assert list(unlisted) == ["GS087", "GS118", "GS119", "GS171"]

    def test_says_which_column_of_which_row_changed(self, rolled_back: Session, files: Path, edit: Edit) -> None:
        edit("regions.csv", "620503", "name_en", "Maiji")
        edit("products.csv", "GS027", "season", "9-11")

        changes = by_kind(load_reference(rolled_back, files))

        assert changes["region"].changed == {"620503": {"name_en": ("Maiji District", "Maiji")}}
        assert changes["product"].changed["GS027"]["season_months"] == ([9, 10, 11, 12, 1, 2, 3], [9, 10, 11])
        assert changes["product"].unchanged == 184
        assert changes["sku"].is_nothing

    def test_finds_a_product_under_its_new_name(self, rolled_back: Session, files: Path, edit: Edit) -> None:
        edit("products.csv", "GS027", "name", "花牛蛇果")

        load_reference(rolled_back, files)

        text = rolled_back.scalar(sa.select(Product.search_text).where(Product.id == "GS027"))
        assert text is not None
        assert " 花牛蛇果 " in text

    def test_leaves_alone_what_belongs_to_the_operator(self, rolled_back: Session, files: Path, edit: Edit) -> None:
        rolled_back.execute(
            sa.update(Sku).where(Sku.code == "GS027-1").values(stock=7, price_fen=6600, is_price_illustrative=False)
        )
        rolled_back.execute(
            sa.update(Product).where(Product.id == "GS027").values(is_listed=False, image_url="/photo.jpg")
        )
        rolled_back.execute(
            sa.update(Producer).where(Producer.code == "S-620503").values(name="合作社", commission_bp=100)
        )
        edit("products.csv", "GS027", "price_fen", "5000")
        edit("products.csv", "GS027", "pack", "2.5kg/箱")

        changes = by_kind(load_reference(rolled_back, files))

        assert changes["sku"].changed == {"GS027-1": {"pack": ("5kg/箱", "2.5kg/箱"), "weight_g": (5000, 2500)}}
        assert changes["product"].is_nothing
        assert changes["producer"].is_nothing

    def test_leaves_alone_rows_that_no_file_names(self, rolled_back: Session) -> None:
        rolled_back.add(
            Pairing(
                code="own-1",
                partner_code="C-nea",
                region_code="620921",
                verification="verified",
                source="operator",
                note="",
            )
        )
        rolled_back.flush()

        assert by_kind(load_reference(rolled_back))["pairing"].is_nothing
        assert rolled_back.get(Pairing, "own-1") is not None


class TestBadFiles:
    @pytest.mark.parametrize(
        ("cell", "reason"),
        [
            (("regions.csv", "620503", "level", "township"), "province, prefecture, county"),
            (("regions.csv", "620503", "is_contiguous_poor", "perhaps"), "yes, no or blank"),
            (("regions.csv", "620503", "parent", "629999"), "no such region"),
            (("regions.csv", "620500", "parent", "620500"), "its own ancestor"),
            (("partners.csv", "C-nea", "side", "eastern"), "central unit"),
            (("partners.csv", "120103", "parent", "120199"), "no such partner"),
            (("pairings.csv", "P011", "since", "2021-04-31"), "YYYY-MM-DD"),
            (("pairings.csv", "P011", "since", "2021-04-02"), "first day of the month"),
            (("pairings.csv", "P014", "until", "2010-01-01"), "later than since"),
            (("pairings.csv", "P011", "partner", "C-nobody"), "no such partner"),
            (("pairings.csv", "P011", "verification", "general knowledge"), "verified, derived, supported"),
            (("pairings.csv", "P012", "code", "P011"), "repeats row"),
            (("channels.csv", "school", "kind", "shop"), "five_entries"),
            (("channels.csv", "school", "until", "2019-01-01"), "later than since"),
            (("categories.csv", "grain", "name", ""), "must not be empty"),
            (("briefing_2021.csv", "F032", "value", "23.51"), "whole number"),
            (("briefing_2021.csv", "F032", "value", ""), "a figure has a value"),
            (("counting_rules.csv", "2021.1", "parameters", "7 days"), "JSON object"),
            (("products.csv", "GS027", "category", "fruit"), "no such category"),
            (("products.csv", "GS027", "county", "620599"), "no such region"),
            (("products.csv", "GS027", "season", "9-14"), "a season"),
            (("products.csv", "GS027", "pack", "一箱"), "must be a pack"),
            (("products.csv", "GS027", "price_fen", "0"), "more than nothing"),
            (("products.csv", "GS027", "gi_basis", ""), "needs its basis"),
            (("products.csv", "GS027", "brand_until", "2019-11-15"), "later than since"),
        ],
    )
    def test_are_refused_with_file_row_column_value_and_reason(
        self, rolled_back: Session, files: Path, edit: Edit, cell: tuple[str, str, str, str], reason: str
    ) -> None:
        name, _, column, value = cell
        edit(*cell)

        with pytest.raises(BadReferenceFiles) as refusal:
            load_reference(rolled_back, files)

        (error,) = refusal.value.errors
        assert (error.field, error.column, error.value) == (name, column, value)
        assert error.row is not None
        assert error.row > 1
        assert reason in error.message

    def test_one_bad_cell_changes_nothing_in_any_table(self, rolled_back: Session, files: Path, edit: Edit) -> None:
        edit("regions.csv", "620503", "name_en", "Maiji")
        edit("products.csv", "GS185", "pack", "?")

        with pytest.raises(BadReferenceFiles):
            load_reference(rolled_back, files)

        assert rolled_back.scalar(sa.select(Region.name_en).where(Region.code == "620503")) == "Maiji District"

    def test_all_that_is_wrong_is_told_at_once(self, rolled_back: Session, files: Path, edit: Edit) -> None:
        edit("regions.csv", "620503", "level", "township")
        edit("partners.csv", "C-nea", "is_credited", "")
        (files / "channels.csv").unlink()

        with pytest.raises(BadReferenceFiles) as refusal:
            load_reference(rolled_back, files)

        assert [error.field for error in refusal.value.errors] == ["regions.csv", "partners.csv", "channels.csv"]


class TestCommand:
    def test_says_that_nothing_changed(self, shipped_again: Flask) -> None:
        result = shipped_again.test_cli_runner().invoke(args=["reference", "load"])

        assert result.exit_code == 0
        assert "region: 0 added, 0 changed, 143 unchanged" in result.output
        assert result.output.rstrip().endswith("Nothing changed.")

    def test_says_what_changed_and_keeps_it(self, shipped_again: Flask, files: Path, edit: Edit) -> None:
        edit("regions.csv", "620503", "name_en", "Maiji")
        edit("regions.csv", "620503", "is_formerly_poor", "")
        runner = shipped_again.test_cli_runner()

        first = runner.invoke(args=["reference", "load", "--dir", str(files)])
        second = runner.invoke(args=["reference", "load", "--dir", str(files)])

        assert first.exit_code == 0
        assert "region: 0 added, 1 changed, 142 unchanged" in first.output
        assert "620503 name_en: Maiji District -> Maiji" in first.output
        assert "620503 is_formerly_poor: True -> unknown" in first.output
        assert "Nothing changed." in second.output

    def test_refuses_a_bad_file_with_exit_code_1(self, shipped_again: Flask, files: Path, edit: Edit) -> None:
        edit("regions.csv", "620503", "name_en", "Maiji")
        edit("pairings.csv", "P011", "since", "soon")

        result = shipped_again.test_cli_runner().invoke(args=["reference", "load", "--dir", str(files)])

        assert result.exit_code == 1
        assert "pairings.csv, row 12, column since: 'soon' must be a day, YYYY-MM-DD" in result.output
        assert "Nothing changed." in shipped_again.test_cli_runner().invoke(args=["reference", "load"]).output

    def test_prints_no_endless_list(self, shipped_again: Flask, files: Path) -> None:
        path = files / "products.csv"
        path.write_text(path.read_text(encoding="utf-8").replace("常温", "?"), encoding="utf-8")

        result = shipped_again.test_cli_runner().invoke(args=["reference", "load", "--dir", str(files)])

        assert result.exit_code == 1
        assert "and 99 more" in result.output

    def test_called_wrongly_ends_with_exit_code_2(self, shipped_again: Flask) -> None:
        result = shipped_again.test_cli_runner().invoke(args=["reference", "load", "--dir", "/nowhere"])

        assert result.exit_code == 2
