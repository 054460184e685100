"""Carries out a Dockerfile: stage by stage, step by step, each step once for what it depends on.

The same files and the same Dockerfile give the same image, digest and all, as long as no RUN step
makes a difference. Blocks.
"""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import orjson

from pileus.compute.images.building.build_store import BuildStore
from pileus.compute.images.building.copy_step import CopyStep
from pileus.compute.images.building.copying import write_parents
from pileus.compute.images.building.layer_writing import LayerWriter
from pileus.compute.images.building.model import (
    Base,
    BuildRequest,
    Built,
    RunRequest,
    StageState,
    Surroundings,
)
from pileus.compute.images.building.root_view import RootView
from pileus.compute.images.building.settings import CHANGES, working_dir
from pileus.compute.images.layouts import manifest_bytes
from pileus.compute.images.manifests import OCI_CONFIG, OCI_MANIFEST, own_platform
from pileus.compute.images.references import HOST_IMAGE
from pileus.languages.dockerfile import (
    DockerfileError,
    Instruction,
    Stage,
    exec_form,
    expand,
    words,
)
from pileus.runtime.removal import remove_tree
from pileus.values.errors import PileusError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CREATED = "1970-01-01T00:00:00Z"
"""The same for every build, so that the same content is the same image."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
_SCRATCH = "scratch"


class Builder:
    """One build. Use it within ``store.locked()``."""

    def __init__(
        self, request: BuildRequest, store: BuildStore, surroundings: Surroundings
    ) -> None:
        self._request = request
        self._file = request.dockerfile
        self._store = store
        self._outside = surroundings
        self._done: dict[int, StageState] = {}
        self._bases: dict[str, StageState] = {}
        self._used: set[str] = set()
        self._global = self._global_arguments()

    def build(self) -> Built:
        """Build the target and what it needs.

        Raises:
            DockerfileError: with the line and the instruction at which it failed.
        """
        stage = self._stage(self._target())
        if unused := sorted(set(self._request.arguments) - self._used):
            self._outside.say(f"[Warning] One or more build-args {unused} were not consumed")
        return self._finished(stage)

    # -- stages -----------------------------------------------------------------------------

    def _target(self) -> int:
        if not self._request.target:
            return len(self._file.stages) - 1
        index = self._named(self._request.target, len(self._file.stages))
        if index is None:
            message = f"there is no stage {self._request.target!r}"
            raise DockerfileError(self._file.file, 1, "FROM", message)
        return index

    def _named(self, name: str, before: int) -> int | None:
        """The stage of that name or number among those before one."""
        for index in range(before - 1, -1, -1):
            if self._file.stages[index].name and self._file.stages[index].name == name.lower():
                return index
        return int(name) if name.isdecimal() and int(name) < before else None

    def _global_arguments(self) -> dict[str, str]:
        platform = own_platform()
        whole = f"{platform.os}/{platform.architecture}"
        found = {
            "TARGETPLATFORM": whole,
            "TARGETOS": platform.os,
            "TARGETARCH": platform.architecture,
            "TARGETVARIANT": platform.variant,
            "BUILDPLATFORM": whole,
            "BUILDOS": platform.os,
            "BUILDARCH": platform.architecture,
            "BUILDVARIANT": platform.variant,
        }
        self._automatic = dict(found)
        for instruction in self._file.arguments:
            with self._at(instruction):
                self._take_arguments(instruction, found, {})
        return found

    def _stage(self, index: int) -> StageState:
        if index not in self._done:
            self._done[index] = self._built(index)
        return self._done[index]

    def _built(self, index: int) -> StageState:
        stage = self._file.stages[index]
        head = Instruction("FROM", stage.line, f"FROM {stage.base}", stage.base)
        with self._at(head):
            state = copy.deepcopy(self._begun(stage, index))
        state.arguments, state.has_own_command = {}, False
        total = len(stage.instructions)
        for number, instruction in enumerate(stage.instructions, 1):
            name = stage.name or str(index)
            self._outside.say(f"[{name} {number}/{total}] {instruction.text}")
            with self._at(instruction):
                self._carry_out(state, instruction, index)
        return state

    def _begun(self, stage: Stage, index: int) -> StageState:
        base = expand(stage.base, self._global, self._file.escape)
        if not base:
            raise ValueError(f"{stage.base} stands for nothing")
        wanted = expand(stage.platform, self._global, self._file.escape)
        own = own_platform()
        if wanted and wanted.split("/")[:2] != [own.os, own.architecture]:
            raise ValueError(f"builds here are for {own.os}/{own.architecture}, not {wanted}")
        earlier = self._named(base, index) if not base.isdecimal() else None
        return self._stage(earlier) if earlier is not None else self._base(base)

    def _base(self, name: str) -> StageState:
        if name == _SCRATCH:
            return StageState(_key("", "scratch"), {"Env": [f"PATH={PATH}"]})
        if name == HOST_IMAGE:
            raise ValueError(
                f"{HOST_IMAGE} is this machine's own root and has no layers to build on"
            )
        if name not in self._bases:
            self._bases[name] = _state_of(self._outside.find_base(name))
        return self._bases[name]

    # -- steps ------------------------------------------------------------------------------

    def _carry_out(self, state: StageState, instruction: Instruction, index: int) -> None:
        name, escape = instruction.name, self._file.escape
        made = len(state.layers)
        if name == "ONBUILD":
            raise ValueError("is not carried out here")
        if name == "ARG":
            self._take_arguments(instruction, state.arguments, state.environment)
        elif name == "RUN":
            self._run(state, instruction)
        elif name in ("COPY", "ADD"):
            self._copy(state, instruction, index)
        elif name == "WORKDIR":
            self._enter(state, instruction)
        else:
            CHANGES[name](state, instruction, escape)
            if name == "MAINTAINER":
                self._outside.say("[Warning] MAINTAINER is deprecated; use LABEL")
        entry: dict[str, Any] = {"created": _CREATED, "created_by": instruction.text}
        if len(state.layers) == made:
            entry["empty_layer"] = True
        state.history.append(entry)

    def _take_arguments(
        self, instruction: Instruction, found: dict[str, str], more: Mapping[str, str]
    ) -> None:
        escape = self._file.escape
        for word in words(instruction.value, escape):
            name, equals, text = word.partition("=")
            known = {**self._automatic, **found, **more}
            if name in self._request.arguments:
                found[name] = self._request.arguments[name]
                self._used.add(name)
            elif equals:
                found[name] = expand(text, known, escape)
            elif name in getattr(self, "_global", {}):
                found[name] = self._global[name]

    def _run(self, state: StageState, instruction: Instruction) -> None:
        if instruction.flags:
            raise ValueError(f"--{next(iter(instruction.flags))} is not carried out here")
        command = self._command(state, instruction)
        environment = {"PATH": PATH, **state.variables}
        for name in _PROXIES:
            for spelling in (name, name.lower()):
                if spelling in self._request.arguments:
                    environment[spelling] = self._request.arguments[spelling]
                    self._used.add(spelling)
        what = [command, sorted(environment.items()), state.config.get("User"), state.working_dir]
        key = _key(state.key, "RUN", *what)
        if self._is_known(state, key):
            return
        folder = self._store.work_folder()
        upper = folder / "upper"
        upper.mkdir()
        lowers = self._store.unpacked(state.layers)
        if not lowers:
            (folder / "empty").mkdir()
            lowers = (str(folder / "empty"),)
        request = RunRequest(
            lowers,
            str(upper),
            tuple(command),
            environment,
            state.config.get("User") or "",
            state.working_dir,
        )
        try:
            status = self._outside.run(request, self._outside.say)
            if status != 0:
                told = " ".join(command)
                raise ValueError(f"The command '{told}' returned a non-zero code: {status}")
            self._add(state, key, lambda writer: writer.upper(str(upper)))
        finally:
            remove_tree(str(folder))

    def _command(self, state: StageState, instruction: Instruction) -> list[str]:
        given = exec_form(instruction.value)
        if given is not None:
            return given
        text = instruction.value
        if instruction.heredocs:
            first = instruction.heredocs[0]
            if text.startswith("<<") and len(words(text)) == 1:
                if first.content.startswith("#!"):
                    raise ValueError("a heredoc that begins with #! is not carried out here")
                return [*state.shell, first.content]
            # The shell itself reads these, as it would from a terminal.
            text += "\n" + "".join(f"{each.content}{each.name}\n" for each in instruction.heredocs)
        return [*state.shell, text]

    def _copy(self, state: StageState, instruction: Instruction, index: int) -> None:
        view = RootView(self._store.unpacked(state.layers))
        step = CopyStep(self._request, state, instruction, view)
        source = instruction.flags.get("from", "")
        if source and instruction.name == "ADD":
            raise ValueError("--from belongs to COPY")
        origin = self._origin(expand(source, state.variables), index) if source else None
        step.prepare(origin)
        key = _key(state.key, instruction.name, step.digest())
        if not self._is_known(state, key):
            self._add(state, key, step.write)

    def _origin(self, name: str, index: int) -> RootView:
        """The files of another stage or image."""
        earlier = self._named(name, index)
        found = self._stage(earlier) if earlier is not None else self._base(name)
        return RootView(self._store.unpacked(found.layers))

    def _enter(self, state: StageState, instruction: Instruction) -> None:
        path = working_dir(state, instruction, self._file.escape)
        state.config["WorkingDir"] = path
        key = _key(state.key, "WORKDIR", path)
        if self._is_known(state, key):
            return
        view = RootView(self._store.unpacked(state.layers))
        seen = view.see(path)
        if seen is not None and not seen.is_folder:
            raise ValueError(f"{path} is no folder")

        def fill(writer: LayerWriter) -> None:
            if seen is None:
                write_parents(writer, view, view.resolve(path), (0, 0))

        self._add(state, key, fill)

    def _is_known(self, state: StageState, key: str) -> bool:
        is_known, layer = self._store.known(key)
        if is_known:
            self._outside.say(" ---> Using cache")
            state.key = key
            state.layers += (layer,) if layer is not None else ()
        return is_known

    def _add(self, state: StageState, key: str, fill: Any) -> None:
        layer = self._store.make(key, fill)
        state.key = key
        state.layers += (layer,) if layer is not None else ()

    # -- the image --------------------------------------------------------------------------

    def _finished(self, state: StageState) -> Built:
        platform = own_platform()
        document = {
            "created": _CREATED,
            "architecture": platform.architecture,
            "os": platform.os,
            "config": {key: value for key, value in state.config.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in state.layers]},
            "history": state.history,
        }
        config = orjson.dumps(document)
        digest = self._store.keep(config)
        manifest = manifest_bytes(
            OCI_MANIFEST,
            {"mediaType": OCI_CONFIG, "digest": digest, "size": len(config)},
            [
                {"mediaType": each.media_type, "digest": each.digest, "size": each.size_bytes}
                for each in state.layers
            ],
        )
        return Built(manifest, config, state.layers)

    @contextmanager
    def _at(self, instruction: Instruction) -> Any:
        """What goes wrong within is told with the instruction's place."""
        try:
            yield
        except DockerfileError:
            raise
        except (PileusError, ValueError, OSError) as error:
            message = str(error)
            raise DockerfileError(
                self._file.file, instruction.line, instruction.name, message
            ) from error


def _state_of(base: Base) -> StageState:
    config = dict(base.document.get("config") or {})
    if config.get("OnBuild"):
        raise ValueError("the base image has ONBUILD instructions, which are not carried out here")
    identity = [[layer.diff_id for layer in base.layers], config]
    history = base.document.get("history") or []
    if not any(pair.startswith("PATH=") for pair in config.get("Env") or ()):
        config["Env"] = [f"PATH={PATH}", *(config.get("Env") or ())]
    shell = tuple(config.get("Shell") or ("/bin/sh", "-c"))
    return StageState(_key("", "FROM", *identity), config, base.layers, list(history), {}, shell)


def _key(above: str, *what: Any) -> str:
    told = orjson.dumps([above, os.geteuid() == 0, *what], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(told).hexdigest()
