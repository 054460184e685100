"""What this kernel lets us do for isolation, found out by doing it."""

from __future__ import annotations

import enum

import msgspec


class Tier(enum.Enum):
    """How strongly instances are walled off; A is the strongest."""

    A = "A"
    B = "B"
    C = "C"

    @property
    def description(self) -> str:
        """One line for people."""
        return _DESCRIPTIONS[self]

    @property
    def weakness(self) -> str:
        """What it does not keep from happening, for people; empty for the strongest."""
        return _WEAKNESSES[self]


_DESCRIPTIONS = {
    Tier.A: "own namespaces, read-only root, Landlock and seccomp",
    Tier.B: "Landlock and seccomp without namespaces",
    Tier.C: "resource limits only",
}
_WEAKNESSES = {
    Tier.A: "",
    Tier.B: "functions see which processes run on this machine, and fill its disk with what they "
    "put into /tmp; UDP, Unix sockets and System V IPC are refused; containers do not run",
    Tier.C: "functions read and write what the platform's own user may, reach every port and the "
    "network, and may end its processes: run only code you trust; containers do not run",
}


class Capabilities(msgspec.Struct, frozen=True):
    """The answer of the probe.

    Attributes:
        tier: the strongest tier that works.
        reasons: why stronger parts do not, one sentence each.
        landlock_abi: 0 where the kernel has none.
        cgroup_version: 0 where control groups cannot be written.
        uses_user_namespace: the platform does not run as root.
    """

    tier: Tier
    reasons: tuple[str, ...]
    landlock_abi: int
    cgroup_version: int
    uses_user_namespace: bool
