"""What a scene.zip may hold, read and checked: no numpy here, the functions need none."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer import png
from tracer.reading import BadScene, Node, Vector

SCENE_FILE = "scene.json"
UNPACKED_BYTES_MAX = 64 << 20
FILES_MAX = 64
SIDE_MAX = 4096
TILES_MAX = 2000
FACES_MAX = 4096


@dataclass(frozen=True)
class Picture:
    """Sizes in pixels. ``samples`` rays squared a pixel; ``tile`` is the side of a tile."""

    width: int
    height: int
    samples: int = 3
    tile: int = 128
    bounces: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Camera:
    """Where it is and what it sees; ``field_of_view`` is vertical, in degrees."""

    at: Vector
    look_at: Vector
    up: Vector = (0.0, 1.0, 0.0)
    field_of_view: float = 45.0


@dataclass(frozen=True)
class Sky:
    """What rays meet that meet nothing, from straight ahead upwards, and how much of it lights."""

    horizon: Vector = (0.8, 0.85, 0.9)
    zenith: Vector = (0.25, 0.45, 0.8)
    ambient: float = 0.25


@dataclass(frozen=True)
class Light:
    """A cube of an edge of ``size`` that shines: the larger, the softer its shadows."""

    at: Vector
    colour: Vector
    size: float = 0.0


@dataclass(frozen=True)
class Checker:
    """Cubes of an edge of ``size`` in two colours by turns."""

    colours: tuple[Vector, Vector]
    size: float


@dataclass(frozen=True)
class Texture:
    """A picture laid on the plane of ``across`` and ``down``, its size in the world, repeated."""

    image: png.Image
    at: Vector
    across: Vector
    down: Vector


@dataclass(frozen=True)
class Material:
    """How a surface looks.

    Attributes:
        pattern: a colour, or what it is at a point.
        mirror: share of light that is reflected when looked at straight on.
        glass: index of refraction; 0 is opaque. ``pattern`` is the colour of light that came through.
        gloss: the highlight's exponent is 2 to this power.
        highlight: its strength; 0 for none.
    """

    pattern: Vector | Checker | Texture = (0.8, 0.8, 0.8)
    mirror: float = 0.0
    glass: float = 0.0
    gloss: int = 6
    highlight: float = 0.0


@dataclass(frozen=True)
class Sphere:
    at: Vector
    radius: float


@dataclass(frozen=True)
class Plane:
    """Through a point; a disc about it where ``radius`` is not 0."""

    at: Vector
    normal: Vector
    radius: float = 0.0


@dataclass(frozen=True)
class Mesh:
    """Triangles: each face names three of the points."""

    points: tuple[Vector, ...]
    faces: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Thing:
    """Something to be seen."""

    shape: Sphere | Plane | Mesh
    material: Material


@dataclass(frozen=True)
class Scene:
    """All of it."""

    picture: Picture
    camera: Camera
    sky: Sky = Sky()
    lights: tuple[Light, ...] = ()
    things: tuple[Thing, ...] = ()


@dataclass
class _Context:
    """What objects refer to by name."""

    files: Mapping[str, bytes]
    materials: dict[str, Material] = field(default_factory=dict)
    images: dict[str, png.Image] = field(default_factory=dict)


def read_zip(data: bytes) -> Scene:
    """The scene of a zip with ``scene.json`` and the pictures that it names.

    Raises:
        BadScene: it is no such zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = _unpack(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadScene(f"the file cannot be read as a zip: {error}") from error
    return read_files(files)


def _unpack(archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > FILES_MAX:
        raise BadScene(f"the zip holds {len(entries)} files, may hold {FILES_MAX}")
    files: dict[str, bytes] = {}
    left = UNPACKED_BYTES_MAX
    for entry in entries:
        # What the directory says of sizes may be a lie; what is read is counted.
        with archive.open(entry) as source:
            files[entry.filename] = source.read(left + 1)
        left -= len(files[entry.filename])
        if left < 0:
            raise BadScene(f"the zip unpacks to more than {UNPACKED_BYTES_MAX >> 20} MiB")
    return files


def read_files(files: Mapping[str, bytes]) -> Scene:
    """The same from files by name; raises BadScene."""
    if SCENE_FILE not in files:
        raise BadScene(f"the zip holds no {SCENE_FILE} (at its root)")
    try:
        value = json.loads(files[SCENE_FILE])
    except (ValueError, RecursionError) as error:
        raise BadScene(f"{SCENE_FILE} is not JSON: {error}") from error
    return _scene(Node(value, SCENE_FILE), files)


def _scene(root: Node, files: Mapping[str, bytes]) -> Scene:
    members = root.members("picture", "camera", "sky", "lights", "materials", "objects")
    context = _Context(files)
    if "materials" in members:
        named = members["materials"]
        if not isinstance(named.value, dict):
            raise named.bad("must be an object")
        for name, node in named.members(*named.value).items():
            context.materials[name] = _material(node, context)
    things = tuple(_thing(one, context) for one in root.required("objects").items(1, 1000))
    faces = sum(len(one.shape.faces) for one in things if isinstance(one.shape, Mesh))
    if faces > FACES_MAX:
        raise BadScene(f"{root.place}: has {faces} triangles, may have {FACES_MAX}")
    lights = members["lights"].items(0, 16) if "lights" in members else ()
    return Scene(
        _picture(root.required("picture")),
        _camera(root.required("camera")),
        _sky(members["sky"]) if "sky" in members else Sky(),
        tuple(map(_light, lights)),
        things,
    )


def _picture(node: Node) -> Picture:
    bounds = {
        "width": (1, SIDE_MAX),
        "height": (1, SIDE_MAX),
        "samples": (1, 16),
        "tile": (8, SIDE_MAX),
        "bounces": (0, 12),
        "seed": (0, 2**31),
    }
    given = {name: one.integer(*bounds[name]) for name, one in node.members(*bounds).items()}
    for name in ("width", "height"):
        node.required(name)
    picture = Picture(**given)
    across, down = -(-picture.width // picture.tile), -(-picture.height // picture.tile)
    if across * down > TILES_MAX:
        raise node.bad(f"makes {across * down} tiles, may make {TILES_MAX}; let 'tile' be larger")
    return picture


def _camera(node: Node) -> Camera:
    members = node.members("at", "look_at", "up", "field_of_view")
    at, target = node.required("at").vector(), node.required("look_at").vector()
    up = members["up"].direction() if "up" in members else (0.0, 1.0, 0.0)
    view = members["field_of_view"].number(1, 170) if "field_of_view" in members else 45.0
    forward = tuple(end - start for start, end in zip(at, target, strict=True))
    across = _cross(forward, up)
    if sum(part * part for part in across) < 1e-12:
        raise node.bad("looks along 'up', or at where it is")
    return Camera(at, target, up, view)


def _cross(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _sky(node: Node) -> Sky:
    members = node.members("horizon", "zenith", "ambient")
    default = Sky()
    return Sky(
        members["horizon"].colour(10) if "horizon" in members else default.horizon,
        members["zenith"].colour(10) if "zenith" in members else default.zenith,
        members["ambient"].number(0, 10) if "ambient" in members else default.ambient,
    )


def _light(node: Node) -> Light:
    members = node.members("at", "colour", "size")
    size = members["size"].number(0, 1e3) if "size" in members else 0.0
    return Light(node.required("at").vector(), node.required("colour").colour(1e6), size)


def _material(node: Node, context: _Context) -> Material:
    members = node.members("colour", "checker", "texture", "mirror", "glass", "gloss", "highlight")
    patterns = members.keys() & {"colour", "checker", "texture"}
    if len(patterns) > 1:
        raise node.bad(f"has several of {', '.join(sorted(patterns))}")
    default = Material()
    pattern: Vector | Checker | Texture = default.pattern
    if "colour" in members:
        pattern = members["colour"].colour()
    elif "checker" in members:
        pattern = _checker(members["checker"])
    elif "texture" in members:
        pattern = _texture(members["texture"], context)
    return Material(
        pattern,
        members["mirror"].number(0, 1) if "mirror" in members else default.mirror,
        members["glass"].number(1, 4) if "glass" in members else default.glass,
        members["gloss"].integer(0, 12) if "gloss" in members else default.gloss,
        members["highlight"].number(0, 10) if "highlight" in members else default.highlight,
    )


def _checker(node: Node) -> Checker:
    node.members("colours", "size")
    first, second = (one.colour() for one in node.required("colours").items(2, 2))
    return Checker((first, second), node.required("size").number(1e-3, 1e6))


def _texture(node: Node, context: _Context) -> Texture:
    node.members("file", "at", "across", "down")
    name = node.required("file")
    file = name.text()
    if file not in context.files:
        raise name.bad(f"the zip holds no file {file!r}")
    if file not in context.images:
        context.images[file] = png.read(context.files[file], file)
    return Texture(
        context.images[file],
        node.required("at").vector(),
        node.required("across").direction(),
        node.required("down").direction(),
    )


def _thing(node: Node, context: _Context) -> Thing:
    members = node.members("sphere", "plane", "mesh", "material")
    named = node.required("material")
    if isinstance(named.value, str):
        if named.value not in context.materials:
            raise named.bad(f"there is no material {named.value!r}")
        material = context.materials[named.value]
    else:
        material = _material(named, context)
    shapes = {"sphere": _sphere, "plane": _plane, "mesh": _mesh}
    found = [name for name in shapes if name in members]
    if len(found) != 1:
        raise node.bad("needs one of 'sphere', 'plane', 'mesh'")
    return Thing(shapes[found[0]](members[found[0]]), material)


def _sphere(node: Node) -> Sphere:
    node.members("at", "radius")
    return Sphere(node.required("at").vector(), node.required("radius").number(1e-3, 1e5))


def _plane(node: Node) -> Plane:
    members = node.members("at", "normal", "radius")
    radius = members["radius"].number(1e-3, 1e5) if "radius" in members else 0.0
    return Plane(node.required("at").vector(), node.required("normal").direction(), radius)


def _mesh(node: Node) -> Mesh:
    node.members("points", "faces")
    points = tuple(one.vector() for one in node.required("points").items(3, 3 * FACES_MAX))
    faces = []
    for face in node.required("faces").items(1, FACES_MAX):
        a, b, c = (one.integer(0, len(points) - 1) for one in face.items(3, 3))
        faces.append((a, b, c))
    return Mesh(points, tuple(faces))
