"""A stand-in for the platform's port: takes S3 puts and preview batches, and can go away."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

NO_SUCH_BUCKET = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>NoSuchBucket</Code>'
    b"<Message>The specified bucket does not exist</Message></Error>"
)


class Store:
    """What arrived, kept while the server is away."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.preview: list[bytes] = []
        self.fail_first = 0
        self.arrived = threading.Condition()

    def wait_for(self, objects: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.objects) >= objects, 20)


class BucketServer:
    """Serves a store on a port of its own; ``stop`` is abrupt."""

    def __init__(self, store: Store, port: int = 0) -> None:
        handler = type("Bound", (_Handler,), {"store": store})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: ClassVar[Store]

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        bucket, _, key = self.path.lstrip("/").partition("/")
        store = self.store
        with store.arrived:
            store.puts.append(key)
            if store.fail_first:
                store.fail_first -= 1
                self._answer(503, b"")
                return
            if bucket != "video-bucket":
                self._answer(404, NO_SUCH_BUCKET)
                return
            store.objects[key] = data
            store.arrived.notify_all()
        self._answer(200, b"")

    def do_POST(self) -> None:
        self.store.preview.append(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path == "/_pileus/media/lobby/preview"
        self._answer(200, json.dumps({"watchers": 0, "jpeg": False}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass
