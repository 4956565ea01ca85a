"""A proxy between a client and PostgreSQL that counts the messages of an operation and does harm at one of them.

It speaks as much of the protocol as it takes to tell messages apart: a letter, a length, a body.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

# A client sends this in a statement of its own; what comes after the answer to it is counted.
MARK = "ganwei_operation_begins"
# Every wait of a case is shorter; whoever is still connected then is cut off, and the case fails.
PATIENCE_SECONDS = 60.0
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Message:
    """A message of the operation, numbered from 1 in its direction, with the statement to which it belongs."""

    to_server: bool
    number: int
    kind: str
    statement: int
    text: str

    @property
    def is_commit(self) -> bool:
        """Whether the server commits when it gets it, or says that it has."""
        return self.text == "COMMIT"

    def __str__(self) -> str:
        way = "to the server" if self.to_server else "to the client"
        return f"message {self.number} {way} ({self.kind!r}, statement {self.statement}: {self.text})"


@dataclass
class Trap:
    """What is done instead of passing one message on. `sprung` says that it was reached."""

    at: Message
    spring: "Callable[[Link, bytes], None]"
    sprung: threading.Event = field(default_factory=threading.Event)

    def is_sprung_by(self, message: Message) -> bool:
        """Whether it is this message's turn, the first time."""
        if self.sprung.is_set() or (message.to_server, message.number) != (self.at.to_server, self.at.number):
            return False
        self.sprung.set()
        return True


class Link:
    """One client's connection, both ways."""

    def __init__(self, proxy: "Proxy", client: socket.socket, server: socket.socket) -> None:
        self.backend_pid = 0
        self._proxy = proxy
        self._client = client
        self._server = server
        self._is_marked = False
        self._counts = False
        self._numbers = {True: 0, False: 0}
        self._statement = 0
        self._text = ""

    def start(self) -> list[threading.Thread]:
        """Begin to pass messages on, in both directions."""
        pumps = [threading.Thread(target=self._pump, args=(to_server,), daemon=True) for to_server in (True, False)]
        for pump in pumps:
            pump.start()
        return pumps

    def pass_on(self, data: bytes, *, to_server: bool) -> None:
        """Send bytes to where they were going."""
        (self._server if to_server else self._client).sendall(data)

    def cut(self) -> None:
        """End the connection on both sides, at once."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pump(self, to_server: bool) -> None:  # noqa: FBT001 -- a thread's argument
        source = self._client if to_server else self._server
        try:
            for data in _messages(source, has_startup=to_server):
                self._handle(data, to_server=to_server)
        except OSError:
            pass  # the other side has gone
        except BaseException as error:  # noqa: BLE001 -- a trap's own failure belongs to the test, not to this thread
            self._proxy.failures.append(error)
        finally:
            self.cut()

    def _handle(self, data: bytes, *, to_server: bool) -> None:
        kind = chr(data[0])
        if to_server and MARK.encode() in data:
            self._is_marked = True
        if not to_server and kind == "K":
            self.backend_pid = int.from_bytes(data[5:9], "big")
        if self._counts and not (to_server and kind == "X"):
            message = self._count(kind, data, to_server=to_server)
            trap = self._proxy.trap
            if trap is not None and trap.is_sprung_by(message):
                trap.spring(self, data)
                return
            if to_server and message.is_commit:
                self._proxy.commit_sent = True
        if not to_server and kind == "Z" and self._is_marked:
            self._counts = True
        self.pass_on(data, to_server=to_server)

    def _count(self, kind: str, data: bytes, *, to_server: bool) -> Message:
        self._numbers[to_server] += 1
        if to_server and kind in "QP":
            self._statement += 1
            # A parsed statement has a name before it.
            body = data[5:] if kind == "Q" else data[5:].partition(b"\0")[2]
            self._text = " ".join(body.partition(b"\0")[0].decode().split())[:60]
        message = Message(to_server, self._numbers[to_server], kind, self._statement, self._text)
        self._proxy.seen.append(message)
        return message

    def close(self) -> None:
        """Give both sockets back."""
        self.cut()
        self._client.close()
        self._server.close()


class Proxy:
    """Listens in a directory under the name of the server's socket, until the end of a block.

    Attributes:
        seen: the operation's messages so far.
        commit_sent: whether a COMMIT has reached the server whole.
        failures: what went wrong in the proxy itself.
    """

    def __init__(self, server_socket: Path, directory: Path) -> None:
        self._server_socket = server_socket
        self._links: list[Link] = []
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []
        self.begin(None)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / server_socket.name))
        self._listener.listen()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def begin(self, trap: Trap | None) -> None:
        """Forget the operation before, end its connections, and set a trap for the next."""
        for link in self._links:
            link.cut()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
        for link in self._links:
            link.close()
        self._links.clear()
        self._threads.clear()
        self.trap = trap
        self.seen: list[Message] = []
        self.commit_sent = False

    def backend_pids(self) -> list[int]:
        """List the server's processes for the clients since `begin`."""
        return [link.backend_pid for link in self._links]

    def cut(self) -> None:
        """Cut every client off."""
        for link in self._links:
            link.cut()

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE_SECONDS)
        self._listener.close()
        self.begin(None)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._server_socket))
                except OSError:
                    client.close()
                    server.close()
                    continue
                link = Link(self, client, server)
                self._links.append(link)
                self._threads += link.start()


def _messages(source: socket.socket, *, has_startup: bool) -> Iterator[bytes]:
    """Take what a socket sends apart into whole messages. The first of a client has no letter."""
    letters = 0 if has_startup else 1
    held = b""
    while chunk := source.recv(_CHUNK):
        held += chunk
        while len(held) >= letters + 4:
            size = letters + int.from_bytes(held[letters : letters + 4], "big")
            if len(held) < size:
                break
            yield held[:size]
            held = held[size:]
            letters = 1
