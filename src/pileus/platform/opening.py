"""From settings to the first answer: what every platform needs, and where the rest is found."""

from __future__ import annotations

import asyncio
import importlib

from msgspec.structs import replace

from pileus import __version__
from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.disk import FolderLock
from pileus.adapters.file_blobs import FileBlobs
from pileus.adapters.key_file import load_key
from pileus.adapters.segment_log import SegmentLog
from pileus.adapters.sqlite_state import SqliteState
from pileus.console.feed import Feed
from pileus.gateway import claims
from pileus.gateway.app import GatewayApp, Handler, WebSocketClaim
from pileus.gateway.aws import AwsFront
from pileus.gateway.server import Server, WebSocketHandler
from pileus.kernel.credentials import Credentials
from pileus.kernel.kernel import Kernel
from pileus.kernel.settings import Settings
from pileus.platform.running import Platform
from pileus.protocols.http import HttpRequest, HttpResponse

WINGS = {
    "pileus.compute.images": "images",
    "pileus.compute.log_shipping": "logs",
    "pileus.ports.sms": "texts",
    "pileus.services.ecs": "tasks",
    "pileus.services.lambda_": "functions",
    "pileus.services.media": "media",
    "pileus.services.sagemaker": "models",
}
"""Where the classes of parts lie, and the wing that makes them."""


async def start(settings: Settings) -> Platform:
    """Open the data folder, recover, and answer on the port.

    Raises:
        InvalidSetting: a host beyond loopback (the default credentials would be open to all).
        FolderInUse: another platform runs on the data folder.
        SandboxTooWeak: the machine gives no sandbox as strong as asked for.
        RunnerUnusable: podman or docker is to run tasks, and cannot; or others still run tasks here.
        OSError: the port cannot be bound.
    """
    settings.require_loopback()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(settings.data_dir)
    if settings.tier != "C":
        # Lazy on purpose: the sandbox is a part of the start that few ask for.
        try:
            await importlib.import_module("pileus.platform.walls").require(settings)
        except BaseException:
            lock.release()
            raise
    engine = None
    if settings.task_runner != "own" or any(settings.data_dir.glob("tasks-*")):
        # Lazy on purpose: few tasks are run by anything but our own runner.
        try:
            engine = await importlib.import_module("pileus.platform.runners").require(settings)
        except BaseException:
            lock.release()
            raise
    kernel = _kernel(settings)
    app = GatewayApp(_aws_front(kernel, settings))
    server = Server(app, kernel.clock, open_websocket=_open_websocket)
    app.add_handler("health", _health)
    port = await server.start(settings.host, settings.port)
    kernel.endpoint = f"http://{settings.host}:{port}"
    platform = Platform(replace(settings, port=port), kernel, server, app, lock)
    platform.task_engine = engine
    for package, wing in WINGS.items():
        platform.parts_of(package, wing)
    _add_handlers(platform)
    # Before anything that a previous run left goes on, so that the page is told of it.
    _add_page(platform)
    await kernel.start()
    return platform


def _add_handlers(platform: Platform) -> None:
    """What the port serves beside AWS's APIs and the page."""
    app = platform.app
    app.add_claim(claims.is_registry, platform.late("images", "make_registry"))
    addresses = platform.late("functions", "make_addresses")
    app.add_claim(claims.is_function_url, addresses)
    app.add_handler(claims.FUNCTION_URLS, addresses)
    app.add_handler(claims.CODE, platform.late("functions", "make_downloads"))
    app.add_handler(claims.CREDENTIALS, platform.late("functions", "make_credentials"))
    if platform.settings.task_runner != "own":
        app.add_handler(claims.TASKS, platform.late("tasks", "make_metadata"))
    app.add_handler(claims.ANSWERS, platform.late("answers", "make_answers"))
    if platform.settings.twilio_account_sid and platform.settings.twilio_webhook:
        app.add_handler("sms/twilio", platform.late("texts", "make_webhook"))


def _add_page(platform: Platform) -> None:
    """The feed takes note from the start of what a page that opens later wants to know."""
    feed = Feed(platform.kernel.clock)
    platform.kernel.add_part(Feed, feed)
    platform.kernel.add_observer(feed.observe, feed)

    async def answer(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = await platform.wing("page").handle(request)
        return response

    def websocket(request: HttpRequest) -> WebSocketHandler | None:
        handler: WebSocketHandler | None = platform.wing("page").websocket(request)
        return handler

    platform.app.add_handler("", answer)
    platform.app.add_websocket("", websocket)
    _add_pushes(platform, answer, websocket)


def _add_pushes(platform: Platform, answer: Handler, websocket: WebSocketClaim) -> None:
    """Media is pushed to paths between those where the page shows it."""
    pushes = platform.late("media", "make_pushes")

    async def take(request: HttpRequest) -> HttpResponse:
        return await (pushes if claims.is_push(request) else answer)(request)

    def choose(request: HttpRequest) -> WebSocketHandler | None:
        if not claims.is_push(request):
            return websocket(request)
        # Lazy on purpose: most platforms never read a source.
        media = importlib.import_module("pileus.platform.media")
        handler: WebSocketHandler | None = media.make_pushes(platform).websocket(request)
        return handler

    platform.app.add_handler(claims.MEDIA, take)
    platform.app.add_websocket(claims.MEDIA, choose)


def _kernel(settings: Settings) -> Kernel:
    data, clock, chance = settings.data_dir, SystemClock(), SystemChance()
    kernel = Kernel(
        state=SqliteState(data / "state.db"),
        blobs=FileBlobs(data / "blobs", clock),
        log=SegmentLog(data / "log"),
        clock=clock,
        chance=chance,
        signing_key=load_key(data / "key", chance),
    )
    kernel.default_region = settings.region
    kernel.measures.is_on = True
    return kernel


def _aws_front(kernel: Kernel, settings: Settings) -> AwsFront:
    return AwsFront(
        kernel.invoke,
        Credentials.of(kernel).lookup,
        kernel.clock,
        kernel.chance,
        serves=kernel.registry.serves,
        body_limit=kernel.registry.body_limit,
        account=settings.account,
        region=settings.region,
    )


def _open_websocket(
    request: HttpRequest, handler: WebSocketHandler, transport: asyncio.Transport, rest: bytes
) -> asyncio.Task[None]:
    """Lazy on purpose: the frame library is a tenth of the start, and only open pages need it."""
    websocket = importlib.import_module("pileus.gateway.websocket")
    task: asyncio.Task[None] = websocket.open_websocket(request, handler, transport, rest)
    return task


async def _health(request: HttpRequest) -> HttpResponse:
    body = f'{{"status": "ok", "version": "{__version__}"}}\n'.encode()
    return HttpResponse(200, [("Content-Type", "application/json")], body)


async def run_until(platform: Platform, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set, then close."""
    try:
        await stop.wait()
    finally:
        await platform.close()
