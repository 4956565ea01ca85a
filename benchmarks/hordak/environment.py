"""The environment in which django-hordak runs, made on first use. Nothing of it comes into ours."""

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.programs.turns import PROJECT

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
INSTALLATION_SECONDS = 600


def version() -> str:
    """Read the version of django-hordak that is pinned."""
    found = re.search(r"^django-hordak==(\S+)$", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{REQUIREMENTS} pins no django-hordak")
    return found[1]


def interpreter() -> Path:
    """Give the environment's Python. What is installed there is what the requirements say, also after they change."""
    home = PROJECT / ".var" / "benchmarks" / f"hordak-{version()}"
    python, stamp = home / "bin" / "python", home / "installed"
    wanted = f"{sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(home)])
        _run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(REQUIREMENTS)])
        stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLATION_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
