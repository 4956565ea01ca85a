"""A demo listens on the loopback address only, unless told twice."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from shop.localpg.places import PROJECT

CONFIG = PROJECT / "gunicorn.conf.py"
DEMO = {"GANWEI_DEMO": "1", "DATABASE_URL": "postgresql:///x"}
strange_addresses = runpy.run_path(str(CONFIG))["strange_addresses"]


@pytest.mark.parametrize("bind", ["0.0.0.0:8000", "[::]:8000", ":8000", "10.1.2.3:8000", "shop.example:80"])
def test_a_demo_is_not_for_strangers(bind: str) -> None:
    assert strange_addresses([bind, "127.0.0.1:8000"], DEMO) == [bind]
    assert strange_addresses([bind], {}) == [bind], "without a database of its own it is a demo"


@pytest.mark.parametrize("bind", ["127.0.0.1:8000", "[::1]:8000", "localhost:8000", "unix:/run/shop.sock", "fd://3"])
def test_it_may_listen_here(bind: str) -> None:
    assert strange_addresses([bind], DEMO) == []


def test_who_is_told_twice_or_is_no_demo_listens_anywhere() -> None:
    assert strange_addresses(["0.0.0.0:80"], DEMO | {"GANWEI_DEMO_PUBLIC": "1"}) == []
    assert strange_addresses(["0.0.0.0:80"], {"DATABASE_URL": "postgresql:///x"}) == []


def test_gunicorn_does_not_start() -> None:
    argv = [str(Path(sys.executable).parent / "gunicorn"), "wsgi:app", "--bind=0.0.0.0:0"]
    env = os.environ | DEMO
    refused = subprocess.run(argv, cwd=PROJECT, env=env, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 -- our own server

    assert refused.returncode != 0
    assert "can be reached from other machines" in refused.stderr
