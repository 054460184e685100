"""An engine in another program than our Python client: the standard library's HTTP server, and Node.js."""

from __future__ import annotations

PYTHON_SOURCE = '''
"""GET /ready, POST /process: how bright a picture is; what goes wrong is asked for by MODE."""
import email, json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

MODE = os.environ.get("MODE", "")
BEGAN = time.monotonic()


def form_of(request):
    body = request.rfile.read(int(request.headers["Content-Length"]))
    head = f"Content-Type: {request.headers['Content-Type']}\\r\\n\\r\\n".encode()
    parts = {}
    for part in email.message_from_bytes(head + body).get_payload():
        name = part.get_param("name", header="content-disposition")
        parts[name] = part.get_payload(decode=True)
    return parts


class Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/ready":
            return self.answer(404)
        is_ready = MODE != "never" and time.monotonic() - BEGAN > 0.3
        self.answer(500 if MODE == "unable" else 200 if is_ready else 503)

    def do_POST(self):
        form = form_of(self)
        number, start_ms = int(form["number"]), int(form["startOffsetMS"])
        kind = form["chunkMimeType"].decode()
        if MODE == "crash" and start_ms == 400:
            print("about to fall", flush=True)
            os._exit(7)
        if MODE == "error" and start_ms == 400:
            return self.answer(500, b"no such luck", "text/plain")
        if MODE == "rubbish" and start_ms == 400:
            return self.answer(200, b"<html>hello</html>", "text/html")
        if MODE == "hang" and start_ms == 400:
            time.sleep(3600)
        if MODE == "silent":
            return self.answer(204)
        if kind == "image/jpeg":
            label, shade = "jpeg", len(form["chunk"]) and form["chunk"][:2] == b"\\xff\\xd8"
        else:
            size = int(form["width"]) * int(form["height"]) * 3
            assert (form["pixelFormat"], len(form["chunk"])) == (b"rgb24", size)
            label, shade = "shade", sum(form["chunk"]) / size / 255
        if MODE == "veritone":
            corners = [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}, {"x": 0, "y": 1}]
            found = {"type": "object", "label": label, "confidence": shade, "boundingPoly": corners}
            stop_ms = int(form["endOffsetMS"])
            series = [{"startTimeMs": start_ms, "stopTimeMs": stop_ms, "object": found}]
            return self.answer(200, json.dumps({"series": series}).encode())
        self.answer(200, json.dumps([{"label": label, "confidence": float(shade)}]).encode())

    def log_message(self, *_):
        pass


print("listens at", os.environ["PORT"], flush=True)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Engine).serve_forever()
'''

NODE_SOURCE = """
const http = require("node:http");
http.createServer((request, response) => {
  if (request.url === "/ready") return response.end();
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("latin1");
    const field = (name) => body.match(new RegExp(`name="${name}"\\r\\n\\r\\n([^\\r]*)`))[1];
    const label = `${field("chunkMimeType")} ${field("width")}x${field("height")}`;
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify([{label, confidence: 1, text: field("startOffsetMS")}]));
  });
}).listen(Number(process.env.PORT), "127.0.0.1");
"""
