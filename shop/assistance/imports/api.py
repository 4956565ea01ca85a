"""Sheets of off-platform sales on the API."""

from typing import Any
from uuid import UUID

from shop.assistance import queries as sales
from shop.assistance.imports import queries, service
from shop.assistance.imports.models import SaleImport
from shop.assistance.imports.schemas import SaleImportSchema, SheetFiles, SheetForm, VerdictQuery, VerdictSchema
from shop.db import db, transaction
from shop.identity.actor import current_actor, require_actor, requires
from shop.identity.idempotency import idempotent
from shop.inputs import takes_files
from shop.rest import ApiBlueprint, page_headers

blueprint = ApiBlueprint("imports", __name__, description="Off-platform sales in bulk")


def upload_limit_bytes() -> int | None:
    """Return how much a request may bring: only who may report sales sends whole sheets."""
    actor = current_actor()
    # Room for the other parts of the form and for what stands between them.
    return service.MAX_BYTES + (1 << 20) if actor is not None and actor.has(*service.REPORTERS) else None


@blueprint.post("/sales/imports")
@takes_files(upload_limit_bytes)
@idempotent
@requires(*service.REPORTERS)
@blueprint.arguments(SheetFiles, location="files")
@blueprint.arguments(SheetForm, location="form")
@blueprint.response(202, SaleImportSchema)
def import_sheet(files: dict[str, Any], form: dict[str, Any]) -> SaleImport:
    """Take a sheet of sales, CSV or XLSX, to be read in the background; ask for the verdicts later."""
    file = files["file"]
    with transaction() as session:
        return service.take(
            session,
            require_actor(),
            file.stream,
            filename=file.filename or "",
            is_all_or_nothing=form["all_or_nothing"],
        )


@blueprint.get("/sales/imports/<uuid:import_id>")
@requires(*sales.READERS)
@blueprint.response(200, SaleImportSchema)
def get_import(import_id: UUID) -> SaleImport:
    """Return an import: how far it is, and how many rows had which verdict."""
    return queries.sale_import(db.session, require_actor(), import_id)


@blueprint.get("/sales/imports/<uuid:import_id>/verdicts")
@requires(*sales.READERS)
@blueprint.arguments(VerdictQuery, location="query")
@blueprint.response(200, VerdictSchema(many=True))
def list_verdicts(query: dict[str, Any], import_id: UUID) -> tuple[Any, int, dict[str, str]]:
    """List the verdicts on the rows of an import in their order."""
    sheet = queries.sale_import(db.session, require_actor(), import_id)
    found = queries.verdict_page(db.session, sheet, **query)
    return found.items, 200, page_headers(page=found.page, page_size=found.page_size, total=found.total)
