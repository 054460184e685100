"""What a deployment looks like: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from pileus.deploy.stacks import ResourceProgress

_DETAIL_WIDTH = 70
_SHOWN_MAX = 200
_COLOURS = {"COMPLETE": "green", "IN_PROGRESS": "yellow", "FAILED": "red"}


class DeploymentDisplay:
    """Shows a deployment's progress on standard error, so that results stay alone on output.

    Use it as a context manager.

    Args:
        is_quiet: show warnings and failures only.
    """

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._is_live = self._console.is_terminal and not is_quiet
        self._is_quiet = is_quiet
        self._step = ""
        self._detail = ""
        self._resources: dict[str, ResourceProgress] = {}
        self._live = Live(console=self._console, get_renderable=self._table, transient=False)

    def __enter__(self) -> DeploymentDisplay:
        if self._is_live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_live:
            self._step = self._detail = ""
            self._live.refresh()
            self._live.stop()

    def step(self, what: str) -> None:
        """A new part of the work begins."""
        self._step, self._detail = what, ""
        if self._is_live:
            self._live.refresh()
        elif not self._is_quiet:
            self._console.print(escape(what))

    def detail(self, what: str) -> None:
        """Something about the present step, shown in passing."""
        self._detail = what[:_DETAIL_WIDTH]

    def warn(self, what: str) -> None:
        """Something that works, but not as written."""
        self._console.print(f"[yellow]warning:[/] {escape(what)}", soft_wrap=True)

    def resource(self, event: ResourceProgress) -> None:
        """An event of the stack."""
        self._resources[event.resource] = event
        if self._is_live:
            self._live.refresh()
        elif event.is_failure or not self._is_quiet:
            reason = f"  {event.reason}" if event.reason else ""
            line = f"  {event.status:<28} {event.resource} ({event.kind}){reason}"
            self._console.print(escape(line), soft_wrap=True)

    def _table(self) -> Table:
        """The newest state of every resource; on a small terminal, those that still move."""
        table = Table.grid(padding=(0, 2))
        rows = list(self._resources.values())
        room = max(4, min(_SHOWN_MAX, self._console.size.height - 4))
        if len(rows) > room:
            done = [row for row in rows if row.status.endswith("_COMPLETE")]
            rows = [row for row in rows if not row.status.endswith("_COMPLETE")]
            rows = [*done[-(room - len(rows)) :], *rows][:room] if len(rows) < room else rows[:room]
        for row in rows:
            colour = next((c for end, c in _COLOURS.items() if row.status.endswith(end)), "white")
            words = row.status.lower().replace("_", " ")
            table.add_row(
                f"  [{colour}]{words}[/]",
                escape(row.resource),
                f"[dim]{escape(row.kind)}[/]",
                f"[red]{escape(row.reason)}[/]" if row.is_failure else "",
            )
        if self._step:
            table.add_row(f"[bold]{escape(self._step)}[/]", f"[dim]{escape(self._detail)}[/]")
        return table
