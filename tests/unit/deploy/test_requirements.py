import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from pileus.deploy import installed
from pileus.deploy.errors import RequirementsError
from pileus.deploy.interpreters import Python, python_for
from pileus.deploy.requirements import check_host, is_met, layer, read, unpacked

CLICK = f"click=={metadata.version('click')}"


def _file(folder: Path, text: str, **others: str) -> Path:
    for name, content in others.items():
        (folder / name.replace("__", ".")).write_text(content)
    (folder / "requirements.txt").write_text(text)
    return folder / "requirements.txt"


def _own_python() -> Python:
    python = python_for(f"python3.{sys.version_info[1]}")
    assert python is not None and python.is_own
    return python


def test_comments_and_continued_lines_do_not_count(tmp_path: Path) -> None:
    file = read(_file(tmp_path, "# first\na==1  # why\n\nb==2 \\\n  --hash=sha256:0\n"))
    assert [" ".join(line.split()) for line in file.lines] == ["a==1", "b==2 --hash=sha256:0"]
    assert file.is_fixed


def test_the_digest_knows_included_files_and_exclusions(tmp_path: Path) -> None:
    path = _file(tmp_path, "-r more.txt\na==1\n", more__txt="b==1\n")
    first = read(path)
    (tmp_path / "more.txt").write_text("b==2\n")
    assert read(path).digest != first.digest
    assert read(path, ("A",)).lines == ("-r more.txt",)
    assert read(path, ("A",)).digest != read(path).digest


def test_local_folders_are_never_taken_from_the_cache(tmp_path: Path) -> None:
    assert not read(_file(tmp_path, "./lib\n")).is_fixed
    assert not read(_file(tmp_path, "-e ../other\n")).is_fixed


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequirementsError, match=r"more\.txt"):
        read(_file(tmp_path, "-r more.txt\n"))


def test_what_is_installed_already_is_copied_with_what_it_needs(tmp_path: Path) -> None:
    file = read(_file(tmp_path, f"{CLICK}\n"))
    said: list[str] = []
    package = layer(file, _own_python(), tmp_path / "cache", said.append)
    assert "python/click/core.py" in package.names
    cache = f"python/click/__pycache__/core.cpython-3{sys.version_info[1]}.pyc"
    assert cache in package.names
    assert said and all("packing" in line for line in said), "pip had nothing to do"
    with zipfile.ZipFile(package.path) as bundle:
        assert bundle.testzip() is None
    again: list[str] = []
    assert layer(file, _own_python(), tmp_path / "cache", again.append) == package
    assert again == [], "made once"
    assert (unpacked(package, tmp_path / "cache") / "click" / "core.py").is_file()


def test_pip_says_why_it_cannot(tmp_path: Path) -> None:
    file = read(_file(tmp_path, "./nothing-here\n"))
    with pytest.raises(RequirementsError, match="nothing-here"):
        layer(file, _own_python(), tmp_path / "cache", lambda line: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_host_serves_only_exact_pins(tmp_path: Path) -> None:
    check_host(read(_file(tmp_path, CLICK)))
    assert is_met(read(_file(tmp_path, CLICK)))
    with pytest.raises(RequirementsError, match=r"click is .*, not 0\.0\.1"):
        check_host(read(_file(tmp_path, "click==0.0.1")))
    with pytest.raises(RequirementsError, match="not-to-be-found is not installed"):
        check_host(read(_file(tmp_path, "not-to-be-found==1")))
    with pytest.raises(RequirementsError, match="every line must be name==version"):
        check_host(read(_file(tmp_path, "click>=8")))


def test_names_of_one_project_are_one() -> None:
    assert installed.pins(["Foo.Bar_baz == 1.0"]) == {"foo-bar-baz": "1.0"}
    assert installed.files_of({"click": "0.0.1"}) is None


def test_a_runtime_gets_the_nearest_interpreter() -> None:
    assert python_for("nodejs22.x") is None
    assert python_for("provided.al2023") is None
    old = python_for("python3.7")
    assert old is not None and old.minor >= 9
