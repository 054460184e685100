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


_DESCRIPTIONS = {
    Tier.A: "own namespaces, read-only root, Landlock and seccomp",
    Tier.B: "Landlock and seccomp without namespaces",
    Tier.C: "resource limits only",
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
