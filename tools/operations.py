"""Writes ``docs/operations.md``: what each room implements, asked of the registry.

``python tools/operations.py`` writes it, ``--check`` tells by exit status 1 that it is stale.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pileus.kernel.rooms import Registry, Room
from pileus.shapes import service

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "operations.md"
_HEAD = """# Operations

Made by `tools/operations.py`; do not edit. Every other operation of these services is refused by name (`NotImplemented`), and so is every other
service. Known differences from AWS stand in each room's README.

| service | operations | of |
|---|---|---|
"""


def page(registry: Registry) -> str:
    """The whole page."""
    rooms = sorted(registry.rooms, key=lambda room: room.services[0])
    rows = []
    sections = []
    for room in rooms:
        for wire_id in room.services:
            here, all_names = registry.operations(wire_id), service(wire_id).operations
            rows.append(f"| [{wire_id}](#{wire_id}) | {len(here)} | {len(all_names)} |\n")
            sections.append(_section(room, wire_id, here))
    return _HEAD + "".join(rows) + "".join(sections)


def _section(room: Room, wire_id: str, here: list[str]) -> str:
    folder = room.package.replace(".", "/")
    text = (
        f"\n## {wire_id}\n\n[`{folder}`](../src/{folder}/README.md)\n\n{', '.join(sorted(here))}\n"
    )
    if room.resource_types and wire_id == room.services[0]:
        types = ", ".join(f"`{name}`" for name in sorted(room.resource_types))
        text += f"\nCloudFormation: {types}\n"
    return text


def main() -> int:
    """Write the page, or check that it is fresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    options = parser.parse_args()
    fresh = page(Registry())
    if not options.check:
        TARGET.write_text(fresh)
    elif not TARGET.is_file() or TARGET.read_text() != fresh:
        sys.stderr.write(f"{TARGET.relative_to(ROOT)} is stale: run python tools/operations.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
