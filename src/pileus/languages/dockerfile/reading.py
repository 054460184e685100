"""From text to instructions: comments, continued lines, heredocs, flags, stages."""

from __future__ import annotations

import re

from pileus.languages.dockerfile.model import (
    Dockerfile,
    DockerfileError,
    Heredoc,
    Instruction,
    Stage,
)

KNOWN = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(.+?)\s*")
_HEREDOC = re.compile(r"<<(-?)(?:\"([^\"\s]+)\"|'([^'\s]+)'|([A-Za-z_][\w.]*))")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)")
_FROM = re.compile(r"(\S+)(?:\s+as\s+([A-Za-z][A-Za-z0-9_.-]*))?", re.IGNORECASE)
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})


def parse(text: str, file: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile.

    Raises:
        DockerfileError: an unknown instruction, a missing FROM, a heredoc without an end.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    escape = _escape(lines, file)
    found = Dockerfile(file, [], [], escape)
    at = 0
    while at < len(lines):
        instruction, at = _Reader(lines, file, escape).read(at)
        if instruction is not None:
            _place(found, instruction)
    if not found.stages:
        raise DockerfileError(file, max(len(lines), 1), "FROM", "the file has no FROM")
    return found


def _escape(lines: list[str], file: str) -> str:
    """Directives stand at the top, before everything else."""
    for number, line in enumerate(lines, 1):
        found = _DIRECTIVE.fullmatch(line.strip())
        if found is None:
            break
        if found[1].lower() == "escape":
            if found[2] not in ("\\", "`"):
                raise DockerfileError(file, number, "# escape", "must be a backslash or a backtick")
            return found[2]
    return "\\"


def _place(found: Dockerfile, instruction: Instruction) -> None:
    if instruction.name == "FROM":
        parts = _FROM.fullmatch(instruction.value)
        if parts is None:
            message = "takes one image, and perhaps AS and a name"
            raise DockerfileError(found.file, instruction.line, "FROM", message)
        name = (parts[2] or "").lower()
        platform = instruction.flags.get("platform", "")
        found.stages.append(Stage(parts[1], name, instruction.line, platform))
    elif found.stages:
        found.stages[-1].instructions.append(instruction)
    elif instruction.name == "ARG":
        found.arguments.append(instruction)
    else:
        message = "no stage has begun: the first instruction must be FROM (or ARG)"
        raise DockerfileError(found.file, instruction.line, instruction.name, message)


class _Reader:
    def __init__(self, lines: list[str], file: str, escape: str) -> None:
        self._lines = lines
        self._file = file
        self._continued = re.compile(re.escape(escape) + r"[ \t]*$")

    def read(self, at: int) -> tuple[Instruction | None, int]:
        """The instruction that begins at a line, if one does, and the line after it."""
        first = self._lines[at].strip()
        if not first or first.startswith("#"):
            return None, at + 1
        begin = at
        joined, at = self._joined(at)
        name, _, rest = joined.strip().partition(" ")
        if "\t" in name:
            name, _, rest = joined.strip().partition("\t")
        name, rest = name.upper(), rest.strip()
        line = begin + 1
        if name not in KNOWN:
            raise DockerfileError(self._file, line, name, "there is no such instruction")
        flags: dict[str, str] = {}
        if name not in ("CMD", "ENTRYPOINT", "MAINTAINER", "SHELL", "LABEL", "ENV"):
            while flag := _FLAG.match(rest):
                flags[flag[1]] = "true" if flag[2] is None else flag[2]
                rest = rest[flag.end() :]
        heredocs: list[Heredoc] = []
        if name in _WITH_HEREDOCS and not rest.startswith("["):
            for mark in _HEREDOC.finditer(rest):
                heredoc, at = self._heredoc(mark, at, line, name)
                heredocs.append(heredoc)
        if not rest:
            raise DockerfileError(self._file, line, name, "needs an argument")
        return Instruction(name, line, f"{name} {rest}", rest, flags, tuple(heredocs)), at

    def _joined(self, at: int) -> tuple[str, int]:
        pieces: list[str] = []
        while at < len(self._lines):
            line = self._lines[at]
            at += 1
            if pieces and (not line.strip() or line.lstrip().startswith("#")):
                # Comments and empty lines inside a continued instruction are not part of it.
                continue
            cut = self._continued.search(line)
            pieces.append(line[: cut.start()] if cut else line)
            if cut is None:
                break
        return "".join(pieces), at

    def _heredoc(self, mark: re.Match[str], at: int, line: int, name: str) -> tuple[Heredoc, int]:
        quoted = mark[2] or mark[3]
        end = quoted or mark[4]
        content: list[str] = []
        while at < len(self._lines):
            text = self._lines[at].lstrip("\t") if mark[1] else self._lines[at]
            at += 1
            if text == end:
                body = "".join(f"{each}\n" for each in content)
                return Heredoc(end, body, not quoted), at
            content.append(text)
        raise DockerfileError(self._file, line, name, f"the heredoc {end} has no end")
