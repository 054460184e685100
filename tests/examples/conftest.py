"""A live platform for apps that are deployed as a stranger deploys them."""

from __future__ import annotations

from tests.conformance.conftest import live_platform, make_platform

__all__ = ["live_platform", "make_platform"]
