"""The family of expected refusals. Each is raised by a service or a rule and rendered at the edge."""

from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString, lazy_gettext


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field, and where it stands in a file if it came from one."""

    field: str
    message: str
    row: int | None = None
    column: str | None = None
    value: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the parts that are known, for a problem document."""
        return {name: value for name, value in vars(self).items() if value is not None}


class ShopError(Exception):
    """A refusal that a user can do something about.

    A subclass sets `status` (an HTTP status: 409 for a conflict with the present state, 422 for malformed input),
    `code` (stable, part of the problem's type) and `title`; the instance says in `detail` what to do.
    """

    status = 409
    code = "conflict"
    title: LazyString | str = lazy_gettext("无法完成此操作")

    def __init__(self, detail: LazyString | str = "", *, errors: tuple[FieldError, ...] = ()) -> None:
        """Keep what to tell the user, and the fields that are to blame."""
        super().__init__(str(self.code))
        self.detail = detail
        self.errors = errors

    @property
    def told(self) -> str:
        """What to tell a person on a page: what is wrong with the fields, else the detail, else the title."""
        return " ".join(error.message for error in self.errors) or str(self.detail or self.title)

    def __str__(self) -> str:
        """Return the detail, with the fields, for logs and the command line."""
        fields = "; ".join(f"{error.field}: {error.message}" for error in self.errors)
        return " | ".join(part for part in (str(self.detail or self.title), fields) if part)


class InvalidInput(ShopError):
    """The input is malformed; `errors` names each field."""

    status = 422
    code = "invalid-input"
    title = lazy_gettext("填写的内容有误")


class NotFound(ShopError):
    """There is no such thing, or it belongs to somebody else: the two are told alike."""

    status = 404
    code = "not-found"
    title = lazy_gettext("没有找到")


class NotSignedIn(ShopError):
    """Nobody is signed in."""

    status = 401
    code = "not-signed-in"
    title = lazy_gettext("请先登录")


class NotAllowed(ShopError):
    """The user's roles do not permit this."""

    status = 403
    code = "not-allowed"
    title = lazy_gettext("您没有此项权限")
