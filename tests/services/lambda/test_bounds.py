"""How large and how long functions may be."""

from __future__ import annotations

from typing import Any

import pytest

from pileus.testing.compute import ScriptedCompute, add_function
from pileus.testing.platform import MemoryPlatform
from pileus.values.errors import ServiceError


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"MemorySize": 127}, "greater than or equal to 128"),
        ({"Timeout": 0}, "greater than or equal to 1"),
        ({"EphemeralStorage": {"Size": 511}}, "greater than or equal to 512"),
        ({"EphemeralStorage": {"Size": 10_241}}, "less than or equal to 10240"),
        ({"MemorySize": 10_241}, "less than or equal to 10240"),
        ({"Timeout": 901}, "less than or equal to 900"),
    ],
)
async def test_bounds_of_sizes_and_times(
    platform: MemoryPlatform, given: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        await add_function(platform, "f", "app.echo", **given)
    assert caught.value.status == 400
    assert caught.value.message.endswith(f"Member must have value {constraint}")


@pytest.mark.parametrize(
    ("memory_mb", "tmp_mb", "timeout_s"), [(128, 512, 1), (10_240, 10_240, 900)]
)
async def test_the_bounds_themselves_are_right(
    platform: MemoryPlatform,
    compute: ScriptedCompute,
    memory_mb: int,
    tmp_mb: int,
    timeout_s: int,
) -> None:
    given = {"MemorySize": memory_mb, "EphemeralStorage": {"Size": tmp_mb}, "Timeout": timeout_s}
    await add_function(platform, "f", "app.echo", **given)
    await platform("lambda", "Invoke", FunctionName="f", Payload=b"{}")
    spec = compute.nodes.links[-1].spec
    assert (spec.memory_mb, spec.tmp_mb, spec.timeout_s) == (memory_mb, tmp_mb, timeout_s)
