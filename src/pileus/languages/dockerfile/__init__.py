"""Dockerfiles, read. https://docs.docker.com/reference/dockerfile/"""

from pileus.languages.dockerfile.expansion import expand
from pileus.languages.dockerfile.ignoring import IgnoreRules
from pileus.languages.dockerfile.model import (
    Dockerfile,
    DockerfileError,
    Heredoc,
    Instruction,
    Stage,
)
from pileus.languages.dockerfile.reading import parse
from pileus.languages.dockerfile.words import assignments, exec_form, words

__all__ = [
    "Dockerfile",
    "DockerfileError",
    "Heredoc",
    "IgnoreRules",
    "Instruction",
    "Stage",
    "assignments",
    "exec_form",
    "expand",
    "parse",
    "words",
]
