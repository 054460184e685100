"""This machine as a node: it runs functions and models, and knows what its kernel allows."""

from __future__ import annotations

from pileus.adapters.local_node.blanks import BlankTarget
from pileus.adapters.local_node.capabilities import Tier
from pileus.adapters.local_node.nodes import LocalNodes, LocalNodeSettings
from pileus.gateway.doors import Doors
from pileus.platform.running import Closing, Platform
from pileus.shapes.source import cache_root


def build(platform: Platform) -> LocalNodes:
    """Instances reach the gateway through listeners they hand out."""
    settings, kernel = platform.settings, platform.kernel
    node_settings = LocalNodeSettings(
        run_dir=settings.data_dir.resolve() / "run",
        gateway_port=settings.port,
        required_tier=None if settings.tier == "C" else Tier(settings.tier),
        blanks=BlankTarget(at_most=settings.blank_children),
        cache_dir=cache_root(),
    )
    doors = Doors(platform.server, kernel.supervisor)
    nodes = LocalNodes(node_settings, kernel.clock, doors.open)
    platform.at_close(Closing.NODE, nodes.close)
    return nodes
