"""An HTTP client that costs the measured machine as little as a client can: one kept socket."""

import socket
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    body: bytes
    head: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        for line in self.head.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.lower() == name.encode():
                return value.strip().decode()
        return ""


@dataclass
class Connection:
    """One kept connection. Not a general client: just what our own servers answer."""

    url: str
    headers: dict[str, str]
    _socket: socket.socket | None = field(default=None, repr=False)
    _rest: bytes = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def post(self, path: str, body: bytes, content_type: str) -> Answer:
        return self._ask("POST", path, body, {"Content-Type": content_type})

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        return self._ask("GET", path, b"", headers or {})

    def _ask(self, method: str, path: str, body: bytes, more: dict[str, str]) -> Answer:
        parts = urlsplit(self.url)
        headers = {"Host": parts.netloc, "Content-Length": str(len(body)), **self.headers, **more}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        connection = self._connect(parts.hostname or "", parts.port or 80)
        connection.sendall("\r\n".join(lines).encode() + body)
        return self._read(connection)

    def _connect(self, host: str, port: int) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection((host, port), TIMEOUT_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def _read(self, connection: socket.socket) -> Answer:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more(connection)
        said, data = data[:end], data[end + 4 :]
        head = said.lower()
        if b"transfer-encoding: chunked" in head:
            body, self._rest = self._chunks(connection, data)
        else:
            # An answer that says "unchanged" has no body, and may not say so.
            _, _, rest = head.partition(b"content-length:")
            length = int(rest.split(b"\r\n")[0]) if rest and b" 304" not in head[:13] else 0
            data = self._at_least(connection, data, length)
            body, self._rest = data[:length], data[length:]
        return Answer(int(head[9:12]), body, said)

    def _chunks(self, connection: socket.socket, data: bytes) -> tuple[bytes, bytes]:
        body = b""
        while True:
            while (end := data.find(b"\r\n")) < 0:
                data += self._more(connection)
            size = int(data[:end], 16)
            data = self._at_least(connection, data[end + 2 :], size + 2)
            if not size:
                return body, data[2:]
            body += data[:size]
            data = data[size + 2 :]

    def _at_least(self, connection: socket.socket, data: bytes, length: int) -> bytes:
        while len(data) < length:
            data += self._more(connection)
        return data

    def _more(self, connection: socket.socket) -> bytes:
        data = connection.recv(262_144)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data
