"""A run's answers as a table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from somersault.errors import ConfigError
from somersault.runs import LabelRow, Run, load_run, read_label_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_labels"]


def read_labels(source: str | Path | Run) -> pd.DataFrame:
    """Read a run's answers into a pandas data frame, one row per answer in its latest revision, oldest first.

    The columns are the fields of `somersault.runs.LabelRow`; ``answered`` is the time of the answer in UTC. Those of a running
    run are read as they are committed.

    Args:
        source: the folder of a run, or what `somersault.load_run` gave.

    Raises:
        NotFoundError: there is no run.
        ConfigError: pandas is missing.
        CorruptDataError: the answers can't be read.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ConfigError("reading labels needs pandas: pip install 'somersault[labels]'") from error
    run = source if isinstance(source, Run) else load_run(source)
    names = [field.name for field in dataclasses.fields(LabelRow)]
    rows = [dataclasses.astuple(row) for row in read_label_rows(run)]
    frame = pd.DataFrame(rows, columns=names)
    frame["answered"] = pd.to_datetime(frame.pop("answered_ms"), unit="ms", utc=True)
    return frame
