"""Draws curves: as PNG, SVG or PDF with matplotlib, or in the terminal without any library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from somersault.cli.analysis.curves import AXES, CURVES, Curve
from somersault.errors import ConfigError, InvalidInputError
from somersault.runtime.output_files import prepare_file, writing

__all__ = ["SUFFIXES", "draw_in_terminal", "write_plot"]

SUFFIXES = (".png", ".svg", ".pdf")

_INCHES = (8.0, 3.2)  # of one curve's axes
_DPI = 150
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999933")
"""Okabe and Ito 2008, safe for colour-blind readers; the last is ours."""

_WIDTH, _HEIGHT = 72, 12  # characters of a terminal's plot
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille character, by row and column
_BRAILLE = 0x2800


def write_plot(path: Path, curves: Sequence[Curve], *, axis: str, title: str, replaces: bool = False) -> None:
    """Draw curves to a file, one panel per curve with all runs in it.

    Raises:
        InvalidInputError: the suffix is unknown.
        ConfigError: matplotlib is missing, or the file can't be written.
        FailedPreconditionError: the file exists and ``replaces`` is false.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidInputError("--out", str(path), f"a file that ends in {', '.join(SUFFIXES)}")
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "drawing to a file needs matplotlib: pip install 'somersault[plot]'; without --out the terminal is used"
        ) from error
    names = list(dict.fromkeys(curve.name for curve in curves))
    runs = list(dict.fromkeys(curve.run for curve in curves))
    width, height = _INCHES
    figure: Any = Figure(figsize=(width, height * len(names) + 0.6), layout="constrained", dpi=_DPI)
    for axes, name in zip(figure.subplots(len(names), squeeze=False, sharex=True)[:, 0], names, strict=True):
        for curve in (curve for curve in curves if curve.name == name):
            colour = _COLOURS[runs.index(curve.run) % len(_COLOURS)]
            marker = "o" if len(curve.places) == 1 else None  # a line needs two points
            axes.plot(curve.places, curve.values, color=colour, linewidth=1.6, marker=marker, label="a run")
        _dress(axes, name, axis)
    if len(runs) > 1:
        drawn = [curve.run for curve in curves if curve.name == names[0]]
        _write_as_it_is(figure.axes[0].legend(frameon=False, fontsize=9).get_texts(), drawn)
    _write_as_it_is([figure.suptitle("", fontsize=11)], [title])
    prepare_file(path, replaces=replaces)
    with writing(path):
        figure.savefig(path)


def draw_in_terminal(curves: Sequence[Curve], *, axis: str) -> str:
    """Return each curve as lines of braille dots."""
    return "\n\n".join("\n".join(_terminal_lines(curve, axis=axis)) for curve in curves)


def _write_as_it_is(places: Sequence[Any], texts: Sequence[str]) -> None:
    """Escape a label: matplotlib takes dollars for formulas and hides labels that begin with an underscore."""
    for place, text in zip(places, texts, strict=True):
        place.set_parse_math(False)
        place.set_text(text)


def _dress(axes: Any, name: str, axis: str) -> None:
    axes.set_ylabel(CURVES[name][1])
    axes.set_xlabel(AXES[axis][1])
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)  # of a range that holds two whole numbers
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
    if name == "accuracy":
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _terminal_lines(curve: Curve, *, axis: str) -> Iterator[str]:
    low, high = min(curve.values), max(curve.values)
    first, last = curve.places[0], curve.places[-1]
    cells = [[0] * _WIDTH for _ in range(_HEIGHT)]
    before: int | None = None
    for column, value in _columns(curve, num_columns=2 * _WIDTH):
        here = round((4 * _HEIGHT - 1) * (1 - (value - low) / ((high - low) or 1)))
        before = here if before is None else before
        # A steep stretch is drawn as a line, not as dots far apart.
        for row in range(min(here, before + 1), max(here, before - 1) + 1):
            cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
        before = here
    margin = max(len(_number(low)), len(_number(high)))
    yield f"{curve.run}: {CURVES[curve.name][1]}, newest {_number(curve.values[-1])}"
    for index, cell in enumerate(cells):
        tick = {0: _number(high), _HEIGHT - 1: _number(low)}.get(index, "")
        yield f"{tick:>{margin}} ┤" + "".join(chr(_BRAILLE + dots) for dots in cell)
    span = f"{_number(first)} {AXES[axis][1]}"
    yield f"{'':>{margin}}  {span}{_number(last):>{_WIDTH - len(span)}}"


def _columns(curve: Curve, *, num_columns: int) -> Iterator[tuple[int, float]]:
    """Yield each column's mean value; a column without values repeats its left neighbour."""
    first, last = curve.places[0], curve.places[-1]
    inside: dict[int, list[float]] = {}
    for place, value in zip(curve.places, curve.values, strict=True):
        column = int((num_columns - 1) * (place - first) / ((last - first) or 1))
        inside.setdefault(column, []).append(value)
    newest = curve.values[0]
    for column in range(max(inside) + 1):
        here = inside.get(column)
        newest = sum(here) / len(here) if here else newest
        yield column, newest


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
