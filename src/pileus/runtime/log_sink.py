"""Where a function's output goes: print by lines, logging records whole."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from typing import Any

from pileus.runtime import frames

_TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"aws_request_id", "message", "asctime"}
_LEVELS = {"TRACE": "NOTSET", "WARN": "WARNING", "FATAL": "CRITICAL"}


class LogSink:
    """The instance's log. ``request_id`` is stamped on every logging record."""

    def __init__(self, descriptor: int) -> None:
        self.request_id = ""
        self._descriptor = descriptor
        self._is_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"

    def write(self, text: str) -> None:
        """One record, however many lines it has."""
        sys.stdout.flush()
        raw = text.encode("utf-8", "backslashreplace")
        head = frames.LOG_FRAME.pack(frames.LOG_FRAME_TEXT, len(raw), time.time_ns() // 1000)
        _write_all(self._descriptor, head + raw)

    def write_error(self, error: dict[str, Any], text: str) -> None:
        """An error document, in the format the function chose."""
        if self._is_json:
            stamp = time.strftime(_TIME_FORMAT, time.gmtime()) + "Z"
            text = json.dumps({"timestamp": stamp, "level": "ERROR", **error})
        self.write(text)

    def attach(self) -> None:
        """Route standard streams and the root logger here."""
        for number, name in ((1, "stdout"), (2, "stderr")):
            stream = open(  # noqa: SIM115 - open until the process ends
                number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
            )
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        handler = _RecordHandler(self)
        if self._is_json:
            handler.setFormatter(_JsonFormatter())
        else:
            handler.setFormatter(logging.Formatter(_TEXT_FORMAT, _TIME_FORMAT))
        logging.Formatter.converter = time.gmtime
        root = logging.getLogger()
        root.addHandler(handler)
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
        if level:
            root.setLevel(_LEVELS.get(level, level))


class _RecordHandler(logging.Handler):
    def __init__(self, sink: LogSink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = self._sink.request_id
        try:
            self._sink.write(self.format(record))
        except Exception:
            self.handleError(record)


class _JsonFormatter(logging.Formatter):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, the JSON format."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "timestamp": self.formatTime(record, _TIME_FORMAT) + "Z",
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0]:
            kind, error, trace = record.exc_info
            entry["stackTrace"] = traceback.format_tb(trace)
            entry["errorType"] = kind.__name__
            entry["errorMessage"] = str(error)
            location = traceback.extract_tb(trace)[-1:]
            if location:
                spot = location[0]
                entry["location"] = f"{spot.filename}:{spot.name}:{spot.lineno}"
        if getattr(record, "aws_request_id", ""):
            entry["requestId"] = record.aws_request_id  # type: ignore[attr-defined]
        entry.update({k: v for k, v in vars(record).items() if k not in _STANDARD})
        return json.dumps(entry, default=str, ensure_ascii=False)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
