"""Chromium as camera: MediaRecorder over a WebSocket, and WebRTC by WHIP."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator

import pytest

from tests.conformance.live import LivePlatform
from tests.console.chromium import Chromium, Page, find_chromium

from .test_pushed import Pushed, pictures_of

# A picture that changes all the time, as a camera's does; no camera is needed, and nobody is asked.
_CAMERA = """
const canvas = document.createElement("canvas");
canvas.width = 320; canvas.height = 240;
const brush = canvas.getContext("2d");
let count = 0;
setInterval(() => {
  count += 1;
  brush.fillStyle = `hsl(${count * 7 % 360} 80% 50%)`;
  brush.fillRect(0, 0, 320, 240);
  brush.fillStyle = "white";
  brush.fillRect(count * 5 % 300, 100, 20, 40);
}, 40);
window.camera = canvas.captureStream(25);
"""
_RECORD = """
window.told = null;
const socket = new WebSocket(%r);
socket.onclose = (event) => { window.told = [event.code, event.reason]; };
const recorder = new MediaRecorder(window.camera, {mimeType: "video/webm;codecs=vp8"});
let last = Promise.resolve();
recorder.ondataavailable = (event) => {
  last = last.then(async () => socket.send(await event.data.arrayBuffer()));
};
recorder.onstop = () => last.then(() => socket.send('{"event": "end"}'));
socket.onopen = () => recorder.start(200);
window.finish = () => recorder.stop();
"""
_PUBLISH = """
(async () => {
  const connection = window.connection = new RTCPeerConnection({iceServers: []});
  const [track] = window.camera.getVideoTracks();
  const sender = connection.addTransceiver(track, {direction: "sendonly"});
  const codecs = RTCRtpSender.getCapabilities("video").codecs;
  sender.setCodecPreferences(codecs.filter((codec) => codec.mimeType === "video/%s"));
  await connection.setLocalDescription(await connection.createOffer());
  const headers = {"Content-Type": "application/sdp", "Authorization": "Bearer %s"};
  const answer = await fetch(%r, {method: "POST", headers, body: connection.localDescription.sdp});
  const text = await answer.text();
  if (answer.status !== 201) return [answer.status, text];
  await connection.setRemoteDescription({type: "answer", sdp: text});
  return [201, answer.headers.get("Location")];
})()
"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    if find_chromium() is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Debian's chromium: apt-get install chromium")
        pytest.skip("no chromium on this machine: apt-get install chromium")
    async with Chromium() as browser:
        made = await browser.page()
        yield made
        await made.close()


async def stage(page: Page, platform: LivePlatform) -> Pushed:
    """A page with a camera, and a source to push to."""
    pushed = Pushed(platform, "browser")
    await page.open(f"{platform.endpoint}/_pileus/health")
    await page.wait_for("document.readyState === 'complete'")
    await page.evaluate(_CAMERA)
    return pushed


async def test_a_browser_records_into_a_socket(page: Page, platform: LivePlatform) -> None:
    pushed = await stage(page, platform)
    url = f"{pushed.url}?key={pushed.key}".replace("http:", "ws:")
    await page.evaluate(_RECORD % url)
    await asyncio.to_thread(pushed.until_state, "LIVE")
    await asyncio.to_thread(pushed.until, lambda _: pictures_of(pushed) > 10)
    await page.evaluate("window.finish()")
    told = await page.wait_for("window.told", within_s=30)
    assert told[0] == 1000
    shown = pushed.until_state("ENDED")
    assert (shown["Format"]["Video"], shown["Format"]["Width"]) == ("vp8", 320)


async def test_a_socket_that_goes_away_and_one_that_may_not_come(
    page: Page, platform: LivePlatform
) -> None:
    pushed = await stage(page, platform)
    url = f"{pushed.url}?key={pushed.key}".replace("http:", "ws:")
    await page.evaluate(_RECORD % url)
    await asyncio.to_thread(pushed.until_state, "LIVE")
    await page.evaluate(
        f"window.second = null; new WebSocket({url!r}).onclose = (e) => {{ window.second = [e.code, e.reason]; }}"
    )
    second = await page.wait_for("window.second")
    assert second == [4409, "Somebody pushes to browser already; one at a time may."]
    wrong = url.replace(pushed.key, "wrong")
    await page.evaluate(
        f"window.third = null; new WebSocket({wrong!r}).onclose = (e) => {{ window.third = e.code; }}"
    )
    assert await page.wait_for("window.third") == 4403
    await page.open("about:blank")
    told = await asyncio.to_thread(pushed.until_state, "STALLED")
    assert told["StateReason"] == "The publisher was cut off; it may come back."


@pytest.mark.skipif(
    not os.environ.get("CI") and importlib.util.find_spec("aiortc") is None,
    reason="the extra webrtc is not installed",
)
@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_a_browser_publishes_by_whip(page: Page, platform: LivePlatform, codec: str) -> None:
    pushed = await stage(page, platform)
    url = pushed.url.replace("/push", "/whip")
    status, place = await page.evaluate(_PUBLISH % (codec, pushed.key, url))
    assert status == 201, place
    told = await asyncio.to_thread(pushed.until_state, "LIVE")
    assert (told["Format"]["Video"], told["Format"]["Width"]) == (codec.lower(), 320)
    assert pushed.push(b"x")[0] == 409
    await asyncio.to_thread(pushed.until_segments, 2)
    forbidden = await page.evaluate(f"fetch({place!r}, {{method: 'DELETE'}}).then((a) => a.status)")
    assert forbidden == 403
    headers = f"{{'Authorization': 'Bearer {pushed.key}'}}"
    ended = await page.evaluate(
        f"fetch({place!r}, {{method: 'DELETE', headers: {headers}}}).then((a) => a.status)"
    )
    assert ended == 200
    assert pushed.until_state("ENDED")["Format"]["Height"] == 240
    assert pictures_of(pushed) > 10
