"""What a run's folder tells of its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.results.reached_end import summary_of_end
from somersault.cli.run.folder import RunFolder
from tests.somersault.cli.conftest import make_config

_SETTINGS = {"total_env_steps": 1000, "label_budget": 9}


@pytest.mark.parametrize(
    ("changes", "newest", "is_end"),
    [
        ({"env_steps": 1024}, 1024, True),
        ({"env_steps": 1024, "settings": None}, 1024, True),
        ({"env_steps": 300}, 300, True),  # finished early, then killed before anybody heard of it
        ({"env_steps": 300, "label_budget": 4}, 300, True),  # whose owner had lowered the labels
        ({"env_steps": 300, "settings": None}, 300, False),
        ({"env_steps": 300}, 600, False),  # it went on after that, and was killed
        (
            {"env_steps": 300, "settings": {**_SETTINGS, "label_budget": 5}},
            300,
            False,
        ),  # more labels are asked for now
        ({"env_steps": 1024, "video": None}, 1024, False),
    ],
)
def test_a_summary_tells_of_the_end_or_of_an_earlier_one(
    tmp_path: Path, changes: dict[str, Any], newest: int, is_end: bool
) -> None:
    """Whoever opens a run that was killed is told that it is finished only if it is."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    config = make_config(folder)
    assert (config.total_env_steps, config.label_budget) == (1000, 9)
    summary = {"video": "x", "label_budget": 9, "settings": _SETTINGS} | changes
    if summary["settings"] is None:
        del summary["settings"]
    folder.store_summary(summary)
    folder.progress.write_text(json.dumps({"run/env_steps": newest}) + "\n")
    assert (summary_of_end(config, folder) is not None) == is_end


def test_without_a_summary_there_was_no_end(tmp_path: Path) -> None:
    """It was killed before."""
    folder = RunFolder(tmp_path / "run")
    assert summary_of_end(make_config(folder), folder) is None
