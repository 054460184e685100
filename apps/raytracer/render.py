"""Renders a scene in this one process: ``python apps/raytracer/render.py SCENE.zip PICTURE.png``."""

from __future__ import annotations

import sys
from pathlib import Path

from tracer import film, png, scene


def main(source: str, target: str) -> None:
    """Read, render, write; SCENE may be a zip or a folder."""
    path = Path(source)
    if path.is_dir():
        described = scene.read_files({one.name: one.read_bytes() for one in path.iterdir()})
    else:
        described = scene.read_zip(path.read_bytes())
    Path(target).write_bytes(png.write(film.render(described)))


if __name__ == "__main__":
    main(*sys.argv[1:])
