"""A rollout's observations as rows that minibatches are taken from.

Shapes: ``T`` steps, ``N`` environments, ``M`` episodes that ended, ``R`` rows, ``F`` frames, ``O`` observation length,
``H`` x ``W`` pixels. Row t * N + n is environment n before its action t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.learner.networks.observation_normaliser import ObservationNormaliser
from somersault.domain.arrays import FrameArray
from somersault.domain.packing import numbers_of, with_numbers
from somersault.domain.trajectory import Rollout

__all__ = ["FrameStacks", "ObservationRows", "RolloutObservations", "VectorRows", "arrange_observations"]


class ObservationRows(Protocol):
    """Observations by row."""

    def __len__(self) -> int:
        """R."""
        ...

    def take(self, rows: Tensor) -> Tensor:
        """Gives the observations of ``rows`` ``[B]`` int64, as the networks take them."""
        ...


class VectorRows:
    """Observations that are vectors, normalised."""

    def __init__(self, observations: NDArray[np.float32]) -> None:
        """Takes ``[..., O]`` float32, which is not copied."""
        self._rows = torch.from_numpy(observations.reshape(-1, observations.shape[-1]))

    def __len__(self) -> int:
        """R."""
        return len(self._rows)

    def take(self, rows: Tensor) -> Tensor:
        """Gives ``[B, O]`` float32."""
        return self._rows[rows]


class FrameStacks:
    """Observations that are stacks of pictures; each picture is held once and stacked when taken."""

    def __init__(self, frames: NDArray[np.uint8], *, num_frames: int) -> None:
        """Takes ``[T + F - 1, N, H, W]`` uint8; copied only if it is not contiguous."""
        self._num_environments = int(frames.shape[1])
        self._num_rows = (len(frames) - num_frames + 1) * self._num_environments
        self._frames = frames.reshape(-1, *frames.shape[2:])
        # The frame after the one of row r is one step on: N frames further.
        self._offsets = np.arange(num_frames) * self._num_environments

    def __len__(self) -> int:
        """R."""
        return self._num_rows

    def take(self, rows: Tensor) -> Tensor:
        """Gives ``[B, F, H, W]`` uint8."""
        return torch.from_numpy(np.take(self._frames, rows.numpy()[:, None] + self._offsets, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutObservations:
    """All that a rollout tells of what was observed."""

    acted_on: ObservationRows
    """Before each action: T x N rows."""
    last: ObservationRows
    """With which the next rollout begins: N rows."""
    final: ObservationRows
    """In which episodes ended: M rows, in the order of ``np.nonzero(is_truncated)``."""


def arrange_observations(
    rollout: Rollout, *, num_frames: int, normaliser: ObservationNormaliser | None
) -> RolloutObservations:
    """Arranges a rollout's observations.

    Args:
        rollout: Whose.
        num_frames: F.
        normaliser: Of vectors, or of the numbers beside pictures; None for pictures alone, whose levels are bounded
            already.
    """
    frames, last, final = rollout.observations, rollout.next_observations, rollout.final_observations
    if normaliser is not None and frames.dtype == np.uint8:
        frames, last, final = (_normalise_numbers(each, normaliser) for each in (frames, last, final))
    elif normaliser is not None:
        return RolloutObservations(
            acted_on=VectorRows(normaliser.normalise(frames)),
            last=VectorRows(normaliser.normalise(last)),
            final=VectorRows(normaliser.normalise(final)),
        )
    recent = frames[len(frames) - num_frames + 1 :]
    step, environment = np.nonzero(rollout.is_truncated)
    # Before the frame in which an episode ended stand the F - 1 newest of the observation before its last action.
    before = frames[step + np.arange(1, num_frames)[:, None], environment]
    return RolloutObservations(
        acted_on=_stacks(frames, num_frames=num_frames),
        last=_stacks(np.concatenate([recent, last[None]]), num_frames=num_frames),
        final=_stacks(np.concatenate([before, final[None]]), num_frames=num_frames),
    )


def _normalise_numbers(frames: FrameArray, normaliser: ObservationNormaliser) -> NDArray[np.uint8]:
    """Return frames of pictures and numbers whose numbers are normalised."""
    numbers = numbers_of(frames, num_numbers=normaliser.observation_dim)
    return with_numbers(np.asarray(frames, np.uint8), normaliser.normalise(numbers))


def _stacks(frames: FrameArray, *, num_frames: int) -> FrameStacks:
    return FrameStacks(np.asarray(frames, np.uint8), num_frames=num_frames)
