"""Kinesis Video Streams as boto3 sees it, and as its producers do over raw HTTP."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.request import urlopen

import av
import numpy
import pytest
from av.video.frame import VideoFrame
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.conformance.live import REGION, LivePlatform

_RATE, _COUNT, _FIRST_MS = 5, 30, 1_700_000_000_000
_PATIENCE_S = 180.0


def matroska() -> bytes:
    """Six seconds in clusters of one, whose times are a producer's clock."""
    held = io.BytesIO()
    options = {"cluster_time_limit": "900", "live": "1"}
    with av.open(held, "w", format="matroska", options=options) as output:
        track = output.add_stream("libx264", rate=_RATE, options={"preset": "ultrafast", "g": "5"})
        track.width, track.height, track.pix_fmt = 64, 48, "yuv420p"
        track.time_base = Fraction(1, 1000)
        for number in range(_COUNT):
            image = numpy.full((48, 64, 3), 20 + number * 37 % 200, numpy.uint8)
            frame = VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number * 200, Fraction(1, 1000)
            output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return held.getvalue()


class Producer:
    """A PutMedia call, signed as producers do: without a hash of what has no end yet."""

    def __init__(self, platform: LivePlatform, stream: str) -> None:
        host = f"127.0.0.1:{platform.port}"
        headers = {
            "Host": host,
            "x-amzn-stream-name": stream,
            "x-amzn-fragment-timecode-type": "RELATIVE",
            "x-amzn-producer-start-timestamp": f"{_FIRST_MS / 1000:.3f}",
        }
        request = AWSRequest("POST", f"http://{host}/putMedia", headers=headers)
        SigV4Auth(Credentials("test", "test"), "kinesisvideo", REGION).add_auth(request)
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        head = "\r\n".join(
            ["POST /putMedia HTTP/1.1", *lines, "Transfer-Encoding: chunked", "", ""]
        )
        self._socket = socket.create_connection(("127.0.0.1", platform.port), timeout=_PATIENCE_S)
        self._socket.sendall(head.encode())
        self._answer = self._socket.makefile("rb")

    def send(self, piece: bytes) -> None:
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))

    def end(self) -> None:
        self._socket.sendall(b"0\r\n\r\n")

    def status(self) -> int:
        status = int(self._answer.readline().split()[1])
        while self._answer.readline().strip():
            pass
        return status

    def acknowledgements(self) -> Iterator[dict[str, Any]]:
        while size := int(self._answer.readline(), 16):
            for line in self._answer.read(size).splitlines():
                yield json.loads(line)
            self._answer.readline()


@pytest.fixture(scope="module")
def stream(live_platform: LivePlatform) -> str:
    """A stream into which six seconds were put, and its acknowledgements checked."""
    video = live_platform.client("kinesisvideo")
    video.create_stream(StreamName="door", DataRetentionInHours=2, MediaType="video/h264")
    told = matroska()
    producer = Producer(live_platform, "door")
    half = len(told) // 2
    producer.send(told[:half])
    assert producer.status() == 200
    acknowledged = producer.acknowledgements()
    found = [next(acknowledged)]  # while the producer is still sending
    assert found[0] == {"EventType": "BUFFERING", "FragmentTimecode": 0}
    for at in range(half, len(told), 1000):
        producer.send(told[at : at + 1000])
    producer.end()
    found += acknowledged
    assert not [each for each in found if each["EventType"] == "ERROR"], found
    kept = [each["FragmentTimecode"] for each in found if each["EventType"] == "PERSISTED"]
    assert kept == [0, 1000, 2000, 3000, 4000, 5000]
    return "door"


def data(platform: LivePlatform, service: str, stream: str, api: str) -> Any:
    """A client for what GetDataEndpoint tells."""
    video = platform.client("kinesisvideo")
    endpoint = video.get_data_endpoint(StreamName=stream, APIName=api)["DataEndpoint"]
    assert endpoint == platform.endpoint
    return platform.client(service)


def pictures(media: bytes) -> int:
    """Pictures in Matroska or MP4."""
    with av.open(io.BytesIO(media)) as container:
        return sum(1 for _ in container.decode(video=0))


def tag_values(payload: bytes, name: str) -> list[str]:
    """Values of a tag in Matroska, in order."""
    found = []
    for part in payload.split(name.encode())[1:]:
        length = part[2 + 7]  # a TagString's name, and a length of eight bytes
        found.append(part[10 : 10 + length].decode())
    return found


def test_a_stream_is_described_listed_and_changed(live_platform: LivePlatform, stream: str) -> None:
    video = live_platform.client("kinesisvideo")
    info = video.describe_stream(StreamName=stream)["StreamInfo"]
    assert (info["Status"], info["DataRetentionInHours"], info["MediaType"]) == (
        "ACTIVE", 2, "video/h264",
    )  # fmt: skip
    assert info["StreamARN"].startswith(f"arn:aws:kinesisvideo:{REGION}:000000000000:stream/door/")
    assert video.describe_stream(StreamARN=info["StreamARN"])["StreamInfo"] == info
    condition = {"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "do"}
    (listed,) = video.list_streams(StreamNameCondition=condition)["StreamInfoList"]
    assert listed == info
    video.tag_stream(StreamName=stream, Tags={"floor": "1", "side": "north"})
    video.untag_stream(StreamName=stream, TagKeyList=["side"])
    assert video.list_tags_for_stream(StreamName=stream)["Tags"] == {"floor": "1"}
    with pytest.raises(ClientError, match="VersionMismatchException"):
        video.update_stream(StreamName=stream, CurrentVersion="x", DeviceName="cam")
    video.update_stream(StreamName=stream, CurrentVersion=info["Version"], DeviceName="cam")
    changed = video.describe_stream(StreamName=stream)["StreamInfo"]
    assert (changed["DeviceName"], changed["Version"] != info["Version"]) == ("cam", True)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        video.create_stream(StreamName=stream)
    with pytest.raises(ClientError, match="The requested stream is not found or not active"):
        video.describe_stream(StreamName="nobody")


def test_fragments_have_both_clocks(live_platform: LivePlatform, stream: str) -> None:
    archive = data(live_platform, "kinesis-video-archived-media", stream, "LIST_FRAGMENTS")
    found = archive.list_fragments(StreamName=stream)["Fragments"]
    assert len(found) == 6
    first = datetime.fromtimestamp(_FIRST_MS / 1000, UTC)
    assert [each["ProducerTimestamp"] for each in found] == [
        first + timedelta(seconds=number) for number in range(6)
    ]
    numbers = [each["FragmentNumber"] for each in found]
    assert numbers == sorted(numbers) and len(set(numbers)) == 6
    page = archive.list_fragments(StreamName=stream, MaxResults=4)
    rest = archive.list_fragments(StreamName=stream, NextToken=page["NextToken"])
    assert [each["FragmentNumber"] for each in page["Fragments"] + rest["Fragments"]] == numbers
    span = {
        "StartTimestamp": first + timedelta(seconds=1),
        "EndTimestamp": first + timedelta(seconds=3),
    }
    selector = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": span}
    some = archive.list_fragments(StreamName=stream, FragmentSelector=selector)["Fragments"]
    assert [each["FragmentNumber"] for each in some] == numbers[1:4]


def test_media_of_fragments_is_whole(live_platform: LivePlatform, stream: str) -> None:
    archive = data(
        live_platform, "kinesis-video-archived-media", stream, "GET_MEDIA_FOR_FRAGMENT_LIST"
    )
    numbers = [
        each["FragmentNumber"] for each in archive.list_fragments(StreamName=stream)["Fragments"]
    ]
    told = archive.get_media_for_fragment_list(StreamName=stream, Fragments=[numbers[2]])
    assert told["ContentType"] == "video/webm"
    payload = told["Payload"].read()
    assert pictures(payload) == 5
    assert tag_values(payload, "AWS_KINESISVIDEO_FRAGMENT_NUMBER") == [numbers[2]]
    told = archive.get_media_for_fragment_list(StreamName=stream, Fragments=numbers[::-1])
    payload = told["Payload"].read()
    assert tag_values(payload, "AWS_KINESISVIDEO_FRAGMENT_NUMBER") == numbers
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        archive.get_media_for_fragment_list(StreamName=stream, Fragments=["1"])


def test_media_go_on_from_a_fragment(live_platform: LivePlatform, stream: str) -> None:
    archive = live_platform.client("kinesis-video-archived-media")
    numbers = [
        each["FragmentNumber"] for each in archive.list_fragments(StreamName=stream)["Fragments"]
    ]
    media = data(live_platform, "kinesis-video-media", stream, "GET_MEDIA")
    for selector, expected in (
        ({"StartSelectorType": "EARLIEST"}, numbers),
        ({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": numbers[3]}, numbers[4:]),
        ({"StartSelectorType": "NOW"}, numbers[-1:]),
        (
            {"StartSelectorType": "PRODUCER_TIMESTAMP", "StartTimestamp": _FIRST_MS / 1000 + 2},
            numbers[2:],
        ),
    ):
        told = media.get_media(StreamName=stream, StartSelector=selector)
        payload = b""
        while len(tag_values(payload, "AWS_KINESISVIDEO_CONTINUATION_TOKEN")) < len(expected):
            payload += told["Payload"].read(500)
        told["Payload"].close()
        found = tag_values(payload, "AWS_KINESISVIDEO_FRAGMENT_NUMBER")
        assert found[: len(expected)] == expected
        behind_ms = int(tag_values(payload, "AWS_KINESISVIDEO_MILLIS_BEHIND_NOW")[0])
        assert 0 <= behind_ms < _PATIENCE_S * 10_000


def test_clips_and_playlists_play(live_platform: LivePlatform, stream: str) -> None:
    archive = data(live_platform, "kinesis-video-archived-media", stream, "GET_CLIP")
    first = datetime.fromtimestamp(_FIRST_MS / 1000, UTC)
    span = {"StartTimestamp": first, "EndTimestamp": first + timedelta(seconds=2)}
    selector = {"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": span}
    clip = archive.get_clip(StreamName=stream, ClipFragmentSelector=selector)
    assert clip["ContentType"] == "video/mp4"
    assert pictures(clip["Payload"].read()) == 15
    address = archive.get_hls_streaming_session_url(
        StreamName=stream, PlaybackMode="ON_DEMAND", HLSFragmentSelector=selector
    )["HLSStreamingSessionURL"]
    with urlopen(address, timeout=_PATIENCE_S) as answer:
        assert answer.read().decode().count("#EXTINF") == 3
    with av.open(address) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15
    live = archive.get_hls_streaming_session_url(StreamName=stream)["HLSStreamingSessionURL"]
    with urlopen(live, timeout=_PATIENCE_S) as answer:
        playlist = answer.read().decode()
    assert (playlist.count("#EXTINF"), "#EXT-X-ENDLIST" in playlist) == (3, False)
    with pytest.raises(ClientError, match="needs HLSFragmentSelector"):
        archive.get_hls_streaming_session_url(StreamName=stream, PlaybackMode="ON_DEMAND")


def test_what_is_no_matroska_is_told_to_the_producer(live_platform: LivePlatform) -> None:
    video = live_platform.client("kinesisvideo")
    video.create_stream(StreamName="broken")
    producer = Producer(live_platform, "broken")
    producer.send(b"no media at all" * 100)
    producer.end()
    assert producer.status() == 200
    (told,) = producer.acknowledgements()
    assert (told["EventType"], told["ErrorId"], told["ErrorCode"]) == (
        "ERROR",
        4006,
        "INVALID_MKV_DATA",
    )
    video.delete_stream(
        StreamARN=video.describe_stream(StreamName="broken")["StreamInfo"]["StreamARN"]
    )
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        video.describe_stream(StreamName="broken")


def test_a_producer_without_keys_is_refused(live_platform: LivePlatform, stream: str) -> None:
    with socket.create_connection(("127.0.0.1", live_platform.port), timeout=_PATIENCE_S) as raw:
        raw.sendall(
            b"POST /putMedia HTTP/1.1\r\nHost: kinesisvideo.us-east-1.amazonaws.com\r\n"
            b"x-amzn-stream-name: door\r\nContent-Length: 0\r\n\r\n"
        )
        assert b" 403 " in raw.recv(1000)
