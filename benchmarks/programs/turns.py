"""Clients that do one thing over and over, in turns: the side that gives the turns, and the side that takes them.

A client is a process of its own. It says `ready` when it is warm; each line that it then reads is a number of seconds,
for which it acts, and it answers how often. While it waits it costs nothing, so that clients of several kinds can stand
by in the same run. Only the standard library is used here, because a reference's client runs in another environment.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parent.parent.parent
WARM_UP = 20
READY = "ready"

Client = subprocess.Popen[str]


def take_turns(act: Callable[[], None]) -> None:
    """In the client: act in every turn until its time is over."""
    for _ in range(WARM_UP):
        act()
    print(READY, flush=True)
    for line in sys.stdin:
        done = 0
        deadline = time.perf_counter() + float(line)
        while time.perf_counter() < deadline:
            act()
            done += 1
        print(done, flush=True)


@contextmanager
def clients(
    commands: Sequence[Sequence[str]], *, env: Mapping[str, str] | None = None
) -> Iterator[Callable[[float], float]]:
    """Start one client for each command, and give a function: seconds of a turn to acts a second of all together."""
    with ExitStack() as stack:
        started = [stack.enter_context(_client(command, env)) for command in commands]
        for client in started:
            if (said := _answer(client)) != READY:
                raise RuntimeError(f"a client said {said!r}")

        def turn(seconds: float) -> float:
            for client in started:
                _pipe(client.stdin).write(f"{seconds}\n")
                _pipe(client.stdin).flush()
            return sum(int(_answer(client)) for client in started) / seconds

        yield turn


@contextmanager
def _client(command: Sequence[str], env: Mapping[str, str] | None) -> Iterator[Client]:
    client = subprocess.Popen(command, cwd=PROJECT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield client
    finally:
        _pipe(client.stdin).close()  # the end of its turns
        client.wait(timeout=30)
        _pipe(client.stdout).close()


def _answer(client: Client) -> str:
    said = _pipe(client.stdout).readline().strip()
    if not said:
        raise RuntimeError(f"a client ended with exit code {client.wait()}: {client.args!r}")
    return said


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise TypeError(pipe)
    return pipe
