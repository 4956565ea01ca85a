# ruff: noqa: INP001 - a script, in no package
"""Checks the migrations on a database of their own: up from empty, no drift from the models, down, and up again."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from shop.localpg import demo_environment, destroy, ensure_running  # noqa: E402 - the project is not installed

STEPS = (["upgrade"], ["check"], ["downgrade", "base"], ["upgrade"])


def main() -> None:
    """Run every step; end with 1 and its output at the first that fails."""
    with tempfile.TemporaryDirectory(prefix="ganwei-migrations-") as name:
        directory = Path(name)
        server = ensure_running(directory, settings={"fsync": "off"})
        try:
            env = {**os.environ, **demo_environment(server)}
            for step in STEPS:
                _run(step, env)
        finally:
            server.stop()
            destroy(directory)


def _run(step: list[str], env: dict[str, str]) -> None:
    argv = [sys.executable, "-m", "flask", "--app", "wsgi", "db", *step]
    done = subprocess.run(  # noqa: S603 - this interpreter and our own words
        argv, cwd=PROJECT, env=env, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\n`flask db {' '.join(step)}` failed.")
    print(f"flask db {' '.join(step)}: passed")  # noqa: T201 - said to the person at the terminal


if __name__ == "__main__":
    main()
