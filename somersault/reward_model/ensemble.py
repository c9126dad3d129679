"""An ensemble of reward predictors over arrays: all that the services see of the networks.

Shapes: ``K`` members, ``T`` steps, ``F`` frames an observation; ``*observation`` is ``O`` or ``F, H, W``, ``*frame`` is
``O`` or ``H, W``, ``*action`` is ``A`` or nothing; ``...`` stands for any leading axes.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from somersault.domain.arrays import ActionArray, FloatArray, FrameArray
from somersault.domain.frames import observations_of
from somersault.errors import CorruptDataError
from somersault.reward_model.config import RewardModelConfig
from somersault.reward_model.encoding import decode, encode, read_config
from somersault.reward_model.picture_network import PictureNetwork
from somersault.reward_model.vector_network import VectorNetwork

__all__ = ["RewardEnsemble"]


class RewardEnsemble:
    """``K`` reward predictors evaluated together."""

    def __init__(self, config: RewardModelConfig, *, seed: int) -> None:
        """Initialise each member from its own draw of ``seed``; no global generator is used.

        Raises:
            ValueError: pictures are too small for the network.
        """
        self.config = config
        self.network: VectorNetwork | PictureNetwork = _network_type(config)(config, seed=seed)

    def __call__(
        self,
        observations: NDArray[np.generic],
        actions: NDArray[np.generic],
        *,
        noise: np.random.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Predict for a training step: with gradients, all at once.

        Args:
            observations: ``[..., *observation]`` float32 or uint8.
            actions: ``[..., *action]`` float32, as executed, or int32.
            noise: draws whatever is random in training.
            dtype: what networks for pictures compute the step in.

        Returns:
            ``[K, ...]`` float32.
        """
        self._check(observations, actions)
        rewards: Tensor = self.network(_tensor(observations), _tensor(actions), noise=noise, dtype=dtype)
        return rewards

    @torch.no_grad()
    def predict(self, observations: FrameArray, actions: ActionArray) -> FloatArray:
        """Predict without gradients, in float32 and in chunks of bounded memory.

        Every copy of a reward version gives the same scores, whatever precision its process trains in.

        Args:
            observations: ``[..., *observation]`` float32 or uint8 of any strides, at least one axis before the
                observation's.
            actions: ``[..., *action]`` float32, as executed, or int32.

        Returns:
            ``[K, ...]`` float32.

        Raises:
            ValueError: an array has another shape.
        """
        leading = self._check(observations, actions)
        num_rows = int(np.prod(leading))
        predictions = np.empty((self.config.num_members, num_rows), np.float32)
        for start in range(0, num_rows, self.network.chunk_rows):
            stop = min(start + self.network.chunk_rows, num_rows)
            rows = np.unravel_index(np.arange(start, stop), leading)
            predictions[:, start:stop] = self.network(
                _tensor(observations[rows]), _tensor(actions[rows])
            ).numpy()
        return predictions.reshape(self.config.num_members, *leading)

    def predict_steps(
        self, frames: FrameArray, actions: ActionArray, *, axis: int = 0, steps: slice = slice(None)
    ) -> FloatArray:
        """Predict over a rollout or segments that hold each frame once; only the stacks of one chunk are copied at a time.

        Args:
            frames: ``[..., T + F - 1, ..., *frame]`` float32 or uint8.
            actions: ``[..., T, ..., *action]`` float32, as executed, or int32.
            axis: the axis of the steps.
            steps: which steps to score.

        Returns:
            ``[K, ..., T, ...]`` float32, with as many steps as ``steps`` selects.
        """
        chosen = (slice(None),) * axis + (steps,)
        return self.predict(self.stacks(frames, axis=axis)[chosen], actions[chosen])

    def stacks(self, frames: FrameArray, *, axis: int) -> FrameArray:
        """Return a view of frames held once as the observation of each step, ``[..., T, ..., *observation]``."""
        by_step = observations_of(np.moveaxis(frames, axis, 0), num_frames=self.config.num_frames)
        return np.moveaxis(by_step, 0, axis)

    def to_bytes(self) -> bytes:
        """Return shape and arrays as safetensors."""
        return encode(self.config, self.network.state_dict())

    @classmethod
    def from_bytes(cls, data: bytes) -> RewardEnsemble:
        """Return the ensemble that `to_bytes` encoded.

        Raises:
            CorruptDataError: the header, a shape, a dtype or a value is not what it must be.
        """
        config = read_config(data)
        try:
            shapes = _network_type(config).array_shapes(config)
        except ValueError as err:
            raise CorruptDataError(f"reward model: {err}") from err
        tensors = decode(data, shapes)
        ensemble = cls(config, seed=0)
        ensemble.network.load_state_dict(tensors)
        return ensemble

    def _check(self, observations: NDArray[np.generic], actions: NDArray[np.generic]) -> tuple[int, ...]:
        """Return the leading axes."""
        shape, action_shape = self.config.observation_shape, self.config.action_shape
        leading = observations.shape[: -len(shape)]
        if not leading or observations.shape[len(leading) :] != shape:
            raise ValueError(
                f"observations is {observations.shape}, must be (…, {', '.join(map(str, shape))})"
            )
        if actions.shape != (*leading, *action_shape):
            raise ValueError(f"actions is {actions.shape}, must be {(*leading, *action_shape)}")
        return leading


def _network_type(config: RewardModelConfig) -> type[VectorNetwork | PictureNetwork]:
    return PictureNetwork if config.is_image else VectorNetwork


def _tensor(array: NDArray[np.generic]) -> Tensor:
    # copied where it must be: what came over the wire is read-only, which torch can't express
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
