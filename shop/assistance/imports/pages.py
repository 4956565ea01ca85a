"""Pages of sheets of off-platform sales."""

import tempfile
from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from shop.assistance import queries as sales
from shop.assistance.imports import queries, rules, service
from shop.assistance.imports.api import upload_limit_bytes
from shop.assistance.imports.files import template, verdicts
from shop.assistance.imports.models import ImportStatus, Outcome, SaleImport
from shop.assistance.imports.reading.archive import MAX_XLSX_ROWS
from shop.assistance.models import SaleStatus
from shop.assistance.rules import decisions
from shop.db import business_day, db, transaction
from shop.errors import ShopError
from shop.identity.actor import require_actor, requires
from shop.identity.idempotency import idempotent
from shop.inputs import takes_files
from shop.languages import page_language
from shop.registry import queries as registry
from shop.web import page_number

blueprint = Blueprint("sale_imports", __name__)

PAGE_SIZE = 20
_MENDABLE = (Outcome.REJECTED, Outcome.WITHHELD)
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TONES = {
    ImportStatus.WAITING: "muted",
    ImportStatus.RUNNING: "info",
    ImportStatus.DONE: "success",
    ImportStatus.CANCELLED: "muted",
    ImportStatus.FAILED: "danger",
}
_OUTCOME_TONES = {
    Outcome.ACCEPTED: "success",
    Outcome.DUPLICATE: "muted",
    Outcome.REJECTED: "danger",
    Outcome.WITHHELD: "warning",
}


@blueprint.context_processor
def _labels() -> dict[str, object]:
    return {
        "import_labels": rules.STATUS_LABELS,
        "import_tones": _TONES,
        "outcome_labels": rules.OUTCOME_LABELS,
        "outcome_tones": _OUTCOME_TONES,
    }


@blueprint.get("/sales/imports")
@requires(*sales.READERS)
def import_list() -> ResponseReturnValue:
    """Show the imports, the newest first, and the form for a new one."""
    return _list()


@blueprint.post("/sales/imports")
@takes_files(upload_limit_bytes)
@idempotent
@requires(*service.REPORTERS)
def import_sheet() -> ResponseReturnValue:
    """Take a new sheet; one that is refused is told of beside the form."""
    try:
        sheet = _take()
    except ShopError as error:
        return _list(error.told), error.status
    flash(gettext("已收到，正在逐行检查。可以离开本页，稍后再来看结果。"), "success")
    return redirect(url_for("sale_imports.import_page", import_id=sheet.id))


@blueprint.get("/sales/imports/template.csv")
@requires(*sales.READERS)
def template_csv() -> ResponseReturnValue:
    """Send the headings of a sheet as CSV."""
    headers = {"Content-Disposition": _attachment("甘味站外销售模板.csv")}
    return Response(template.as_csv(), headers=headers, content_type="text/csv; charset=utf-8")


@blueprint.get("/sales/imports/template.xlsx")
@requires(*sales.READERS)
def template_xlsx() -> ResponseReturnValue:
    """Send the template as a workbook, with the choices that the reader has."""
    actor = require_actor()
    partners = registry.partners(db.session)
    own = [row for row in partners if not actor.is_staff and row.code == actor.partner_code]
    choices = template.Choices(
        partners=[row.name for row in own or partners],
        channels=[row.name for row in registry.channels(db.session, on=business_day())],
        counties=[row.name for row in registry.counties(db.session)],
        categories=[row.name for row in registry.categories(db.session)],
    )
    headers = {"Content-Disposition": _attachment("甘味站外销售模板.xlsx")}
    return Response(template.as_xlsx(choices), headers=headers, content_type=_XLSX)


@blueprint.get("/sales/imports/<uuid:import_id>")
@requires(*sales.READERS)
def import_page(import_id: UUID) -> ResponseReturnValue:
    """Show one import: how far it is, its figures, and its verdicts, those to mend by default."""
    return render_template("assistance/imports/page.html", **_view(import_id))


@blueprint.get("/sales/imports/<uuid:import_id>/progress")
@requires(*sales.READERS)
def import_progress(import_id: UUID) -> ResponseReturnValue:
    """Show only how far an import is, for the page to put in place."""
    response = Response(render_template("assistance/imports/_progress.html", **_view(import_id)))
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/sales/imports/<uuid:import_id>/verdicts.csv")
@requires(*sales.READERS)
def verdicts_csv(import_id: UUID) -> ResponseReturnValue:
    """Send the verdicts as CSV; with `only=rejected` those to mend."""
    sheet = queries.sale_import(db.session, require_actor(), import_id)
    rows = queries.verdicts(db.session, sheet, outcomes=_asked())
    # Written out first: what goes wrong is then an error, not half a file that looks whole.
    file = tempfile.TemporaryFile(prefix="ganwei-verdicts-")  # noqa: SIM115 - it is closed by whoever sends it
    for piece in verdicts.as_csv(sheet, rows, language=page_language()):
        file.write(piece.encode())
    file.seek(0)
    return send_file(file, mimetype="text/csv", as_attachment=True, download_name=f"{_stem(sheet)}.csv")


@blueprint.get("/sales/imports/<uuid:import_id>/verdicts.xlsx")
@requires(*sales.READERS)
def verdicts_xlsx(import_id: UUID) -> ResponseReturnValue:
    """Send the verdicts as a workbook; with `only=rejected` those to mend."""
    sheet = queries.sale_import(db.session, require_actor(), import_id)
    if sheet.seen > MAX_XLSX_ROWS:
        return redirect(url_for("sale_imports.verdicts_csv", import_id=import_id, only=request.args.get("only")))
    rows = queries.verdicts(db.session, sheet, outcomes=_asked())
    file = verdicts.as_xlsx(sheet, rows, language=page_language())
    return send_file(file, mimetype=_XLSX, as_attachment=True, download_name=f"{_stem(sheet)}.xlsx")


@blueprint.post("/sales/imports/<uuid:import_id>/cancel")
@idempotent
@requires(*sales.READERS)
def cancel_import(import_id: UUID) -> ResponseReturnValue:
    """Stop an import."""
    with transaction() as session:
        service.cancel(session, require_actor(), import_id)
    flash(gettext("已取消导入。"), "success")
    return redirect(url_for("sale_imports.import_page", import_id=import_id))


@blueprint.post("/sales/imports/<uuid:import_id>/confirm")
@idempotent
@requires(*sales.READERS)
def confirm_import(import_id: UUID) -> ResponseReturnValue:
    """Let all its sales that wait be confirmed and posted."""
    with transaction() as session:
        service.request_confirmation(session, require_actor(), import_id)
    flash(gettext("正在确认并记入帮扶台账。"), "success")
    return redirect(url_for("sale_imports.import_page", import_id=import_id))


def _list(problem: str = "") -> str:
    actor = require_actor()
    page = queries.imports(db.session, actor, page=page_number(), page_size=PAGE_SIZE)
    may_report = actor.has(*service.REPORTERS)
    return render_template("assistance/imports/list.html", page=page, may_report=may_report, problem=problem)


def _take() -> SaleImport:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise service.NoFile
    with transaction() as session:
        return service.take(
            session,
            require_actor(),
            file.stream,
            filename=file.filename,
            is_all_or_nothing="all_or_nothing" in request.form,
        )


def _view(import_id: UUID) -> dict[str, object]:
    actor = require_actor()
    sheet = queries.sale_import(db.session, actor, import_id)
    asked = request.args.get("outcome", "")
    outcome = Outcome(asked) if asked in set(Outcome) else None
    reported = queries.count_reported(db.session, sheet)
    allowed = decisions(actor, status=SaleStatus.REPORTED, is_reporter=sheet.uploaded_by == actor.user_id)
    return {
        "sheet": sheet,
        "outcome": outcome,
        "page": queries.verdict_page(db.session, sheet, outcome=outcome, page=page_number(), page_size=PAGE_SIZE),
        "language_of_words": page_language(),
        "reported": reported,
        "may_cancel": actor.has(*service.REPORTERS) and not sheet.is_final,
        "may_confirm": SaleStatus.CONFIRMED in allowed and sheet.is_final and not sheet.is_confirming and reported > 0,
        "percent": 100 if sheet.is_final else min(99, 100 * sheet.seen // max(1, sheet.lines)),
        "confirmed_percent": 100 * sheet.confirmed // max(1, sheet.confirmed + reported),
    }


def _asked() -> Sequence[Outcome]:
    return _MENDABLE if request.args.get("only") == "rejected" else tuple(Outcome)


def _stem(sheet: SaleImport) -> str:
    return f"{sheet.filename.rpartition('.')[0] or sheet.filename}-{gettext('导入结果')}"


def _attachment(name: str) -> str:
    return f"attachment; filename*=UTF-8''{quote(name)}"
