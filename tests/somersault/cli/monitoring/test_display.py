"""What a person sees of a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from somersault.cli.monitoring.display import format_duration, format_line, open_display
from tests.somersault.cli.monitoring.test_progress import make_progress


def test_line_has_everything_that_is_known() -> None:
    """Steps, labels, true return, flips, how well it predicts, speed, time left, restarts and what it does."""
    assert format_line(make_progress(), note="learning", num_restarts=2) == (
        " 25% 250/1,000 steps  labels 3/9  true return 1,234  flips 1.25  predicted 80%  steps/s 10"
        "  time left 1:15  restarts 2  learning"
    )


def test_line_leaves_out_what_nobody_has_told() -> None:
    """A reference run has no labels; before the first episode there is no return."""
    progress = make_progress(
        label_budget=0,
        true_return_mean=None,
        flips_mean=None,
        preference_accuracy=None,
        env_steps_per_s=0.0,
    )
    assert format_line(progress, note="starting", num_restarts=0) == (
        " 25% 250/1,000 steps  steps/s 0  time left -  starting"
    )


def test_labels_are_not_shown_before_they_are_counted() -> None:
    """A resumed run has its earlier answers: until the labeler says how many, 0 would be wrong."""
    unknown = make_progress(num_labels=0, has_labels=False)
    assert "labels" not in format_line(unknown, note="starting", num_restarts=0)
    assert "labels 0/9" in format_line(make_progress(num_labels=0), note="learning", num_restarts=0)
    output = io.StringIO()
    with open_display(Console(file=output, force_terminal=True, width=100), task="hop") as display:
        display.show(unknown, note="starting", num_restarts=0)
    assert "0/9" not in output.getvalue()


def test_nine_answers_are_too_few_to_say_how_well_it_predicts() -> None:
    """As on the pages: after nine right in a row nothing is said, and after the tenth it is."""
    nine = make_progress(preference_accuracy=1.0, num_accuracy_preferences=9)
    ten = make_progress(preference_accuracy=1.0, num_accuracy_preferences=10)
    assert "predicted" not in format_line(nine, note="learning", num_restarts=0)
    assert "predicted 100%" in format_line(ten, note="learning", num_restarts=0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3675, "1:01:15")]
)
def test_duration_reads_like_a_clock(seconds: float | None, text: str) -> None:
    """Minutes and seconds, hours when there are any."""
    assert format_duration(seconds) == text


def test_file_gets_lines_only_now_and_then() -> None:
    """A log of a run is not flooded, and has no control characters."""
    output = io.StringIO()
    with open_display(Console(file=output), task="hopper-backflip") as display:
        for _ in range(50):
            display.show(make_progress(), note="learning", num_restarts=0)
    assert output.getvalue().count("\n") == 1
    assert "\x1b" not in output.getvalue()


def test_terminal_gets_a_live_panel() -> None:
    """The panel has the bars and what the run waits for."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100)
    with open_display(console, task="hopper-backflip") as display:
        display.show(make_progress(), note="waiting for your answers at http://x", num_restarts=1)
        display.say("labeling page: http://x")
    shown = output.getvalue()
    for text in ("hopper-backflip", "waiting for your answers", "250/1,000", "3/9", "1,234", "labeling page"):
        assert text in shown
