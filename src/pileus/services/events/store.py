"""Where buses, rules, archives and replays lie.

``bus, name``                       Bus (``default`` is there without a record)
``rule, bus, name``                 Rule
``archive, name``                   Archive
``archived, archive, sequence``     an event as JSON; sequences are microseconds of its arrival
``replay, name``                    Replay
"""

from __future__ import annotations

from typing import Any

from pileus.kernel.records import RecordCodec
from pileus.services.events import errors
from pileus.services.events.model import Archive, Bus, Replay, Rule

BUSES = RecordCodec(Bus)
RULES = RecordCodec(Rule)
ARCHIVES = RecordCodec(Archive)
REPLAYS = RecordCodec(Replay)


def bus_name(given: str | None) -> str:
    """A bus's name from its name or ARN; ``default`` when none is given."""
    return (given or "default").rpartition("/")[2]


def find_bus(state: Any, given: str | None) -> Bus:
    """The bus; raises ResourceNotFoundException."""
    name = bus_name(given)
    raw = state.get(("bus", name))
    if raw is not None:
        return BUSES.decode(raw)
    if name != "default":
        raise errors.bus_not_found(name)
    return Bus(name="default", created_ms=0, modified_ms=0)


def put_bus(state: Any, bus: Bus) -> None:
    state.put(("bus", bus.name), BUSES.encode(bus))


def find_rule(state: Any, bus: str, name: str) -> Rule:
    """The rule; raises ResourceNotFoundException."""
    raw = state.get(("rule", bus, name))
    if raw is None:
        raise errors.rule_not_found(name, bus)
    return RULES.decode(raw)


def put_rule(state: Any, rule: Rule) -> None:
    state.put(("rule", rule.bus, rule.name), RULES.encode(rule))


def rules(state: Any, bus: str) -> list[Rule]:
    """Every rule of a bus."""
    return [RULES.decode(raw) for _, raw in state.range(("rule", bus))]


def find_archive(state: Any, name: str) -> Archive:
    """The archive; raises ResourceNotFoundException."""
    raw = state.get(("archive", name))
    if raw is None:
        raise errors.archive_not_found(name)
    return ARCHIVES.decode(raw)


def put_archive(state: Any, archive: Archive) -> None:
    state.put(("archive", archive.name), ARCHIVES.encode(archive))


def find_replay(state: Any, name: str) -> Replay:
    """The replay; raises ResourceNotFoundException."""
    raw = state.get(("replay", name))
    if raw is None:
        raise errors.replay_not_found(name)
    return REPLAYS.decode(raw)


def put_replay(state: Any, replay: Replay) -> None:
    state.put(("replay", replay.name), REPLAYS.encode(replay))
