"""A policy as a simulator holds it: read from safetensors, checked, and opened once for each thread.

Shapes: T steps, N environments, n observations at once, O observation, F frames, A action, D choices made at
once, K to choose from in all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from services.simulator.policy.arrays import check_policy_arrays
from services.simulator.policy.heads import Head, draw_noise, open_head
from services.simulator.policy.tanh_torso import TanhTorso
from somersault.domain.arrays import ActionArray, FloatArray, FrameArray
from somersault.domain.task_spec import TaskSpec
from somersault.errors import InvalidInputError
from somersault.numerics.precision import Precision

__all__ = ["MAX_POLICY_BYTES", "Policy", "PolicyWorker"]

MAX_POLICY_BYTES = 16 << 20  # as SimulatorService.Evaluate says


class _Torso(Protocol):
    def features(self, observations: FrameArray) -> FloatArray: ...


class PolicyWorker:
    """Acts for one thread, reusing its buffers."""

    def __init__(self, torso: _Torso, head: Head) -> None:
        """Join a torso and a head that no other thread uses."""
        self._torso = torso
        self._head = head

    def act(
        self, observations: FrameArray, noise: FloatArray, *, actions: ActionArray, log_probs: FloatArray
    ) -> None:
        """Write what is done, and how likely it was, into ``actions`` and ``log_probs``.

        Args:
            observations: ``[n, O]`` float32, or ``[n, F, *frame]`` uint8 of any strides.
            noise: Rows of `Policy.draw_noise`: ``[n, A]`` or ``[n, K]`` float32; zeros give the mean action
                or the likeliest choice.
            actions: ``[n, A]`` float32, not clipped, or ``[n]`` or ``[n, D]`` int32.
            log_probs: ``[n]`` float32, natural logarithm of the density or probability.
        """
        self._head.act(self._torso.features(observations), noise, actions=actions, log_probs=log_probs)


class Policy:
    """The weights of one policy version; threads may share it, each with a `worker` of its own."""

    def __init__(
        self,
        arrays: Mapping[str, NDArray[np.generic]],
        *,
        spec: TaskSpec,
        precision: Precision = "float32",
        num_threads: int = 1,
    ) -> None:
        """Check and keep the arrays of a policy for this task.

        Args:
            arrays: By the names of docs/protocol.md.
            spec: The task.
            precision: What a network for pictures computes in.
            num_threads: How many threads a network for pictures uses in each call of a worker.

        Raises:
            InvalidInputError: The arrays aren't a policy for this task; the message names what is wrong.
            ConfigError: Observations are pictures and torch is not installed.
        """
        self._spec = spec
        self._arrays = check_policy_arrays(arrays, spec=spec)
        self._open_torso: Callable[[], _Torso] = lambda: TanhTorso(self._arrays)
        if spec.is_image:
            # Imported here: torch takes seconds and 200 MB, and simulators of bodies don't need it.
            from services.simulator.policy.nature_torso import NatureTorso

            torso = NatureTorso(self._arrays, spec=spec, precision=precision, num_threads=num_threads)
            self._open_torso = lambda: torso

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        *,
        spec: TaskSpec,
        precision: Precision = "float32",
        num_threads: int = 1,
    ) -> Policy:
        """Read a policy from safetensors; see `Policy`.

        Raises:
            InvalidInputError: It is too large, not safetensors, or not a policy for this task.
            ConfigError: Observations are pictures and torch is not installed.
        """
        if len(data) > MAX_POLICY_BYTES:
            raise InvalidInputError("policy", f"{len(data)} bytes", f"at most {MAX_POLICY_BYTES}")
        try:
            arrays = safetensors.numpy.load(data)
        except safetensors.SafetensorError as err:
            raise InvalidInputError(f"policy can't be read as safetensors: {err}") from err
        return cls(arrays, spec=spec, precision=precision, num_threads=num_threads)

    def draw_noise(
        self, rng: np.random.Generator, shape: tuple[int, ...], *, is_stochastic: bool = True
    ) -> FloatArray:
        """Draw the noise of ``shape`` actions at once, usually ``(T, N)``.

        Returns:
            ``[*shape, A]`` standard normal or ``[*shape, K]`` standard Gumbel, float32; zeros if not
            stochastic, in which case ``rng`` isn't used.
        """
        if is_stochastic:
            return draw_noise(rng, shape, spec=self._spec)
        return np.zeros((*shape, self._spec.action_width), np.float32)

    def worker(self) -> PolicyWorker:
        """Open the policy for one thread."""
        return PolicyWorker(self._open_torso(), open_head(self._arrays, spec=self._spec))
