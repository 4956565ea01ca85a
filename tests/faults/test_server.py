"""The server as script/server starts it: it comes up, it comes up again with its data, and it goes down whole."""

import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from shop.localpg import destroy, running
from shop.localpg.places import PROJECT, current_home
from shop.localpg.processes import STOP_PATIENCE_SECONDS
from tests.faults.localpg_harness import is_alive, query, wait_until

START_LIMIT_SECONDS = 180  # a first start migrates and loads everything, beside other tests
# A child that does not hear the first signal is told more firmly after its time.
STOP_LIMIT_SECONDS = STOP_PATIENCE_SECONDS + 30


@dataclass
class Site:
    """One demo: its data, its port, and what script/server says."""

    data_dir: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data_dir.parent / "server.log"

    def start(self, *, inside: str = "") -> "subprocess.Popen[bytes]":
        """Start script/server, or a shell line around it, and wait for the greeting."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "GANWEI"))}
        environ |= {"GANWEI_DATA_DIR": str(self.data_dir), "PORT": str(self.port)}
        # As from a terminal: whoever runs the tests under nohup passes that on, and the server would outlive its shell.
        argv = ["env", "--default-signal=HUP", *(["bash", "-c", inside] if inside else ["script/server"])]
        with self.log.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own script
                argv, cwd=PROJECT, env=environ, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        self.process = process
        wait_until(lambda: self.has_greeted() or process.poll() is not None, timeout_seconds=START_LIMIT_SECONDS)
        assert self.has_greeted(), self.said()
        return process

    def said(self) -> str:
        """All that the server said since its last start."""
        return self.log.read_text(encoding="utf-8")

    def has_greeted(self) -> bool:
        """Whether the server says that it is ready."""
        return f"Ganwei is ready: http://127.0.0.1:{self.port}" in self.said()

    def readiness(self) -> int | None:
        """The status of /readyz, or None when nobody answers."""
        return self.get("/readyz")[0]

    def get(self, path: str) -> tuple[int | None, str]:
        """The status and the text of a page; None and nothing when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None, ""
        finally:
            connection.close()

    def processes(self) -> list[int]:
        """Everything that works for this site: by its environment, or by the data directory on its command line."""
        marks = (f"GANWEI_DATA_DIR={self.data_dir}\0".encode(), os.fsencode(current_home(self.data_dir) / "cluster"))
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with suppress(OSError):
                known = (entry / "environ").read_bytes() + b"\0" + (entry / "cmdline").read_bytes()
                if any(mark in known for mark in marks):
                    found.append(int(entry.name))
        return found

    def goes_down(self) -> None:
        """Wait until nothing works for this site any more, or fail and say what still does."""
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        while left := self.processes():
            assert time.monotonic() < deadline, f"still there: {[_command(pid) for pid in left]}; {self.said()}"
            time.sleep(0.02)

    def web(self) -> list[int]:
        """The web server's processes: first the one that started the others, whatever their numbers are."""
        parents = {}
        for pid in self.processes():
            with suppress(OSError):
                if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    # After the name, which stands in brackets and may hold anything: the state, then the parent.
                    parents[pid] = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return sorted(parents, key=lambda pid: parents[pid] in parents)

    def worker(self) -> int | None:
        """The process for background jobs."""
        for pid in self.processes():
            with suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(b"\0jobs\0run\0"):
                    return pid
        return None

    def works_off_a_job(self) -> None:
        """Put a job into the queue and wait until it was done, after which it is gone."""
        server = running(self.data_dir)
        assert server is not None
        job = "(queue_name, task_name, args) VALUES ('mine', 'seal', jsonb_build_object('timestamp', 0))"
        query(server, f"SET search_path TO ganwei_jobs; INSERT INTO procrastinate_jobs {job}")
        wait_until(lambda: not query(server, "SELECT FROM ganwei_jobs.procrastinate_jobs WHERE queue_name = 'mine'"))

    def postmaster(self) -> int:
        """The database's first process."""
        server = running(self.data_dir)
        assert server is not None
        return server.pid


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return f"{pid}, which has just ended"


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data directory for all tests here: only the first start migrates and loads; the data survive every kill."""
    with tempfile.TemporaryDirectory(prefix="ganwei-server-") as name:
        path = Path(name)
        path.chmod(0o711)  # so that root's other user can reach the data
        yield path / "postgres"
        if (path / "postgres").exists():
            destroy(path / "postgres")


@pytest.fixture
def site(data_dir: Path) -> Iterator[Site]:
    """A demo that does not run yet; whatever is left of it afterwards is killed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    found = Site(data_dir, port)
    yield found
    for pid in found.processes():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if found.process is not None:
        found.process.wait()
    wait_until(lambda: not found.processes())


class TestServer:
    def test_starts_starts_again_quickly_with_its_data_and_stops_on_sigterm(self, site: Site) -> None:
        process = site.start()
        assert site.readiness() == 200
        server = running(site.data_dir)
        assert server is not None
        query(server, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
        assert server.data_dir == site.data_dir

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOP_LIMIT_SECONDS) == 0
        assert site.processes() == []

        process = site.start()
        server = running(site.data_dir)
        assert server is not None
        assert query(server, "SELECT answer FROM kept") == [(42,)]

        # What a terminal's Ctrl-C sends.
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=STOP_LIMIT_SECONDS) == 0
        assert site.processes() == []

    def test_leaves_nothing_behind_and_loses_nothing_when_killed(self, site: Site) -> None:
        process = site.start()
        process.kill()
        process.wait()
        site.goes_down()

        site.start()
        assert site.readiness() == 200

    def test_ends_when_the_shell_that_started_it_is_killed(self, site: Site) -> None:
        # The second command keeps the shell from becoming the server.
        shell = site.start(inside="script/server; true")
        shell.kill()
        shell.wait()
        site.goes_down()

    def test_starts_a_killed_database_again(self, site: Site) -> None:
        site.start()
        killed = site.postmaster()
        os.kill(killed, signal.SIGKILL)

        wait_until(lambda: (server := running(site.data_dir)) is not None and server.pid != killed)
        wait_until(lambda: site.readiness() == 200)
        site.works_off_a_job()

    def test_seals_the_ledger_and_starts_a_killed_worker_again(self, site: Site) -> None:
        site.start()
        wait_until(lambda: "\nganwei_ledger_unsealed_entries 0.0\n" in site.get("/metrics")[1])
        assert "\nganwei_ledger_head_seq 0.0\n" not in site.get("/metrics")[1]
        killed = site.worker()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)

        wait_until(lambda: site.worker() not in {None, killed})
        site.works_off_a_job()
        assert site.readiness() == 200
        assert "The worker ended with -9. Starting it again." in site.said()

    def test_takes_the_worker_along_when_killed(self, site: Site) -> None:
        process = site.start()
        worker = site.worker()
        assert worker is not None
        process.kill()
        process.wait()

        wait_until(lambda: not is_alive(worker))

    def test_a_killed_web_server_takes_the_rest_down_and_a_new_start_serves(self, site: Site) -> None:
        process = site.start()
        os.kill(site.web()[0], signal.SIGKILL)

        assert process.wait(timeout=STOP_LIMIT_SECONDS) == 1
        assert "The web server ended by itself" in site.said()
        site.goes_down()
        site.start()
        assert site.readiness() == 200

    def test_names_a_port_that_is_taken(self, site: Site) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", site.port))
            taken.listen()
            with pytest.raises(AssertionError, match=rf"Port {site.port} cannot be used .* PORT=8001 script/server"):
                site.start()
        assert running(site.data_dir) is None
