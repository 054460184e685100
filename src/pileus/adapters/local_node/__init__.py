"""``Nodes`` on this machine: fork servers, sandboxed instances, frames and the Runtime API."""

from pileus.adapters.local_node.capabilities import Capabilities, Tier
from pileus.adapters.local_node.nodes import LocalNodes, LocalNodeSettings

__all__ = ["Capabilities", "LocalNodeSettings", "LocalNodes", "Tier"]
