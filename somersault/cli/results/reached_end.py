"""Whether a run that is not being trained reached its end, judged by its folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.errors import CorruptDataError
from somersault.formats.strict_json import load_json

__all__ = ["summary_of_end"]


def summary_of_end(config: RunConfig, folder: RunFolder) -> Mapping[str, Any] | None:
    """Return a run's summary if the run reached the end of its settings or was finished early; None otherwise.

    Raises:
        CorruptDataError: it can't be read.
    """
    try:
        summary = load_json(folder.summary.read_text(encoding="utf-8"))
        is_end = summary["video"] is not None and _is_of(summary, config=config, folder=folder)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptDataError(f"{folder.summary} can't be read: {error}") from error
    return summary if is_end else None


def _is_of(summary: Mapping[str, Any], *, config: RunConfig, folder: RunFolder) -> bool:
    """Return whether a summary still describes a run: it neither went on afterwards nor has steps left by its settings."""
    if "settings" in summary:
        asked = summary["settings"]
        is_asked = asked == {"total_env_steps": config.total_env_steps, "label_budget": config.label_budget}
    else:  # of a run that could not be finished early
        is_asked = (
            summary["env_steps"] >= config.total_env_steps and summary["label_budget"] >= config.label_budget
        )
    newest = int(folder.read_last_progress().get("run/env_steps", 0))
    return is_asked and newest <= int(summary["env_steps"])
