"""What runs functions, their own addresses, and links to their code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from pileus.compute.pools import Pools, PoolSettings
from pileus.compute.scaling import PROFILES
from pileus.gateway.app import OWN_PREFIX
from pileus.gateway.code_downloads import CodeDownloads
from pileus.gateway.function_credentials import FunctionCredentials
from pileus.gateway.function_urls import FunctionUrlFront
from pileus.kernel.credentials import Credentials
from pileus.platform import clusters
from pileus.platform.running import Closing, Platform, boot_id
from pileus.services.lambda_ import downloads
from pileus.services.lambda_.function_urls import FunctionUrls
from pileus.services.lambda_.parts import ComputeSettings, add_parts
from pileus.services.lambda_.running import Functions
from pileus.services.media.engines import Engines


def build(platform: Platform) -> None:
    """Pools of instances on this machine, and the lambda room's parts."""
    settings, kernel = platform.settings, platform.kernel
    limits = msgspec.structs.replace(
        PROFILES[settings.scaling], account_concurrency=settings.concurrency
    )
    compute = ComputeSettings(
        code_dir=settings.data_dir.resolve() / "code",
        boot_id=boot_id(),
        pools=PoolSettings(idle_s=settings.idle_s, limits=limits),
    )
    add_parts(kernel, platform.wing("node"), compute, clusters.build())
    platform.at_close(Closing.POOLS, kernel.part(Pools).close)


def make_addresses(platform: Platform) -> FunctionUrlFront:
    """Functions' own addresses, by name and by path."""
    kernel = platform.kernel
    lookup = Credentials.of(kernel).lookup
    return FunctionUrlFront(kernel.part(FunctionUrls), lookup, kernel.clock, kernel.chance)


def make_downloads(platform: Platform) -> CodeDownloads:
    """Packages, for whoever holds a link to one."""
    kernel = platform.kernel

    def is_valid(blob: str, query: tuple[str, str]) -> bool:
        return downloads.is_valid(kernel.signing_key, blob, query, kernel.clock.now_ms())

    return CodeDownloads(kernel.blobs, OWN_PREFIX + downloads.PATH, is_valid)


def make_credentials(platform: Platform) -> FunctionCredentials:
    """Keys of their role, for functions and engines that hold a token."""
    kernel = platform.kernel

    async def document(token: str) -> Mapping[str, Any] | None:
        engines: Engines | None = platform.built("media")
        found = None if engines is None else await engines.tokens.document(token)
        return found or await kernel.part(Functions).tokens.document(token)

    return FunctionCredentials(document)
