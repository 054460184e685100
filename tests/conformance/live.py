"""A real platform in a process of its own, for tests with real clients."""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from pileus.shapes.source import OWN_FOLDER

_ADDRESS = re.compile(r"Pileus answers at (http://\S+)")
_START_S = 120.0
REGION = "us-east-1"
PYTHON = sys.executable


@dataclass
class LivePlatform:
    """``python -m pileus.cli.main up`` on a free port of 127.0.0.1.

    Attributes:
        data_dir: survives :meth:`kill` and is used again by :meth:`start`.
        port: the one it listens on; a restart takes the same again.
    """

    data_dir: Path
    endpoint: str = ""
    port: int = 0
    options: tuple[str, ...] = ()
    _process: subprocess.Popen[str] | None = None
    _clients: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def start(self) -> LivePlatform:
        """Start it (again) and wait for the line with its address."""
        command = [PYTHON, "-m", "pileus.cli.main", "up", "--port", str(self.port)]
        log = (self.data_dir.parent / f"{self.data_dir.name}.err").open("ab")
        with log:
            self._process = subprocess.Popen(
                [*command, "--data", str(self.data_dir), *self.options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.endpoint = self._read_address()
        self.port = int(self.endpoint.rsplit(":", 1)[1])
        return self

    def _read_address(self) -> str:
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + _START_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                line = self._process.stdout.readline()
                if found := _ADDRESS.search(line):
                    return found[1]
                if not line:
                    break
        raise AssertionError(f"the platform did not start:\n{self.errors()}")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def errors(self) -> str:
        """What it wrote to standard error, over all starts."""
        return (self.data_dir.parent / f"{self.data_dir.name}.err").read_text(errors="replace")

    def kill(self) -> None:
        """``kill -9``, as a power cut; the data folder stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            status = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        return status

    def client(self, service: str, account: str = "test", **settings: Any) -> Any:
        """A botocore client for an account (``test`` or twelve digits); it knows our own services too."""
        key = (service, account, repr(settings), self.endpoint)
        if key not in self._clients:
            chosen: dict[str, Any] = {"retries": {"total_max_attempts": 1}, **settings}
            session = botocore.session.Session()
            session.set_config_variable("data_path", str(OWN_FOLDER))
            self._clients[key] = session.create_client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint,
                aws_access_key_id=account,
                aws_secret_access_key="test",
                config=Config(**chosen),
            )
        return self._clients[key]

    def add_role(self, name: str, service: str = "lambda.amazonaws.com") -> str:
        """The ARN of a role that ``service`` may assume, made unless it is there."""
        trusted = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
        }
        iam = self.client("iam")
        try:
            made = iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=json.dumps(
                    {"Version": "2012-10-17", "Statement": [trusted]}
                ),
            )
        except iam.exceptions.EntityAlreadyExistsException:
            made = iam.get_role(RoleName=name)
        return str(made["Role"]["Arn"])

    def environment(self, account: str = "test", **more: str) -> dict[str, str]:
        """Variables by which AWS tools find it, without any of the user's own AWS settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }
