"""The progress display: a live panel on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from somersault.cli.monitoring.accuracy import telling_accuracy
from somersault.cli.monitoring.progress import RunProgress

__all__ = ["Display", "open_display", "print_line"]

_LINE_EVERY_S = 5.0


class Display(Protocol):
    """Shows a run's progress for as long as its context lasts."""

    def __enter__(self) -> Self:
        """Start to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the last state on the screen."""
        ...

    def show(self, progress: RunProgress, *, note: str, num_restarts: int) -> None:
        """Show the newest progress; ``note`` says what the run is doing or waiting for."""
        ...

    def say(self, text: str) -> None:
        """Print a line that stays."""
        ...


def open_display(console: Console, *, task: str) -> Display:
    """Return the display that suits the console."""
    return _LiveDisplay(console, task=task) if console.is_terminal else _LineDisplay(console)


def print_line(console: Console, text: str) -> None:
    """Print text verbatim: rich would read styles, emoji, tabs and line ends into paths and commands."""
    console.print(Segments([Segment(text), Segment.line()]), crop=False, soft_wrap=True, end="")


class _LiveDisplay:
    """Redraws a panel in place."""

    def __init__(self, console: Console, *, task: str) -> None:
        self._live = Live(Text("starting"), console=console, refresh_per_second=4)
        self._task = task

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, progress: RunProgress, *, note: str, num_restarts: int) -> None:
        self._live.update(_panel(progress, task=self._task, note=note, num_restarts=num_restarts))

    def say(self, text: str) -> None:
        print_line(self._live.console, text)


class _LineDisplay:
    """Prints a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_s = -_LINE_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, progress: RunProgress, *, note: str, num_restarts: int) -> None:
        now = time.monotonic()
        if now - self._last_s < _LINE_EVERY_S and not progress.is_finished:
            return
        self._last_s = now
        self.say(format_line(progress, note=note, num_restarts=num_restarts))

    def say(self, text: str) -> None:
        print_line(self._console, text)


def format_line(progress: RunProgress, *, note: str, num_restarts: int) -> str:
    """Return progress as one line of plain text."""
    parts = [
        f"{_percent(progress)} {progress.env_steps:,}/{progress.total_env_steps:,} steps",
        *(f"{name} {value}" for name, value in _figures(progress, num_restarts=num_restarts)),
        note,
    ]
    return "  ".join(parts)


def format_duration(seconds: float | None) -> str:
    """Return ``m:ss``, or ``h:mm:ss`` from an hour on; a dash for None."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _percent(progress: RunProgress) -> str:
    share = min(
        1.0, progress.env_steps / max(1, progress.total_env_steps)
    )  # the last rollout may go past the end
    return f"{100 * share:3.0f}%"


def _figures(progress: RunProgress, *, num_restarts: int) -> list[tuple[str, str]]:
    """Return what is known, by name, in display order."""
    figures = []
    if progress.label_budget and progress.has_labels:
        figures.append(("labels", f"{progress.num_labels}/{progress.label_budget}"))
    if progress.true_return_mean is not None:
        figures.append(("true return", f"{progress.true_return_mean:,.0f}"))
    if progress.flips_mean is not None:
        figures.append(("flips", f"{progress.flips_mean:.2f}"))
    accuracy = telling_accuracy(progress.preference_accuracy, num_answers=progress.num_accuracy_preferences)
    if accuracy is not None:
        figures.append(("predicted", f"{100 * accuracy:.0f}%"))
    figures.append(("steps/s", f"{progress.env_steps_per_s:,.0f}"))
    figures.append(("time left", format_duration(progress.time_left_s)))
    if num_restarts:
        figures.append(("restarts", str(num_restarts)))
    return figures


def _panel(progress: RunProgress, *, task: str, note: str, num_restarts: int) -> RenderableType:
    bars = Table.grid(padding=(0, 2))
    bars.add_row(
        "steps",
        ProgressBar(total=max(1, progress.total_env_steps), completed=progress.env_steps, width=40),
        f"{progress.env_steps:,}/{progress.total_env_steps:,}",
    )
    if progress.label_budget and progress.has_labels:
        bars.add_row(
            "labels",
            ProgressBar(total=progress.label_budget, completed=progress.num_labels, width=40),
            f"{progress.num_labels}/{progress.label_budget}",
        )
    figures = Table.grid(padding=(0, 2))
    shown = [pair for pair in _figures(progress, num_restarts=num_restarts) if pair[0] != "labels"]
    figures.add_row(*(Text(name, style="dim") for name, _ in shown))
    figures.add_row(*(Text(value, style="bold") for _, value in shown))
    return Group(Text.assemble((task, "bold"), f"  {note}"), bars, figures)
