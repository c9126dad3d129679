"""Reads runs from their folders: settings, curves, policies, reward models and labels.

Works on finished, stopped and running runs alike, because nothing here writes.
"""

from somersault.runs.labels import LabelRow, read_label_rows
from somersault.runs.listing import distinct_names, find_runs
from somersault.runs.run import Run, StoredPolicy, StoredRewardModel, load_run
from somersault.runs.settings import RunSettings
from somersault.runs.state import RunState

__all__ = [
    "LabelRow",
    "Run",
    "RunSettings",
    "RunState",
    "StoredPolicy",
    "StoredRewardModel",
    "distinct_names",
    "find_runs",
    "load_run",
    "read_label_rows",
]
