"""The shapes of imports on the API."""

from typing import Any

import marshmallow as ma
from flask_smorest.fields import Upload
from marshmallow import fields

from shop.assistance.imports.models import ImportStatus, Outcome, SaleImport, SaleImportRow, SheetFormat
from shop.languages import page_language
from shop.rest import PageQuery


class SheetFiles(ma.Schema):
    """The file part of a multipart request."""

    file = Upload(required=True)


class SheetForm(ma.Schema):
    """The other parts of a multipart request."""

    all_or_nothing = fields.Boolean(load_default=False)


class SaleImportSchema(ma.Schema):
    """An import as it stands. `rows` is an estimate until it has ended."""

    id = fields.UUID()
    filename = fields.String()
    format = fields.Enum(SheetFormat, by_value=True)
    sha256 = fields.String()
    size_bytes = fields.Integer()
    all_or_nothing = fields.Boolean(attribute="is_all_or_nothing")
    status = fields.Enum(ImportStatus, by_value=True)
    problem = fields.Method("get_problem", metadata={"type": ["string", "null"]})
    rows = fields.Integer(attribute="lines")
    rows_done = fields.Integer(attribute="seen")
    accepted = fields.Integer()
    duplicate = fields.Integer()
    rejected = fields.Integer()
    withheld = fields.Integer()
    accepted_fen = fields.Integer()
    confirmed = fields.Integer()
    created_at = fields.AwareDateTime()
    finished_at = fields.AwareDateTime(allow_none=True)

    def get_problem(self, sheet: SaleImport) -> str | None:
        """Return why the sheet cannot be read, in the reader's language."""
        return None if sheet.problem is None else str(sheet.problem[page_language()])


class FaultSchema(ma.Schema):
    """What is wrong with one cell."""

    column = fields.String()
    value = fields.String()
    reason = fields.String()


class VerdictSchema(ma.Schema):
    """The verdict on one row."""

    row = fields.Integer()
    outcome = fields.Enum(Outcome, by_value=True)
    reference = fields.String(allow_none=True)
    faults = fields.Method("get_faults", metadata={"type": "array", "items": {"type": "object"}})
    cells = fields.List(fields.String())

    def get_faults(self, row: SaleImportRow) -> list[dict[str, Any]]:
        """Return what is wrong, in the reader's language."""
        names = {"column": "column", "value": "value", "reason": page_language()}
        return [{name: fault[key] for name, key in names.items()} for fault in row.faults or []]


class VerdictQuery(PageQuery):
    """Which verdicts are asked for."""

    outcome = fields.Enum(Outcome, by_value=True, load_default=None)
