"""The composition root: settings in, a running platform out. The only place that chooses adapters."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from pileus import __version__
from pileus.adapters.chance_system import SystemChance
from pileus.adapters.clock_system import SystemClock
from pileus.adapters.disk import FolderLock
from pileus.adapters.file_blobs import FileBlobs
from pileus.adapters.key_file import load_key
from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.capabilities import Tier
from pileus.adapters.local_node.nodes import LocalNodes, LocalNodeSettings
from pileus.adapters.local_node.processes import proportional_bytes
from pileus.adapters.local_node.tasks import LocalTasks, LocalTaskSettings
from pileus.adapters.segment_log import SegmentLog
from pileus.adapters.sms_handset import HandsetSms
from pileus.adapters.sqlite_state import SqliteState
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.layer_store import LayerStore
from pileus.compute.images.parts import add_image_store, add_layer_store
from pileus.compute.log_shipping import LogShipper
from pileus.compute.pools import Pools, PoolSettings
from pileus.compute.scaling import PROFILES
from pileus.compute.task_images import RegistryImages
from pileus.console.routes import Console, Hooks
from pileus.deploy.accounts import DEFAULT_STAGE, ENVIRONMENTS_PREFIX
from pileus.gateway.app import OWN_PREFIX, GatewayApp
from pileus.gateway.aws import AwsFront
from pileus.gateway.code_downloads import CodeDownloads
from pileus.gateway.doors import Doors
from pileus.gateway.function_urls import PREFIX as URL_PREFIX
from pileus.gateway.function_urls import FunctionUrlFront
from pileus.gateway.inbound import AnswersHandler, TwilioWebhook
from pileus.gateway.registry import RegistryDoor, claims
from pileus.gateway.server import Server, WebSocketHandler
from pileus.gateway.task_metadata import TaskMetadata
from pileus.kernel.calls import StreamCall
from pileus.kernel.credentials import Credentials
from pileus.kernel.kernel import Kernel
from pileus.kernel.settings import InvalidSetting, Settings
from pileus.ports.sms import SmsProvider
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.services.cloudformation import answers
from pileus.services.ecs.metadata import Metadata
from pileus.services.ecs.parts import TaskSettings, add_task_parts
from pileus.services.ecs.running import TaskRunner
from pileus.services.lambda_ import downloads
from pileus.services.lambda_.function_urls import FunctionUrls
from pileus.services.lambda_.parts import ComputeSettings, add_parts
from pileus.services.sagemaker.parts import ModelSettings, add_model_parts
from pileus.services.sagemaker.running import Endpoints
from pileus.services.sms_voice.inbound import receive_text
from pileus.shapes.source import cache_root
from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION, CallContext

_ENVIRONMENTS_EVERY_S = 10.0
_MEMORY_EVERY_MS = 5_000
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Platform(msgspec.Struct):
    """Everything that runs. ``url`` is where it answers."""

    settings: Settings
    kernel: Kernel
    server: Server
    app: GatewayApp
    nodes: LocalNodes
    metadata: Server
    lock: FolderLock
    url: str

    async def close(self) -> None:
        """Stop in the order opposite to starting: no new calls, user code, the rest, the store."""
        await self.server.close()
        await self.kernel.part(TaskRunner).close()
        await self.metadata.close()
        await self.kernel.part(Pools).close()
        await self.kernel.part(Endpoints).pools.close()
        await self.nodes.close()
        await self.kernel.part(LayerStore).close()
        await self.kernel.part(LogShipper).flush()
        await self.kernel.close()
        self.lock.release()


async def start(settings: Settings) -> Platform:
    """Open the data folder, recover, and answer on the port.

    Raises:
        InvalidSetting: a host beyond loopback (the default credentials would be open to all).
        FolderInUse: another platform runs on the data folder.
        OSError: the port cannot be bound.
    """
    if settings.host not in _LOOPBACK:
        raise InvalidSetting(
            f"host {settings.host!r} is not loopback: the credentials test/test would be open to "
            "everyone who can reach it. Use an SSH tunnel or a proxy that authenticates."
        )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(settings.data_dir)
    kernel = _kernel(settings)
    app = GatewayApp(_aws_front(kernel, settings))
    server = Server(app, kernel.clock, open_websocket=_open_websocket)
    app.add_handler("health", _health)
    _add_sms(kernel, app, settings)
    port = await server.start(settings.host, settings.port)
    kernel.endpoint = f"http://{settings.host}:{port}"
    nodes = _nodes(replace(settings, port=port), kernel, server)
    compute = ComputeSettings(
        code_dir=settings.data_dir.resolve() / "code",
        boot_id=_boot_id(),
        pools=PoolSettings(
            idle_s=settings.idle_s,
            limits=msgspec.structs.replace(
                PROFILES[settings.scaling], account_concurrency=settings.concurrency
            ),
        ),
    )
    add_parts(kernel, nodes, compute)
    models_dir = settings.data_dir.resolve() / "models"
    add_model_parts(kernel, nodes, ModelSettings(models_dir, _boot_id(), settings.idle_s))
    _add_images(kernel, app, settings)
    metadata = _add_tasks(kernel, replace(settings, port=port), nodes, server)
    app.add_handler(downloads.PATH, _code_downloads(kernel))
    _add_function_urls(kernel, app)
    app.add_handler(answers.PATH.removeprefix(OWN_PREFIX), _answers(kernel))
    # Before anything that a previous run left goes on, so that the page is told of it.
    _add_console(kernel, app, settings, _Vitals(kernel, nodes).tell)
    await kernel.start()
    settings = replace(settings, port=port)
    return Platform(settings, kernel, server, app, nodes, metadata, lock, kernel.endpoint)


def _add_images(kernel: Kernel, app: GatewayApp, settings: Settings) -> None:
    """Registries of container images, their layers unpacked, and the door of registry clients."""
    images = add_image_store(kernel, settings.aliases)
    layers_dir = settings.data_dir.resolve() / "layers"
    add_layer_store(kernel, layers_dir, settings.image_cache_bytes)
    lookup = Credentials.of(kernel).lookup
    door = RegistryDoor(kernel.invoke, images, lookup, kernel.signing_key, kernel.clock)
    door.region = settings.region
    app.add_claim(lambda request: door if claims(request) else None)


def _add_sms(kernel: Kernel, app: GatewayApp, settings: Settings) -> None:
    """Texts go through Twilio where it is set up, else they stay on the page's handset."""
    if not settings.twilio_account_sid:
        kernel.add_part(SmsProvider, HandsetSms())  # type: ignore[type-abstract]
        return
    # Lazy on purpose: an HTTP client is a tenth of the start, and few set this up.
    twilio = importlib.import_module("pileus.adapters.sms_twilio").TwilioSms(
        settings.twilio_url,
        settings.twilio_account_sid,
        settings.twilio_auth_token,
        settings.twilio_number,
    )
    kernel.add_part(SmsProvider, twilio)

    async def take(sender: str, target: str, text: str) -> str:
        # Our number is Twilio's, whichever the account's first two-way number is called here.
        return await receive_text(_sms_call(kernel, settings.account, settings), sender, "", text)

    if settings.twilio_webhook:
        webhook = TwilioWebhook(settings.twilio_webhook, twilio.is_signed, take)
        app.add_handler("sms/twilio", webhook)


def _sms_call(kernel: Kernel, account: str, settings: Settings) -> StreamCall:
    room = kernel.registry.room("pinpoint-sms-voice-v2")
    return kernel.stream_call(room.space(account, settings.region))


def _answers(kernel: Kernel) -> AnswersHandler:
    async def answer(token: str, payload: bytes) -> None:
        space = kernel.registry.room("cloudformation").space(DEFAULT_ACCOUNT, kernel.default_region)
        await answers.answer(kernel.stream_call(space), token, payload)

    return AnswersHandler(answers.PATH, answer)


def _add_console(
    kernel: Kernel, app: GatewayApp, settings: Settings, health: Callable[[], Mapping[str, Any]]
) -> None:
    """The page: a guest of public operations, told of what happens by the kernel."""
    environments = _Environments(kernel)

    async def send_sms(account: str, sender: str, text: str) -> str:
        return await receive_text(_sms_call(kernel, account, settings), sender, "", text)

    console = Console(
        Hooks(
            clock=kernel.clock,
            invoke=kernel.invoke,
            send_sms=send_sms,
            environments=lambda: environments.known,
            health=health,
            endpoint=kernel.endpoint,
            region=settings.region,
            version=__version__,
        )
    )
    app.add_handler("", console.handle)
    app.add_websocket("", console.websocket)
    kernel.add_observer(console.feed.observe, console.feed)
    kernel.supervisor.spawn("console", console.run())
    kernel.supervisor.spawn("environments", environments.run())


class _Vitals:
    """How the platform fares, for the page. Memory is measured beside the event loop, and only
    while somebody asks."""

    def __init__(self, kernel: Kernel, nodes: LocalNodes) -> None:
        self._kernel = kernel
        self._nodes = nodes
        self._started_ms = kernel.clock.now_ms()
        self._measured_ms = 0
        self._memory_bytes = 0

    def tell(self) -> dict[str, Any]:
        """What is known now."""
        now_ms = self._kernel.clock.now_ms()
        if now_ms - self._measured_ms >= _MEMORY_EVERY_MS:
            self._measured_ms = now_ms
            self._kernel.supervisor.spawn("vitals", self._measure())
        tier = self._nodes.tier
        return {
            "state": "ok",
            "deliveries_pending": self._kernel.outbox.pending,
            "uptime_s": max(0, now_ms - self._started_ms) // 1000,
            "memory_bytes": self._memory_bytes,
            "sandbox": f"tier {tier.value}" if tier else "not tried yet",
        }

    async def _measure(self) -> None:
        self._memory_bytes = await asyncio.to_thread(proportional_bytes, os.getpid())


class _Environments:
    """The stages that something was deployed to, for the page's switch; looked up now and then."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.known: list[dict[str, str]] = [{"name": DEFAULT_STAGE, "account": DEFAULT_ACCOUNT}]

    async def run(self) -> None:
        """Look again every few seconds, for ever."""
        context = CallContext(
            region=DEFAULT_REGION, source="console", endpoint=self._kernel.endpoint
        )
        while True:
            await self._kernel.clock.sleep(_ENVIRONMENTS_EVERY_S)
            given = {"Path": ENVIRONMENTS_PREFIX}
            reply = await self._kernel.invoke(context, "ssm", "GetParametersByPath", given)
            found = [
                {
                    "name": parameter["Name"].removeprefix(ENVIRONMENTS_PREFIX),
                    "account": parameter["Value"],
                }
                for parameter in reply.output["Parameters"]
            ]
            self.known = [self.known[0], *found]


def _nodes(settings: Settings, kernel: Kernel, server: Server) -> LocalNodes:
    """This machine as a node; instances reach the gateway through listeners they hand out."""
    node_settings = LocalNodeSettings(
        run_dir=settings.data_dir.resolve() / "run",
        gateway_port=settings.port,
        required_tier=None if settings.tier == "C" else Tier(settings.tier),
        blanks=BlankTarget(at_most=settings.blank_children),
        cache_dir=cache_root(),
    )
    return LocalNodes(node_settings, kernel.clock, Doors(server, kernel.supervisor).open)


def _add_tasks(kernel: Kernel, settings: Settings, nodes: LocalNodes, server: Server) -> Server:
    """Container tasks on this machine; what serves their metadata is given back."""
    metadata = Server(TaskMetadata(Metadata(kernel).answer), kernel.clock)
    tasks = LocalTasks(
        LocalTaskSettings(
            tasks_dir=settings.data_dir.resolve() / "tasks",
            run_dir=settings.data_dir.resolve() / "run",
            boot_id=_boot_id(),
            gateway_port=settings.port,
        ),
        (kernel.clock, kernel.chance),
        nodes.prober,
        (Doors(server, kernel.supervisor).open, Doors(metadata, kernel.supervisor).open),
    )
    volumes = tuple(folder for folder in settings.host_volumes.split(":") if folder)
    task_settings = TaskSettings(
        images=RegistryImages(kernel.part(ImageStore), kernel.part(LayerStore)),
        host_volumes=volumes,
        stops_at_close=not settings.keep_tasks,
    )
    add_task_parts(kernel, tasks, task_settings)
    return metadata


def _add_function_urls(kernel: Kernel, app: GatewayApp) -> None:
    """Functions' own addresses, by name and by path."""
    lookup = Credentials.of(kernel).lookup
    urls = kernel.part(FunctionUrls)
    front = FunctionUrlFront(urls, lookup, kernel.clock, kernel.chance)
    app.add_claim(front.claim)
    app.add_handler(URL_PREFIX, front)


def _code_downloads(kernel: Kernel) -> CodeDownloads:
    def is_valid(blob: str, query: tuple[str, str]) -> bool:
        return downloads.is_valid(kernel.signing_key, blob, query, kernel.clock.now_ms())

    return CodeDownloads(kernel.blobs, OWN_PREFIX + downloads.PATH, is_valid)


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else __version__


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
