"""Secrets for a demo that nobody has configured."""

import os
import secrets
from pathlib import Path

from shop.localpg.places import locked

_NAMES = ("SECRET_KEY", "SECURITY_PASSWORD_SALT", "TOTP_SECRET")


def demo_secrets(data_dir: Path) -> dict[str, str]:
    """The secrets of a demo: random, made once, in a file that only its owner can read."""
    path = data_dir / "secrets.env"
    with locked(data_dir):
        known = _read(path)
        if missing := [name for name in _NAMES if name not in known]:
            known |= {name: secrets.token_urlsafe(48) for name in missing}
            _write(path, known)
    return known


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _write(path: Path, values: dict[str, str]) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
    draft.replace(path)
