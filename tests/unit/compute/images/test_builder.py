"""Builds without a sandbox: a fake runs the RUN steps."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from pileus.compute.images.building.build_store import BuildStore
from pileus.compute.images.building.builder import Builder
from pileus.compute.images.building.model import (
    Base,
    BuildRequest,
    Built,
    RunRequest,
    Say,
    Surroundings,
)
from pileus.compute.images.errors import ImageNotFound
from pileus.compute.images.manifests import OCI_LAYER, digest_of
from pileus.compute.images.model import Layer
from pileus.languages.dockerfile import DockerfileError, IgnoreRules, parse
from pileus.testing.images import tar_of

BASE = tar_of(
    {
        "usr/bin/sh": b"sh",
        "bin": "usr/bin",
        "etc/passwd": b"root:x:0:0::/:/bin/sh\napp:x:7:8::/:/bin/sh\n",
        "etc/group": b"root:x:0:\nwheel:x:9:\n",
    }
)


class Bench:
    """A folder to build, and what came of it."""

    def __init__(self, tmp_path: Path) -> None:
        self.context = tmp_path / "context"
        self.context.mkdir()
        self.cache = tmp_path / "cache"
        self.said: list[str] = []
        self.ran: list[RunRequest] = []
        self.status = 0

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.context / name.replace("___", "/").replace("__", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def build(self, text: str, target: str = "", ignore: str = "", **arguments: str) -> Built:
        store = BuildStore(self.cache, 1 << 30)
        request = BuildRequest(parse(text), self.context, IgnoreRules(ignore), arguments, target)
        with store.locked():
            self._store = store
            return Builder(
                request, store, Surroundings(self._base, self._run, self.said.append)
            ).build()

    def _base(self, name: str) -> Base:
        if name != "base:1":
            raise ImageNotFound(f"no image {name}")
        digest = digest_of(BASE)
        layer = Layer(digest, digest, len(BASE), OCI_LAYER)

        def pull() -> Iterator[bytes]:
            yield BASE

        self._store.add_source(layer, pull)
        config = {"Env": ["PATH=/bin", "A=base"], "Cmd": ["sh"], "WorkingDir": "/srv"}
        return Base({"config": config}, (layer,))

    def _run(self, request: RunRequest, say: Say) -> int:
        self.ran.append(request)
        say("running")
        Path(request.upper_dir, "made").write_text(request.command[-1])
        return self.status

    def files(self, built: Built) -> dict[str, Any]:
        """Name → content, mode, owner or link target of every entry, later layers over earlier."""
        found: dict[str, Any] = {}
        for layer in built.layers:
            path = self.cache / "blobs" / layer.digest.partition(":")[2]
            with tarfile.open(path) as archive:
                for member in archive:
                    source = archive.extractfile(member) if member.isfile() else None
                    told = source.read().decode() if source else member.linkname or "/"
                    found[member.name] = (told, member.mode, (member.uid, member.gid))
        return found

    def config(self, built: Built) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(built.config)["config"]
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_files_from_the_context_over_scratch(bench: Bench) -> None:
    bench.write(a__txt="1", sub___b__txt="2", sub___deep___c="3")
    built = bench.build("FROM scratch\nCOPY a.txt /x/\nCOPY sub /y\nCOPY a.txt /renamed\n")
    files = bench.files(built)
    assert {name: told[0] for name, told in files.items() if told[0] != "/"} == {
        "x/a.txt": "1",
        "y/b.txt": "2",
        "y/deep/c": "3",
        "renamed": "1",
    }


def test_the_same_is_the_same_image_and_taken_from_the_cache(bench: Bench) -> None:
    bench.write(a="1")
    text = "FROM base:1\nCOPY a /a\nRUN echo\nENV X=1\n"
    first = bench.build(text)
    bench.said.clear()
    second = bench.build(text)
    assert digest_of(first.manifest) == digest_of(second.manifest)
    assert bench.said.count(" ---> Using cache") == 2
    assert len(bench.ran) == 1
    bench.write(a="2")
    assert bench.build(text).layers != first.layers
    assert len(bench.ran) == 2


def test_a_folder_with_one_file_is_a_folder(bench: Bench) -> None:
    bench.write(only___one="1")
    assert bench.files(bench.build("FROM scratch\nCOPY only /to\n"))["to/one"][0] == "1"


def test_links_of_the_base_are_followed_and_its_folders_kept(bench: Bench) -> None:
    bench.write(tool="x")
    built = bench.build("FROM base:1\nCOPY tool /bin/\n")
    with tarfile.open(bench.cache / "blobs" / built.layers[-1].digest[7:]) as archive:
        assert [member.name for member in archive] == ["usr", "usr/bin", "usr/bin/tool"]


def test_owners_and_modes(bench: Bench) -> None:
    bench.write(a="1")
    built = bench.build(
        "FROM base:1\nCOPY --chown=app --chmod=600 a /1\nCOPY --chown=app:wheel a /2\n"
        "COPY --chown=5:6 a /3\n"
    )
    files = bench.files(built)
    assert files["1"] == ("1", 0o600, (7, 8))
    assert (files["2"][2], files["3"][2]) == ((7, 9), (5, 6))
    with pytest.raises(DockerfileError, match="Dockerfile:2: COPY: --chown: there is no 'nobody'"):
        bench.build("FROM base:1\nCOPY --chown=nobody a /1\n")


def test_stages_give_each_other_files(bench: Bench) -> None:
    bench.write(a="1")
    built = bench.build(
        "FROM base:1 AS build\nRUN compile\nFROM scratch AS unused\nCOPY missing /\n"
        "FROM scratch\nCOPY --from=build /made /bin/\nCOPY --from=0 /usr/bin/* /all/\n"
    )
    files = bench.files(built)
    assert (files["bin/made"][0], files["all/sh"][0]) == ("compile", "sh")


def test_what_a_step_runs_with(bench: Bench) -> None:
    bench.build(
        "ARG VERSION=1\nFROM base:1\nARG VERSION\nARG B=$VERSION.0\nENV C=${B}-$A\nUSER app\n"
        'RUN echo $C\nSHELL ["/bin/x", "-y"]\nRUN two\nRUN ["three", "four"]\n',
        VERSION="2",
    )
    one, two, three = bench.ran
    assert one.command == ("/bin/sh", "-c", "echo $C")
    assert dict(one.environment) == {
        "PATH": "/bin",
        "A": "base",
        "VERSION": "2",
        "B": "2.0",
        "C": "2.0-base",
    }
    assert (one.user, one.working_dir) == ("app", "/srv")
    assert two.command == ("/bin/x", "-y", "two")
    assert three.command == ("three", "four")
    assert "running" in bench.said


def test_what_the_image_says(bench: Bench) -> None:
    built = bench.build(
        'FROM base:1\nENTRYPOINT ["/e"]\nEXPOSE 80 53/udp\nVOLUME /data\nLABEL a=1 b="two words"\n'
        "WORKDIR sub\nSTOPSIGNAL SIGINT\nHEALTHCHECK --interval=1m30s --retries=2 CMD check me\n"
        "ENV OLD form of it\n"
    )
    config = bench.config(built)
    assert config["Entrypoint"] == ["/e"] and "Cmd" not in config
    assert config["ExposedPorts"] == {"53/udp": {}, "80/tcp": {}}
    assert config["Volumes"] == {"/data": {}}
    assert config["Labels"] == {"a": "1", "b": "two words"}
    assert (config["WorkingDir"], config["StopSignal"]) == ("/srv/sub", "SIGINT")
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "check me"],
        "Interval": 90_000_000_000,
        "Retries": 2,
    }
    assert "OLD=form of it" in config["Env"]
    assert "srv/sub" in bench.files(built)


def test_heredocs(bench: Bench) -> None:
    built = bench.build(
        "FROM base:1\nENV WHO=me\nCOPY <<one <<'two' /to/\nhello $WHO\none\n$WHO\ntwo\n"
        "RUN <<EOF\nset -e\necho a\nEOF\nRUN cat <<X > /y\ntext\nX\n"
    )
    files = bench.files(built)
    assert (files["to/one"][0], files["to/two"][0]) == ("hello me\n", "$WHO\n")
    assert bench.ran[0].command[-1] == "set -e\necho a\n"
    assert bench.ran[1].command[-1] == "cat <<X > /y\ntext\nX\n"


def test_what_is_ignored_stays_away(bench: Bench) -> None:
    bench.write(a="1", secret__env="2", sub___b__log="3", sub___keep__log="4")
    built = bench.build("FROM scratch\nCOPY . /\n", ignore="*.env\n**/*.log\n!sub/keep.log\n")
    names = {name for name, told in bench.files(built).items() if told[0] != "/"}
    assert names == {"a", "sub/keep.log"}
    with pytest.raises(DockerfileError, match=r"'secret\.env' is not in the build's folder"):
        bench.build("FROM scratch\nCOPY secret.env /\n", ignore="*.env")


def test_add_unpacks_archives(bench: Bench) -> None:
    (bench.context / "root.tar").write_bytes(tar_of({"etc/x": b"1"}))
    built = bench.build("FROM scratch\nADD root.tar /sub\nCOPY root.tar /kept/\n")
    with tarfile.open(bench.cache / "blobs" / built.layers[0].digest[7:]) as archive:
        files = {member.name for member in archive}
    assert "sub/etc/x" in files


def test_a_build_stops_at_its_target(bench: Bench) -> None:
    bench.build("FROM base:1 AS one\nRUN first\nFROM one AS two\nRUN second\n", target="one")
    assert [request.command[-1] for request in bench.ran] == ["first"]
    with pytest.raises(DockerfileError, match="there is no stage 'three'"):
        bench.build("FROM base:1 AS one\n", target="three")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "FROM base:1\nADD https://example.com/x /x\n",
            ":2: ADD: https://example.com/x is elsewhere",
        ),
        ("FROM base:1\nONBUILD RUN x\n", ":2: ONBUILD: is not carried out here"),
        (
            "FROM base:1\nRUN --mount=type=cache,target=/x y\n",
            ":2: RUN: --mount is not carried out",
        ),
        ("FROM none\n", ":1: FROM: no image none"),
        ("FROM pileus:host\n", ":1: FROM: pileus:host is this machine's own root"),
        ("FROM base:1\nCOPY ../x /\n", ":2: COPY: '../x' is not in the build's folder"),
        ("FROM base:1\nCOPY --parents x /\n", ":2: COPY: --parents is not carried out"),
        ("FROM base:1\nENV A=${B\n", ":2: ENV: a ${ has no end"),
        ("FROM base:1\nHEALTHCHECK --interval=x CMD y\n", ":2: HEALTHCHECK: 'x' is no duration"),
        ("FROM base:1\n\n# c\nEXPOSE http\n", ":4: EXPOSE: 'http' is no port"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_line(bench: Bench, text: str, told: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        bench.build(text)
    assert told in str(caught.value)


def test_a_link_out_of_the_context_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    (bench.context / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(DockerfileError, match="leads out of the build's folder"):
        bench.build("FROM scratch\nCOPY link /\n")


def test_a_step_that_fails_is_told_as_docker_does_and_not_kept(bench: Bench) -> None:
    bench.status = 3
    told = "The command '/bin/sh -c false' returned a non-zero code: 3"
    for _ in range(2):
        with pytest.raises(DockerfileError, match=f"Dockerfile:2: RUN: {told}"):
            bench.build("FROM base:1\nRUN false\n")
    assert len(bench.ran) == 2


def test_arguments_nobody_takes_are_told(bench: Bench) -> None:
    bench.build("FROM scratch\n", NOBODY="1")
    assert "[Warning] One or more build-args ['NOBODY'] were not consumed" in bench.said
