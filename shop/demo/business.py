"""The demo's stock, orders, receipts and sales. Figures follow a fixed pattern, so every demo looks the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shop.assistance import service as assistance
from shop.assistance.models import EvidenceKind, SaleMode
from shop.assistance.rules import Paper, SaleDraft
from shop.catalogue.models import Producer, Product, Sku
from shop.config import BUSINESS_TIMEZONE, Payee
from shop.demo.people import Cast
from shop.finance.months import service as months
from shop.identity.actor import Actor
from shop.orders import service as orders
from shop.orders.models import Order, PaymentMethod
from shop.orders.service import OrderDraft, ShipTo
from shop.orders.shipping import service as shipping
from shop.orders.shipping.models import Carrier
from shop.orders.shipping.rules import Parcel
from shop.payments import service as payments
from shop.payments.service import ReceiptDraft
from shop.procurement import service as procurement
from shop.procurement.rules import AcceptedLine
from shop.registry.models import Campaign

CAMPAIGN = "jingan"
COMMISSION_BP = 300
HOME = ShipTo("李梅", "13800000000", "120000", "河西区友谊路 1 号")
CANTEEN = ShipTo("王建国", "010-00000000", "110000", "西城区某路 2 号 机关食堂")


@dataclass(frozen=True)
class Help:
    """One partner's habit of helping one county, for inventing sales."""

    partner: str
    mode: SaleMode
    channel: str
    county: str
    buyer: str
    packs: int


HELPS = (
    Help("120000", SaleMode.ASSISTED, "market", "620826", "津门某连锁超市（演示）", 900),
    Help("120000", SaleMode.DIRECT, "union", "620523", "天津某集团工会（演示）", 420),
    Help("120000", SaleMode.ASSISTED, "live", "621027", "直播间消费者（演示）", 360),
    Help("120000", SaleMode.DIRECT, "school", "620122", "天津某高校食堂（演示）", 240),
    Help("370200", SaleMode.ASSISTED, "ecommerce", "621202", "青岛某电商（演示）", 760),
    Help("370200", SaleMode.DIRECT, "enterprise", "621102", "青岛某食品公司（演示）", 540),
    Help("370100", SaleMode.ASSISTED, "fair", "622926", "济南展销会（演示）", 480),
    Help("370100", SaleMode.DIRECT, "hospital", "622925", "济南某医院（演示）", 210),
    Help("C-nea", SaleMode.DIRECT, "agency", "621121", "国家能源局机关（演示）", 330),
    Help("C-crrc", SaleMode.DIRECT, "enterprise", "620523", "中车某公司（演示）", 390),
    Help("C-sinopec", SaleMode.ASSISTED, "market", "622926", "易捷便利店（演示）", 570),
    Help("C-tju", SaleMode.DIRECT, "canteen", "621223", "天津大学食堂（演示）", 180),
    # Tianjin is not paired with this county: kept, marked, and shown on its own line.
    Help("120000", SaleMode.ASSISTED, "community", "620981", "天津某社区团购（演示）", 120),
)
MONTHS = 9
BRIEFED_MONTHS = range(3, 9)
"""The months of 2021 that have sales."""
FIRST_BILL_DAYS = 36
"""How long ago the first goods were accepted: always in an earlier month."""
OUT_OF_STOCK_EVERY = 23


def load(session: Session, cast: Cast, *, today: date, payee: Payee) -> dict[str, int]:
    """Fill the shelves and do a little business; return how much of what was made."""
    session.execute(sa.update(Producer).values(commission_bp=COMMISSION_BP))
    shelves = _fill_shelves(session)
    session.add(Campaign(code=CAMPAIGN, name="津甘情深 消费帮扶专场", partner_code="120000", since=date(2026, 1, 1)))
    session.flush()
    placed = list(_orders(session, cast, today=today, payee=payee))
    for order in placed:
        order.is_demo = True
    sales = _sales(session, cast, today)
    return {
        "items on the shelves": shelves,
        "orders": len(placed),
        "sales": sales,
        "months closed": _close_months(session, cast, today),
    }


def _close_months(session: Session, cast: Cast, today: date) -> int:
    """Close what lies back longest: 2021 of the assistance book, and the first month of the cash book."""
    found = [("aid", date(2021, month, 1)) for month in BRIEFED_MONTHS]
    found.append(("cash", (today - timedelta(days=FIRST_BILL_DAYS)).replace(day=1)))
    for book, month in found:
        months.close_month(session, cast.finance, book, month, today=today)
    return len(found)


def _fill_shelves(session: Session) -> int:
    skus = session.scalars(sa.select(Sku).order_by(Sku.code)).all()
    for number, sku in enumerate(skus, start=1):
        sku.stock = 0 if number % OUT_OF_STOCK_EVERY == 0 else 40 + number * 37 % 460
    return len(skus)


def _orders(session: Session, cast: Cast, *, today: date, payee: Payee) -> Iterator[Order]:
    on_account, transfer = PaymentMethod.ON_ACCOUNT, PaymentMethod.BANK_TRANSFER

    def place(who: Actor, days_ago: int, method: PaymentMethod, *lines: tuple[str, int]) -> Order:
        home = CANTEEN if who is cast.canteen else HOME
        campaign = CAMPAIGN if who is cast.buyer else None
        at = datetime.combine(today - timedelta(days=days_ago), time(10, 30), BUSINESS_TIMEZONE)
        return orders.place_order(session, who, OrderDraft(lines, home, method, campaign), at=at)

    def pay(order: Order, days_ago: int, payer: str) -> None:
        draft = ReceiptDraft(
            order.billed_fen - order.paid_fen, today - timedelta(days=days_ago), payer, f"货款 {order.number}"
        )
        payments.record_bank_receipt(session, cast.finance, draft, payee=payee).is_demo = True

    def ship(order: Order, days_ago: int, carrier: Carrier, tracking_number: str = "") -> None:
        parcel = Parcel(carrier, tracking_number, today - timedelta(days=days_ago))
        shipping.ship_order(session, cast.operator, order.number, parcel, today=today)

    def accept(order: Order, days_ago: int, *, short_line: int | None = None) -> None:
        lines = [
            AcceptedLine(line.line_no, line.quantity - Decimal("1.5"), "运输途中破损")
            if line.line_no == short_line
            else AcceptedLine(line.line_no, Decimal(line.quantity))
            for line in order.lines
        ]
        who = cast.canteen if order.organisation_id else cast.buyer
        procurement.accept_goods(session, who, order.number, lines, on=today - timedelta(days=days_ago))

    billed = place(cast.canteen, 40, on_account, ("GS004-1", 60), ("GS003-1", 40), ("GS001-1", 30))
    accept(billed, FIRST_BILL_DAYS, short_line=3)
    pay(billed, 20, "国家能源局机关服务中心（演示）")
    owed = place(cast.canteen, 12, on_account, ("GS005-1", 30), ("GS002-1", 24))
    ship(owed, 10, Carrier.OWN)
    accept(owed, 8)
    prepaid = place(cast.buyer, 9, transfer, ("GS001-1", 2), ("GS008-1", 1))
    pay(prepaid, 8, "李梅")
    ship(prepaid, 7, Carrier.EMS, "DEMO00000001")
    accept(prepaid, 4)
    sent = place(cast.buyer, 3, transfer, ("GS010-1", 2))
    pay(sent, 2, "李梅")
    ship(sent, 1, Carrier.SF, "DEMO00000002")
    bought = place(cast.buyer, 2, transfer, ("GS008-1", 2))
    pay(bought, 1, "李梅")
    yield from (billed, owed, prepaid, sent, bought)
    yield place(cast.canteen, 1, on_account, ("GS001-1", 20), ("GS012-1", 10))
    yield place(cast.buyer, 0, transfer, ("GS020-1", 1))
    stray = ReceiptDraft(1_280_00, today - timedelta(days=1), "某某商贸有限公司（演示）", "货款")
    payments.record_bank_receipt(session, cast.finance, stray, payee=payee).is_demo = True


def _sales(session: Session, cast: Cast, today: date) -> int:
    count = 0
    for month in range(MONTHS):
        for number, habit in enumerate(HELPS):
            sold_on = today - timedelta(days=month * 30 + number * 2 + 3)
            _sale(session, cast, habit, sold_on=sold_on, serial=count + 1)
            count += 1
    # A few of 2021, so that the declared figures of that year have something beside them.
    for number, habit in enumerate(HELPS):
        sold_on = date(2021, BRIEFED_MONTHS[number % len(BRIEFED_MONTHS)], 12)
        _sale(session, cast, habit, sold_on=sold_on, serial=count + 1)
        count += 1
    return count


def _sale(session: Session, cast: Cast, habit: Help, *, sold_on: date, serial: int) -> None:
    products = session.scalars(sa.select(Product).where(Product.county_code == habit.county).order_by(Product.id)).all()
    product = products[serial % len(products)]
    sku = session.scalars(sa.select(Sku).where(Sku.product_id == product.id)).first()
    if sku is None:
        return
    packs = habit.packs + serial * 17 % 90
    reporter = cast.tianjin if habit.partner == cast.tianjin.partner_code else cast.operator
    draft = SaleDraft(
        reference=f"DEMO-{sold_on:%Y%m}-{serial:03}",
        partner=habit.partner,
        mode=habit.mode,
        channel=habit.channel,
        county=habit.county,
        category=product.category_code,
        product=product.name,
        quantity=Decimal(packs),
        unit=sku.unit,
        amount_fen=sku.price_fen * packs,
        sold_on=sold_on,
        buyer=habit.buyer,
        evidence=(_paper(sold_on, serial),),
    )
    sale = assistance.report_sale(session, reporter, draft, is_demo=True)
    _decide(session, cast, sale.reference, serial)


def _paper(sold_on: date, serial: int) -> Paper:
    """Return an invoice where digital ones existed, a contract before."""
    if sold_on.year <= date(2021, 1, 1).year:
        return Paper(EvidenceKind.CONTRACT, f"演示合同-{serial:03}")
    return Paper(EvidenceKind.INVOICE, f"{sold_on:%y}620{serial:015}")


def _decide(session: Session, cast: Cast, reference: str, serial: int) -> None:
    """Confirm most, leave the latest ones waiting, reject one, reverse one."""
    waiting, rejected, reversed_one = {1, 2, 6}, 4, 8
    if serial in waiting:
        return
    if serial == rejected:
        assistance.reject_sale(session, cast.finance, reference, reason="发票金额与上报金额不一致")
        return
    assistance.confirm_sale(session, cast.finance, reference)
    if serial == reversed_one:
        assistance.reverse_sale(session, cast.finance, reference, reason="买方整单退货")
