"""Taking a sheet in, cancelling it, asking for its confirmation. Runs in the caller's transaction, never commits."""

import hashlib
import unicodedata
from typing import IO
from uuid import UUID

import sqlalchemy as sa
from flask_babel import lazy_gettext
from sqlalchemy.orm import Session

from shop import queue
from shop.assistance import rules
from shop.assistance.imports import queries
from shop.assistance.imports.models import ImportStatus, SaleImport, SaleImportPart, SheetFormat
from shop.assistance.imports.reading.archive import format_of, glance
from shop.assistance.imports.work.due import TASK
from shop.assistance.imports.work.run import counts, forget_file
from shop.assistance.models import Sale, SaleStatus
from shop.db import now
from shop.errors import NotAllowed, ShopError
from shop.identity import audit
from shop.identity.actor import Actor
from shop.identity.models import Role

MAX_BYTES = 256 << 20
REPORTERS = (Role.OPERATOR, Role.PARTNER_OFFICER)
_PIECE = 1 << 20
_SNIFFED = 4096
_LONGEST_NAME = 200


class SheetTooLarge(ShopError):
    """The file is larger than any sheet that is taken."""

    status = 413
    code = "sheet-too-large"
    title = lazy_gettext("文件太大")


class NoFile(ShopError):
    """The form came without a file."""

    status = 422
    code = "no-file"
    title = lazy_gettext("请选择一个 XLSX 或 CSV 文件。")


class WrongImportState(ShopError):
    """The import does not stand where this step begins."""

    code = "import-state"
    title = lazy_gettext("这次导入的状态不允许此操作")


def take(
    session: Session,
    actor: Actor,
    file: IO[bytes],
    *,
    filename: str,
    is_all_or_nothing: bool = False,
    by_worker: bool = True,
) -> SaleImport:
    """Store a sheet and leave its reading to the worker, or to the caller, who then runs it at once.

    Raises:
        NotAllowed: the actor may not report sales.
        UnreadableSheet: it is no sheet at first sight; what only reading tells is told later.
        SheetTooLarge: it is too large.
    """
    if not actor.has(*REPORTERS) or not (actor.has(Role.OPERATOR) or actor.partner_code):
        raise NotAllowed(lazy_gettext("只有帮扶方工作人员和平台运营人员可以上报销售"))
    file.seek(0)
    kind = format_of(file.read(_SNIFFED))
    if kind is SheetFormat.XLSX:
        glance(file)
    sheet = SaleImport(
        uploaded_by=actor.user_id,
        organisation_id=actor.organisation_id,
        partner_code=None if actor.has(Role.OPERATOR) else actor.partner_code,
        filename=_tidy(filename),
        format=kind,
        is_all_or_nothing=is_all_or_nothing,
        status=ImportStatus.WAITING if by_worker else ImportStatus.RUNNING,
        touched_at=None if by_worker else now(),
        size_bytes=0,
        sha256="",
    )
    session.add(sheet)
    session.flush()
    _store(session, sheet, file)
    audit.record(
        session,
        actor,
        action="sale_import.sent",
        subject=f"sale_import:{sheet.id}",
        filename=sheet.filename,
        sha256=sheet.sha256,
    )
    if by_worker:
        queue.defer(session, TASK)
    return sheet


def cancel(session: Session, actor: Actor, import_id: UUID) -> SaleImport:
    """Stop an import. What was accepted by then stays, unless all or nothing was asked.

    Raises:
        NotFound: there is none that the actor may see.
        NotAllowed: the actor may not report sales.
        WrongImportState: it has ended.
    """
    sheet = _held(session, actor, import_id)
    if not actor.has(*REPORTERS):
        raise NotAllowed
    if sheet.is_final:
        raise WrongImportState(lazy_gettext("这次导入已经结束，不能再取消。"))
    sheet.status, sheet.finished_at = ImportStatus.CANCELLED, now()
    forget_file(session, sheet.id)
    audit.record(session, actor, action="sale_import.cancelled", subject=f"sale_import:{sheet.id}", **counts(sheet))
    return sheet


def request_confirmation(session: Session, actor: Actor, import_id: UUID) -> SaleImport:
    """Let the worker confirm and post all sales of an import that wait for it.

    Raises:
        NotFound: there is no such import that the actor may see.
        NotAllowed, OwnReport: as for one sale, see `rules.check_decision`.
        WrongImportState: it is still being read, is being confirmed already, or has nothing to confirm.
    """
    sheet = _held(session, actor, import_id)
    is_reporter = sheet.uploaded_by == actor.user_id
    rules.check_decision(actor, status=SaleStatus.REPORTED, target=SaleStatus.CONFIRMED, is_reporter=is_reporter)
    if not sheet.is_final or sheet.is_confirming:
        raise WrongImportState(lazy_gettext("这次导入还在处理，请稍候。"))
    waits = sa.exists().where(Sale.import_id == sheet.id, Sale.status == SaleStatus.REPORTED)
    if not session.scalar(sa.select(waits)):
        raise WrongImportState(lazy_gettext("这次导入没有待确认的销售。"))
    sheet.confirming_by, sheet.confirming_for = actor.user_id, actor.organisation_id
    sheet.confirmed_at = sheet.touched_at = None
    audit.record(session, actor, action="sale_import.confirming", subject=f"sale_import:{sheet.id}")
    queue.defer(session, TASK)
    return sheet


def _held(session: Session, actor: Actor, import_id: UUID) -> SaleImport:
    queries.sale_import(session, actor, import_id)
    query = queries.the_import(actor, import_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _store(session: Session, sheet: SaleImport, file: IO[bytes]) -> None:
    file.seek(0)
    digest = hashlib.sha256()
    lines = number = 0
    while data := file.read(_PIECE):
        digest.update(data)
        lines += data.count(b"\n")
        sheet.size_bytes += len(data)
        if sheet.size_bytes > MAX_BYTES:
            raise SheetTooLarge(lazy_gettext("文件最大 %(count)s MB。请拆成几个文件。", count=MAX_BYTES >> 20))
        session.execute(sa.insert(SaleImportPart), [{"import_id": sheet.id, "number": number, "data": data}])
        number += 1
    sheet.sha256 = digest.hexdigest()
    # A workbook's lines are known once it is opened.
    sheet.lines = lines if sheet.format is SheetFormat.CSV else 0


def _tidy(filename: str) -> str:
    """Return a file's own name, without a path and without what does not print."""
    name = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(sign for sign in unicodedata.normalize("NFC", name) if sign.isprintable()).strip()
    return name[-_LONGEST_NAME:] or "sheet"
