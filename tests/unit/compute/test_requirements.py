"""Requirements against what is installed, by small folders of metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from pileus.compute.requirements import unsatisfied


@pytest.fixture
def folder(tmp_path: Path) -> str:
    for name, version in (("numpy", "2.4.6"), ("AI_Edge.Litert", "2.3.0"), ("early", "3.0rc1")):
        metadata = tmp_path / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "NumPy == 2.4.6",
        "numpy==2.4.*",
        "numpy>=2,<3",
        "numpy~=2.4.1",
        "numpy~=2.1",
        "numpy!=2.4.5",
        "numpy>2.4.6rc1",
        "numpy[extra]>=1; python_version >= '3.9'",
        "ai-edge-litert==2.3",
        "early<3.0",
        "# a comment",
        "numpy  # with a comment",
        "--extra-index-url https://example.invalid/simple",
        "",
    ],
)
def test_satisfied(folder: str, line: str) -> None:
    assert unsatisfied(line, [folder]) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("torch>=2", "torch>=2 (not installed)"),
        ("numpy==2.4.5", "numpy==2.4.5 (installed: 2.4.6)"),
        ("numpy==2.3.*", "numpy==2.3.* (installed: 2.4.6)"),
        ("numpy>=2,<2.4", "numpy>=2,<2.4 (installed: 2.4.6)"),
        ("numpy~=2.3.1", "numpy~=2.3.1 (installed: 2.4.6)"),
        ("numpy!=2.4.6", "numpy!=2.4.6 (installed: 2.4.6)"),
        ("early>=3.0", "early>=3.0 (installed: 3.0rc1)"),
        ("numpy===2.4.6", "numpy===2.4.6 (the condition '===2.4.6' cannot be checked)"),
        ("-r other.txt", "-r other.txt (only names and versions can be checked)"),
        (
            "numpy @ https://example.invalid/numpy.whl",
            "numpy @ https://example.invalid/numpy.whl (only names and versions can be checked)",
        ),
    ],
)
def test_unsatisfied(folder: str, line: str, told: str) -> None:
    assert unsatisfied(line, [folder]) == [told]


def test_the_first_folder_counts(folder: str, tmp_path: Path) -> None:
    own = tmp_path / "lib" / "numpy-1.0.dist-info" / "METADATA"
    own.parent.mkdir(parents=True)
    own.write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 1.0\n")
    assert unsatisfied("numpy==1.0", [str(tmp_path / "lib"), folder]) == []
