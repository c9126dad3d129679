"""The maths of the pages' charts: ticks that say what they stand at, smoothing, tables."""

from __future__ import annotations

import csv
import io

import pytest

from tests.services.web.page.page_module import called


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0, 2.5, 5, 7.5, 10], ["0", "2.5", "5.0", "7.5", "10.0"]),
        ([0, 0.125, 0.25], ["0", "0.125", "0.250"]),
        ([-1, 0, 1], ["\N{MINUS SIGN}1", "0", "1"]),
        ([0, 12_500, 25_000], ["0", "12.5k", "25.0k"]),
        ([0, 500_000, 1_000_000], ["0", "0.5M", "1.0M"]),
        ([0, 1_250, 2_500], ["0", "1250", "2500"]),
    ],
)
def test_ticks_say_exactly_where_they_stand(values, words) -> None:
    """Even ticks at 2.5 and 7.5 that say 3 and 8 would make the spaces between them a lie."""
    assert called("chart/scale.ts", "tickWords", values) == words


@pytest.mark.parametrize(("high", "expected"), [(3, [0, 1, 2, 3]), (10, [0, 5, 10]), (60, [0, 20, 40, 60])])
def test_counts_have_whole_ticks(high, expected) -> None:
    """A label is complete or absent."""
    assert (
        called("chart/scale.ts", "ticks", {"low": 0, "high": high}, 4 if high == 3 else 3, True) == expected
    )


@pytest.mark.parametrize(
    ("seconds", "count", "words"),
    [
        (25, 5, ["0", "5 s", "10 s", "15 s", "20 s", "25 s"]),
        (100, 4, ["0", "30 s", "60 s", "90 s"]),
        (3600, 4, ["0", "15 min", "30 min", "45 min", "60 min"]),
        (5 * 3600, 5, ["0", "1 h", "2 h", "3 h", "4 h", "5 h"]),
        (3 * 86_400, 5, ["0", "1 d", "2 d", "3 d"]),
    ],
)
def test_time_is_ticked_as_clocks_are(seconds, count, words) -> None:
    """In 15 minutes and hours, never in 2.5 hours."""
    ticks = called("chart/axis.ts", "timeTicks", {"low": 0, "high": seconds}, count)
    assert called("chart/axis.ts", "timeTickWords", ticks) == words


def test_smoothing_is_tensorboards() -> None:
    """At weight ½: 4, then (½·2 + ½·1)/(1 - ¼) = 8/3 … worked out by hand, a gap stays a gap."""
    # averages 2, 1, 4.5; divided by 1/2, 3/4, 7/8
    expected = [4, None, 4 / 3, 36 / 7]
    assert called("chart/smoothing.ts", "smoothed", [4, None, 0, 8], 0.5) == pytest.approx(expected)


def test_smoothing_by_nothing_changes_nothing() -> None:
    """The curve itself."""
    assert called("chart/smoothing.ts", "smoothed", [4, None, 0], 0) == [4, None, 0]


def test_the_table_has_a_row_for_each_point() -> None:
    """Readable by Python's own reader, nothing where there is no value, whatever a run is called."""
    points = [
        {"number": "1", "reportTime": "2026-05-01T12:00:00Z", "numAnswered": "3"},
        {"number": "2", "reportTime": "2026-05-01T12:00:05Z", "envSteps": "2048", "trueReturnMean": 1.5},
    ]
    text = called("chart/run_lines.ts", "tableOf", [{"runId": 'a "b", c', "points": points}])
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["run_id"], first["env_steps"], first["num_answered"], first["true_return_mean"]) == (
        'a "b", c',
        "0",
        "3",
        "",
    )
    assert (second["env_steps"], second["true_return_mean"]) == ("2048", "1.5")


def test_accuracy_is_rendered_once_it_says_something() -> None:
    """From ten answers on, with its interval; what is due never exceeds the budget."""
    points = [
        {
            "number": "1",
            "reportTime": "2026-05-01T12:00:00Z",
            "preferenceAccuracy": 1.0,
            "numAccuracyPreferences": "1",
        },
        {
            "number": "2",
            "reportTime": "2026-05-01T12:00:05Z",
            "preferenceAccuracy": 0.8,
            "numAccuracyPreferences": "20",
            "numLabelsDue": "23",
            "labelBudget": "20",
        },
    ]
    lines = called("chart/run_lines.ts", "linesOf", points)
    assert lines["accuracy"] == [None, 0.8]
    assert lines["accuracyBand"] == [None, pytest.approx([0.584, 0.919], abs=1e-3)]
    assert lines["due"] == [0, 20]
