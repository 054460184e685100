"""``pileus sfn``: state machines checked, drawn and tested from their files, without a platform."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import click
import yaml
from rich.markup import escape

from pileus.cli.tables import json_option, wide_console
from pileus.languages.asl.cases import Outcome, play_case, read_casebook
from pileus.languages.asl.definition import compile_definition
from pileus.languages.asl.errors import Diagnostic, InvalidDefinition
from pileus.languages.asl.graph import mermaid
from pileus.languages.asl.run import Run
from pileus.languages.asl.validation import diagnose

_FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_KIND = click.option(
    "--type",
    "kind",
    type=click.Choice(["STANDARD", "EXPRESS"]),
    default="STANDARD",
    show_default=True,
    help="Of the state machine.",
)
_YAML = (".yml", ".yaml")


@click.group("sfn")
def command() -> None:
    """Step Functions: check, draw and test a state machine's definition.

    \b
      pileus sfn validate order.asl.json
      pileus sfn graph order.asl.json
      pileus sfn test order.asl.json

    Definitions are JSON, or YAML in files ending in .yml or .yaml.
    """


@command.command("validate")
@_FILE
@_KIND
@json_option
def validate(file: Path, kind: str, is_json: bool) -> None:
    """Tell what is wrong with a definition; exit status 1 when something is.

    Codes, sentences and places are those of ValidateStateMachineDefinition.
    """
    found = diagnose(_definition(file), kind=kind)
    is_wrong = any(each.severity == "ERROR" for each in found)
    if is_json:
        told = {"result": "FAIL" if is_wrong else "OK", "diagnostics": list(map(_wire, found))}
        click.echo(json.dumps(told, indent=2))
    else:
        for each in found:
            place = f" at {each.location}" if each.location else ""
            click.echo(f"{each.severity} {each.code}: {each.message}{place}")
        click.echo(f"{file}: {'not valid' if is_wrong else 'valid'}")
    if is_wrong:
        raise SystemExit(1)


@command.command("graph")
@_FILE
def graph(file: Path) -> None:
    """Print a definition as a Mermaid flowchart, which forges and editors show as a picture."""
    text = _definition(file)
    _compiled(text, "STANDARD", file)
    click.echo(mermaid(json.loads(text)), nl=False)


@command.command("test")
@_FILE
@_KIND
@click.option(
    "--cases",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The cases; without it the file beside the definition, order.asl.test.yml for order.asl.json.",
)
@json_option
def test(file: Path, kind: str, cases: Path | None, is_json: bool) -> None:
    """Run a definition against its cases; exit status 1 when one is not as expected.

    Tasks answer what the cases say, and waiting takes no time.
    """
    path = cases or file.with_name(f"{file.stem}.test.yml")
    if not path.is_file():
        raise click.ClickException(
            f"There is no {path}. Write the cases there, or name them by --cases."
        )
    try:
        book = read_casebook(yaml.safe_load(path.read_text()))
    except (ValueError, yaml.YAMLError) as error:
        raise click.ClickException(f"{path}: {error}") from None
    run = _compiled(_definition(file), kind, file)
    outcomes = [play_case(run, case, random.Random(0).random) for case in book.cases]
    if is_json:
        click.echo(json.dumps(list(map(_told, outcomes)), indent=2))
    else:
        _show(outcomes)
    if any(outcome.differences for outcome in outcomes):
        raise SystemExit(1)


def _definition(file: Path) -> str:
    text = file.read_text()
    if file.suffix not in _YAML:
        return text
    try:
        return json.dumps(yaml.load(text, Loader=_Loader))
    except yaml.YAMLError as error:
        raise click.ClickException(f"{file}: {error}") from None


class _Loader(yaml.SafeLoader):
    """YAML without timestamps, which JSON has not."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _compiled(text: str, kind: str, file: Path) -> Run:
    try:
        return Run(compile_definition(text, kind=kind), kind)
    except InvalidDefinition as error:
        raise click.ClickException(f"{file}: {error}") from None


def _wire(found: Diagnostic) -> dict[str, Any]:
    told = {"severity": found.severity, "code": found.code, "message": found.message}
    return told if found.location is None else {**told, "location": found.location}


def _told(outcome: Outcome) -> dict[str, Any]:
    played = outcome.rehearsal
    told: dict[str, Any] = {
        "name": outcome.name,
        "passed": not outcome.differences,
        "differences": outcome.differences,
    }
    if played is not None:
        told |= {"status": played.status, "path": played.path, "output": played.output}
        told |= {"error": played.error, "cause": played.cause, "duration_ms": played.duration_ms}
    return told


def _show(outcomes: list[Outcome]) -> None:
    console = wide_console()
    for outcome in outcomes:
        mark = "[red]FAIL[/red]" if outcome.differences else "[green]ok[/green]  "
        console.print(f"{mark} {escape(outcome.name)}")
        if outcome.rehearsal is not None:
            console.print(f"       [dim]{escape(' → '.join(outcome.rehearsal.path))}[/dim]")
        for difference in outcome.differences:
            console.print(f"       {escape(difference)}", soft_wrap=True)
    failed = sum(bool(outcome.differences) for outcome in outcomes)
    console.print(f"{len(outcomes) - failed} passed, {failed} failed")
