"""The ``pileus`` command."""

from __future__ import annotations

import importlib
import os
import sys

import click

from pileus import __version__
from pileus.values.errors import PileusError, ServiceError

_COMMANDS = {
    "up": ("pileus.cli.up", "Start the platform and stay in the foreground."),
    "demo": ("pileus.cli.demo", "Run a demonstration on real input, by one command."),
    "create": ("pileus.cli.create", "Make a new service from a template."),
    "deploy": ("pileus.cli.deploy", "Deploy a serverless.yml or a CloudFormation template."),
    "invoke": ("pileus.cli.invoke", "Invoke a function, deployed or --local."),
    "logs": ("pileus.cli.logs", "Show a function's log, --tail to follow."),
    "remove": ("pileus.cli.remove", "Remove a deployed service."),
    "ps": ("pileus.cli.ps", "Show what runs: functions, queues, usage."),
    "source": ("pileus.cli.source", "Live media sources: add, list, show, remove."),
    "engine": ("pileus.cli.engine", "Engines on live media: list, show."),
    "pipeline": ("pileus.cli.pipeline", "Engines on sources: list, show, results."),
    "sfn": ("pileus.cli.sfn", "State machines: validate, graph, test."),
    "image": ("pileus.cli.image", "Container images: import, build, list, export, prune."),
    "env": ("pileus.cli.env", "Environments (stages), each an account of its own."),
    "config": ("pileus.cli.config", "Settings as they are in force."),
    "doctor": ("pileus.cli.doctor", "What this machine allows, and what is missing."),
}


class _Lazy(click.Group):
    """Imports a command's module only when it is called, so that ``pileus`` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, told) for name, (_, told) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="pileus")
def cli() -> None:
    """A serverless cloud on your own machines, live video and audio included."""


def main() -> None:
    """Entry point: our own errors end with one clear line, not with a traceback."""
    try:
        cli.main(prog_name="pileus", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ServiceError as error:
        click.echo(f"pileus: {error.code}: {error.message}", err=True)
        sys.exit(1)
    except PileusError as error:
        click.echo(f"pileus: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever reads has enough (`pileus ps | head`); Python would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        click.echo(f"pileus: {error.filename}: {error.strerror}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
