"""The one error of serverless.yml; its text names the file, the place and what is expected."""

from __future__ import annotations

from pileus.values.errors import PileusError


class ServiceFileError(PileusError):
    """A serverless.yml that cannot be used as it stands."""

    def __init__(self, file: str, path: str, problem: str) -> None:
        super().__init__(f"{file}: {path}: {problem}" if path else f"{file}: {problem}")
        self.file = file
        self.path = path
        self.problem = problem
