"""The audit trail in words, on the page and in the file."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext, lazy_gettext

from shop.finance.tables import guarded
from shop.finance.trail.queries import Seen
from shop.web import format_instant

ACTIONS = {
    "address.removed": lazy_gettext("删除收货地址"),
    "address.saved": lazy_gettext("保存收货地址"),
    "invitation.accepted": lazy_gettext("接受邀请"),
    "invitation.revoked": lazy_gettext("撤回邀请"),
    "invitation.sent": lazy_gettext("发出邀请"),
    "ledger.verified": lazy_gettext("核验账本"),
    "listing.set": lazy_gettext("上架或下架"),
    "membership.added": lazy_gettext("加入机构"),
    "membership.taken": lazy_gettext("收回机构权限"),
    "order.accept": lazy_gettext("验收订单"),
    "order.cancel": lazy_gettext("取消订单"),
    "order.deliver": lazy_gettext("确认收货"),
    "order.expire": lazy_gettext("订单逾期取消"),
    "order.place": lazy_gettext("下单"),
    "order.ship": lazy_gettext("登记发货"),
    "order.unship": lazy_gettext("撤回发货"),
    "organisation.created": lazy_gettext("新建机构"),
    "organisation.edited": lazy_gettext("修改机构资料"),
    "period.closed": lazy_gettext("月结"),
    "period.reopened": lazy_gettext("反月结"),
    "price.set": lazy_gettext("改价"),
    "receipt.place": lazy_gettext("到账分配到订单"),
    "receipt.record": lazy_gettext("登记银行到账"),
    "receipt.refund": lazy_gettext("到账退款"),
    "receipt.release": lazy_gettext("释放多余到账"),
    "receipt.undo": lazy_gettext("撤回到账处理"),
    "sale.confirmed": lazy_gettext("确认站外销售"),
    "sale.rejected": lazy_gettext("退回站外销售"),
    "sale.reported": lazy_gettext("上报站外销售"),
    "sale.reversed": lazy_gettext("冲销站外销售"),
    "sale_import.cancelled": lazy_gettext("取消销售导入"),
    "sale_import.confirming": lazy_gettext("开始批量确认"),
    "sale_import.done": lazy_gettext("完成销售导入"),
    "sale_import.failed": lazy_gettext("销售导入失败"),
    "sale_import.sent": lazy_gettext("上传销售表"),
    "session.ended": lazy_gettext("结束一处登录"),
    "session.others_ended": lazy_gettext("结束其他登录"),
    "stock.alert": lazy_gettext("设置库存预警"),
    "stock.set": lazy_gettext("调整库存"),
    "token.created": lazy_gettext("新建访问令牌"),
    "token.revoked": lazy_gettext("停用访问令牌"),
    "user.activated": lazy_gettext("恢复用户"),
    "user.confirmed": lazy_gettext("验证邮箱"),
    "user.created": lazy_gettext("新建用户"),
    "user.deactivated": lazy_gettext("停用用户"),
    "user.language_chosen": lazy_gettext("选择语言"),
    "user.locked": lazy_gettext("锁定登录"),
    "user.password_changed": lazy_gettext("修改密码"),
    "user.password_reset": lazy_gettext("重置密码"),
    "user.registered": lazy_gettext("注册用户"),
    "user.signed_in": lazy_gettext("登录"),
    "user.totp_reset": lazy_gettext("重置二次验证"),
}
"""What an action is called; one of an earlier version that has no name here shows its code."""


@dataclass(frozen=True)
class Change:
    """One value that an event changed; `before` is empty for a new row, `after` for one that is gone."""

    name: str
    before: str
    after: str


def action_label(action: str) -> str:
    """Return what an action is called."""
    return str(ACTIONS.get(action, action))


def changes(seen: Seen) -> list[Change]:
    """Return every value that an event changed, one a line."""
    before, after = dict(_flat(seen.event.before)), dict(_flat(seen.event.after))
    names = dict.fromkeys([*before, *after])
    return [Change(" · ".join(name), _text(before.get(name)), _text(after.get(name))) for name in names]


def facts(seen: Seen) -> list[tuple[str, str]]:
    """Return what the event says beside its changes."""
    return [(name, _text(value)) for name, value in seen.event.detail.items() if value not in (None, "")]


def as_csv(found: Iterable[Seen]) -> bytes:
    """Return the events as a CSV file for spreadsheet programs: UTF-8 with a byte order mark, one event a line."""
    headings = [gettext("时间"), gettext("人员"), gettext("邮箱"), gettext("机构"), gettext("操作")]
    headings += [gettext("操作代码"), gettext("对象"), gettext("说明")]
    headings += [gettext("变更前"), gettext("变更后"), gettext("请求编号")]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(headings)
    for seen in found:
        event = seen.event
        who = [seen.person or gettext("系统"), seen.email or "", seen.organisation or ""]
        what = [action_label(event.action), event.action, event.subject]
        sides = [_json(event.detail), _json(event.before), _json(event.after)]
        cells = [format_instant(event.at), *who, *what, *sides, event.request_id or ""]
        writer.writerow([guarded(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _flat(side: dict[str, Any] | None) -> Iterator[tuple[tuple[str, ...], object]]:
    for table, rows in (side or {}).items():
        for row, values in rows.items():
            yield from (((table, row, column), value) for column, value in values.items())


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    return "" if value in (None, {}) else json.dumps(value, ensure_ascii=False)
