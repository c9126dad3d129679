"""One run, read from its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.domain.keys import (
    checkpoints_prefix,
    policies_prefix,
    policy_key,
    policy_version_of,
    segment_of,
    segments_prefix,
)
from somersault.domain.texts import check_path
from somersault.errors import CorruptDataError, FailedPreconditionError, NotFoundError
from somersault.formats.checkpoint import Checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.formats.safetensors import load_arrays
from somersault.runs.database import count_labels
from somersault.runs.ownership import compare_store
from somersault.runs.progress import Point, curve_of, read_newest_point, read_points
from somersault.runs.settings import RunSettings, read_json_object
from somersault.runs.state import RunState, state_of
from somersault.runtime.config import environment
from somersault.storage import ObjectStore, open_store, read_identity
from somersault.storage.run_place import storage_url_now
from somersault.tasks import Task, get_task

__all__ = ["Run", "StoredPolicy", "StoredRewardModel", "load_run"]

_log = structlog.get_logger()

_SECRETS = ("SOMERSAULT_STORAGE_ACCESS_KEY", "SOMERSAULT_STORAGE_SECRET_KEY")


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """The weights of one policy version."""

    version: int
    data: bytes
    """Safetensors of the arrays that docs/protocol.md names."""
    arrays: dict[str, FloatArray]

    @property
    def sha256(self) -> str:
        """The digest of the weights' bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredRewardModel:
    """The weights of one reward version: an ensemble's arrays, by the names in docs/protocol.md."""

    version: int
    arrays: dict[str, FloatArray]


class Run:
    """A finished, stopped or running run. Everything is read on demand; nothing is ever written."""

    def __init__(self, path: Path) -> None:
        """Read a run's settings from its folder.

        Raises:
            NotFoundError: there is no run in it.
            CorruptDataError: it was made by another version of somersault, or is damaged.
            InvalidInputError: its path isn't text.
        """
        self.path = check_path("run folder", path.absolute())
        self.settings = RunSettings.read(self.path)
        self._said_unknown: set[str] = set()

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, task={self.settings.task!r}, state={self.state.value!r})"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @cached_property
    def task(self) -> Task:
        """The task.

        Raises:
            InvalidInputError: the task's file or package is gone.
        """
        return get_task(self.settings.task)

    @property
    def summary(self) -> dict[str, Any] | None:
        """The results of ``summary.json``; None before the run's end."""
        path = self.path / "summary.json"
        return read_json_object(path) if path.is_file() else None

    @property
    def newest_point(self) -> Point:
        """The newest point of the curves, an empty one if there is none."""
        return read_newest_point(self.path / "progress.jsonl")

    @property
    def points(self) -> list[Point]:
        """All points of the curves, oldest first."""
        return read_points(self.path / "progress.jsonl")

    def curve(self, name: str) -> tuple[list[int], list[float]]:
        """Return a curve, such as ``episode/true_return_mean``, as steps and values.

        Raises:
            InvalidInputError: there is no curve of that name; the message lists those there are.
        """
        return curve_of(self.points, name)

    @property
    def state(self) -> RunState:
        """Whether it is running, stopped or finished."""
        return state_of(self.path, summary=self.summary, newest=self.newest_point)

    @property
    def started_s(self) -> float:
        """When it began, in seconds since 1970."""
        tokens = self.path / "tokens.json"  # written once; the settings are stored again by --resume
        return (tokens if tokens.exists() else self.path / "config.json").stat().st_mtime

    @property
    def labels(self) -> Path:
        """The database of its answers; it may not exist."""
        return self.path / "labels.sqlite"

    @property
    def num_labels(self) -> int:
        """Labels so far: as reported by a running training, else as stored, including late answers."""
        stored = None if self.state is RunState.RUNNING else count_labels(self.labels)
        if stored is not None:
            return stored
        return int(self.newest_point.get("run/labels", (self.summary or {}).get("labels", 0)))

    @cached_property
    def store(self) -> ObjectStore:
        """Where its objects are: its own folder, even if it was moved, or the store it was told to use.

        Raises:
            ConfigError: the store's keys are missing from the environment.
            FailedPreconditionError: it isn't this run's.
        """
        url = storage_url_now(self.settings.storage_url, folder=self.path, run_id=self.settings.run_id)
        access_key, secret_key = (environment(name) for name in _SECRETS)
        store = open_store(url, access_key=access_key, secret_key=secret_key)
        run_id = self.settings.run_id
        compare_store(
            read_identity(store, run_id),
            run_id=run_id,
            identity=self.settings.identity,
            place=url,
            remedy="put it back or mount it; `somersault train` with --resume --storage-url names another",
        )
        return store

    @property
    def prefix(self) -> str:
        """The first component of its objects' keys, without the slash."""
        return self.settings.run_id

    def policy_versions(self) -> list[int]:
        """Return the versions of the stored policies, oldest first."""
        run_id = self.settings.run_id
        versions = [
            (key, policy_version_of(key, run_id=run_id)) for key in self.store.list(policies_prefix(run_id))
        ]
        self._say_unknown(key for key, version in versions if version is None)
        return sorted(version for _, version in versions if version is not None)

    def policy(self, version: int | None = None) -> StoredPolicy:
        """Read a policy; by default the newest.

        Raises:
            FailedPreconditionError: none is stored yet.
            NotFoundError: that version isn't stored.
            CorruptDataError: it can't be read.
        """
        versions = self.policy_versions()
        if not versions:
            raise FailedPreconditionError(
                f"run {self.path} has no policy yet: the first is stored with its first checkpoint"
            )
        if version is not None and version not in versions:
            raise NotFoundError(f"policy version {version} of run {self.path} isn't stored; {versions} are")
        chosen = versions[-1] if version is None else version
        key = policy_key(self.settings.run_id, chosen)
        data = self.store.get(key)
        return StoredPolicy(chosen, data, _load(key, data))

    def reward_model(self) -> StoredRewardModel:
        """Read the newest reward model.

        Raises:
            FailedPreconditionError: it has none, being a reference run or before the first checkpoint.
            CorruptDataError: it can't be read.
        """
        if self.settings.is_reference:
            raise FailedPreconditionError(
                f"run {self.path} trained on the true reward: it has no reward model"
            )
        series = CheckpointSeries(self.store, checkpoints_prefix(self.settings.run_id, "reward"))
        found = series.restore(_reward_model_of)
        if found is None:
            raise FailedPreconditionError(
                f"run {self.path} has no reward model yet: the first is stored after the first answers"
            )
        return found

    def segment_keys(self) -> list[str]:
        """Return the keys of the stored segments, sorted; objects of other names beside them are not ours."""
        keys = list(self.store.list(segments_prefix(self.settings.run_id)))
        self._say_unknown(key for key in keys if not segment_of(key))
        return sorted(key for key in keys if segment_of(key))

    def _say_unknown(self, keys: Iterable[str]) -> None:
        """Log each object whose name isn't one of ours, once: it is neither read nor removed."""
        for key in keys:
            if key not in self._said_unknown:
                self._said_unknown.add(key)
                _log.warning("unknown_object_left_alone", key=key)

    def segment(self, key: str) -> dict[str, NDArray[Any]]:
        """Read a segment's arrays: ``observations``, ``actions`` and what it is rendered from.

        Raises:
            CorruptDataError: it can't be read.
        """
        return _load(key, self.store.get(key))

    def segment_object(self, key: str) -> bytes:
        """Return a segment's stored bytes, by its key in the run's answers.

        Raises:
            NotFoundError: it isn't stored.
        """
        return self.store.get(key)


def load_run(path: str | Path) -> Run:
    """Open the run in a folder; see `Run`.

    Raises:
        NotFoundError: there is no run in it.
        CorruptDataError: it was made by another version of somersault, or is damaged.
    """
    return Run(Path(path).expanduser())


def _reward_model_of(saved: Checkpoint) -> StoredRewardModel:
    """Return the reward model that a checkpoint holds.

    Raises:
        CorruptDataError: it has no version.
    """
    of_ensemble = {
        name.removeprefix("ensemble."): np.asarray(array, np.float32)
        for name, array in saved.arrays.items()
        if name.startswith("ensemble.")
    }
    try:
        return StoredRewardModel(int(saved.facts["reward_version"]), of_ensemble)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptDataError(f"reward checkpoint lacks {error}") from error


def _load(key: str, data: bytes) -> dict[str, NDArray[Any]]:
    try:
        return load_arrays(data, what="it")
    except CorruptDataError as error:
        raise CorruptDataError(f"{key} can't be read: {error}") from error
