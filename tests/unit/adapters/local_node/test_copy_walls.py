"""Copies of a snapshot stand behind the walls of every instance: the same attempts, from inside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.unit.adapters.local_node import test_escapes, test_sandbox
from tests.unit.adapters.local_node.inside import ask, free_port, instance

from pileus.adapters.clock_system import SystemClock
from pileus.adapters.local_node import LocalNodes, LocalNodeSettings, Tier
from pileus.ports.nodes import InstanceSpec, Invocation

pytestmark = pytest.mark.sandbox
copy = partial(instance, snapshot="one")


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[LocalNodes]:
    settings = LocalNodeSettings(tmp_path / "run", gateway_port=free_port(), tier=Tier.A)
    made = LocalNodes(settings, SystemClock())
    yield made
    await made.close()


@pytest.mark.parametrize(
    "check",
    [
        test_sandbox.test_refused_system_calls,
        test_sandbox.test_files_of_the_host_are_out_of_reach,
        test_sandbox.test_own_code_is_read_only,
        test_sandbox.test_host_ports_are_out_of_reach,
        test_sandbox.test_processes_of_the_host_are_out_of_sight,
        test_sandbox.test_open_descriptors_are_the_streams_and_the_link,
        test_sandbox.test_temporary_space_ends_at_its_size,
        test_sandbox.test_temporary_space_is_not_counted_as_memory,
        test_sandbox.test_forks_are_bounded,
    ],
)
async def test_what_instances_cannot_do_copies_cannot(
    nodes: LocalNodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Callable[..., Any]
) -> None:
    monkeypatch.setattr(test_sandbox, "instance", copy)
    has_tier = "tier" in check.__code__.co_varnames[: check.__code__.co_argcount]
    await check({Tier.A: nodes}, tmp_path, *([Tier.A] if has_tier else []))


@pytest.mark.parametrize(
    "check",
    [
        test_escapes.test_calls_that_lead_out_are_refused_whoever_asks,
        test_escapes.test_arguments_with_bits_the_kernel_ignores_are_seen_through,
        test_escapes.test_shared_memory_and_queues_of_the_host_are_out_of_reach,
        test_escapes.test_devices_of_the_host_are_out_of_reach,
        test_escapes.test_the_kernel_s_switches_are_read_only,
    ],
)
async def test_ways_out_are_closed_to_copies(
    nodes: LocalNodes, tmp_path: Path, check: Callable[..., Any]
) -> None:
    await check(lambda tier: copy(nodes, tmp_path / "code"), Tier.A)


async def test_powers_over_their_namespaces_are_gone(nodes: LocalNodes, tmp_path: Path) -> None:
    async with copy(nodes, tmp_path / "code") as link:
        status = (
            "dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines())"
        )
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert eval(await ask(link, f"{status}[{name!r}]")) == "0" * 16
        assert await ask(link, f"{status}['NoNewPrivs']") == "'1'"
        assert await ask(link, "os.listdir('/.host')") == "[]"


async def test_copies_neither_see_nor_touch_each_other(nodes: LocalNodes, tmp_path: Path) -> None:
    """Nor the snapshot: all have process 2 of a namespace, a /tmp and a loopback of their own."""
    code_dir = tmp_path / "code"
    async with copy(nodes, code_dir) as first, copy(nodes, code_dir) as second:
        await ask(first, "open('/tmp/own', 'w').write('secret')")
        serve = "globals().update(s=socket.create_server(('127.0.0.1', 7777)))"
        await ask(first, serve)
        assert "own" not in await ask(second, "os.listdir('/tmp')")
        assert await ask(second, "[n for n in os.listdir('/proc') if n.isdigit()]") == "['1', '2']"
        assert (await ask(second, "connect(7777)")).startswith("ConnectionRefused")
        assert await ask(second, "os.kill(-1, 9)") in ("None", "ProcessLookupError: 3")
        assert await ask(first, "1 + 1") == "2"


async def test_what_is_shown_is_shown_to_copies_read_only(
    nodes: LocalNodes, tmp_path: Path
) -> None:
    model = tmp_path / "models" / "m.bin"
    model.parent.mkdir()
    model.write_bytes(b"weights")
    for shown in (str(model.parent), str(model)):
        more = {"shown": (shown,), "snapshot": shown}
        async with instance(nodes, tmp_path / "code", **more) as link:
            assert await ask(link, f"open({str(model)!r}).read()") == "'weights'"
            answer = await ask(link, f"open({str(model)!r}, 'wb')")
            assert answer.startswith(("PermissionError", "OSError"))


async def test_what_the_snapshot_left_in_its_temporary_folder_is_every_copy_s(
    nodes: LocalNodes, tmp_path: Path
) -> None:
    code_dir = tmp_path / "code"
    code_dir.mkdir()
    (code_dir / "app.py").write_text(
        "import os\nos.makedirs('/tmp/a/b')\nopen('/tmp/a/b/c', 'w').write('left')\n"
        "def handler(event, context):\n"
        "    found = open('/tmp/a/b/c').read()\n"
        "    open('/tmp/a/b/c', 'w').write('mine')\n"
        "    return found\n"
    )
    spec = InstanceSpec("f", "python3.12", "app.handler", str(code_dir), snapshot="one")
    for _ in range(2):
        lease = await nodes.place(spec)
        link = await nodes.start(lease, spec, lambda _: None)
        outcome = await link.invoke(Invocation("r", b"null", "arn", 2**52, 20.0))
        assert outcome.payload == b'"left"'
