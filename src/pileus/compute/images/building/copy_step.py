"""One COPY or ADD: what its words mean, what it depends on, what it writes. Blocks."""

from __future__ import annotations

import hashlib
import re

from pileus.compute.images.building.copying import (
    Copied,
    Source,
    Target,
    from_context,
    from_view,
    is_archive,
    write_archive,
    write_entries,
)
from pileus.compute.images.building.layer_writing import LayerWriter
from pileus.compute.images.building.model import BuildRequest, StageState
from pileus.compute.images.building.root_view import RootView
from pileus.languages.dockerfile import Instruction, exec_form, expand, words

_URL = re.compile(r"(https?|ftp|git)://|git@|.*\.git(#.*)?$")
_FLAGS = frozenset({"from", "chown", "chmod", "link"})
_FILE_MODE = 0o644
_FILE = 0o100000


class CopyStep:
    """Prepare it, ask for its digest, and write it if that is not known."""

    def __init__(
        self, request: BuildRequest, state: StageState, instruction: Instruction, view: RootView
    ) -> None:
        self._request = request
        self._state = state
        self._instruction = instruction
        self._view = view
        self._sources: list[Source] = []
        self._archives: list[str] = []
        self._target = Target("", True)

    def prepare(self, origin: RootView | None) -> None:
        """Find the sources, in the build's folder or in ``origin``.

        Raises:
            ValueError, ImageRefused: what cannot be copied, by name.
        """
        instruction, escape = self._instruction, self._request.dockerfile.escape
        for flag in instruction.flags:
            if flag not in _FLAGS:
                raise ValueError(f"--{flag} is not carried out here")
        given = exec_form(instruction.value)
        found = words(instruction.value, escape) if given is None else given
        heredocs = {each.name: each for each in instruction.heredocs}
        variables = self._state.variables
        if len(found) < 2:
            raise ValueError("needs at least one source and a target")
        for word in found[:-1]:
            if word.startswith("<<") and (name := word.lstrip("<-").strip("\"'")) in heredocs:
                text = heredocs[name].content
                if heredocs[name].expands:
                    text = expand(text, variables, escape, keeps_quotes=True)
                copied = Copied(name, "", _FILE | _FILE_MODE, text.encode())
                self._sources.append(Source([copied], False))
                continue
            self._find(expand(word, variables, escape), origin)
        self._aim(expand(found[-1], variables, escape))

    def digest(self) -> str:
        """Of everything that the layer will hold."""
        total = hashlib.sha256(repr(self._target).encode())
        for source in self._sources:
            for entry in source.entries:
                entry.digest_into(total)
            total.update(b"\1")
        for place in self._archives:
            with open(place, "rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        # Folders above are written as they are: the layers so far are part of the step's key.
        return total.hexdigest()

    def write(self, writer: LayerWriter) -> None:
        """Write the layer."""
        for place in self._archives:
            write_archive(writer, self._view, self._target, place)
        for source in self._sources:
            write_entries(writer, self._view, self._target, source.entries)

    def _find(self, source: str, origin: RootView | None) -> None:
        if origin is not None:
            self._sources += from_view(origin, source)
            return
        if _URL.match(source):
            raise ValueError(f"{source} is elsewhere, and nothing is fetched here: bring the file")
        for found in from_context(self._request.context, self._request.rules, source):
            is_added = self._instruction.name == "ADD" and not found.is_folder
            if is_added and is_archive(found.entries[0].place):
                self._archives.append(found.entries[0].place)
            else:
                self._sources.append(found)

    def _aim(self, text: str) -> None:
        path = text if text.startswith("/") else f"{self._state.working_dir}/{text}"
        count = len(self._sources) + len(self._archives)
        is_folder = text.endswith(("/", "/.")) or text in (".", "..")
        if count > 1 and not is_folder:
            raise ValueError("with more than one source, the target must be a folder and end in /")
        seen = self._view.see(path)
        if seen is not None and seen.is_folder:
            is_folder, path = True, f"/{seen.path}"
        if self._archives or any(source.is_folder for source in self._sources):
            is_folder = True
        owner = self._owner(self._instruction.flags.get("chown", ""))
        self._target = Target(self._view.resolve(path), is_folder, owner, self._mode())

    def _mode(self) -> int | None:
        text = expand(self._instruction.flags.get("chmod", ""), self._state.variables)
        if not text:
            return None
        if not re.fullmatch(r"[0-7]{1,4}", text):
            raise ValueError(f"--chmod={text}: takes an octal number such as 755")
        return int(text, 8)

    def _owner(self, flag: str) -> tuple[int, int]:
        text = expand(flag, self._state.variables)
        if not text:
            return 0, 0
        user, colon, group = text.partition(":")
        user_id = int(user) if user.isdecimal() else self._look_up("etc/passwd", user)
        if not colon:
            return user_id, user_id if user.isdecimal() else self._primary_group(user)
        return user_id, int(group) if group.isdecimal() else self._look_up("etc/group", group)

    def _look_up(self, file: str, name: str) -> int:
        for line in self._view.read(file).decode(errors="replace").splitlines():
            fields = line.split(":")
            if fields[0] == name and len(fields) > 2:
                return int(fields[2])
        raise ValueError(f"--chown: there is no {name!r} in /{file}")

    def _primary_group(self, user: str) -> int:
        for line in self._view.read("etc/passwd").decode(errors="replace").splitlines():
            fields = line.split(":")
            if fields[0] == user and len(fields) > 3:
                return int(fields[3])
        return 0
