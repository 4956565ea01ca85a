"""Where an embedded server keeps its files, and which system user may own them.

PostgreSQL refuses to run as root, so root needs another user, and that user must be able to walk to the files. We never
open a directory that we did not make: when the way is barred we keep the files elsewhere, and remember where.
"""

import fcntl
import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PORT = 5432  # names the socket file; nothing listens on TCP
LOCK_PATIENCE_SECONDS = 120
SOCKET_PATH_LIMIT = 107  # bytes: sockaddr_un.sun_path holds 108 with its final NUL


class LocalServerError(Exception):
    """The embedded PostgreSQL cannot run as asked. The message says what to do."""


@dataclass(frozen=True)
class Owner:
    """The system user that runs the server and owns its files."""

    uid: int
    gid: int

    @property
    def name(self) -> str:
        """The user's name, or its number where the system knows no name."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


@dataclass(frozen=True)
class Home:
    """The directory that holds one server's files, and their owner."""

    path: Path
    owner: Owner

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory. It exists only when it is complete."""
        return self.path / "cluster"


def asked_dir(data_dir: Path | None) -> Path:
    """The data directory that the caller, GANWEI_DATA_DIR or the default asks for, without symbolic links."""
    asked = data_dir or os.environ.get("GANWEI_DATA_DIR") or PROJECT / ".var" / "postgres"
    return Path(asked).resolve()


def current_home(asked: Path) -> Path:
    """Where the files of `asked` really are. Reads only."""
    try:
        return Path((asked / "location").read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        return asked


@contextmanager
def locked(asked: Path) -> Iterator[None]:
    """Make `asked` where it is missing, and hold its lock: of two starters one starts, the other attaches."""
    _make_with_parents(asked)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(asked / "lock", flags, 0o600)
    try:
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while not _try_lock(fd):
            if time.monotonic() > deadline:
                raise LocalServerError(
                    f"Another process has held {asked / 'lock'} for {LOCK_PATIENCE_SECONDS} seconds. "
                    "Find it with `fuser`, end it and try again."
                )
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def settle(asked: Path) -> Home:
    """Decide where the files of `asked` are and who owns them. Call it under the lock; `asked` exists.

    Raises:
        LocalServerError: root finds no user to drop to, or data that exist cannot be reached by their owner.
    """
    path = current_home(asked)
    owner = _server_owner(path / "cluster")
    if path != asked and not path.exists():
        path = _elsewhere(asked, owner)
    if can_reach(owner, path):
        return Home(path, owner)
    if (path / "cluster").exists():
        raise LocalServerError(
            f"The data in {path} belong to user {owner.name}, who cannot reach them any more. Move {path} to a "
            "place that this user can enter and set GANWEI_DATA_DIR to it."
        )
    path = _elsewhere(asked, owner)
    _remember(asked, path)
    return Home(path, owner)


def can_reach(owner: Owner, directory: Path) -> bool:
    """Whether the owner can enter a directory. The kernel is asked, since lists of access rights are its business."""
    # The path is an argument, never part of the script.
    script = ["/bin/sh", "-c", 'test -x "$0"', str(directory)]
    return run_as(owner, script).returncode == 0


def run_as(owner: Owner, argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a short command as the owner, from `/`, since root's working directory may be closed to others."""
    drop = os.geteuid() != owner.uid
    return subprocess.run(  # noqa: S603 - a fixed command; no word of it comes from a request
        argv,
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        user=owner.uid if drop else None,
        group=owner.gid if drop else None,
        extra_groups=[] if drop else None,
    )


def private_dir(path: Path, owner: Owner) -> Path:
    """Make a directory that only its owner can enter, or accept one that is so already. Never changes another's."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        made_by_us = found.st_uid == os.geteuid() and not any(path.iterdir())
        if not stat.S_ISDIR(found.st_mode) or (found.st_uid != owner.uid and not made_by_us):
            raise LocalServerError(f"{path} exists and is not a directory of user {owner.name}. Remove it.") from None
        if found.st_mode & 0o077:
            raise LocalServerError(f"{path} is open to other users. Run `chmod 700 {path}` or remove it.") from None
    if os.geteuid() != owner.uid:
        os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    return path


def socket_dir(home: Home) -> Path:
    """The directory for the socket: GANWEI_SOCKET_DIR, else beside the data, else, when that is too long, a short one.

    Raises:
        LocalServerError: the path is longer than the system can take, or open to others.
    """
    configured = os.environ.get("GANWEI_SOCKET_DIR")
    if configured:
        chosen = Path(configured).absolute()
    else:
        chosen = home.path / "run"
        if _socket_length(chosen) > SOCKET_PATH_LIMIT:
            chosen = short_socket_dir(home.path)
    if _socket_length(chosen) > SOCKET_PATH_LIMIT:
        raise LocalServerError(
            f"The socket path {socket_file(chosen)} has {_socket_length(chosen)} bytes; the system allows "
            f"{SOCKET_PATH_LIMIT}. Set GANWEI_SOCKET_DIR to a shorter directory, such as /tmp/ganwei."
        )
    private_dir(chosen, home.owner)
    if not can_reach(home.owner, chosen):
        raise LocalServerError(
            f"User {home.owner.name} cannot enter {chosen}. Set GANWEI_SOCKET_DIR to a directory that it can reach."
        )
    return chosen


def short_socket_dir(home: Path) -> Path:
    """The directory for the socket of a home whose own path is too long."""
    return Path(tempfile.gettempdir()) / f"ganwei-{_digest(home)}"


def socket_file(directory: Path) -> Path:
    """The socket's path in its directory."""
    return directory / f".s.PGSQL.{PORT}"


def _server_owner(cluster: Path) -> Owner:
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid())
    # Data that exist stay with their owner: PostgreSQL runs as nobody else.
    if cluster.exists() and (found := cluster.stat()).st_uid != 0:
        return Owner(found.st_uid, found.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Owner(entry.pw_uid, entry.pw_gid)
    raise LocalServerError(
        "PostgreSQL refuses to run as root, and this system has neither a user `postgres` nor `nobody`. "
        "Run this as an ordinary user, or set DATABASE_URL."
    )


def _elsewhere(asked: Path, owner: Owner) -> Path:
    """Make a directory for the files of `asked` outside it. Only root comes here, since only root drops to another."""
    for base in (Path("/var/lib"), Path("/var/tmp")):  # noqa: S108 - what is found there is checked below
        path = base / f"ganwei-{_digest(asked)}"
        try:
            _make(path)
        except OSError:
            continue
        found = path.lstat()
        # In a directory that anyone may write to, someone else can have been here first.
        trusted = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
        if trusted and can_reach(owner, path):
            return path
    raise LocalServerError(
        f"User {owner.name} cannot reach {asked}, and neither /var/lib nor /var/tmp can hold the data instead. "
        "Set GANWEI_DATA_DIR to a directory that this user can enter, or set DATABASE_URL."
    )


def _remember(asked: Path, path: Path) -> None:
    draft = asked / "location.new"
    draft.write_text(f"{path}\n", encoding="utf-8")
    draft.replace(asked / "location")


def _make_with_parents(path: Path) -> None:
    for directory in reversed([path, *path.parents]):
        if not directory.exists():
            _make(directory)


def _make(path: Path) -> None:
    try:
        path.mkdir()
    except FileExistsError:
        return
    # Root's files here belong to another user, who must be able to walk through, but not to look around.
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _socket_length(directory: Path) -> int:
    return len(os.fsencode(socket_file(directory)))


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
