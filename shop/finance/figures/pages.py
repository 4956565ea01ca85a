"""The totals page with its chart, its table and its files, and the shapes of the map."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from shop.db import business_day, db, now
from shop.finance import drilldown, knowledge, periods, queries, tables
from shop.finance.drilldown import Filter
from shop.finance.figures import charts, choice, export, lines
from shop.finance.figures.choice import CUT_LABELS
from shop.finance.figures.comparison import VERSUS_LABELS
from shop.finance.knowledge import NOW
from shop.finance.periods import PRESET_LABELS
from shop.finance.queries import LEDGER_READERS, TOTALS_READERS
from shop.finance.tables import Table
from shop.identity.actor import require_actor, requires
from shop.registry import queries as registry

blueprint = Blueprint("figures", __name__)

COUNTIES = Path(__file__).parents[2] / "data" / "gansu-counties.geojson"
_MAP_SECONDS = 7 * 24 * 3600


@blueprint.app_template_filter("percent")
def in_percent(value: Decimal) -> str:
    """Return a change in percent with its sign, such as "+1,114.2%"."""
    return f"{value:+,.1f}%".replace("-", "−") if value else "0.0%"


@blueprint.get("/finance/totals")
@requires(*TOTALS_READERS)
def totals_page() -> ResponseReturnValue:
    """Show the totals of a period, cut one way, drawn and in a table, each side with its own subtotal."""
    table = _table()
    chart = charts.chart_of(table, address=_address)
    return render_template(
        "finance/totals.html",
        table=table,
        choice=table.choice,
        chart=chart,
        summary=charts.summary(table) if chart else "",
        address=_address,
        now_url=_address(table.choice.changed(known=NOW)),
        fixed_url=url_for("figures.totals_page", _external=True, **table.choice.fixed(table.view.as_of)),
        map_url=url_for("figures.map_of_counties", v=f"{int(COUNTIES.stat().st_mtime):x}"),
        presets=PRESET_LABELS,
        cuts=CUT_LABELS,
        comparisons=VERSUS_LABELS,
        sides=tables.SIDES,
        query_of=tables.query_of,
        query_before=tables.query_before,
        today=business_day(),
        may_drill=require_actor().has(*LEDGER_READERS),
    )


@blueprint.get("/finance/totals.csv")
@requires(*TOTALS_READERS)
def totals_csv() -> ResponseReturnValue:
    """Send the table of the totals page as a file for programs."""
    table = _table()
    return _file(table, export.as_csv(table, is_demo=queries.is_demo()), "csv", "text/csv")


@blueprint.get("/finance/totals.xlsx")
@requires(*TOTALS_READERS)
def totals_xlsx() -> ResponseReturnValue:
    """Send the table of the totals page as a workbook."""
    table = _table()
    return _file(table, export.as_xlsx(table, is_demo=queries.is_demo()), "xlsx", export.XLSX_TYPE)


@blueprint.get("/finance/transfers.csv")
@requires(*LEDGER_READERS)
def transfers_csv() -> ResponseReturnValue:
    """Send the transfers of the transfers page, all pages of them, as a file for programs; it leaves as it is read."""
    parts = _csv_parts(_filter())
    # A filter that makes no sense is refused here, before anything is sent.
    first = next(parts)
    sent = stream_with_context(chain([first], parts))
    return Response(sent, mimetype="text/csv", headers=_attached(f"ganwei-transfers-{business_day()}.csv"))


@blueprint.get("/finance/transfers.xlsx")
@requires(*LEDGER_READERS)
def transfers_xlsx() -> ResponseReturnValue:
    """Send the transfers of the transfers page, all pages of them, as a workbook."""
    chosen = _filter()
    conditions = tables.condition_labels(registry.names(db.session), chosen.where)
    with queries.snapshot() as session:
        told = lines.facts(chosen, conditions=conditions, rules=queries.rule_versions(session, chosen.period))
        body = lines.as_xlsx(lines.every_line(session, chosen), told=told, is_demo=queries.is_demo())
    name = f"ganwei-transfers-{business_day()}.xlsx"
    return Response(body, mimetype=export.XLSX_TYPE, headers=_attached(name))


@blueprint.get("/finance/map/counties.json")
@requires(*TOTALS_READERS)
def map_of_counties() -> ResponseReturnValue:
    """Send the borders of Gansu's counties; their address changes when they do, so a browser keeps them."""
    answer = Response(COUNTIES.read_bytes(), mimetype="application/json")
    answer.headers["Cache-Control"] = f"private, max-age={_MAP_SECONDS}"
    answer.add_etag()
    return answer.make_conditional(request)


def _table() -> Table:
    chosen = choice.from_args(request.args, today=business_day(), at=now())
    return tables.totals_table(db.session, chosen, scope=queries.scope(require_actor()))


def _csv_parts(chosen: Filter) -> Iterator[str]:
    with queries.snapshot() as session:
        yield from lines.as_csv(lines.every_line(session, chosen), is_demo=queries.is_demo())


def _filter() -> Filter:
    known = knowledge.read(request.args.get(knowledge.FIELD, ""), at=now())
    return drilldown.from_args(request.args, periods.from_args(request.args), known)


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _address(query: Mapping[str, str]) -> str:
    return url_for("figures.totals_page", **dict[str, Any](query))


def _file(table: Table, body: bytes, ending: str, mimetype: str) -> Response:
    chosen = table.choice
    ends = [*chosen.period.as_query().values()] or ["all"]
    days = "_".join([*ends, *(f"known-{moment}" for moment in chosen.known.as_query().values())])
    return Response(body, mimetype=mimetype, headers=_attached(f"ganwei-{chosen.cut}-{days.replace(':', '')}.{ending}"))
