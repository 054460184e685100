from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pileus.adapters.blob_paths import path_of, walk

SEGMENT = st.text(st.sampled_from("a-/.~%\\ \x00\x7fZ"), max_size=6).map(lambda text: text * 15)
NAMES = (
    st.lists(SEGMENT, min_size=1, max_size=3)
    .map("/".join)
    .filter(lambda name: 0 < len(name) <= 1024 and not {".", ".."} & set(name.split("/")))
)


@given(NAMES)
def test_a_path_stays_within_and_fits_any_file_system(name: str) -> None:
    path = path_of(name)
    parts = path.split("/")
    assert path.isascii() and path.isprintable()
    assert all(2 <= len(part) <= 255 and part not in (".", "..") for part in parts)
    assert len(path) < 3600


@given(NAMES, NAMES)
def test_different_names_never_share_a_path(one: str, other: str) -> None:
    first, second = path_of(one), path_of(other)
    assert (first == second) == (one == other)
    assert not second.startswith(first + "/")


@settings(max_examples=40)
@given(names=st.sets(NAMES, max_size=12), prefix=NAMES, after=NAMES)
def test_walk_meets_names_in_order(
    tmp_path_factory, names: set[str], prefix: str, after: str
) -> None:
    root: Path = tmp_path_factory.mktemp("names")
    for name in names:
        file = root / path_of(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (root / "stranger").touch()
    assert [name for name, _ in walk(root, "", "")] == sorted(names)
    assert all(path == f"{root}/{path_of(name)}" for name, path in walk(root, "", ""))
    for start in (prefix, prefix[:3], next(iter(names), "")[:5]):
        wanted = sorted(name for name in names if name.startswith(start) and name > after)
        assert [name for name, _ in walk(root, start, after)] == wanted
