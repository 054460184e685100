"""Processes under measurement and beside it, each on the cores it is given."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benches.apparatus import jobs, raw_client, wire
from benches.apparatus.machine import client_cores, server_cores

INTERPRETER = os.path.realpath(sys.executable)
ROOT = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_END_S = 15.0


def on_cores(cores: set[int]) -> Callable[[], None]:
    """For ``preexec_fn``: the process and its children stay on ``cores``."""
    return lambda: os.sched_setaffinity(0, cores)


@dataclass(frozen=True, slots=True)
class Running:
    """A server under measurement."""

    process: subprocess.Popen[str]
    port: int
    data_dir: Path

    @property
    def pid(self) -> int:
        return self.process.pid


def environment(**more: str) -> dict[str, str]:
    """This environment without settings of AWS, of Python or of the platform, with the benches
    importable: an installed platform has its bytecode compiled, whatever this shell says of it."""
    foreign = ("AWS_", "PILEUS_", "PYTHON")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def platform(**settings: str) -> Iterator[Running]:
    """``pileus up`` on a free port and a data folder of its own, on the server's cores.

    Args:
        settings: ``PILEUS_*`` variables, their names in lower case and without the prefix.
    """
    named = {f"PILEUS_{name.upper()}": value for name, value in settings.items()}
    with tempfile.TemporaryDirectory(prefix="pileus-bench-") as folder:
        data_dir = Path(folder) / "data"
        command = ["-m", "pileus.cli.main", "up", "--port", "0", "--data", str(data_dir)]
        with server(command, data_dir, named) as running:
            yield running


@contextmanager
def server(
    arguments: Sequence[str], data_dir: Path, more: dict[str, str] | None = None
) -> Iterator[Running]:
    """A Python process on the server's cores that tells its address in its first line."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(**(more or {})),
            preexec_fn=on_cores(server_cores()),
        )
        try:
            assert process.stdout is not None
            found = _ADDRESS.search(process.stdout.readline())
            if found is None:
                process.wait(_END_S)
                log.seek(0)
                raise RuntimeError(f"{arguments} did not start:\n{log.read()}")
            yield Running(process, int(found[1]), data_dir)
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, then make it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@dataclass(frozen=True, slots=True)
class Flooded:
    """What a time under load came to."""

    answered: int
    took_s: float

    @property
    def per_second(self) -> float:
        return self.answered / self.took_s


class LoadClient:
    """The raw client in its own process on its own core."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benches.apparatus.raw_client"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
            preexec_fn=on_cores(client_cores()),
        )

    def __enter__(self) -> LoadClient:
        return self

    def __exit__(self, *exception: object) -> None:
        end(self._process)

    def timed(
        self,
        targets: Sequence[jobs.Target],
        *,
        rounds: int,
        block: int,
        pause_s: float = 0.0,
    ) -> tuple[list[list[int]], list[list[int]]]:
        """Durations and moments of sending (wall time), in ns, a list a target."""
        told = self._do(jobs.Alternate(targets, rounds, block, pause_s))
        return told[: len(targets)], told[len(targets) :]

    def flood(self, target: jobs.Target, *, connections: int, duration_s: float) -> Flooded:
        """Keep all connections busy for a time."""
        told = self._do(jobs.Flood(target, connections, duration_s))
        return Flooded(told["answered"], told["took_s"])

    def send(self, target: jobs.Target, *, connections: int, count: int) -> None:
        """Send ``count`` requests and wait for their answers."""
        self._do(jobs.Flood(target, connections, 3600.0, count))

    def answers(self, target: jobs.Target, *, connections: int, count: int) -> list[str]:
        """The same, and give the answers back."""
        told = self._do(jobs.Flood(target, connections, 3600.0, count, keeps=True))
        return cast(list[str], told["answers"])

    def _do(self, job: object) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(pickle.dumps(job).hex() + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended; its error stands above")
        return json.loads(line)


def call(port: int, request: bytes) -> bytes:
    """One request from this process, for preparations; the whole response."""
    connection = raw_client.connected(port)
    with connection:
        return raw_client.exchange(connection, request)


def ask(port: int, service: str, target: str, **given: Any) -> Any:
    """One JSON call for preparations; its output."""
    answer = call(port, wire.json_call(service, target, given, port))
    return json.loads(answer.partition(b"\r\n\r\n")[2] or b"{}")


def python(module: str, *arguments: str) -> str:
    """Run a module to its end; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


class BareInterpreter:
    """The resolved interpreter in an empty environment, so that no installed package's start-up
    file (``*.pth``) is counted as the interpreter's own time."""

    def __init__(self, folder: Path) -> None:
        self._python = folder / "bin" / "python"
        command = [INTERPRETER, "-m", "venv", "--without-pip", str(folder)]
        subprocess.run(command, check=True, env=environment())

    def pass_ms(self, *options: str) -> float:
        """What ``<options> -c pass`` takes on the server's cores, in ms."""
        command = [str(self._python), *options, "-c", "pass"]
        before = os.sched_getaffinity(0)
        # Inherited rather than set in the child, so that the spawn itself stays the cheapest one.
        os.sched_setaffinity(0, server_cores())
        try:
            began_ns = time.perf_counter_ns()
            subprocess.run(command, check=True, close_fds=False, env=environment())
            return (time.perf_counter_ns() - began_ns) / 1e6
        finally:
            os.sched_setaffinity(0, before)
