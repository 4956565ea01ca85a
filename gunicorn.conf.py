"""What gunicorn reads in the directory in which it starts: a demo does not answer strangers.

Its passwords are printed in its documentation. So it listens on the loopback address only, unless told twice: by an
address, and by `GANWEI_DEMO_PUBLIC=1`.
"""

import ipaddress
import os
from collections.abc import Mapping
from typing import Any


def on_starting(server: Any) -> None:  # noqa: ANN401 -- gunicorn ships no types
    """Refuse to start a demo where others could reach it."""
    if strange := strange_addresses([str(bind) for bind in server.cfg.bind], os.environ):
        raise SystemExit(
            f"This is a demo with public passwords, and {', '.join(strange)} can be reached from other machines. "
            "Bind it to 127.0.0.1, or set GANWEI_DEMO_PUBLIC=1 if you mean it."
        )


def strange_addresses(binds: list[str], environ: Mapping[str, str]) -> list[str]:
    """Name the addresses on which a demo may not listen; none where it is no demo, or others are meant to reach it."""
    is_demo = environ.get("GANWEI_DEMO") == "1" or not environ.get("DATABASE_URL")
    if not is_demo or environ.get("GANWEI_DEMO_PUBLIC") == "1":
        return []
    return [bind for bind in binds if not _is_local(bind)]


def _is_local(bind: str) -> bool:
    """Tell a socket in the file system, one that was inherited, or a loopback address."""
    if bind.startswith(("unix:", "fd://")):
        return True
    host = bind.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
