"""MLflow: the server of ``MLFLOW_TRACKING_URI``, or a database beside the run folders (``mlflow ui --backend-store-uri``).

Its client: https://mlflow.org/docs/latest/api_reference/python_api/mlflow.client.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.cli.curves.sink import CurvePoint, CurveSink, RunFacts
from somersault.cli.curves.trackers.clip_file import clip_file
from somersault.cli.curves.trackers.identity import TrackerIdentity
from somersault.runtime.config import environment
from somersault.runtime.urls import file_url, sqlite_url

__all__ = ["open_sink"]

_NOTE_TAG = "mlflow.note.content"  # what MLflow's page shows as a run's description


def open_sink(facts: RunFacts, *, folder: Path, identity: TrackerIdentity) -> CurveSink:
    """Begin or continue the run's record at MLflow."""
    from mlflow.tracking import MlflowClient

    server = environment("MLFLOW_TRACKING_URI")
    # Without its driver MLflow takes the URL for a path and makes a folder of what stands in it for é, ? and %.
    database = sqlite_url(folder.parent / "mlflow.db", names_driver=True)
    client = MlflowClient(tracking_uri=server or database)
    run_id = identity.stored
    if run_id is None:
        artifacts = None if server else file_url(folder.parent / "mlartifacts")
        run_id = identity.store(_begin(client, facts, artifacts=artifacts))
    else:
        client.update_run(run_id, status="RUNNING")
    return _Mlflow(client, run_id)


def _begin(client: Any, facts: RunFacts, *, artifacts: str | None) -> str:
    name = environment("MLFLOW_EXPERIMENT_NAME", "somersault")
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        experiment_id = experiment.experiment_id
    else:
        experiment_id = client.create_experiment(name, artifact_location=artifacts)
    note = "\n\n".join(f"**{title}**: {text}" for title, text in facts.texts.items())
    run_id: str = client.create_run(experiment_id, tags={_NOTE_TAG: note}, run_name=facts.run_id).info.run_id
    for setting, value in facts.settings.items():
        client.log_param(run_id, setting, value)
    return run_id


class _Mlflow:
    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._status = "KILLED"  # MLflow's word for a run that was stopped

    def write(self, point: CurvePoint) -> None:
        self._log({"run/wall_s": point.wall_s, **point.scalars}, env_steps=point.env_steps)

    def rewind(self, env_steps: int) -> None:
        """Do nothing: what was logged stays."""

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        with clip_file(clip, name=f"{name}-{env_steps:09d}") as path:
            self._client.log_artifact(self._run_id, str(path), "videos")

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        self._log({f"final/{name}": value for name, value in results.items()}, env_steps=env_steps)
        self._status = "FINISHED"

    def close(self) -> None:
        self._client.set_terminated(self._run_id, status=self._status)

    def _log(self, values: Mapping[str, float], *, env_steps: int) -> None:
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, value, now_ms, env_steps) for name, value in values.items()]
        self._client.log_batch(self._run_id, metrics=metrics)
