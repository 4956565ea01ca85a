"""The shapes of the audit trail on the API."""

from typing import Any

import marshmallow as ma
from marshmallow import fields, post_load, validate

from shop.finance.periods import checked
from shop.finance.trail.queries import Search, Seen
from shop.rest import PageQuery

LONGEST = 200
_TEXT = validate.Length(max=LONGEST)


class TrailQuery(PageQuery):
    """Which events: by a part of the person's name or address, of the object or of any text; by action and by day."""

    person = fields.String(load_default="", validate=_TEXT)
    subject = fields.String(data_key="object", load_default="", validate=_TEXT, metadata={"example": "order:"})
    action = fields.String(load_default="", validate=_TEXT, metadata={"example": "stock.set"})
    text = fields.String(data_key="q", load_default="", validate=_TEXT)
    since = fields.Date(data_key="from", load_default=None)
    last = fields.Date(data_key="to", load_default=None)

    @post_load
    def make_search(self, data: dict[str, Any], **_: object) -> dict[str, Any]:
        """Replace what is looked for by one object."""
        period = checked(data.pop("since"), data.pop("last"))
        texts = {name: data.pop(name).strip() for name in ("person", "subject", "action", "text")}
        return data | {"search": Search(**texts, period=period)}


class TrailSchema(ma.Schema):
    """One event. `before` and `after` hold values by table, row and column; null where the event tells none."""

    id = fields.UUID()
    at = fields.AwareDateTime()
    person = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    organisation = fields.String(allow_none=True)
    action = fields.String()
    object = fields.String()
    detail = fields.Dict()
    before = fields.Dict(allow_none=True)
    after = fields.Dict(allow_none=True)
    request_id = fields.String(allow_none=True)


def shown(seen: Seen) -> dict[str, Any]:
    """Return an event as the API shows it."""
    event = seen.event
    return {
        "id": event.id,
        "at": event.at,
        "person": seen.person,
        "email": seen.email,
        "organisation": seen.organisation,
        "action": event.action,
        "object": event.subject,
        "detail": event.detail,
        "before": event.before,
        "after": event.after,
        "request_id": event.request_id,
    }
