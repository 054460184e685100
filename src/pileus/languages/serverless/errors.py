"""The one error of serverless.yml; its text names the file, the place and what is expected."""

from __future__ import annotations

from pileus.values.errors import PileusError


class ServiceFileError(PileusError):
    """A serverless.yml that cannot be used as it stands.

    Attributes:
        line: from 1; None where the file has no such place, or it was not looked for.
    """

    def __init__(self, file: str, path: str, problem: str) -> None:
        super().__init__(file, path, problem)
        self.file = file
        self.path = path
        self.problem = problem
        self.line: int | None = None

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (where, self.path, self.problem) if part)
