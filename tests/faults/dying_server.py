"""The shop in a process that kills itself after its commit and before its answer, when the request asks for it.

`python -m tests.faults.dying_server` prints its port and serves until it dies. Settings come from the environment.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from shop import create_app
from shop.config import Settings

DIE = "HTTP_X_DIE"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


def main() -> None:
    """Serve until killed."""
    shop = create_app(Settings.from_environment(os.environ))

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = list(shop(environ, start))
        if DIE in environ:
            # All is committed, and nobody knows.
            os.kill(os.getpid(), signal.SIGKILL)
        return body

    with make_server("127.0.0.1", 0, answer, handler_class=_Quiet) as server:
        sys.stdout.write(f"{server.server_port}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
