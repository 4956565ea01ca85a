"""Strict reading of the reference files: every bad cell is found and named, and nothing is half taken.

A file is UTF-8 CSV with a header that names exactly the columns wanted. Pure: it reads text and touches no database.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shop.errors import FieldError, InvalidInput
from shop.registry.rules import Parse

MAX_FILE_BYTES = 32 * 1024 * 1024


class BadReferenceFiles(InvalidInput):
    """Reference files that were refused whole. `errors` names file, row, column, value and reason of each bad cell."""

    code = "bad-reference-files"
    title = "The reference files were refused; nothing was changed"


@dataclass(frozen=True)
class Row:
    """One row of a file: its line (the header is line 1), its cells as read and as parsed."""

    line: int
    cells: dict[str, str]
    values: dict[str, Any]

    def __getitem__(self, column: str) -> Any:  # noqa: ANN401  # a cell's type depends on its column
        """Return a parsed value."""
        return self.values[column]


@dataclass
class Table:
    """The rows of one file that could be read, and what is wrong with the others."""

    name: str
    rows: list[Row] = field(default_factory=list)
    claimed: set[str] = field(default_factory=set)
    """The codes of all rows, the bad ones too: one bad cell must not put every row that names its row at fault."""
    errors: list[FieldError] = field(default_factory=list)

    def refuse(self, row: Row, column: str, reason: str) -> None:
        """Note that a cell is wrong."""
        self.errors.append(FieldError(self.name, reason, row=row.line, column=column, value=row.cells[column]))

    def check_unique(self, *columns: str) -> None:
        """Refuse every row that repeats the values of `columns` of an earlier one."""
        seen: dict[tuple[Any, ...], int] = {}
        for row in self.rows:
            key = tuple(row[column] for column in columns)
            first = seen.setdefault(key, row.line)
            if first != row.line:
                self.refuse(row, columns[-1], f"repeats row {first}")

    def check_known(self, column: str, known: set[str] | frozenset[str], *, kind: str) -> None:
        """Refuse every row whose `column` names something that is neither in a file nor in the database."""
        for row in self.rows:
            if row[column] is not None and row[column] not in known:
                self.refuse(row, column, f"there is no such {kind}")


def read_table(path: Path, columns: Mapping[str, Parse]) -> Table:
    """Read one file. What cannot be read stands in the table's errors, cell by cell; nothing is raised."""
    table = Table(path.name)
    text = _read_text(path, table)
    if text is None:
        return table
    # A blank last line is no row; csv skips such lines itself.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if _check_header(table, header, columns):
            for line, cells in _numbered(reader):
                _read_row(table, line, header, cells, columns)
    except csv.Error as error:
        table.errors.append(FieldError(table.name, f"is not valid CSV: {error}", row=reader.line_num))
    return table


def raise_errors(tables: Sequence[Table]) -> None:
    """Refuse all tables together when any has an error.

    Raises:
        BadReferenceFiles: with every error found.
    """
    errors = tuple(error for table in tables for error in table.errors)
    if errors:
        raise BadReferenceFiles(errors=errors)


def _read_text(path: Path, table: Table) -> str | None:
    reason = ""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            reason = f"is larger than {MAX_FILE_BYTES} bytes"
        else:
            return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 at byte {error.start}"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    table.errors.append(FieldError(table.name, reason))
    return None


def _check_header(table: Table, header: list[str], columns: Mapping[str, Parse]) -> bool:
    problems = [(name, "column is missing") for name in columns if name not in header]
    problems += [(name, "column is not known") for name in header if name not in columns]
    problems += [(name, "column stands twice") for name in set(header) if header.count(name) > 1]
    for name, reason in problems:
        table.errors.append(FieldError(table.name, reason, row=1, column=name))
    return not problems


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401  # csv gives its reader no public type
    """Yield each row with the line on which it begins: a quoted cell may run over several lines."""
    line = reader.line_num + 1
    for cells in reader:
        if cells:
            yield line, cells
        line = reader.line_num + 1


def _read_row(table: Table, line: int, header: list[str], cells: list[str], columns: Mapping[str, Parse]) -> None:
    if len(cells) != len(header):
        table.errors.append(
            FieldError(table.name, f"has {len(cells)} cells where the header has {len(header)}", row=line)
        )
        return
    values: dict[str, Any] = {}
    table.claimed.update(cell for name, cell in zip(header, cells, strict=True) if name == "code")
    for name, cell in zip(header, cells, strict=True):
        try:
            if cell != cell.strip():
                raise ValueError("begins or ends with a blank")  # noqa: TRY301  # told like a parser's own refusal
            values[name] = columns[name](cell)
        except ValueError as error:
            table.errors.append(FieldError(table.name, str(error), row=line, column=name, value=cell))
    if len(values) == len(header):
        table.rows.append(Row(line, dict(zip(header, cells, strict=True)), values))
