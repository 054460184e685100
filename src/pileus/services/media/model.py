"""Sources, engines, pipelines and segments as records."""

from __future__ import annotations

import msgspec

SOUND_MS = 200
"""Length of a piece of sound."""
STOPPED, CONNECTING, LIVE = "STOPPED", "CONNECTING", "LIVE"
STALLED, ENDED, FAILED = "STALLED", "ENDED", "FAILED"


class RecordFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How the records of a source come.

    Attributes:
        format: ``jsonl``, ``sse``, ``json`` or ``kinesis``; empty: as the server's Content-Type says.
        time_field: which member tells a record's time, names joined by dots; empty: its arrival counts.
        every_s: an address that has told all is asked again after so long; 0: that is its end.
        silence_s: without a record for so long the source counts as stalled; 0: it never does.
        start, start_ms: where a stream of Kinesis is begun, ``LATEST``, ``TRIM_HORIZON`` or
            ``AT_TIMESTAMP`` and its moment.
    """

    format: str = ""
    time_field: str = ""
    every_s: float = 0.0
    silence_s: float = 60.0
    start: str = "LATEST"
    start_ms: int = 0


class Source(msgspec.Struct, kw_only=True):
    """Where media, or records, come from.

    Attributes:
        url: as given, with its password; never shown (``shown``).
        stream: names this life of the source: results and segments tell it.
        epoch_ms: wall time of the source's first frame; 0 before that.
        keep_s, keep_bytes: how much of the recording is kept; 0: no bound.
        keep_results_s, keep_results_bytes: how much of what each engine said; 0: no bound.
        copy_to: ``s3://bucket/prefix`` that finished segments are copied to; empty: nowhere.
        is_listening: publishers connect to the url.
        push_key: what a publisher shows; empty where the source is pulled.
        old_push_key, old_push_key_until_ms: the key before it, and when that ends to be good as well.
        finished: the ``stream`` whose end was reached, and looked at by every engine.
        records: it has records rather than pictures and sound; None: it has those.
        begun_ms: when its first life began; 0 before that.
    """

    name: str
    url: str
    shown: str
    created_ms: int
    options: dict[str, str] = {}
    segment_ms: int = 2000
    keep_s: int = 3600
    keep_bytes: int = 0
    keep_results_s: int = 0
    keep_results_bytes: int = 0
    copy_to: str = ""
    is_paced: bool = True
    is_enabled: bool = True
    is_live: bool = True
    state: str = STOPPED
    reason: str = ""
    stream: str = ""
    epoch_ms: int = 0
    revision: int = 0
    push_key: str = ""
    old_push_key: str = ""
    old_push_key_until_ms: int = 0
    is_listening: bool = False
    finished: str = ""
    records: RecordFormat | None = None
    begun_ms: int = 0

    @property
    def is_done(self) -> bool:
        """A file that was read to its end, and is read again only when somebody asks."""
        is_once = self.records is not None or not self.is_live
        return is_once and self.state == ENDED and self.finished == self.stream != ""


class EngineInput(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine looks at.

    Attributes:
        kind: ``frames``, ``audio``, ``segments``, ``records``, or ``results`` for what another engine says.
        results: that engine; with frames, what it said of each comes beside them.
        pause_ms, least_ms, most_ms: sound is cut at silences (``media/stretches.py``); 0: it is not.
        format: ``jpeg`` for pictures as files, else empty.
    """

    kind: str
    rate: float
    width: int = 0
    gate: str = ""
    results: str = ""
    format: str = ""
    pause_ms: int = 0
    least_ms: int = 0
    most_ms: int = 0

    @property
    def is_cut(self) -> bool:
        """Sound in pieces from one silence to the next."""
        return self.most_ms > 0

    @property
    def is_whole(self) -> bool:
        """Pieces have a length of their own: where one ends, a successor goes on."""
        return self.is_cut or self.kind == "segments"

    @property
    def step_ms(self) -> float:
        """Distance of pieces."""
        return 1000 / self.rate if self.kind == "frames" else SOUND_MS


class EngineImage(msgspec.Struct, frozen=True, kw_only=True):
    """A container image that is an engine's code.

    Attributes:
        uri: as given; ``resolved``: the same by digest.
        account, region: of the registry that keeps it for this engine, under ``pin``.
        entrypoint, command, working_dir: in the place of the image's own, where given.
    """

    uri: str
    resolved: str
    account: str
    region: str
    pin: str
    entrypoint: list[str] = []
    command: list[str] = []
    working_dir: str = ""


class Pin(msgspec.Struct, frozen=True):
    """Where an image is kept for an engine, or was to be."""

    account: str
    region: str


class EngineHttp(msgspec.Struct, frozen=True, kw_only=True):
    """How a program that speaks HTTP is reached, and how long it may take until it is ready."""

    port: int = 8080
    ready_s: int = 60


class Engine(msgspec.Struct, kw_only=True):
    """Code that looks at pieces of a source.

    Attributes:
        runtime: of a program that speaks HTTP (``nodejs…``, ``provided…``); empty for the platform's Python
            and for images.
        image: in the place of a package, whose ``blob`` is then empty.
        function: name or ARN of the Lambda function that is called in the place of code; else empty.
        http: set for programs that speak HTTP: those of images and of other runtimes than Python.
        dead_letter: ARN of the queue that gets what it failed on; empty for none.
    """

    name: str
    mode: str
    handler: str
    blob: str
    sha256: str
    size_bytes: int
    created_ms: int
    input: EngineInput
    role: str = ""
    memory_mb: int = 512
    timeout_s: int = 60
    environment: dict[str, str] = {}
    batch_size: int = 1
    window_ms: int = 0
    scale_min: int = 0
    scale_max: int = 1
    target_lag_ms: int = 1000
    idle_ms: int = 60_000
    when_behind: str = "newest"
    attempts_max: int = 3
    dead_letter: str = ""
    rewind_ms: int = 0
    revision: str = ""
    runtime: str = ""
    function: str = ""
    image: EngineImage | None = None
    http: EngineHttp | None = None


class Deliver(msgspec.Struct, frozen=True, kw_only=True):
    """Where results go besides the Log: names or ARNs, empty for nowhere.

    Attributes:
        skips_empty: results in which an engine found nothing stay here.
    """

    bus: str = ""
    stream: str = ""
    skips_empty: bool = False


class Pipeline(msgspec.Struct, kw_only=True):
    """A source and the engines that look at it.

    Attributes:
        begin: where engines that join begin, as it was given (``moments.py``).
        begins: by engine, the wall time from which on it looks.
        is_earlier: engines that begin with what was recorded before they joined.
    """

    name: str
    source: str
    engines: list[str]
    created_ms: int
    deliver: Deliver | None = None
    begin: str = "now"
    begins: dict[str, int] = {}
    is_earlier: list[str] = []


class Segment(msgspec.Struct, kw_only=True):
    """A piece of a recording; times on the source's clock."""

    id: str
    blob: str
    stream: str
    start_ms: int
    stop_ms: int
    captured_at_ms: int
    size_bytes: int
    pictures: int
