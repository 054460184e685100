"""``--seed N`` repeats one run of the simulation; the seed stands in every failure."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import commands, live_platform, make_platform

__all__ = ["commands", "live_platform", "make_platform"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed", type=int, default=None, help="run the simulation with this seed only"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--seed")
        metafunc.parametrize("seed", [1, 2, 3] if chosen is None else [chosen])
