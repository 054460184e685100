"""A Dockerfile as instructions in stages."""

from __future__ import annotations

import msgspec

from pileus.values.errors import PileusError


class DockerfileError(PileusError):
    """Something is wrong with a Dockerfile or a step of it; the text begins with file and line."""

    def __init__(self, file: str, line: int, instruction: str, message: str) -> None:
        super().__init__(f"{file}:{line}: {instruction}: {message}")
        self.line = line
        self.instruction = instruction


class Heredoc(msgspec.Struct, frozen=True):
    """A text inside the file (``<<EOF``).

    Attributes:
        expands: whether variables in it are replaced; a quoted name says no.
    """

    name: str
    content: str
    expands: bool


class Instruction(msgspec.Struct, frozen=True):
    """One instruction.

    Attributes:
        name: upper case.
        line: where it begins, from 1.
        text: as people know it, lines joined: for messages.
        value: what follows the name and the flags; variables are not replaced yet.
        flags: ``--name=value``; ``true`` for a flag without a value.
    """

    name: str
    line: int
    text: str
    value: str
    flags: dict[str, str] = {}
    heredocs: tuple[Heredoc, ...] = ()


class Stage(msgspec.Struct):
    """From one ``FROM`` to the next.

    Attributes:
        base: the image, or an earlier stage's name; variables are not replaced yet.
        name: lower case; empty where it has none.
    """

    base: str
    name: str
    line: int
    platform: str = ""
    instructions: list[Instruction] = msgspec.field(default_factory=list)


class Dockerfile(msgspec.Struct):
    """A whole file.

    Attributes:
        arguments: the ``ARG`` instructions before the first ``FROM``.
        escape: the character that continues lines and protects the next one.
    """

    file: str
    arguments: list[Instruction]
    stages: list[Stage]
    escape: str = "\\"
