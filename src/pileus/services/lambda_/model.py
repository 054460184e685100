"""Functions, versions, aliases, layers, mappings and asynchronous events as records."""

from __future__ import annotations

from typing import Any

import msgspec


class ImageCode(msgspec.Struct, kw_only=True):
    """The container image of a version.

    Attributes:
        uri: as it was given.
        resolved: the same with the digest that it stood for then.
        account, region: whose registry holds it.
        pin: keeps it (``compute.function_images``).
    """

    uri: str
    resolved: str
    account: str
    region: str
    pin: str


class ImagePin(msgspec.Struct, kw_only=True):
    """A pin, and the registry that it holds on to."""

    account: str
    region: str


class Code(msgspec.Struct, kw_only=True):
    """A package: where it lies in Blobs, and what it is; or a container image.

    ``sha256`` is Base64 of a package's digest, and the hexadecimal digest of an image.
    """

    blob: str
    sha256: str
    size_bytes: int
    image: ImageCode | None = None


class Layer(msgspec.Struct, kw_only=True):
    """A layer a version uses; a ``blob`` is missing for the platform's own environment."""

    arn: str
    blob: str
    size_bytes: int


class Durable(msgspec.Struct, kw_only=True):
    """What makes a function durable: how long an execution may take, and is remembered."""

    timeout_s: int
    retention_days: int
    kms_key: str = ""


class Configuration(msgspec.Struct, kw_only=True):
    """What a version is made of; ``$LATEST`` may change, numbered ones never do.

    Where ``code`` is an image, ``runtime`` and ``handler`` are empty and there are no layers;
    ``image_config`` is ImageConfig in wire names.

    ``snap_obstacle`` is why a version's instances are no copies of a snapshot although ``snap_start``
    asks for it; ``state_reason`` text and code. ``has_environment`` is true once one was given, if
    only an empty one: it is shown from then on.
    """

    version: str
    runtime: str
    handler: str
    role: str
    code: Code
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    tmp_mb: int = 512
    environment: dict[str, str] = {}
    has_environment: bool = False
    layers: list[Layer] = []
    architectures: list[str] = msgspec.field(default_factory=lambda: ["x86_64"])
    dead_letter: str = ""
    tracing: str = "PassThrough"
    log_group: str = ""
    log_format: str = "Text"
    log_level: str = ""
    system_log_level: str = ""
    kms_key: str = ""
    vpc: dict[str, Any] = {}
    durable: Durable | None = None
    image_config: dict[str, Any] = {}
    modified_ms: int = 0
    revision: str = ""
    snap_start: bool = False
    snap_obstacle: str = ""
    state: str = "Active"
    state_reason: tuple[str, str] | None = None


class AsyncConfiguration(msgspec.Struct, kw_only=True):
    """How a qualifier's asynchronous invocations are retried, and where results go."""

    retries: int | None = None
    age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""
    modified_ms: int = 0


class Function(msgspec.Struct, kw_only=True):
    """A function; numbered versions and aliases are records of their own.

    ``policies`` are resource policy statements by qualifier (empty: the function itself).
    """

    name: str
    latest: Configuration
    last_version: int = 0
    published_revision: str = ""
    reserved: int | None = None
    policies: dict[str, list[dict[str, Any]]] = {}
    asynchronous: dict[str, AsyncConfiguration] = {}
    tags: dict[str, str] = {}
    recursion: str = "Terminate"
    code_signing: str = ""


class Alias(msgspec.Struct, kw_only=True):
    """A name for a version, with a share of calls for a second one."""

    name: str
    version: str
    description: str = ""
    weights: dict[str, float] = {}
    revision: str = ""


class CodeSigning(msgspec.Struct, kw_only=True):
    """A code signing configuration; nothing is checked against it."""

    id: str
    publishers: list[str]
    policy: str
    description: str = ""
    tags: dict[str, str] = {}
    modified_ms: int


class UrlConfig(msgspec.Struct, kw_only=True):
    """A function's (or alias's) own address; ``cors`` in wire names."""

    id: str
    function: str
    qualifier: str = ""
    auth: str
    mode: str = "BUFFERED"
    cors: dict[str, Any] = {}
    created_ms: int
    modified_ms: int


class Provisioning(msgspec.Struct, kw_only=True):
    """How many instances of a version or alias are kept ready."""

    function: str
    qualifier: str
    count: int
    modified_ms: int


class LayerVersion(msgspec.Struct, kw_only=True):
    """One version of a layer."""

    name: str
    version: int
    code: Code
    created_ms: int
    description: str = ""
    license: str = ""
    runtimes: list[str] = []
    architectures: list[str] = []
    policy: list[dict[str, Any]] = []
    policy_revision: str = ""


class KafkaSource(msgspec.Struct, kw_only=True):
    """The topic of a Kafka cluster that is not ours.

    Attributes:
        group: consumer group; empty for one named like the mapping.
        access: SourceAccessConfigurations in wire names.
        pollers: ProvisionedPollerConfig in wire names; empty for on-demand mode.
    """

    servers: list[str]
    topic: str
    group: str = ""
    access: list[dict[str, str]] = []
    pollers: dict[str, Any] = {}


class Mapping(msgspec.Struct, kw_only=True):
    """An event source mapping from a queue, a stream, or a topic of Kafka (without ``source``).

    From ``start`` on the fields are those of streams and topics; -1 stands for no limit, and for
    the default ``window_s`` of a topic. ``trouble`` is why Lambda cannot go on, as
    StateTransitionReason tells it.
    """

    id: str
    source: str
    function: str
    qualifier: str = ""
    batch_size: int = 10
    window_s: int = 0
    is_enabled: bool = True
    filters: list[str] = []
    reports_failures: bool = False
    concurrency_max: int = 0
    modified_ms: int = 0
    last_result: str = ""
    tags: dict[str, str] = {}
    start: str = ""
    start_ms: int = 0
    parallel: int = 1
    bisects: bool = False
    retries_max: int = -1
    age_max_s: int = -1
    tumbling_s: int = 0
    on_failure: str = ""
    kafka: KafkaSource | None = None
    trouble: str = ""


class AsyncEvent(msgspec.Struct, kw_only=True):
    """An asynchronous invocation that was accepted and is not finished."""

    id: str
    function: str
    qualifier: str
    accepted_ms: int
    payload: bytes = b""
    blob: str = ""
    trace: str = ""
    attempts: int = 0
    throttles: int = 0
    not_before_ms: int = 0
