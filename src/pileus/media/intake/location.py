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
_FEW_PICTURES = "4"
"""So many pictures tell how many come a second; FFmpeg would wait for twenty or more of what does not say (a
browser's WebM, fragmented MP4, MPEG-TS)."""
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
    "alsa": {},
    "rtmp": {
        "analyzeduration": "1000000",
        "fpsprobesize": _FEW_PICTURES,
        "protocol_whitelist": "rtmp,tcp",
    },
    "srt": {},
    # Bytes of a stranger: whatever they say of themselves, nothing else is opened.
    "push": {
        "analyzeduration": "1000000",
        "fpsprobesize": _FEW_PICTURES,
        "probesize": "1000000",
        "format_whitelist": "matroska,webm,mpegts,mov,mp4,m4a,3gp,3g2,mj2,flv,ogg,wav,aac,mp3",
        "protocol_whitelist": "pipe",
    },
}
_PUSHABLE = "Matroska, WebM, MPEG-TS, fragmented MP4, FLV and Ogg can be pushed"
_LISTENED = frozenset({"rtmp", "srt"})
_OF_THIS_MACHINE = frozenset({"file", "device", "alsa"})
_PLAYLIST_S = 30.0
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
        is_listening: publishers connect to the address, rather than we.
        may_end: an end that the source itself states is the end (a playlist that is complete).
        silence_s: it may be silent for so long at least: the pieces of a playlist come in bursts.
        command: a program that reads it and writes what it reads; empty where FFmpeg's libraries do.
        file: what is read in the target's place, with a ``read(size)``.
        expects: what can be read there, for those who come with something else.
    """

    target: str
    shown: str
    is_live: bool
    format: str = ""
    options: dict[str, str] = field(default_factory=dict)
    is_listening: bool = False
    may_end: bool = False
    silence_s: float = 0.0
    command: tuple[str, ...] = ()
    file: Any = None
    expects: str = ""


def locate(
    url: str, given: dict[str, str] | None = None, *, is_listening: bool = False
) -> Location:
    """Understand an address: ``rtsp:``, ``rtsps:``, ``udp:``, ``tcp:``, ``http:``, ``https:`` (HLS, MJPEG
    or a file), ``rtmp:``, ``srt:``, ``file:/path``, ``device:/dev/video0``, ``alsa:default``.

    Raises:
        SourceError: another scheme, an option that is not known, an address without a host; listening at an
            address that nobody can publish to.
    """
    parts = urlsplit(url)
    if parts.scheme not in _BY_SCHEME:
        known = ", ".join(sorted(set(_BY_SCHEME) - {"push"}))
        raise SourceError(f"{redacted(url)}: a source's address begins with one of {known}.")
    if unknown := sorted(set(given or ()) - _ALLOWED):
        raise SourceError(
            f"{unknown[0]} is no option of a source; {', '.join(sorted(_ALLOWED))} are."
        )
    if is_listening and parts.scheme not in _LISTENED:
        raise SourceError(f"{redacted(url)}: publishers are waited for at rtmp: and srt: only.")
    options = {**_BY_SCHEME[parts.scheme], **(given or {})}
    if parts.scheme == "push":
        return Location(url, "What is pushed", True, "", options, expects=_PUSHABLE)
    if parts.scheme in _OF_THIS_MACHINE:
        return _here(url, options)
    if not parts.hostname or (is_listening and not parts.port):
        raise SourceError(f"{redacted(url)} names no host" + " and port." * is_listening)
    if parts.scheme == "srt":
        return _by_program(url, is_listening=is_listening)
    if is_listening:
        return _listening(url)
    is_http = parts.scheme in ("http", "https")
    return Location(
        url,
        redacted(url),
        not (is_http and parts.path.endswith((".mp4", ".mkv", ".webm"))),
        "",
        options,
        is_listening=is_listening,
        may_end=is_http,
        silence_s=_PLAYLIST_S if parts.path.endswith(".m3u8") else 0.0,
    )


def _listening(url: str) -> Location:
    """RTMP publishers, whom we hear ourselves: FFmpeg lets anybody in."""
    if "/" not in urlsplit(url).path.strip("/"):
        raise SourceError(f"{redacted(url)} names no application and stream (/live/stage).")
    return Location(
        url,
        redacted(url).partition("?")[0],
        True,
        "flv",
        dict(_BY_SCHEME["push"]),
        is_listening=True,
    )


def _here(url: str, options: dict[str, str]) -> Location:
    """A file or a device."""
    scheme, _, path = url.partition(":")
    path = path.removeprefix("//")
    if scheme == "alsa":
        return Location(path or "default", url, True, "alsa", options)
    if not path.startswith("/"):
        raise SourceError(f"{url}: the path of a {scheme} is absolute.")
    is_device = scheme == "device"
    return Location(path, url, is_device, "v4l2" if is_device else "", options)


def _by_program(url: str, *, is_listening: bool) -> Location:
    """SRT, which the libraries that come with PyAV do not speak: Debian's program reads it for us."""
    shown = redacted(url).partition("?")[0]  # a passphrase is in the query
    target = url
    if is_listening:
        target += ("&" if "?" in url else "?") + "mode=listener"
    command = (
        "ffmpeg", "-nostdin", "-loglevel", "error", "-analyzeduration", "500000", "-i", target,
        "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "mpegts", "-flush_packets", "1", "pipe:1",
    )  # fmt: skip
    options = {"format_whitelist": "mpegts", "protocol_whitelist": "pipe"}
    return Location(
        target, shown, True, "mpegts", options, is_listening=is_listening, command=command
    )


def redacted(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
