"""Processes of an embedded server: the children that we start, and those that others left behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shop.localpg.places import LocalServerError, Owner, socket_file

ORPHAN_PATIENCE_SECONDS = 3
ORPHAN_LIMIT_SECONDS = 30
STOP_PATIENCE_SECONDS = 60
_LAUNCHER = Path(__file__).with_name("launch.py")
_LOCK_FILE_LINES = 8  # postmaster.pid: pid, data, start, port, socket directory, address, shared memory, status


@dataclass(frozen=True)
class Postmaster:
    """What a server's lock file says about it."""

    pid: int
    socket_dir: Path
    status: str


class Child:
    """A program that we started. It gets SIGINT when this process dies, in whatever way.

    The kernel sends that signal when the *thread* that started the child ends, so a thread of its own starts the child,
    and waits for it.
    """

    def __init__(
        self,
        argv: list[str],
        *,
        owner: Owner | None = None,
        output: BinaryIO | None = None,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start a program.

        Args:
            argv: the program's whole path, and its arguments.
            owner: the user to drop to; by default it runs as this process does.
            output: an open file for what it says; by default it says it where this process does.
            stdin: what it reads.
            env: its environment; by default a bare one, without PGPORT and the like.
        """
        owner = owner or Owner(os.geteuid(), os.getegid())
        self._starter = os.getpid()
        self._argv = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        self._argv += [str(self._starter), str(owner.uid), str(owner.gid), *argv]
        self._output = output
        self._stdin = stdin.encode()
        self._env = env or {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._failure: OSError | None = None
        self._process: subprocess.Popen[bytes] | None = None
        threading.Thread(target=self._start_and_wait, name="localpg", daemon=True).start()
        self._begun.wait()
        if self._failure is not None:
            raise self._failure

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._started().pid

    def wait(self, timeout_seconds: float | None = None) -> int | None:
        """Wait for the end. Returns the exit code, or None when the time is over."""
        # Not Thread.join: an exception from a signal handler in the middle of it marks the thread as ended.
        return self._started().returncode if self._ended.wait(timeout_seconds) else None

    def stop(self) -> None:
        """Stop the program and wait for it. Does nothing in a fork of the starter, whose child it is not."""
        if os.getpid() != self._starter:
            return
        for signum in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._started().send_signal(signum)
            if self.wait(STOP_PATIENCE_SECONDS) is not None:
                return

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the child was never started")
        return self._process

    def _start_and_wait(self) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own launcher and PostgreSQL's programs
                self._argv,
                stdin=subprocess.PIPE,
                stdout=self._output,
                stderr=None if self._output is None else subprocess.STDOUT,
                env=self._env,
            )
        except OSError as error:
            self._failure = error
            return
        finally:
            self._begun.set()
        self._process.communicate(self._stdin)
        self._ended.set()


def read_lock_file(cluster: Path) -> Postmaster | None:
    """What postmaster.pid says, or None when it is missing or not yet complete. It may be stale."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(lines) < _LOCK_FILE_LINES:
        return None
    return Postmaster(pid=int(lines[0]), socket_dir=Path(lines[4]), status=lines[7].strip())


def answering(cluster: Path) -> Postmaster | None:
    """The server of a data directory, if it accepts connections. A lock file alone proves nothing."""
    found = read_lock_file(cluster)
    if found is None or found.status != "ready" or not is_listening(found.socket_dir):
        return None
    return found


def is_listening(directory: Path) -> bool:
    """Whether a server listens on the socket in a directory."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(os.fsencode(socket_file(directory)))
        except OSError:
            return False
    return True


def outlast(cluster: Path) -> Postmaster | None:
    """Wait for what an earlier server left behind. Returns the server, if one turns out to be running after all.

    After `kill -9` of the postmaster its backends end by themselves once they notice. One that is deep in a query does
    not, and still holds the shared memory: it is told to quit, which loses nothing that was committed.

    Raises:
        LocalServerError: a process will not go away.
    """
    began_at = time.monotonic()
    while left := _processes_in(cluster):
        if found := answering(cluster):
            return found
        waited_seconds = time.monotonic() - began_at
        if waited_seconds > ORPHAN_LIMIT_SECONDS:
            raise LocalServerError(
                f"Processes {left} of an earlier server still use {cluster}. End them and try again."
            )
        lock = read_lock_file(cluster)
        # A postmaster that lives is starting or stopping: that takes the time it takes, and is never disturbed.
        if waited_seconds > ORPHAN_PATIENCE_SECONDS and (lock is None or lock.pid not in left):
            _quit_orphans(left)
        time.sleep(0.05)
    return answering(cluster)


def clear_remains(cluster: Path, *, sockets: Path) -> None:
    """Remove the files that would keep a server from starting. Call it when `outlast` found none.

    Raises:
        LocalServerError: another server uses the socket directory.
    """
    _remove_foreign_lock(cluster / "postmaster.pid")
    if is_listening(sockets):
        raise LocalServerError(
            f"Another server uses the socket in {sockets}. Set GANWEI_SOCKET_DIR to another directory."
        )
    socket_file(sockets).unlink(missing_ok=True)
    Path(f"{socket_file(sockets)}.lock").unlink(missing_ok=True)


def _processes_in(cluster: Path) -> list[int]:
    """PostgreSQL's processes of a cluster: it is the working directory of the postmaster and of every backend."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            where = Path(f"/proc/{entry.name}/cwd").readlink()
            name = Path(f"/proc/{entry.name}/comm").read_text(encoding="utf-8").strip()
        except OSError:  # it has ended, it is a zombie, or it is another user's and so not ours
            continue
        if where == cluster and name == "postgres":
            found.append(int(entry.name))
    return found


def _quit_orphans(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)


def _remove_foreign_lock(lock_file: Path) -> None:
    """Remove a lock file whose number now belongs to a process that is no server of ours.

    Numbers are used again, soon so in a container, and a zombie keeps its number. PostgreSQL would take either for its
    predecessor and refuse. No process of the cluster is left, or we would not be here. A dead number it clears itself.
    """
    try:
        pid = abs(int(lock_file.read_text(encoding="utf-8").split()[0]))
    except (FileNotFoundError, IndexError, ValueError):
        return
    if Path(f"/proc/{pid}").exists():
        lock_file.unlink()
