"""Compile the shapes of every room into the cache: ``python -m pileus.cli.prepare``.

Set-up runs this once, so that no first request has to read botocore's large files.
"""

from __future__ import annotations

from pileus.kernel.rooms import Registry
from pileus.shapes import known_services, service


def main() -> None:
    """Read each room's models once; reading keeps them."""
    known_services()
    for room in Registry().rooms:
        for name in room.services:
            service(name)


if __name__ == "__main__":
    main()
