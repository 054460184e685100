"""The newsroom's demonstration: a platform, a film made of samples, every engine on it at once, what they say."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pileus.cli.connection import TIME
from pileus.cli.demo_platform import DemoPlatform
from pileus.cli.display import DeploymentDisplay
from pileus.deploy.api import Api
from pileus.deploy.errors import DeployError
from pileus.deploy.live_media import Lane, address, ask, follow
from pileus.deploy.template_file import deploy_template
from pileus.languages.media_results import line
from pileus.media import assets
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION

PIPELINE = "newsroom"
_QUIET_EVERY = {"faces": 4, "objects": 10, "tracks": 10, "moderation": 5}
"""Of these engines so many results make one line; each is on the page and in the Log."""


@dataclass(frozen=True, slots=True)
class NewsroomOptions:
    """What the user asked for; no source takes a film made of samples."""

    source: str
    people: tuple[str, ...]
    seconds: float
    data_dir: Path
    port: int
    is_staying: bool
    apps_dir: Path | None


class NewsroomDemo:
    """One run. Raises PileusError with a sentence for the user when something is missing."""

    def __init__(self, options: NewsroomOptions) -> None:
        self._options = options
        self._console = Console(highlight=False)
        self._apps = options.apps_dir or Path(__file__).resolve().parents[3] / "apps"
        self._said: Counter[str] = Counter()

    def run(self) -> None:
        """Do all of it; exits with 1 when an engine said nothing."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Unwinds, so that no platform is left.
            signal.signal(number, lambda number, _frame: sys.exit(128 + number))
        template = self._apps / "newsroom" / "app.yaml"
        if not template.is_file():
            raise DeployError(f"{self._apps} holds no newsroom; name the apps' folder by --apps")
        model = assets.ensure(assets.MODEL)
        data = self._options.data_dir
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        source, people = self._material(data)
        with self._running(data) as api:
            self._script(api, "corb/publish_model.py", "--model", str(model))
            if people:
                self._script(api, "newsroom/enrol.py", *people)
            with DeploymentDisplay() as display:
                deploy_template(api, TIME, template, (PIPELINE, {"Source": source}, {}), display)
            engines = self._follow(api)
            if self._options.is_staying:
                self._console.print(f"The page stays at {api.endpoint}/_pileus/ until Ctrl-C.")
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
        silent = [engine for engine in engines if not self._said[engine]]
        if silent:
            raise DeployError(f"{', '.join(silent)} said nothing; the page or --stay tells more")

    def _material(self, data: Path) -> tuple[str, tuple[str, ...]]:
        """The source's address and who is enrolled; by default a film and the man in it."""
        if self._options.source:
            return address(self._options.source), self._options.people
        film, portrait = data.parent / "newsroom.mkv", data.parent / "newsroom-man.png"
        made = ("--seconds", str(self._options.seconds), "--portrait", str(portrait))
        self._console.print("Making a film of the samples that packages ship ...")
        told = self._script(None, "newsroom/make_film.py", str(film), *made)
        self._console.print(told, end="", soft_wrap=True)
        return f"file:{film.resolve()}", (*self._options.people, f"man={portrait}")

    def _script(self, api: Api | None, script: str, *arguments: str) -> str:
        """Run a script of the apps; what it printed."""
        environment = dict(os.environ)
        if api is not None:
            environment |= {
                "AWS_ENDPOINT_URL": api.endpoint,
                "AWS_ACCESS_KEY_ID": api.account,
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": api.region,
            }
        command = [sys.executable, str(self._apps / script), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise DeployError(f"{script} failed: {why}\n(what it needs: make newsroom)")
        return done.stdout

    @contextmanager
    def _running(self, data: Path) -> Iterator[Api]:
        log = data.parent / "demo-newsroom.log"
        platform = DemoPlatform(self._options.port, data, log, self._console.print)
        endpoint = platform.start()
        try:
            self._console.print(
                f"[bold]Pileus[/bold] runs; the page is at [bold]{endpoint}/_pileus/[/bold]"
            )
            yield Api(endpoint, DEFAULT_ACCOUNT, DEFAULT_REGION)
        finally:
            platform.stop()

    def _follow(self, api: Api) -> list[str]:
        """Print what the engines say as they say it, until the source has ended; their names."""
        pipeline = ask(api, "DescribePipeline", Name=PIPELINE)["Pipeline"]
        engines: list[str] = pipeline["Engines"]
        threads = [
            threading.Thread(target=self._tell, args=(api, Lane(pipeline["Source"], engine)))
            for engine in engines
        ]
        for thread in threads:
            thread.daemon = True
            thread.start()
        for thread in threads:
            thread.join()
        return engines

    def _tell(self, api: Api, lane: Lane) -> None:
        every = _QUIET_EVERY.get(lane.engine, 1)
        # A connection of its own: threads wait for their lanes at once.
        own = Api(api.endpoint, api.account, api.region)
        for said in follow(own, TIME, lane):
            text = line(said.document)
            if text and self._said[lane.engine] % every == 0:
                told = Text.assemble((f"{lane.engine:<11} ", "bold"), text)
                self._console.print(told, soft_wrap=True)
            self._said[lane.engine] += bool(text)
