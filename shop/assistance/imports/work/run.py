"""Reading a sheet from where it stands to its end. It may be killed at any moment and run again, even beside itself."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa
import structlog
from flask_babel import force_locale, lazy_gettext
from psycopg.errors import DeadlockDetected
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shop.assistance.imports.models import ImportStatus, Outcome, SaleImport, SaleImportPart, SaleImportRow, SheetFormat
from shop.assistance.imports.reading.headings import ENOUGH, Columns, columns_of, recognised
from shop.assistance.imports.reading.rows import Reader, SheetRow, UnreadableSheet
from shop.assistance.imports.reading.text import CsvReader
from shop.assistance.imports.reading.workbook import XlsxReader
from shop.assistance.imports.rules import LANGUAGES, Judge
from shop.assistance.imports.work.facts import Facts, lookup
from shop.assistance.imports.work.store import Clerk, Piece, TooManyRaces
from shop.assistance.models import Sale
from shop.db import business_day, db, now, transaction
from shop.errors import NotFound
from shop.identity import audit
from shop.identity.actor import Actor, actor_for
from shop.identity.models import Role, User

log = structlog.get_logger()

ROWS_A_PIECE = 5_000
MAX_DEADLOCKS = 10
_HEAD_ROWS = 10

_NO_HEADINGS = lazy_gettext("没有找到列名。请使用模板，列名放在第一行。")
_NO_ROWS = lazy_gettext("表里只有列名，没有一行销售。")

Told = Callable[[SaleImport], None]


class _Overtaken(Exception):
    """Somebody cancelled the import, or another worker goes on with it."""


def run(
    import_id: UUID, *, should_stop: Callable[[], bool] = lambda: False, on_progress: Told = lambda _: None
) -> None:
    """Read a sheet to its end, a piece of its rows and their verdicts in one commit, and go on where it was left.

    Each piece holds the import's row, and is stored only if the piece before it is the last one stored. So two workers
    on one sheet do no harm, and a killed one leaves whole pieces.

    Raises:
        TooManyRaces: others report the same sales at the same time, again and again.
    """
    for _ in range(MAX_DEADLOCKS):
        try:
            _work(import_id, should_stop, on_progress)
        except OperationalError as error:
            # Two sheets that count whole or not at all may wait for each other's sales; the database ends one.
            if not isinstance(error.orig, DeadlockDetected):
                raise
            log.info("import begins again after a deadlock", sale_import=str(import_id))
        else:
            return
    raise TooManyRaces


def _work(import_id: UUID, should_stop: Callable[[], bool], on_progress: Told) -> None:
    with transaction() as session:
        sheet = _locked(session, import_id)
        if sheet.is_final:
            return
        sheet.status, sheet.touched_at = ImportStatus.RUNNING, now()
    try:
        with force_locale(LANGUAGES[0]), _file_of(import_id) as path:
            _Run(sheet, path, should_stop, on_progress).work()
    except _Overtaken:
        log.info("import left", sale_import=str(import_id))
    except UnreadableSheet as error:
        _fail(import_id, error)


class _Run:
    """One worker's work on one sheet."""

    def __init__(self, sheet: SaleImport, path: Path, should_stop: Callable[[], bool], told: Told) -> None:
        self._id, self._is_whole, self._position = sheet.id, sheet.is_all_or_nothing, sheet.position
        self._should_stop, self._told = should_stop, told
        with transaction() as session:
            self._actor = _uploader(session, sheet)
            reader: Reader = CsvReader(path) if sheet.format is SheetFormat.CSV else XlsxReader(path)
            rows = reader.rows()
            header, columns = _header(rows, self._actor)
            self._rows = (row for row in rows if row.number > self._position)
            # It asks through the session of this thread, whichever transaction is open then.
            self._facts = Facts(session)
            today = business_day()
            self._judge = Judge(
                columns, lookup(session, today=today), actor=self._actor, today=today, known=self._facts.known
            )
            stored = _locked(session, sheet.id)
            stored.headings, stored.header_row = list(columns.headings), header.number
            stored.lines = reader.total or stored.lines
            if stored.position < header.number:
                stored.position = self._position = header.number

    def work(self) -> None:
        """Store every piece, then the end."""
        if self._is_whole:
            # One commit for all: nobody sees a sale before it is known that none is wrong.
            with transaction() as session:
                totals = self._pieces(session)
                if totals is not None:
                    self._end_whole(session, totals)
            return
        if self._pieces(None) is not None:
            with transaction() as session:
                _end(session, self._expected(session), self._actor)

    def _pieces(self, whole: Session | None) -> list[Piece] | None:
        """Store piece after piece; None if told to stop before the end."""
        done: list[Piece] = []
        while rows := list(islice(self._rows, ROWS_A_PIECE)):
            judged = [self._judge.judge(row) for row in rows]
            if self._should_stop():
                self._rest()
                if whole is not None:
                    raise _Overtaken
                return None
            with transaction() as session:
                sheet = self._current(session) if whole is not None else self._expected(session)
                piece = Clerk(sheet, self._judge, self._facts, self._actor).store(session, judged)
                if whole is None:
                    _add(sheet, piece)
                    sheet.position = sheet.seen = self._position = rows[-1].number
                    sheet.lines, sheet.touched_at = max(sheet.lines, sheet.seen), now()
                else:
                    done.append(piece)
                    self._show(rows[-1].number)
            self._told(sheet)
        return done

    def _expected(self, session: Session) -> SaleImport:
        """Return the import, held, as this work left it."""
        sheet = _locked(session, self._id)
        if sheet.status is not ImportStatus.RUNNING or sheet.position != self._position:
            raise _Overtaken
        return sheet

    def _current(self, session: Session) -> SaleImport:
        """Return the import, not held, so that it can be cancelled while the one long commit is prepared."""
        sheet = session.get_one(SaleImport, self._id, populate_existing=True)
        is_ours = session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(self._id.int >> 65)))
        if sheet.status is not ImportStatus.RUNNING or not is_ours:
            raise _Overtaken
        return sheet

    def _end_whole(self, session: Session, pieces: list[Piece]) -> None:
        sheet = self._expected(session)
        last = session.scalar(sa.text("SELECT max(row) FROM sale_import_row WHERE import_id = :id"), {"id": self._id})
        sheet.position = sheet.seen = max(last or 0, sheet.header_row)
        for piece in pieces:
            _add(sheet, piece)
        if sheet.rejected:
            _withhold(session, sheet)
        _end(session, sheet, self._actor)

    def _show(self, seen: int) -> None:
        """Store how far the work is in a commit of its own."""
        with db.sessionmaker() as aside:
            aside.execute(
                sa.update(SaleImport)
                .where(SaleImport.id == self._id)
                .values(seen=seen, lines=sa.func.greatest(SaleImport.lines, seen), touched_at=now())
            )
            aside.commit()

    def _rest(self) -> None:
        """Leave the import to the next worker, which need not wait until this one seems dead."""
        with db.sessionmaker() as aside:
            aside.execute(sa.update(SaleImport).where(SaleImport.id == self._id).values(touched_at=None))
            aside.commit()


def _add(sheet: SaleImport, piece: Piece) -> None:
    sheet.accepted += piece.counts[Outcome.ACCEPTED]
    sheet.duplicate += piece.counts[Outcome.DUPLICATE]
    sheet.rejected += piece.counts[Outcome.REJECTED]
    sheet.accepted_fen += piece.accepted_fen


def _withhold(session: Session, sheet: SaleImport) -> None:
    """Take back the sales of this very transaction: nobody has seen them."""
    for statement in (
        "DELETE FROM evidence USING sale WHERE sale.id = evidence.sale_id AND sale.import_id = :id",
        "DELETE FROM sale WHERE import_id = :id",
    ):
        session.execute(sa.text(statement), {"id": sheet.id})
    # A duplicate of one of them is none any more.
    is_gone = sa.and_(
        SaleImportRow.outcome == Outcome.DUPLICATE, ~sa.exists().where(Sale.reference == SaleImportRow.reference)
    )
    freed = sa.or_(SaleImportRow.outcome == Outcome.ACCEPTED, is_gone)
    rows = sa.select(sa.func.count()).select_from(SaleImportRow).where(SaleImportRow.import_id == sheet.id, freed)
    sheet.withheld = session.scalar(rows) or 0
    sheet.duplicate -= sheet.withheld - sheet.accepted
    sheet.accepted = sheet.accepted_fen = 0
    session.execute(
        sa.update(SaleImportRow)
        .where(SaleImportRow.import_id == sheet.id, freed)
        .values(outcome=Outcome.WITHHELD, reference=None)
        .execution_options(synchronize_session=False)
    )


def _end(session: Session, sheet: SaleImport, actor: Actor) -> None:
    if sheet.accepted + sheet.duplicate + sheet.rejected + sheet.withheld == 0:
        raise UnreadableSheet(_NO_ROWS)
    sheet.status, sheet.finished_at, sheet.lines = ImportStatus.DONE, now(), sheet.seen
    forget_file(session, sheet.id)
    audit.record(session, actor, action="sale_import.done", subject=f"sale_import:{sheet.id}", **counts(sheet))


def counts(sheet: SaleImport) -> dict[str, object]:
    """Return what the audit trail tells of a sheet."""
    return {name: getattr(sheet, name) for name in ("accepted", "duplicate", "rejected", "withheld", "accepted_fen")}


def forget_file(session: Session, import_id: UUID) -> None:
    """Drop the file: every row of it stands in a verdict."""
    session.execute(sa.delete(SaleImportPart).where(SaleImportPart.import_id == import_id))


def _fail(import_id: UUID, error: UnreadableSheet) -> None:
    words = {}
    for language in LANGUAGES:
        with force_locale(language):
            words[language] = str(error.detail)
    with transaction() as session:
        sheet = _locked(session, import_id)
        if sheet.is_final:
            return
        sheet.status, sheet.problem, sheet.finished_at = ImportStatus.FAILED, words, now()
        forget_file(session, sheet.id)
        audit.record(session, None, action="sale_import.failed", subject=f"sale_import:{import_id}", reason=words["zh"])


def _header(rows: Iterator[SheetRow], actor: Actor) -> tuple[SheetRow, Columns]:
    """Read up to the row of headings, past a title and the like."""
    for row in islice(rows, _HEAD_ROWS):
        if recognised(row.cells) >= ENOUGH:
            needs_partner = actor.has(Role.OPERATOR) or actor.partner_code is None
            return row, columns_of(row.cells, needs_partner=needs_partner)
    raise UnreadableSheet(_NO_HEADINGS)


def _uploader(session: Session, sheet: SaleImport) -> Actor:
    """Return who sent the sheet, with the roles that are in force now: they may have ended meanwhile."""
    user = session.get_one(User, sheet.uploaded_by)
    actor = actor_for(session, user, chosen=str(sheet.organisation_id))
    return actor if actor.organisation_id == sheet.organisation_id else Actor(user.id, user.name, user.email)


def _locked(session: Session, import_id: UUID) -> SaleImport:
    """Return the import, held against other workers but not against rows that refer to it.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(SaleImport).where(SaleImport.id == import_id).with_for_update(key_share=True)
    sheet = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if sheet is None:
        raise NotFound
    return sheet


@contextmanager
def _file_of(import_id: UUID) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="ganwei-sheet-") as file:
        with db.sessionmaker() as session:
            number = 0
            query = sa.select(SaleImportPart.data).where(SaleImportPart.import_id == import_id)
            while (data := session.scalar(query.where(SaleImportPart.number == number))) is not None:
                file.write(data)
                number += 1
        file.flush()
        yield Path(file.name)
