"""What a user may set: flags, environment variables ``PILEUS_*`` and their defaults."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION
from pileus.values.errors import PileusError


class InvalidSetting(PileusError):
    """A setting has a value that cannot be used; the text names both."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of the platform.

    Attributes:
        host: address to listen on; anything but loopback needs real credentials.
        port: the one port; 0 takes a free one.
        data_dir: where everything durable lies.
        region, account: used where a call names none.
        tier: the weakest sandbox tier accepted (``A``, ``B`` or ``C``).
        idle_s: seconds after which an idle function instance ends.
        blank_children: most sandboxed blank children kept ready per runtime while functions start.
        concurrency: executions of functions at one time, in every account and region.
        scaling: how fast functions get new instances: ``function`` (1,000 every 10 seconds each) or
            ``region`` (a burst of the region's, then 500 a minute for all, as until 2023).
        image_cache_bytes: what unpacked layers of container images may take on disk.
        image_aliases: ``name=ours,…``: our images that stand for those of other registries.
        keep_tasks: leave container tasks running when the platform ends in order.
        task_runner: what runs container tasks: ``own``, ``podman`` or ``docker``.
        host_volumes: folders of this machine, parted by colons, below which the volumes of tasks
            may lie.
        twilio_account_sid, twilio_auth_token, twilio_number: send texts through Twilio, not the
            page's handset; all three or none.
        twilio_url: where Twilio's API answers.
        twilio_webhook: public address of ``/_pileus/sms/twilio``, as Twilio was told it; empty when
            texts only go out.
    """

    host: str = "127.0.0.1"
    port: int = 4566
    data_dir: Path = Path(".pileus")
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    tier: str = "C"
    idle_s: float = 420.0
    blank_children: int = 4
    concurrency: int = 1000
    scaling: str = "function"
    image_cache_bytes: int = 20 * 1024**3
    image_aliases: str = ""
    keep_tasks: bool = False
    task_runner: str = "own"
    host_volumes: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_number: str = ""
    twilio_url: str = "https://api.twilio.com"
    twilio_webhook: str = ""

    @staticmethod
    def load(environment: Mapping[str, str], **given: Any) -> Settings:
        """Flags that are not None win over ``PILEUS_<NAME>``, which wins over the default.

        Raises:
            InvalidSetting: a value of the wrong kind.
        """
        chosen: dict[str, Any] = {}
        for name in Settings.__struct_fields__:
            value = given.get(name)
            if value is None:
                value = environment.get(f"PILEUS_{name.upper()}")
            if value is not None:
                chosen[name] = _converted(name, value)
        if chosen.get("tier", "C") not in ("A", "B", "C"):
            raise InvalidSetting(f"tier must be A, B or C, not {chosen['tier']!r}")
        twilio = [chosen.get(f"twilio_{part}") for part in ("account_sid", "auth_token", "number")]
        if any(twilio) and not all(twilio):
            raise InvalidSetting(
                "Twilio needs PILEUS_TWILIO_ACCOUNT_SID, PILEUS_TWILIO_AUTH_TOKEN and "
                "PILEUS_TWILIO_NUMBER, all three"
            )
        settings = Settings(**chosen)
        # They are taken apart when an image is first looked for, which is no time to complain.
        parse_aliases(settings.image_aliases)
        return settings

    def require_loopback(self) -> None:
        """Raise InvalidSetting for a host beyond loopback: the default credentials are known to all."""
        if self.host not in _LOOPBACK:
            raise InvalidSetting(
                f"host {self.host!r} is not loopback: the credentials test/test would be open to "
                "everyone who can reach it. Use an SSH tunnel or a proxy that authenticates."
            )

    @property
    def aliases(self) -> dict[str, str]:
        """``image_aliases`` as a mapping."""
        return parse_aliases(self.image_aliases)


def parse_aliases(text: str) -> dict[str, str]:
    """``name=ours`` pairs, separated by commas.

    Raises:
        InvalidSetting: a pair without ``=``.
    """
    aliases = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, ours = pair.partition("=")
        if not equals or not name or not ours:
            raise InvalidSetting(f"image_aliases must be name=ours,…, not {pair!r}")
        aliases[name.strip()] = ours.strip()
    return aliases


SECRET = frozenset({"twilio_auth_token"})
"""Settings whose values are never shown."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PORT_MAX = 65535
_BOOLEANS: dict[str, bool] = {
    "1": True,
    "true": True,
    "yes": True,
    "0": False,
    "false": False,
    "no": False,
}
_RULES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "port": (f"0 to {_PORT_MAX}", lambda port: 0 <= port <= _PORT_MAX),
    "idle_s": ("0 or more", lambda idle_s: 0 <= idle_s < math.inf),
    "blank_children": ("0 or more", lambda count: count >= 0),
    "concurrency": ("100 or more", lambda count: count >= 100),
    "scaling": ("function or region", ("function", "region").__contains__),
    "task_runner": ("own, podman or docker", ("own", "podman", "docker").__contains__),
    "image_cache_bytes": ("1 or more", lambda size: size >= 1),
    "region": ("a region such as us-east-1", re.compile(r"[a-z]{2,}(-[a-z0-9]+)+").fullmatch),
    "account": ("twelve digits", re.compile(r"\d{12}").fullmatch),
}
"""What a value must be, in words and as a check."""
_KINDS: dict[str, Any] = {
    "port": int,
    "data_dir": Path,
    "idle_s": float,
    "blank_children": int,
    "concurrency": int,
    "image_cache_bytes": int,
    "keep_tasks": lambda value: _BOOLEANS[str(value).lower()],
}


def _converted(name: str, value: Any) -> Any:
    try:
        converted = _KINDS.get(name, str)(value)
    except (KeyError, ValueError):
        raise InvalidSetting(f"{name} cannot be {value!r}") from None
    rule = _RULES.get(name)
    if rule is not None and not rule[1](converted):
        raise InvalidSetting(f"{name} must be {rule[0]}, not {value!r}")
    return converted
