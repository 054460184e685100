"""A real Chromium, driven over the DevTools pipe: no driver, no download, no port."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
)
ANSWER_WITHIN_S = 30


def find_chromium() -> str | None:
    """The browser of this machine, None when there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


_CONTROLS = {"button", "textbox", "searchbox", "combobox", "link", "slider"}


class PageError(Exception):
    """The page threw, or the browser refused a command."""


class Page:
    """One tab. ``problems`` collects console errors, exceptions and failed requests."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        self.problems: list[str] = []
        self.requests: list[str] = []

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.command(method, params, self._session)

    async def open(self, address: str) -> None:
        await self.command("Page.navigate", url=address)

    async def close(self) -> None:
        await self._browser.command("Target.closeTarget", {"targetId": self._target})

    async def type(self, text: str) -> None:
        """Into whatever has the focus."""
        await self.command("Input.insertText", text=text)

    async def size(self, width: int, height: int, *, phone: bool = False, scale: float = 1) -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=phone,
        )
        await self.command("Emulation.setTouchEmulationEnabled", enabled=phone)

    async def prefer(self, **features: str) -> None:
        """Media features with dashes as underscores: ``prefers_color_scheme="dark"``."""
        listed = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        await self.command("Emulation.setEmulatedMedia", features=listed)

    async def before_load(self, script: str) -> None:
        """Run ``script`` in every document before its own scripts."""
        await self.command("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def evaluate(self, expression: str) -> Any:
        answer = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise PageError(json.dumps(answer["exceptionDetails"])[:800])
        return answer["result"].get("value")

    async def wait_for(self, expression: str, within_s: float = 15) -> Any:
        """The first true value of ``expression``."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    value = await self.evaluate(expression)
                    if value:
                        return value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(
                f"not within {within_s} s: {expression}; {self.problems}"
            ) from None

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        options: dict[str, Any] = {"format": "png"}
        if whole:
            size = (await self.command("Page.getLayoutMetrics"))["cssContentSize"]
            options["captureBeyondViewport"] = True
            options["clip"] = {**size, "scale": 1}
        answer = await self.command("Page.captureScreenshot", **options)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def press(self, key: str, text: str = "") -> None:
        code = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            await self.command(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                text=text if kind == "keyDown" else "",
                windowsVirtualKeyCode=code,
            )

    def notice(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(params["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(json.dumps(params["args"])[:600])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(json.dumps(params["entry"])[:600])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    async def nameless_controls(self) -> list[dict[str, Any]]:
        """What may be used and says nothing of itself to who cannot see it."""
        await self.command("Accessibility.enable")
        tree = (await self.command("Accessibility.getFullAXTree"))["nodes"]
        return [
            node
            for node in tree
            if not node.get("ignored")
            and node["role"]["value"] in _CONTROLS
            and not node.get("name", {}).get("value")
        ]


class Chromium:
    """A browser process with a fresh profile; use as an async context manager."""

    async def __aenter__(self) -> Chromium:
        binary = find_chromium()
        assert binary is not None
        self._profile = tempfile.mkdtemp(prefix="pileus-chromium-")
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}
        self._launch(binary)
        loop = asyncio.get_running_loop()
        self._reader = asyncio.StreamReader(limit=1 << 28)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(self._ours_in, "rb", 0)
        )
        self._reading = asyncio.ensure_future(self._read())
        return self

    def _launch(self, binary: str) -> None:
        their_in, self._ours_out = os.pipe()
        self._ours_in, their_out = os.pipe()
        # Chromium speaks on descriptors 3 and 4; move ours out of the way before they become those.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (their_in, their_out)]

        def connect() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [binary, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for fd in (*ends, their_in, their_out):
            os.close(fd)

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        os.close(self._ours_out)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(self._process.wait)
        shutil.rmtree(self._profile, ignore_errors=True)

    async def page(self) -> Page:
        target = await self.command("Target.createTarget", {"url": "about:blank"})
        attached = await self.command(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        page = self._pages[attached["sessionId"]] = Page(
            self, target["targetId"], attached["sessionId"]
        )
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.command(f"{domain}.enable")
        return page

    async def command(
        self, method: str, params: dict[str, Any], session: str = ""
    ) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        data = json.dumps(message).encode() + b"\0"
        await asyncio.to_thread(_write_all, self._ours_out, data)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            answer = await future
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        return answer["result"]

    async def _read(self) -> None:
        while True:
            raw = await self._reader.readuntil(b"\0")
            message = json.loads(raw[:-1])
            if "id" in message:
                future = self._answers.pop(message["id"])
                if not future.done():
                    future.set_result(message)
            elif page := self._pages.get(message.get("sessionId", "")):
                page.notice(message["method"], message["params"])


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
