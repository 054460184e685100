"""Corb's demonstration: the platform, the app and the camera as processes, and what they show."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from pileus.cli.connection import TIME, cache_dir
from pileus.cli.demo_display import DemoDisplay, show_summary
from pileus.cli.demo_platform import DemoPlatform
from pileus.cli.demo_player import Played, playing
from pileus.cli.display import DeploymentDisplay
from pileus.deploy.api import Api
from pileus.deploy.demonstration import (
    SOURCE,
    VIDEO_BUCKET,
    Handset,
    Results,
    Summary,
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
_ANSWER_TIMEOUT_S = 15.0
_REFRESH_S = 1.0
_TEXTS = (("status", 0.35), (f"alarm {SOURCE} {{limit}}", 0.5), (f"clean {SOURCE}", 0.65))
"""What is texted to the app, and after which share of the segments."""


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
            played = Played()
            with self._player(api, video, played):
                self._follow(platform, api, results, played)
            told = platform.patiently(lambda: self._told(api, results))
            show_summary(self._console, told, played)
            if self._options.json_file:
                told.write(self._options.json_file)
                self._console.print(f"The summary is written to {self._options.json_file}.")
            page = f"{api.endpoint}/_pileus/"
            if self._options.is_staying:
                self._console.print(f"The page stays at {page} until Ctrl-C.")
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
            else:
                self._console.print(f"Pileus ends now, and {page} with it; --stay keeps them up.")
        if not told.frames_analysed:
            raise DeployError(f"no detections were stored; what happened stands in {self._log}")
        if played.failure:
            raise DeployError(f"the source ended early: {played.failure}")

    def _told(self, api: Api, results: Results) -> Summary:
        return summary(
            results,
            usage_of(api, self._log_groups(api)),
            Handset(api).conversation(),
            (self._options.data_dir / "detections.jsonl", self._options.speed),
        )

    def _app_dir(self) -> Path:
        given = self._options.apps_dir
        folder = (given or Path(__file__).resolve().parents[3] / "apps") / "corb"
        if not (folder / "serverless.yml").is_file():
            raise DeployError(f"{folder} holds no serverless.yml; name the apps' folder by --apps")
        return folder

    def _asset(self, asset: Any, what: str) -> Path:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        is_plain = not self._console.is_terminal
        with Progress(
            *columns, console=self._console, transient=True, disable=is_plain
        ) as progress:
            task = progress.add_task(f"Fetching the {what}", total=None)

            said = ""

            def tell(step: str, done: int, total: int) -> None:
                nonlocal said
                if is_plain and step != said:
                    said = step
                    self._console.print(step)
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
    def _player(self, api: Api, video: Path, played: Played) -> Iterator[None]:
        command = [sys.executable, "-m", "pileus.media.player", "--video", str(video)]
        command += ["--source", SOURCE, "--bucket", VIDEO_BUCKET, "--endpoint", api.endpoint]
        command += ["--speed", str(self._options.speed)]
        command += ["--spool", str(self._options.data_dir / "spool")]
        with playing(command, {**os.environ, **_variables(api)}, played):
            yield

    def _follow(self, platform: DemoPlatform, api: Api, results: Results, played: Played) -> None:
        """Show progress until every stored segment has its detections, or nothing comes any more."""
        handset, texts = Handset(api), list(_TEXTS)
        last_s = time.monotonic()
        with DemoDisplay(self._console, f"{api.endpoint}/_pileus/") as display:
            while True:
                if platform.patiently(lambda: results.refresh(tuple(played.keys))):
                    last_s = time.monotonic()
                display.show(results, played, time.monotonic())
                wanted, done = played.expected, len(results.segments)
                while texts and wanted and done >= wanted * texts[0][1]:
                    self._text(platform, handset, texts.pop(0)[0], results)
                is_done = played.is_over and done >= len(played.keys)
                is_stuck = played.is_over and time.monotonic() - last_s > _SETTLE_TIMEOUT_S
                if is_done or is_stuck:
                    break
                time.sleep(_REFRESH_S)
            for text, _ in texts:
                self._text(platform, handset, text, results)
            self._await_answers(platform, handset)

    def _text(self, platform: DemoPlatform, handset: Handset, text: str, results: Results) -> None:
        """Send a text; the alarm's limit is such that the most seen so far would exceed it."""
        peak = max((segment.persons for segment in results.segments), default=0)
        words = text.format(limit=max(1, peak - 1))
        platform.patiently(lambda: handset.send(words))

    def _await_answers(self, platform: DemoPlatform, handset: Handset) -> None:
        """Wait until each text is answered, for a while."""
        until_s = time.monotonic() + _ANSWER_TIMEOUT_S
        while time.monotonic() < until_s:
            said = platform.patiently(handset.conversation)
            if sum(one["direction"] == "out" for one in said) >= len(_TEXTS):
                return
            time.sleep(_REFRESH_S)

    def _log_groups(self, api: Api) -> list[str]:
        prefix = "/aws/lambda/corb-"
        return [
            group["logGroupName"]
            for group in api.each(
                "logs", "DescribeLogGroups", "logGroups", logGroupNamePrefix=prefix
            )
        ]


def _until_at_rest(api: Api) -> None:
    """Wait until the app's stack goes no further by itself."""
    stacks = Stacks(api, TIME)
    while (stack := stacks.describe(STACK)) is not None:
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return
        TIME.sleep(_REFRESH_S)


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
