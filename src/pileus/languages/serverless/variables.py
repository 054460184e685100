"""Variables given their values: lazily, each place once, with circles noticed.

https://www.serverless.com/framework/docs/providers/aws/guide/variables (the behaviour of v3)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.parsing import SERVERLESS, parse_text, plain_value
from pileus.languages.serverless.errors import ServiceFileError
from pileus.languages.serverless.expressions import Source, find_variables
from pileus.languages.serverless.sources import Options, Sources

Path = tuple[str, ...]
_QUOTED = re.compile(r"""(['"])(.*?)\1\s*(#.*)?\Z""")
MISSING: Any = object()
"""A source that has nothing to say; the next alternative is tried."""


class Variables:
    """Resolves the variables of one document.

    Args:
        document: the file as plain values.
        file: its name, for complaints.
    """

    def __init__(self, document: Any, file: str, sources: Sources, options: Options) -> None:
        self._document = document
        self._file = file
        self._sources = sources
        self._options = options
        self._done: dict[Path, Any] = {}
        self._open: list[Path] = []
        self._files: dict[str, Any] = {}
        self._dotenv: Mapping[str, str] = {}
        self._kinds: Mapping[str, Callable[[str | None, str | None, Path], Any]] = {
            "self": self._from_self,
            "opt": self._from_option,
            "env": self._from_environment,
            "file": self._from_file,
            "ssm": self._from_parameter_store,
            "param": self._from_param,
            "sls": self._from_framework,
            "aws": self._from_account,
            "cf": self._from_stack,
            "strToBool": self._from_text,
        }

    def use_dotenv(self, values: Mapping[str, str]) -> None:
        """Let ``${env:}`` fall back to these."""
        self._dotenv = values

    @property
    def stage(self) -> str:
        """``--stage``, else ``provider.stage``, else ``dev``."""
        return str(self._options.stage or self._provider("stage") or "dev")

    @property
    def region(self) -> str:
        """``--region``, else ``provider.region``, else ``us-east-1``."""
        return str(self._options.region or self._provider("region") or "us-east-1")

    def at(self, *path: str) -> Any:
        """The fully resolved value at ``path``; None where there is nothing.

        Raises:
            ServiceFileError: a variable without a value, a circle, an unknown type.
        """
        value = self._at(path)
        return None if value is MISSING else value

    def _provider(self, name: str) -> Any:
        value = self._at(("provider", name))
        return None if value is MISSING else value

    def _at(self, path: Path) -> Any:
        if path in self._done:
            return self._done[path]
        if path in self._open:
            circle = [*self._open[self._open.index(path) :], path]
            names = " -> ".join(".".join(step) or "the whole file" for step in circle)
            raise self._error(path, f"variables refer to each other in a circle: {names}")
        self._open.append(path)
        try:
            value = self._walk(path)
            if value is not MISSING:
                value = self._deep(value, path)
        finally:
            self._open.pop()
        self._done[path] = value
        return value

    def _walk(self, path: Path) -> Any:
        """The value at ``path`` with only what lies on the way resolved."""
        value = self._document
        for depth, part in enumerate(path):
            if isinstance(value, str):
                value = self._on_the_way(value, path[:depth])
            value = _member(value, part)
            if value is MISSING:
                return MISSING
        return value

    def _on_the_way(self, text: str, path: Path) -> Any:
        """What stands at ``path``, its own members left as they are: they may refer to it."""
        marker = (*path, "(itself)")
        if marker not in self._done:
            self._done[marker] = self._text(text, path)
        return self._done[marker]

    def _deep(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            value = self._text(value, path)
        if isinstance(value, dict):
            return {key: self._deep_member(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._deep_member(item, (*path, str(n))) for n, item in enumerate(value)]
        return value

    def _deep_member(self, value: Any, path: Path) -> Any:
        """A member of something being resolved; remembered, and part of circles."""
        if not isinstance(value, (str, dict, list)):
            return value
        if path in self._done:
            return self._done[path]
        if path in self._open:
            return self._at(path)
        self._open.append(path)
        try:
            result = self._deep(value, path)
        finally:
            self._open.pop()
        self._done[path] = result
        return result

    def _text(self, text: str, path: Path) -> Any:
        if "${" not in text:
            return text
        try:
            found = find_variables(text)
        except ValueError as error:
            raise self._error(path, str(error)) from error
        if len(found) == 1 and (found[0].start, found[0].stop) == (0, len(text)):
            value = self._first(found[0].sources, path, text)
            is_further = isinstance(value, str) and "${" in value and value != text
            return self._text(value, path) if is_further else value
        parts, at = [], 0
        for variable in found:
            whole = text[variable.start : variable.stop]
            value = self._first(variable.sources, path, whole)
            if isinstance(value, (dict, list)) or value is None:
                raise self._error(path, f"{whole} is not text and cannot stand inside text")
            parts += [text[at : variable.start], _spelled(value)]
            at = variable.stop
        return "".join([*parts, text[at:]]).replace("\\${", "${")

    def _first(self, sources: tuple[Source, ...], path: Path, whole: str) -> Any:
        for source in sources:
            value = self._value(source, path)
            if value is not MISSING and value is not None:
                return value
            if value is None and source is sources[-1]:
                return None
        tried = ", ".join(_described(source) for source in sources)
        raise self._error(path, f"cannot resolve variable {whole}: no value found at {tried}")

    def _value(self, source: Source, path: Path) -> Any:
        if not source.kind:
            literal = source.address or ""
            if literal[:1] in "'\"" and literal[-1:] == literal[:1] and len(literal) > 1:
                return self._text(literal[1:-1], path)
            resolved = self._text(literal, path)
            return plain_value(resolved) if isinstance(resolved, str) else resolved
        kind = self._kinds.get(source.kind)
        if kind is None:
            known = ", ".join(sorted(self._kinds))
            raise self._error(
                path, f"unknown variable type {source.kind!r}; expected one of {known}"
            )
        return kind(self._part(source.argument, path), self._part(source.address, path), path)

    def _part(self, text: str | None, path: Path) -> str | None:
        if text is None:
            return None
        value = self._text(text, path)
        if isinstance(value, (dict, list)) or value is None:
            raise self._error(path, f"an address must be text: {text}")
        return _spelled(value)

    def _from_self(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument, path
        return self._at(tuple(address.split(".")) if address else ())

    def _from_option(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument
        value = self._options.get(self._required(address, "opt", path))
        return MISSING if value is None else value

    def _from_environment(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument
        name = self._required(address, "env", path)
        if name in self._sources.environment:
            return self._sources.environment[name]
        return self._dotenv.get(name, MISSING)

    def _from_file(self, argument: str | None, address: str | None, path: Path) -> Any:
        name = self._required(argument, "file", path)
        if name not in self._files:
            self._files[name] = self._read(name, path)
        value = self._files[name]
        for part in address.split(".") if address else ():
            value = _member(self._text(value, path) if isinstance(value, str) else value, part)
        return value

    def _read(self, name: str, path: Path) -> Any:
        if name.endswith((".js", ".cjs", ".mjs", ".ts")):
            raise self._error(path, f"file({name}): a program; only YAML, JSON and text are read")
        text = self._sources.read_file(name)
        if text is None:
            return MISSING
        if not name.endswith((".yml", ".yaml", ".json", ".tfstate")):
            return text.strip()
        try:
            return parse_text(text, SERVERLESS)
        except TemplateError as error:
            raise ServiceFileError(name, "", str(error)) from error

    def _from_parameter_store(self, argument: str | None, address: str | None, path: Path) -> Any:
        name = self._required(address, "ssm", path)
        value = self._sources.parameter(name)
        if value is None:
            return MISSING
        if name.startswith("/aws/reference/secretsmanager/") and argument != "raw":
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value

    def _from_param(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument
        name = self._required(address, "param", path)
        if name in self._options.params:
            return self._options.params[name]
        for stage in (self.stage, "default"):
            value = self._at(("params", stage, name))
            if value is not MISSING:
                return value
        return MISSING

    def _from_framework(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument
        if address == "stage":
            return self.stage
        if address == "instanceId":
            return self._sources.instance_id
        raise self._error(path, f"sls:{address}: expected sls:stage or sls:instanceId")

    def _from_account(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument
        if address == "accountId":
            return self._sources.account
        if address == "region":
            return self.region
        raise self._error(path, f"aws:{address}: expected aws:accountId or aws:region")

    def _from_stack(self, argument: str | None, address: str | None, path: Path) -> Any:
        del argument
        name = self._required(address, "cf", path)
        if "." not in name:
            raise self._error(path, f"cf:{name}: expected cf:stack.Output")
        value = self._sources.stack_output(name)
        return MISSING if value is None else value

    def _from_text(self, argument: str | None, address: str | None, path: Path) -> Any:
        del address
        text = self._required(argument, "strToBool", path).strip("'\"").lower()
        if text in ("true", "1"):
            return True
        if text in ("false", "0"):
            return False
        raise self._error(path, f"strToBool({argument}): expected true, false, 1 or 0")

    def _required(self, text: str | None, kind: str, path: Path) -> str:
        if not text:
            raise self._error(path, f"{kind}: needs an address")
        return text

    def _error(self, path: Path, problem: str) -> ServiceFileError:
        return ServiceFileError(self._file, ".".join(path), problem)


def _member(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, MISSING)
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    return MISSING


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _described(source: Source) -> str:
    argument = "" if source.argument is None else f"({source.argument})"
    address = "" if source.address is None else f":{source.address}"
    return f'"{source.kind}{argument}{address}"'


def parse_dotenv(text: str) -> dict[str, str]:
    """``KEY=value`` lines, with ``export``, quotes and comments."""
    result: dict[str, str] = {}
    for raw in text.splitlines():
        line = raw.strip().removeprefix("export ")
        name, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        value = value.strip()
        quoted = _QUOTED.match(value)
        result[name.strip()] = quoted[2] if quoted else value.split(" #", 1)[0].strip()
    return result
