"""A camera: Debian's RTSP server (GStreamer) with a moving test picture. Run by the system's Python.

Arguments: port (0: any), width, height. The port is its first line of output. ``--streams`` makes ``/cam1`` and so
on besides ``/cam``, ``--rate`` pictures a second come, and ``--mute`` leaves sound out.
"""

import argparse

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURE = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width={width},height={height},framerate={rate}/1"
    " ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={rate} ! rtph264pay name=pay0 pt=96"
)
SOUND = (
    "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1"
)


def main() -> None:
    """Serve rtsp://<address>:<port>/cam until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("width", type=int)
    parser.add_argument("height", type=int)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--rate", type=int, default=25)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--mute", action="store_true")
    given = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(given.address)
    server.set_service(given.port)
    picture = PICTURE.format(width=given.width, height=given.height, rate=given.rate)
    for number in range(given.streams):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {picture} {'' if given.mute else SOUND} )")
        factory.set_shared(True)
        server.get_mount_points().add_factory(f"/cam{number or ''}", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
