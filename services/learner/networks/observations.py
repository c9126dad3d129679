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
        """Return the observations of ``rows`` ``[B]`` int64, as the networks take them."""
        ...


class VectorRows:
    """Observations that are vectors, normalised."""

    def __init__(self, observations: NDArray[np.float32]) -> None:
        """Arrange ``[..., O]`` float32 by row, without a copy."""
        self._rows = torch.from_numpy(observations.reshape(-1, observations.shape[-1]))

    def __len__(self) -> int:
        """R."""
        return len(self._rows)

    def take(self, rows: Tensor) -> Tensor:
        """Return ``[B, O]`` float32."""
        return self._rows[rows]


class FrameStacks:
    """Observations that are stacks of pictures; each picture is held once and stacked when taken."""

    def __init__(self, frames: NDArray[np.uint8], *, num_frames: int) -> None:
        """Arrange ``[T + F - 1, N, H, W]`` uint8 by row, copied only if not contiguous."""
        self._num_environments = int(frames.shape[1])
        self._num_rows = (len(frames) - num_frames + 1) * self._num_environments
        self._frames = frames.reshape(-1, *frames.shape[2:])
        # The next frame of a row is one step later: N frames on.
        self._offsets = np.arange(num_frames) * self._num_environments

    def __len__(self) -> int:
        """R."""
        return self._num_rows

    def take(self, rows: Tensor) -> Tensor:
        """Return ``[B, F, H, W]`` uint8."""
        return torch.from_numpy(np.take(self._frames, rows.numpy()[:, None] + self._offsets, axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutObservations:
    """All observations of a rollout."""

    acted_on: ObservationRows
    """Before each action: T x N rows."""
    last: ObservationRows
    """That the next rollout begins with: N rows."""
    final: ObservationRows
    """That episodes ended in: M rows, in the order of ``np.nonzero(is_truncated)``."""


def arrange_observations(
    rollout: Rollout, *, num_frames: int, normaliser: ObservationNormaliser | None
) -> RolloutObservations:
    """Arrange a rollout's observations by row.

    Args:
        rollout: The rollout.
        num_frames: F.
        normaliser: For vectors, or for the numbers beside pictures; None for pictures alone, whose levels are bounded
            anyway.
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
    # The frame that an episode ended in is preceded by the F - 1 newest of the observation before its last action.
    before = frames[step + np.arange(1, num_frames)[:, None], environment]
    return RolloutObservations(
        acted_on=_stacks(frames, num_frames=num_frames),
        last=_stacks(np.concatenate([recent, last[None]]), num_frames=num_frames),
        final=_stacks(np.concatenate([before, final[None]]), num_frames=num_frames),
    )


def _normalise_numbers(frames: FrameArray, normaliser: ObservationNormaliser) -> NDArray[np.uint8]:
    """Return frames of pictures and numbers with the numbers normalised."""
    numbers = numbers_of(frames, num_numbers=normaliser.observation_dim)
    return with_numbers(np.asarray(frames, np.uint8), normaliser.normalise(numbers))


def _stacks(frames: FrameArray, *, num_frames: int) -> FrameStacks:
    return FrameStacks(np.asarray(frames, np.uint8), num_frames=num_frames)
