"""From features to actions: a diagonal Gaussian over vectors, a categorical over each choice. Numpy alone.

Shapes: n observations at once, H features, A action length, D choices made at once, K to choose from in all.
A head holds buffers: each thread needs its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import ActionArray, FloatArray
from somersault.domain.task_spec import TaskSpec

__all__ = ["CategoricalHead", "GaussianHead", "Head", "SeveralChoicesHead", "draw_noise", "open_head"]

_TINY = np.finfo(np.float32).tiny


class Head(Protocol):
    """Chooses actions."""

    def act(
        self, features: FloatArray, noise: FloatArray, *, actions: ActionArray, log_probs: FloatArray
    ) -> None:
        """Write actions and their log-probabilities; see `PolicyWorker.act`."""
        ...


def open_head(arrays: Mapping[str, FloatArray], *, spec: TaskSpec) -> Head:
    """Open a head for one thread."""
    if spec.choice_sizes:
        return SeveralChoicesHead(arrays, choice_sizes=spec.choice_sizes)
    return CategoricalHead(arrays) if spec.is_discrete else GaussianHead(arrays)


def draw_noise(rng: np.random.Generator, shape: tuple[int, ...], *, spec: TaskSpec) -> FloatArray:
    """Draw the noise for `Head.act`: ``[*shape, A]`` normal or ``[*shape, K]`` Gumbel, float32."""
    if not spec.is_discrete:
        return rng.standard_normal((*shape, spec.action_dim), dtype=np.float32)
    noise = rng.standard_exponential((*shape, spec.action_width), dtype=np.float32)
    # -log of a standard exponential is standard Gumbel; an exact 0 among the draws must not become infinite.
    np.log(np.maximum(noise, _TINY, out=noise), out=noise)
    return np.negative(noise, out=noise)


class GaussianHead:
    """The action is mean + std * noise, not clipped."""

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        """Keep ``mean.weight`` ``[A, H]``, ``mean.bias`` ``[A]``, ``log_std`` ``[A]``."""
        self._weight = np.ascontiguousarray(arrays["mean.weight"].T)
        self._bias = arrays["mean.bias"]
        log_std = arrays["log_std"]
        self._std = np.exp(log_std)
        self._log_normaliser = np.array(
            float(log_std.sum()) + 0.5 * len(log_std) * math.log(2.0 * math.pi), np.float32
        )
        self._minus_half = np.array(-0.5, np.float32)
        self._mean = self._bias_rows = self._std_rows = np.empty((0, len(log_std)), np.float32)

    def act(
        self, features: FloatArray, noise: FloatArray, *, actions: ActionArray, log_probs: FloatArray
    ) -> None:
        """Write ``[n, A]`` float32 actions; log-density: the sum over A of -noise²/2 - log std - log(2π)/2."""
        mean = self._mean
        if len(features) != len(mean):
            self._allocate(len(features))
            mean = self._mean
        np.dot(features, self._weight, out=mean)
        np.add(mean, self._bias_rows, out=mean)
        np.multiply(noise, self._std_rows, out=actions)
        np.add(actions, mean, out=actions)
        squares = np.square(noise, out=mean)
        np.add.reduce(squares, axis=-1, out=log_probs)
        np.multiply(log_probs, self._minus_half, out=log_probs)
        np.subtract(log_probs, self._log_normaliser, out=log_probs)

    def _allocate(self, num_rows: int) -> None:
        # Rows written out: an operation on equal shapes takes a third of the time of one that broadcasts a row.
        self._bias_rows = np.tile(self._bias, (num_rows, 1))
        self._std_rows = np.tile(self._std, (num_rows, 1))
        self._mean = np.empty_like(self._bias_rows)


class CategoricalHead:
    """The action is the largest of logits + noise: with Gumbel noise a draw from softmax(logits).

    Gumbel 1954; Maddison, Tarlow, Minka 2014 (arXiv 1411.0030), section 2.
    """

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        """Keep ``logits.weight`` ``[K, H]`` and ``logits.bias`` ``[K]``."""
        self._weight = np.ascontiguousarray(arrays["logits.weight"].T)
        self._bias = arrays["logits.bias"]
        self._allocate(0)

    def act(
        self, features: FloatArray, noise: FloatArray, *, actions: ActionArray, log_probs: FloatArray
    ) -> None:
        """Write ``[n]`` int32 actions; log-probability: the chosen logit less the log of the sum of exponentials."""
        if len(features) != len(self._logits):
            self._allocate(len(features))
        logits, scratch, row = self._logits, self._scratch, self._row
        np.dot(features, self._weight, out=logits)
        np.add(logits, self._bias_rows, out=logits)
        np.add(logits, noise, out=scratch)
        np.argmax(scratch, axis=1, out=self._chosen)
        actions[:] = self._chosen
        np.maximum.reduce(logits, axis=1, out=row)
        np.subtract(logits, row[:, None], out=logits)  # no exponential overflows, and one of them is 1
        np.add(self._chosen, self._row_offsets, out=self._chosen)
        np.take(logits, self._chosen, out=log_probs, mode="clip")
        np.add.reduce(np.exp(logits, out=scratch), axis=1, out=row)
        np.subtract(log_probs, np.log(row, out=row), out=log_probs)

    def _allocate(self, num_rows: int) -> None:
        self._bias_rows = np.tile(self._bias, (num_rows, 1))
        self._logits, self._scratch = np.empty_like(self._bias_rows), np.empty_like(self._bias_rows)
        self._row = np.empty(num_rows, np.float32)
        self._chosen: NDArray[np.intp] = np.empty(num_rows, np.intp)
        self._row_offsets = np.arange(num_rows, dtype=np.intp) * len(self._bias)


class SeveralChoicesHead:
    """Each choice is made as by `CategoricalHead`, from its own slice of the logits, independent of the others."""

    def __init__(self, arrays: Mapping[str, FloatArray], *, choice_sizes: Sequence[int]) -> None:
        """Keep ``logits.weight`` ``[K, H]``, ``logits.bias`` ``[K]``, and the number of options of each choice ``[D]``."""
        bounds = np.cumsum([0, *choice_sizes]).tolist()
        self._stretches = [slice(begin, end) for begin, end in itertools.pairwise(bounds)]
        self._heads = [
            CategoricalHead({name: arrays[name][stretch] for name in ("logits.weight", "logits.bias")})
            for stretch in self._stretches
        ]
        self._log_probs = np.empty(0, np.float32)

    def act(
        self, features: FloatArray, noise: FloatArray, *, actions: ActionArray, log_probs: FloatArray
    ) -> None:
        """Write ``[n, D]`` int32 actions; log-probability: the sum over the choices."""
        if len(self._log_probs) != len(features):
            self._log_probs = np.empty(len(features), np.float32)
        log_probs[:] = 0
        for place, (head, stretch) in enumerate(zip(self._heads, self._stretches, strict=True)):
            head.act(features, noise[:, stretch], actions=actions[:, place], log_probs=self._log_probs)
            np.add(log_probs, self._log_probs, out=log_probs)
