"""Parts that are made when a room first asks for one."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pileus.testing.platform import MemoryPlatform


async def test_parts_of_a_package_are_added_at_the_first_use(
    memory_platform: MemoryPlatform,
) -> None:
    kernel, added = memory_platform.kernel, []

    def add() -> None:
        added.append("fractions")
        kernel.add_part(Fraction, Fraction(1, 2))

    kernel.add_parts_later("fractions", add)
    assert added == []
    assert kernel.part(Fraction) is kernel.part(Fraction)
    assert added == ["fractions"]


async def test_a_package_is_not_taken_for_another_with_a_longer_name(
    memory_platform: MemoryPlatform,
) -> None:
    kernel = memory_platform.kernel
    kernel.add_parts_later("fraction", lambda: kernel.add_part(Fraction, Fraction(1, 2)))
    with pytest.raises(KeyError):
        kernel.part(Fraction)


async def test_a_part_that_could_not_be_made_is_tried_again(
    memory_platform: MemoryPlatform,
) -> None:
    kernel, tries = memory_platform.kernel, []

    def add() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no room")
        kernel.add_part(Fraction, Fraction(1, 2))

    kernel.add_parts_later("fractions", add)
    with pytest.raises(OSError, match="no room"):
        kernel.part(Fraction)
    assert kernel.part(Fraction) == Fraction(1, 2)
