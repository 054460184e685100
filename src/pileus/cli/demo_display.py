"""What a demonstration looks like: live on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pileus.cli.demo_player import Played
from pileus.deploy.demonstration import Pace, Results, Summary
from pileus.values.percentiles import percentile

PLAIN_EVERY_S = 10.0
_SPARKS = " ▁▂▃▄▅▆▇█"
_SPARKS_SHOWN = 40
_BAR = 40


class DemoDisplay:
    """Progress while the video plays; use it as a context manager.

    Args:
        page: address of the page.
    """

    def __init__(self, console: Console, page: str) -> None:
        self._console = console
        self._page = page
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._next_s = 0.0

    def __enter__(self) -> DemoDisplay:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, results: Results, played: Played, now_s: float) -> None:
        """The state of things; without a terminal a line every ten seconds.

        Args:
            now_s: monotonic.
        """
        if self._console.is_terminal:
            self._live.update(self._table(results, played), refresh=True)
        elif now_s >= self._next_s and results.segments:
            self._next_s = now_s + PLAIN_EVERY_S
            self._console.print(_line(results, played), soft_wrap=True)

    def _table(self, results: Results, played: Played) -> Table:
        wanted, done = played.expected, len(results.segments)
        share = min(1.0, done / wanted) if wanted else 0.0
        grid = Table.grid(padding=(0, 2))
        grid.add_row("page", f"[bold]{self._page}[/bold]")
        grid.add_row("segments", f"{'━' * round(share * _BAR):<{_BAR}} {done} of {wanted or '?'}")
        if results.segments:
            newest = results.segments[-1]
            lags = [float(segment.lag_ms) for segment in results.segments]
            grid.add_row("people now", f"[bold]{newest.persons}[/bold]   {_recent(results)}")
            grid.add_row("lag", f"{_s(newest.lag_ms)}, p95 {_s(percentile(lags, 0.95) or 0.0)}")
            grid.add_row("frames", f"{results.frames}, {_rate(results):.1f} a second")
        return grid


def show_summary(console: Console, told: Summary, played: Played) -> None:
    """The end of a demonstration: figures, the conversation, and whether the machine kept up."""
    table = Table(title="Edifice Corb", show_header=False, title_justify="left")
    table.add_row("segments", f"{told.segments} of {len(played.keys)}")
    table.add_row("frames analysed", str(told.frames_analysed))
    table.add_row("people over time", f"{_spark(told.people_over_time)}  peak {told.people_peak}")
    table.add_row("lag p50 / p95", f"{_s(told.lag_ms_p50)} / {_s(told.lag_ms_p95)}")
    cold_and_warm = f"{_ms(told.cold_ms_p50)} / {_ms(told.warm_ms_p50)}"
    table.add_row("VideoIngress cold / warm p50", cold_and_warm)
    table.add_row("requests", f"{told.requests}, {told.gb_seconds:.2f} GB-seconds")
    for each in told.sms:
        arrow = "→ app" if each["direction"] == "in" else "← app"
        table.add_row(f"SMS {arrow}", each["text"])
    table.add_row("detections", told.detections_file)
    console.print(table)
    if told.pace.is_late:
        console.print(f"[yellow]{behind(told.pace)}[/]", soft_wrap=True)


def behind(pace: Pace) -> str:
    """What to tell whose machine was late."""
    late = f"results came {_s(pace.late_ms)} after capture, and {_s(pace.limit_ms)} is in time"
    if pace.has_kept_up:
        return (
            f"In the end {late}. This machine kept up, but answers slowly: end other work on it, or "
            "choose a lower --speed."
        )
    return (
        f"This machine did not keep up: in the end {late}. Nothing is lost by it. It would manage "
        f"about --speed {pace.speed_possible:g}; or end other work on it, or play a video with "
        "fewer frames a second."
    )


def _line(results: Results, played: Played) -> str:
    newest = results.segments[-1]
    people = "1 person" if newest.persons == 1 else f"{newest.persons} people"
    return (
        f"{len(results.segments)} of {played.expected or '?'} segments, {people} now, "
        f"lag {_s(newest.lag_ms)}, {results.frames} frames, {_rate(results):.1f} a second"
    )


def _rate(results: Results) -> float:
    first, newest = results.segments[0], results.segments[-1]
    return results.frames / max(0.001, (newest.stored_ms - first.captured_ms) / 1000)


def _recent(results: Results) -> str:
    return _spark([segment.persons for segment in results.segments][-_SPARKS_SHOWN:])


def _spark(values: list[int]) -> str:
    top = max(values, default=0) or 1
    return "".join(_SPARKS[round(value / top * (len(_SPARKS) - 1))] for value in values)


def _s(value_ms: float) -> str:
    return f"{value_ms / 1000:.2f} s"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
