"""Importing a sheet of sales: validated, de-duplicated, reported, then confirmed and posted. Budget: 512 MB of memory.

The sheet is CSV, one sale a row, over all partners and counties and a year's days. The work runs in a process of its
own, so that its peak memory is the importer's. The reference is a bare COPY of the same file's lines into one column.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from benchmarks.figures import Figure, rounded
from benchmarks.server import driver, throwaway_server
from shop.localpg import LocalServer, demo_environment

BUDGET_MB = 512
_KIB = 1024
_PIECE = 1 << 16
_HEADINGS = (
    "帮扶方", "帮扶方式", "销售渠道", "产地县", "品类", "产品", "数量", "单位", "金额（元）", "销售日期",
    "采购方", "发票号码",
)  # fmt: skip


def main() -> None:
    """Measure and print one line; `--child FILE` is the process that imports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the sheet (default 1000000)")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child is not None:
        print(json.dumps(_import(asked.child)))
        return
    with throwaway_server() as server, tempfile.TemporaryDirectory(prefix="ganwei-sheet-") as name:
        sheet = Path(name) / "sales.csv"
        _write(sheet, rows=asked.rows)
        copied = _copy_seconds(server, sheet)
        environment = {**os.environ, **demo_environment(server)}
        _run(["-m", "flask", "--app", "wsgi", "db", "upgrade"], environment)
        _run(["-m", "flask", "--app", "wsgi", "reference", "load"], environment)
        found = json.loads(_run(["-m", "benchmarks.sales_import", "--child", str(sheet)], environment).splitlines()[-1])
    if found["posted"] != asked.rows:
        raise RuntimeError(f"{found['posted']} of {asked.rows} rows were posted")
    seconds = found["import_seconds"] + found["confirm_seconds"]
    figure = Figure(
        name="sales_import",
        value=seconds,
        unit="s",
        reference=copied,
        ratio=seconds / copied,
        budget=f"at most {BUDGET_MB} MB of memory",
        ok=found["peak_rss_mb"] <= BUDGET_MB,
    )
    figure.show(
        reference_is="COPY of the file's lines into one unindexed column",
        rows=asked.rows,
        peak_rss_mb=rounded(found["peak_rss_mb"]),
        import_seconds=rounded(found["import_seconds"]),
        confirm_seconds=rounded(found["confirm_seconds"]),
        rows_per_second=rounded(asked.rows / seconds),
    )


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _import(sheet: Path) -> dict[str, float]:
    from shop.assistance.imports import service  # noqa: PLC0415 - the parent needs none of the application
    from shop.assistance.imports.models import SaleImport  # noqa: PLC0415
    from shop.assistance.imports.work.confirm import confirm  # noqa: PLC0415
    from shop.assistance.imports.work.run import run  # noqa: PLC0415
    from shop.db import db, transaction  # noqa: PLC0415
    from wsgi import app  # noqa: PLC0415

    with app.app_context():
        operator, finance = _people()
        started = time.perf_counter()
        with transaction() as session, sheet.open("rb") as file:
            taken = service.take(session, operator, file, filename=sheet.name, by_worker=False)
        run(taken.id)
        imported = time.perf_counter()
        with transaction() as session:
            service.request_confirmation(session, finance, taken.id)
        confirm(taken.id)
        confirmed = time.perf_counter()
        with transaction() as session:
            done = session.get_one(SaleImport, taken.id, populate_existing=True)
            posted = session.scalar(text("SELECT count(*) FROM ledger_transfer"))
        db.engine.dispose()
    if done.confirmed != posted:
        raise RuntimeError(f"{done.confirmed} sales were confirmed and {posted} transfers posted")
    return {
        "posted": posted,
        "import_seconds": imported - started,
        "confirm_seconds": confirmed - imported,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _KIB,
    }


def _people() -> tuple[Any, Any]:
    """Make somebody who sends sheets and somebody who confirms them."""
    from shop.db import transaction  # noqa: PLC0415 - as above
    from shop.identity.actor import actor_for  # noqa: PLC0415
    from shop.identity.models import Membership, Organisation, OrganisationKind, Role, User  # noqa: PLC0415

    found = []
    with transaction() as session:
        home = Organisation(code="bench", name="bench", kind=OrganisationKind.PLATFORM)
        session.add(home)
        session.flush()
        for role in (Role.OPERATOR, Role.FINANCE):
            email = f"{role}@example.com"
            user = User(email=email, name=email, password=None, fs_uniquifier=email)
            session.add(user)
            session.flush()
            session.add(Membership(user_id=user.id, organisation_id=home.id, role=role))
            session.flush()
            found.append(actor_for(session, user))
    return found[0], found[1]


def _write(path: Path, *, rows: int) -> None:
    dice = random.Random("sheet")  # noqa: S311 -- a benchmark wants the same rows every time
    data = Path(__file__).parent.parent / "shop" / "data"
    partners = [row["name"] for row in _table(data / "partners.csv") if row["is_credited"] == "yes"]
    regions = _table(data / "regions.csv")
    counties = [row["code"] for row in regions if row["level"] == "county" and row["code"].startswith("62")]
    categories = [row["name"] for row in _table(data / "categories.csv")]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for number in range(rows):
            day = date(2021, 1, 1) + timedelta(days=dice.randrange(365))
            yuan = f"{dice.randrange(1, 10**6):,}.{dice.randrange(100):02d}"
            writer.writerow(
                (
                    dice.choice(partners), "帮助销售", "商超", dice.choice(counties), dice.choice(categories), "苹果",
                    dice.randrange(1, 1000), "箱", yuan, day, f"采购单位{dice.randrange(10_000)}", f"2162{number:016d}",
                )
            )  # fmt: skip


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _copy_seconds(server: LocalServer, sheet: Path) -> float:
    engine = create_engine(server.url(role="postgres", database="postgres"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE bare (line text)"))
    with engine.begin() as connection, sheet.open("rb") as file:
        bare = driver(connection)
        started = time.perf_counter()
        with bare.cursor().copy("COPY bare FROM STDIN") as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)
        bare.commit()
        seconds = time.perf_counter() - started
    engine.dispose()
    return seconds


if __name__ == "__main__":
    main()
