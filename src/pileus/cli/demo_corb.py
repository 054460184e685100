"""Corb's demonstration: the platform, the app and the camera as processes, and what they show."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from pileus.cli.connection import TIME, cache_dir
from pileus.cli.demo_platform import DemoPlatform
from pileus.cli.display import DeploymentDisplay
from pileus.deploy.api import Api
from pileus.deploy.demonstration import (
    SOURCE,
    VIDEO_BUCKET,
    Handset,
    Results,
    Summary,
    percentile,
    summary,
    usage_of,
)
from pileus.deploy.deployment import ServiceDeployment
from pileus.deploy.errors import DeployError
from pileus.deploy.service_folder import open_folder
from pileus.deploy.stacks import Stacks
from pileus.languages.serverless import Options
from pileus.media import assets
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION

STACK = "corb-dev"
_SETTLE_TIMEOUT_S = 60.0
_REFRESH_S = 0.4
_SPARKS = " ▁▂▃▄▅▆▇█"
_TEXTS = (("status", 0.35), (f"alarm {SOURCE} 9", 0.5), (f"clean {SOURCE}", 0.65))


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the user asked for; None takes the packaged sample."""

    video: Path | None
    model: Path | None
    speed: float
    json_file: Path | None
    data_dir: Path
    port: int
    is_staying: bool
    apps_dir: Path | None


@dataclass(slots=True)
class _Played:
    """What the player has told so far."""

    segments: int = 0
    duration_ms: int = 0
    is_over: bool = False
    failure: str = ""


class CorbDemo:
    """One run. Raises PileusError with a sentence for the user when something is missing."""

    def __init__(self, options: DemoOptions) -> None:
        self._options = options
        self._console = Console(highlight=False)
        self._log = options.data_dir.parent / "demo-corb.log"

    def run(self) -> None:
        """Do all of it; exits with 1 when no detection was stored."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Unwinds, so that no platform and no player is left.
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))
        app_dir = self._app_dir()
        model = self._options.model or self._asset(assets.MODEL, "model")
        video = self._options.video or self._asset(assets.VIDEO, "video")
        with self._running() as platform:
            api = Api(platform.endpoint, DEFAULT_ACCOUNT, DEFAULT_REGION)
            self._deploy(platform, api, app_dir, model)
            results = Results(api, self._options.data_dir / "detections.jsonl")
            played = _Played()
            with self._player(api, video, played):
                self._follow(platform, api, results, played)
            told = platform.patiently(lambda: self._told(api, results))
            self._show(told, played)
            if self._options.json_file:
                told.write(self._options.json_file)
            if self._options.is_staying:
                self._console.print(f"The page stays at {api.endpoint}/_pileus/ until Ctrl-C.")
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
        if not told.frames_analysed:
            raise DeployError(f"no detections were stored; what happened stands in {self._log}")
        if played.failure:
            raise DeployError(f"the source ended early: {played.failure}")

    def _told(self, api: Api, results: Results) -> Summary:
        return summary(
            results,
            usage_of(api, self._log_groups(api)),
            Handset(api).conversation(),
            self._options.data_dir / "detections.jsonl",
        )

    def _app_dir(self) -> Path:
        given = self._options.apps_dir
        folder = (given or Path(__file__).resolve().parents[3] / "apps") / "corb"
        if not (folder / "serverless.yml").is_file():
            raise DeployError(f"{folder} holds no serverless.yml; name the apps' folder by --apps")
        return folder

    def _asset(self, asset: Any, what: str) -> Path:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(f"Fetching the {what}", total=None)

            def tell(step: str, done: int, total: int) -> None:
                progress.update(task, description=step, completed=done, total=total or None)

            return assets.ensure(asset, progress=tell)

    @contextmanager
    def _running(self) -> Iterator[DemoPlatform]:
        data = self._options.data_dir
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        port = self._options.port if _is_free(self._options.port) else 0
        platform = DemoPlatform(port, data, self._log, self._console.print)
        endpoint = platform.start()
        try:
            self._console.print(
                f"[bold]Pileus[/bold] runs; the page is at [bold]{endpoint}/_pileus/[/bold]"
            )
            yield platform
        finally:
            platform.stop()

    def _deploy(self, platform: DemoPlatform, api: Api, app_dir: Path, model: Path) -> None:
        """Publish the model and deploy the app; again from the start when the platform died."""
        while True:
            seen = platform.starts
            try:
                self._deploy_once(api, app_dir, model)
                return
            except DeployError:
                if not platform.came_back(seen):
                    raise
                platform.patiently(lambda: _until_at_rest(api))

    def _deploy_once(self, api: Api, app_dir: Path, model: Path) -> None:
        publish = [sys.executable, str(app_dir / "publish_model.py"), "--model", str(model)]
        environment = {**os.environ, **_variables(api)}
        done = subprocess.run(publish, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeployError(f"the model could not be published:\n{done.stderr}")
        folder = open_folder(
            app_dir / "serverless.yml", Options(None, None, {}), os.environ, api.endpoint, TIME
        )
        with DeploymentDisplay() as display:
            ServiceDeployment(folder, TIME, cache_dir(), display).run()

    @contextmanager
    def _player(self, api: Api, video: Path, played: _Played) -> Iterator[None]:
        command = [sys.executable, "-m", "pileus.media.player", "--video", str(video)]
        command += ["--source", SOURCE, "--bucket", VIDEO_BUCKET, "--endpoint", api.endpoint]
        command += ["--speed", str(self._options.speed)]
        command += ["--spool", str(self._options.data_dir / "spool")]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **_variables(api)},
        )
        listener = threading.Thread(target=_listen, args=(process, played), daemon=True)
        listener.start()
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)
            listener.join(10)

    def _follow(self, platform: DemoPlatform, api: Api, results: Results, played: _Played) -> None:
        """Show progress until every stored segment has its detections, or nothing comes any more."""
        handset, texts = Handset(api), list(_TEXTS)
        last_ms = time.monotonic()
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            while True:
                if platform.patiently(results.refresh):
                    last_ms = time.monotonic()
                live.update(self._progress(api, results, played))
                wanted = _expected(played)
                while texts and wanted and len(results.segments) >= wanted * texts[0][1]:
                    self._text(platform, handset, texts.pop(0)[0])
                is_done = played.is_over and len(results.segments) >= played.segments
                is_stuck = played.is_over and time.monotonic() - last_ms > _SETTLE_TIMEOUT_S
                if is_done or is_stuck:
                    break
                time.sleep(_REFRESH_S)
            for text, _ in texts:
                self._text(platform, handset, text)
            time.sleep(1.0)

    def _text(self, platform: DemoPlatform, handset: Handset, text: str) -> None:
        platform.patiently(lambda: handset.send(text))

    def _progress(self, api: Api, results: Results, played: _Played) -> Table:
        wanted, done = _expected(played), len(results.segments)
        share = min(1.0, done / wanted) if wanted else 0.0
        newest = results.segments[-1] if results.segments else None
        grid = Table.grid(padding=(0, 2))
        grid.add_row("page", f"[bold]{api.endpoint}/_pileus/[/bold]")
        grid.add_row("segments", f"{'━' * round(share * 40):<40} {done} of {wanted or '?'}")
        if newest is not None:
            span_s = max(0.001, (newest.stored_ms - results.segments[0].captured_ms) / 1000)
            lags = [float(segment.lag_ms) for segment in results.segments]
            grid.add_row("people now", f"[bold]{newest.persons}[/bold]   {_spark(results)}")
            grid.add_row(
                "lag", f"{newest.lag_ms / 1000:.2f} s, p95 {percentile(lags, 0.95) / 1000:.2f} s"
            )
            grid.add_row("frames", f"{results.frames}, {results.frames / span_s:.1f} a second")
        return grid

    def _log_groups(self, api: Api) -> list[str]:
        prefix = "/aws/lambda/corb-"
        return [
            group["logGroupName"]
            for group in api.each(
                "logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=prefix
            )
        ]

    def _show(self, told: Summary, played: _Played) -> None:
        table = Table(title="Edifice Corb", show_header=False, title_justify="left")
        table.add_row("segments", f"{told.segments} of {played.segments}")
        table.add_row("frames analysed", str(told.frames_analysed))
        table.add_row(
            "people over time", _spark_of(told.people_over_time) + f"  peak {told.people_peak}"
        )
        table.add_row(
            "lag p50 / p95", f"{told.lag_ms_p50 / 1000:.2f} s / {told.lag_ms_p95 / 1000:.2f} s"
        )
        table.add_row(
            "VideoIngress cold / warm p50", f"{_ms(told.cold_ms_p50)} / {_ms(told.warm_ms_p50)}"
        )
        table.add_row("requests", f"{told.requests}, {told.gb_seconds:.2f} GB-seconds")
        for each in told.sms:
            arrow = "→ app" if each["direction"] == "in" else "← app"
            table.add_row(f"SMS {arrow}", each["text"])
        table.add_row("detections", told.detections_file)
        self._console.print(table)


def _until_at_rest(api: Api) -> None:
    """Wait until the app's stack goes no further by itself."""
    stacks = Stacks(api, TIME)
    while (stack := stacks.describe(STACK)) is not None:
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return
        TIME.sleep(_REFRESH_S)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def _expected(played: _Played) -> int:
    """How many segments there will be; exact once the source has ended."""
    if played.is_over:
        return played.segments
    return -(-played.duration_ms // 2000) if played.duration_ms else 0


def _spark(results: Results) -> str:
    return _spark_of([segment.persons for segment in results.segments][-40:])


def _spark_of(values: list[int]) -> str:
    top = max(values, default=0) or 1
    return "".join(_SPARKS[round(value / top * (len(_SPARKS) - 1))] for value in values)


def _variables(api: Api) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": api.endpoint,
        "AWS_ACCESS_KEY_ID": api.account,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": api.region,
    }


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _listen(process: subprocess.Popen[str], played: _Played) -> None:
    """Note what the player tells until it ends."""
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] == "opened":
            played.duration_ms = told["duration_ms"] or 0
        elif told["event"] == "segment":
            played.segments += 1
    error = process.stderr.read().strip()
    if process.wait() not in (0, -signal.SIGTERM):
        played.failure = error.splitlines()[-1] if error else f"exit {process.returncode}"
        click.echo(error, err=True)
    played.is_over = True
