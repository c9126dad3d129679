"""A learned reward model that scores transitions, with numpy alone.

Preferences leave the offset and scale of its members' rewards undetermined (Christiano et al. 2017, section 2.2.1). A run
standardises each member over every rollout, then takes the mean; here each is standardised by its moments over the run's
stored segments, so that the same transition always has the same score.

Shapes: B transitions, K members, O observation length, F frames of H x W pixels, A action length, D
choices made at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.domain.frames import observations_of, unpacked
from somersault.errors import InvalidInputError
from somersault.export.shipped.reward_model import RewardModel as Scorer
from somersault.runs import Run, load_run

__all__ = ["RewardModel", "load_reward_model"]

Observations = NDArray[Any] | Mapping[str, NDArray[Any]]

_MAX_SEGMENTS = 256  # 19,000 steps of a hopper: the moments are right to a hundredth
_LEAST_STD = 1e-6  # as the learner's


class RewardModel:
    """Scores transitions with one version of a run's reward model. May be shared by threads."""

    def __init__(self, arrays: dict[str, FloatArray], *, version: int) -> None:
        """Take an ensemble's arrays by the names of docs/protocol.md, and each member's moments.

        Args:
            arrays: float32; ``member_mean`` and ``member_std`` are ``[K, 1]``.
            version: the run's reward version.
        """
        self.arrays = arrays
        self.version = version
        self._scorer = Scorer(arrays)

    def __repr__(self) -> str:
        sees = "pictures" if self.is_image else "numbers"
        return f"<RewardModel version {self.version} that looks at {sees}>"

    @property
    def is_image(self) -> bool:
        """Whether it sees pictures."""
        return "filters.0" in self.arrays

    def score(self, observations: Observations, actions: NDArray[Any]) -> FloatArray:
        """Return the learned reward of transitions, with mean about 0 and standard deviation 1 over the run's segments.

        Args:
            observations: ``[B, O]`` numbers, or uint8 ``[B, F, H, W]``: what was observed before the action; where numbers
                lie beside pictures, both, by ``pictures`` and ``numbers``.
            actions: ``[B, A]``, within -1 and 1 as executed, or choices, ``[B]`` or ``[B, D]``.

        Returns:
            ``[B]`` float32.

        Raises:
            InvalidInputError: an array has the wrong shape.
        """
        seen = self._checked(observations, np.asarray(actions))
        return self._scorer.score(seen, actions)

    def members(self, observations: Observations, actions: NDArray[Any]) -> FloatArray:
        """Return each member's score, ``[K, B]`` float32, not standardised; see `score`."""
        seen = self._checked(observations, np.asarray(actions))
        return np.asarray(self._scorer.members(seen, np.asarray(actions)), np.float32)

    def _checked(
        self, observations: Observations, actions: NDArray[Any]
    ) -> NDArray[Any] | dict[str, NDArray[Any]]:
        if not isinstance(observations, Mapping):
            self._check(np.asarray(observations), actions)
            return np.asarray(observations)
        self._check(np.asarray(observations["pictures"]), actions)
        return {name: np.asarray(observations[name]) for name in ("numbers", "pictures")}

    def _check(self, observations: NDArray[Any], actions: NDArray[Any]) -> None:
        if len(observations) != len(actions):
            raise InvalidInputError(
                "number of actions", len(actions), f"{len(observations)}, as observations"
            )
        if self.is_image:
            num_frames = self.arrays["filters.0"].shape[2]
            if observations.ndim != 4 or observations.shape[1] != num_frames:
                bound = f"(B, {num_frames}, H, W)"
                raise InvalidInputError("shape of observations", observations.shape, bound)
            return
        width, sizes = self.arrays["weights.0"].shape[1], self.arrays.get("choice_sizes")
        given, bound = observations.shape[-1], f"[B, O] and [B, A] with O + A = {width}, or [B] choices"
        if sizes is not None:
            bound = f"[B, {width - int(sizes.sum())}] and [B, {len(sizes)}] choices"
            fits = actions.shape[1:] == sizes.shape and given + sizes.sum() == width
        elif actions.ndim == 2:
            fits = given + actions.shape[-1] == width
        else:
            fits = given < width
        if observations.ndim != 2 or not fits:
            raise InvalidInputError(
                "shapes of observations and actions", (observations.shape, actions.shape), bound
            )


def load_reward_model(source: str | Path | Run) -> RewardModel:
    """Load a run's newest reward model and measure its members over the run's stored segments.

    Args:
        source: the folder of a run, or a `Run`.

    Raises:
        NotFoundError: there is no run.
        FailedPreconditionError: it has no reward model: a reference run, or nothing is answered yet.
        CorruptDataError: it can't be read.
    """
    run = source if isinstance(source, Run) else load_run(source)
    stored = run.reward_model()
    arrays, sizes = dict(stored.arrays), run.task.choice_sizes
    if sizes and not run.task.spec.is_image:  # a network for pictures doesn't see the action
        arrays["choice_sizes"] = np.array(sizes, np.float32)
    mean, std = _moments(run, Scorer(arrays))
    return RewardModel({**arrays, "member_mean": mean, "member_std": std}, version=stored.version)


def _moments(run: Run, scorer: Scorer) -> tuple[FloatArray, FloatArray]:
    """Measure the mean and standard deviation of each member, ``[K, 1]``, over segments evenly spread over the run."""
    keys = run.segment_keys()
    chosen = (
        [keys[index] for index in np.unique(np.linspace(0, len(keys) - 1, _MAX_SEGMENTS).astype(int))]
        if keys
        else []
    )
    scores = []
    for key in chosen:
        segment = run.segment(key)
        stacks = observations_of(segment["observations"], num_frames=run.task.num_frames)
        scores.append(scorer.members(unpacked(stacks, spec=run.task.spec), segment["actions"]))
    if not scores:
        num_members = len(scorer.arrays["weights.0"])
        return np.zeros((num_members, 1), np.float32), np.ones((num_members, 1), np.float32)
    members = np.concatenate(scores, axis=1).astype(np.float64)
    mean, std = members.mean(axis=1, keepdims=True), members.std(axis=1, keepdims=True)
    return mean.astype(np.float32), np.maximum(std, _LEAST_STD).astype(np.float32)
