"""What reads sources of media and runs engines."""

from __future__ import annotations

from pileus.adapters.http_fetching import HttpFetching
from pileus.adapters.local_intakes import LocalIntakes
from pileus.gateway.media_push import MediaPush
from pileus.kernel.credentials import Credentials
from pileus.platform.running import Closing, Platform, boot_id
from pileus.ports.fetching import Fetching
from pileus.services.media.engines import Engines
from pileus.services.media.parts import MediaSettings, add_media_parts
from pileus.services.media.pushes import Place, Pushes


def build(platform: Platform) -> Engines:
    """Processes of sources and pools of engines on this machine."""
    data = platform.settings.data_dir.resolve()
    intakes = LocalIntakes(data / "intake")
    settings = MediaSettings(data / "engines", boot_id())
    engines = add_media_parts(platform.kernel, platform.wing("node"), intakes, settings)
    platform.kernel.add_part(Fetching, HttpFetching())
    platform.at_close(Closing.TASKS, intakes.close)
    platform.at_close(Closing.POOLS, engines.pools.close)
    return engines


def make_pushes(platform: Platform) -> MediaPush:
    """What takes media that is pushed."""
    kernel = platform.kernel
    lookup = Credentials.of(kernel).lookup
    return MediaPush(kernel.part(Pushes), Place, lookup, kernel.clock)
