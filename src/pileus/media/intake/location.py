"""Where media comes from: what an address means, how it is opened, and how it is shown.

Options are FFmpeg's: https://ffmpeg.org/ffmpeg-protocols.html, https://ffmpeg.org/ffmpeg-formats.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pileus.media.units import SourceError

_QUICK = {"fflags": "nobuffer", "analyzeduration": "500000", "probesize": "100000"}
"""A live picture at once rather than after five seconds of looking."""
_HTTP = "http,https,tcp,tls,crypto,data"
_BY_SCHEME: dict[str, dict[str, str]] = {
    "rtsp": {
        **_QUICK,
        "rtsp_transport": "tcp",
        "protocol_whitelist": "rtsp,rtp,udp,tcp,tls,crypto",
    },
    "rtsps": {
        **_QUICK,
        "rtsp_transport": "tcp",
        "protocol_whitelist": "rtsp,rtp,udp,tcp,tls,crypto",
    },
    "udp": {**_QUICK, "protocol_whitelist": "udp", "fifo_size": "100000"},
    "tcp": {**_QUICK, "protocol_whitelist": "tcp"},
    # What a playlist of a stranger names is fetched: never a file of this machine.
    "http": {"protocol_whitelist": _HTTP},
    "https": {"protocol_whitelist": _HTTP},
    "file": {"protocol_whitelist": "file"},
    "device": {},
    # Bytes of a stranger: whatever they say of themselves, nothing else is opened.
    "push": {
        "analyzeduration": "1000000",
        "probesize": "1000000",
        "format_whitelist": "matroska,webm,mpegts,mov,mp4,m4a,3gp,3g2,mj2,flv,ogg,wav,aac,mp3",
        "protocol_whitelist": "pipe",
    },
}
_ALLOWED = frozenset({"rtsp_transport", "user_agent", "framerate", "video_size", "input_format"})
"""Options that a user may set."""


@dataclass(frozen=True)
class Location:
    """An address understood.

    Attributes:
        target: what FFmpeg opens.
        shown: the address without user and password, for messages and logs.
        is_live: its end is a camera that went away, so it is opened again; a file's end is its end.
        format: FFmpeg's name where it must be told, else empty.
        file: what is read in the target's place, with a ``read(size)``.
    """

    target: str
    shown: str
    is_live: bool
    format: str = ""
    options: dict[str, str] = field(default_factory=dict)
    file: Any = None


def locate(url: str, given: dict[str, str] | None = None) -> Location:
    """Understand an address: ``rtsp:``, ``rtsps:``, ``udp:``, ``tcp:``, ``http:``, ``https:`` (HLS, MJPEG
    or a file), ``file:/path``, ``device:/dev/video0``.

    Raises:
        SourceError: another scheme, an option that is not known, an address without a host.
    """
    parts = urlsplit(url)
    if parts.scheme not in _BY_SCHEME:
        known = ", ".join(sorted(set(_BY_SCHEME) - {"push"}))
        raise SourceError(f"{redacted(url)}: a source's address begins with one of {known}.")
    if unknown := sorted(set(given or ()) - _ALLOWED):
        raise SourceError(
            f"{unknown[0]} is no option of a source; {', '.join(sorted(_ALLOWED))} are."
        )
    options = {**_BY_SCHEME[parts.scheme], **(given or {})}
    if parts.scheme == "push":
        return Location(url, "What is pushed", True, "", options)
    if parts.scheme in ("file", "device"):
        path = parts.path or parts.netloc
        if not path.startswith("/"):
            raise SourceError(f"{url}: the path of a {parts.scheme} is absolute.")
        is_device = parts.scheme == "device"
        return Location(path, url, is_device, "v4l2" if is_device else "", options)
    if not parts.hostname:
        raise SourceError(f"{redacted(url)} names no host.")
    is_file = parts.scheme in ("http", "https") and parts.path.endswith((".mp4", ".mkv", ".webm"))
    return Location(url, redacted(url), not is_file, "", options)


def redacted(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
