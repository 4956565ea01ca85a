"""The homes of finance and of the operator."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from shop.db import business_day, db
from shop.finance.home import finance, operator
from shop.finance.queries import LEDGER_READERS
from shop.identity.actor import requires
from shop.identity.models import Role

blueprint = Blueprint("home", __name__)


@blueprint.get("/finance")
@requires(*LEDGER_READERS)
def finance_home() -> ResponseReturnValue:
    """Show what arrived, what waits and what disagrees."""
    return render_template(
        "finance/home.html", groups=finance.groups(db.session, today=business_day()), is_finance=True
    )


@blueprint.get("/operator")
@requires(Role.OPERATOR)
def operator_home() -> ResponseReturnValue:
    """Show the orders to work on, the shelves to fill, and who and what came in."""
    return render_template(
        "finance/home.html", groups=operator.groups(db.session, today=business_day()), is_finance=False
    )
