"""A new cluster: PostgreSQL's data directory with our two roles and one database."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from shop.localpg.binaries import bin_dir
from shop.localpg.places import Home, LocalServerError
from shop.localpg.processes import Child

# The owner runs migrations; as the database's owner it may create in `public` and install trusted extensions. The
# application gets its rights from the migrations. The superuser `postgres` is for this file and for tests.
_BOOTSTRAP = """\
CREATE ROLE ganwei_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE ROLE ganwei_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
CREATE DATABASE ganwei OWNER ganwei_owner;
"""


def ensure_cluster(home: Home, *, settings: dict[str, str]) -> None:
    """Make the cluster unless it exists. It appears under its name only when it is complete."""
    if (home.cluster / "PG_VERSION").exists():
        return
    for draft in home.path.glob("draft-*"):
        _discard(draft)
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=home.path))
    if os.geteuid() != home.owner.uid:
        os.chown(draft, home.owner.uid, home.owner.gid)
    programs = bin_dir(home)
    _run(home, [str(programs / "initdb"), *_initdb_options(draft, settings)])
    # One user at a time and no socket: nobody can connect before the roles are what they should be.
    _run(home, [str(programs / "postgres"), "--single", "-D", str(draft), "postgres"], stdin=_BOOTSTRAP)
    draft.rename(home.cluster)


def _discard(draft: Path) -> None:
    """Delete what a killed start left. Its initdb may still be writing there, or cleaning up, for a moment."""
    for _ in range(100):
        shutil.rmtree(draft, ignore_errors=True)
        if not draft.exists():
            return
        time.sleep(0.05)
    raise LocalServerError(f"{draft}, left by an earlier start, cannot be removed. Delete it and try again.")


def _initdb_options(directory: Path, settings: dict[str, str]) -> list[str]:
    options = [
        f"--pgdata={directory}",
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        # The socket's directory is the lock: only its owner and root can enter, and both could read the data files
        # anyhow. `peer` would add nothing, and would need a name for each system user.
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
    ]
    return [*options, "--no-sync"] if settings.get("fsync") == "off" else options


def _run(home: Home, argv: list[str], *, stdin: str = "") -> None:
    with (home.path / "setup.log").open("w+b") as output:
        code = Child(argv, owner=home.owner, output=output, stdin=stdin).wait()
        output.seek(0)
        said = output.read().decode(errors="replace")
    # A single-user server reports a failed statement and goes on, and ends with 0.
    if code != 0 or "ERROR:" in said or "FATAL:" in said:
        raise LocalServerError(f"{Path(argv[0]).name} could not make the database in {home.path}:\n{said.strip()}")
