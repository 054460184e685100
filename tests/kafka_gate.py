"""TLS and SASL before a broker that has neither: clients meet a cluster that is guarded as real ones
are, and everything behind the gate is the broker's own.

Wire forms: https://kafka.apache.org/protocol (SaslHandshake 17, SaslAuthenticate 36), RFC 4616 and
RFC 5802.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
import struct
import threading
from types import TracebackType

_HANDSHAKE, _AUTHENTICATE = 17, 36
_UNSUPPORTED_MECHANISM, _FAILED = 33, 58
_ITERATIONS = 4096


class Gate:
    """``with Gate(broker.address, context, users) as gate:`` listens on a free port of 127.0.0.1.

    Args:
        context: of the server's side of TLS.
        users: passwords by name; empty lets everybody in.
    """

    def __init__(
        self, broker: str, context: ssl.SSLContext, users: dict[str, str] | None = None
    ) -> None:
        host, port = broker.rsplit(":", 1)
        self._broker = (host, int(port))
        self._context = context
        self._users = users or {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"

    def __enter__(self) -> Gate:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        try:
            client = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        with client, socket.create_connection(self._broker) as broker:
            answers = threading.Thread(target=self._pass_back, args=(broker, client), daemon=True)
            answers.start()
            try:
                self._pass_on(client, broker)
            except OSError:
                return

    def _pass_on(self, client: socket.socket, broker: socket.socket) -> None:
        login = Login(self._users)
        while (frame := _read_frame(client)) is not None:
            key, version, correlation = struct.unpack(">hhi", frame[:8])
            if key in (_HANDSHAKE, _AUTHENTICATE):
                body = frame[10 + max(0, struct.unpack(">h", frame[8:10])[0]) :]
                answer = login.handshake(body) if key == _HANDSHAKE else login.step(body, version)
                _write_frame(client, struct.pack(">i", correlation) + answer)
            else:
                _write_frame(broker, frame)

    def _pass_back(self, broker: socket.socket, client: socket.socket) -> None:
        """Answers name the broker's own port; clients are to come back through the gate."""
        host, port = self._broker
        theirs, ours = (host.encode() + struct.pack(">i", each) for each in (port, self._port))
        try:
            while (frame := _read_frame(broker)) is not None:
                _write_frame(client, frame.replace(theirs, ours))
        except OSError:
            client.close()


class Login:
    """One connection's conversation."""

    def __init__(self, users: dict[str, str]) -> None:
        self._users = users
        self._mechanism = ""
        self._first = ""
        self._user = ""

    def handshake(self, body: bytes) -> bytes:
        """SaslHandshake: which mechanism."""
        (length,) = struct.unpack(">h", body[:2])
        self._mechanism = body[2 : 2 + length].decode()
        known = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        told = b"".join(struct.pack(">h", len(each)) + each.encode() for each in known)
        code = 0 if self._mechanism in known else _UNSUPPORTED_MECHANISM
        return struct.pack(">hi", code, len(known)) + told

    def step(self, body: bytes, version: int) -> bytes:
        """SaslAuthenticate of version 0 or 1."""
        assert version in (0, 1), f"SaslAuthenticate {version}"
        (length,) = struct.unpack(">i", body[:4])
        answer = self._answer(body[4 : 4 + length].decode())
        code, text = (0, answer.encode()) if answer is not None else (_FAILED, b"")
        lifetime = struct.pack(">q", 0) if version else b""
        return struct.pack(">hhi", code, -1, len(text)) + text + lifetime

    def _answer(self, text: str) -> str | None:
        if self._mechanism == "PLAIN":
            _, user, password = text.split("\0")
            return "" if self._users.get(user) == password else None
        return self._prove(text) if self._first else self._challenge(text)

    def _challenge(self, text: str) -> str | None:
        bare = text.split(",", 2)[2]
        parts = dict(part.split("=", 1) for part in bare.split(","))
        self._user = parts["n"]
        if self._user not in self._users:
            return None
        salt = base64.b64encode(b"salt").decode()
        told = f"r={parts['r']}gate,s={salt},i={_ITERATIONS}"
        self._first = f"{bare},{told}"
        return told

    def _prove(self, text: str) -> str | None:
        name = self._mechanism.removeprefix("SCRAM-").replace("-", "").lower()
        without_proof, proof = text.rsplit(",p=", 1)
        secret = self._users[self._user].encode()
        salted = hashlib.pbkdf2_hmac(name, secret, b"salt", _ITERATIONS)
        message = f"{self._first},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", name)
        stored = hashlib.new(name, client_key).digest()
        signature = hmac.digest(stored, message, name)
        wanted = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if base64.b64decode(proof) != wanted:
            return None
        server_key = hmac.digest(salted, b"Server Key", name)
        return "v=" + base64.b64encode(hmac.digest(server_key, message, name)).decode()


def _read_frame(source: socket.socket) -> bytes | None:
    head = _read(source, 4)
    return None if head is None else _read(source, struct.unpack(">i", head)[0])


def _read(source: socket.socket, length: int) -> bytes | None:
    found = b""
    while len(found) < length:
        part = source.recv(length - len(found))
        if not part:
            return None
        found += part
    return found


def _write_frame(target: socket.socket, frame: bytes) -> None:
    target.sendall(struct.pack(">i", len(frame)) + frame)
