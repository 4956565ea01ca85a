"""Strict reading of a reference file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shop.registry import rules
from shop.registry.files import BadReferenceFiles, Table, raise_errors, read_table

COLUMNS = {"code": rules.slug, "name": rules.text, "is_poor": rules.flag}

Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: bytes) -> Path:
        path = tmp_path / "places.csv"
        path.write_bytes(content)
        return path

    return write_file


def read(path: Path) -> Table:
    return read_table(path, COLUMNS)


class TestReadTable:
    def test_reads_rows_with_their_lines_whatever_the_order_of_columns(self, write: Write) -> None:
        table = read(write('name,code,is_poor\n"两\n行",one,\n\n乙,two,yes\n'.encode()))

        assert table.errors == []
        assert [(row.line, row["code"], row["is_poor"]) for row in table.rows] == [(2, "one", None), (5, "two", True)]

    def test_names_every_bad_cell_with_file_row_column_value_and_reason(self, write: Write) -> None:
        table = read(write("code,name,is_poor\nOne,,maybe\ntwo,乙,yes\n".encode()))

        assert [(error.field, error.row, error.column, error.value) for error in table.errors] == [
            ("places.csv", 2, "code", "One"),
            ("places.csv", 2, "name", ""),
            ("places.csv", 2, "is_poor", "maybe"),
        ]
        assert all(error.message for error in table.errors)
        assert [row["code"] for row in table.rows] == ["two"]

    @pytest.mark.parametrize(
        ("content", "column", "reason"),
        [
            ("code,name\none,甲\n", "is_poor", "column is missing"),
            ("code,name,is_poor,extra\none,甲,,\n", "extra", "column is not known"),
            ("code,name,is_poor,name\none,甲,,甲\n", "name", "column stands twice"),
            ("", "code", "column is missing"),
        ],
    )
    def test_refuses_a_wrong_header(self, write: Write, content: str, column: str, reason: str) -> None:
        table = read(write(content.encode()))

        assert (1, column, reason) in [(error.row, error.column, error.message) for error in table.errors]
        assert table.rows == []

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("code,name,is_poor\none,甲\n".encode(), "has 2 cells where the header has 3"),
            ('code,name,is_poor\none,"甲,\n'.encode(), "not valid CSV"),
            ("code,name,is_poor\none,甲,\n".encode("gb18030"), "is not UTF-8"),
            ("code,name,is_poor\none, 甲,\n".encode(), "begins or ends with a blank"),
        ],
    )
    def test_refuses_what_is_no_such_file(self, write: Write, content: bytes, reason: str) -> None:
        assert any(reason in error.message for error in read(write(content)).errors)

    def test_says_that_a_file_is_missing(self, tmp_path: Path) -> None:
        (error,) = read(tmp_path / "places.csv").errors

        assert (error.field, error.row) == ("places.csv", None)
        assert "No such file" in error.message

    def test_takes_a_byte_order_mark(self, write: Write) -> None:
        assert read(write("\ufeffcode,name,is_poor\none,甲,\n".encode())).errors == []


class TestTable:
    def test_names_the_row_that_is_repeated(self, write: Write) -> None:
        table = read(write("code,name,is_poor\none,甲,\ntwo,乙,\none,丙,\n".encode()))

        table.check_unique("code")

        assert [(error.row, error.message) for error in table.errors] == [(4, "repeats row 2")]

    def test_knows_the_code_of_a_row_with_a_bad_cell(self, write: Write) -> None:
        table = read(write("code,name,is_poor\none,甲,maybe\n".encode()))

        assert table.claimed == {"one"}

    def test_all_errors_are_raised_together(self, write: Write) -> None:
        bad = read(write(b"code,name,is_poor\none,,maybe\n"))

        with pytest.raises(BadReferenceFiles) as refusal:
            raise_errors([Table("other.csv"), bad, bad])

        assert len(refusal.value.errors) == 4
