"""A learned policy that acts in a Gymnasium environment, with numpy alone.

Shapes: O observation length, F frames of H x W pixels, A action length, D choices made at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from somersault.domain.arrays import ActionArray, FloatArray
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError
from somersault.export.shipped.policy import Policy as Actor
from somersault.formats.safetensors import read_header
from somersault.formats.strict_json import load_json
from somersault.runs import Run, load_run

__all__ = ["Policy", "load_policy"]

_FILE = "policy.safetensors"  # in the folder of an export
_HEADS = ("mean.weight", "logits.weight")


class Policy:
    """Chooses actions with the weights of one policy version. Not to be used by several threads at once."""

    def __init__(
        self, arrays: dict[str, FloatArray], *, version: int | None = None, seed: int | None = None
    ) -> None:
        """Take a policy's arrays by the names of docs/protocol.md.

        Args:
            arrays: float32.
            version: the run's policy version; None if unknown.
            seed: seeds the sampling of actions; None for a different one each time.

        Raises:
            CorruptDataError: they aren't a policy's.
        """
        if not any(name in arrays for name in _HEADS):
            raise CorruptDataError(f"the arrays {sorted(arrays)} are not those of a policy")
        self.arrays = arrays
        self.version = version
        self._actor = Actor(arrays, seed=seed)
        is_image = "conv_0.weight" in arrays
        first = arrays["conv_0.weight" if is_image else "hidden_0.weight"]
        self._shape: tuple[int | None, ...] = (first.shape[1], None, None) if is_image else (first.shape[1],)
        self._num_numbers = (
            arrays["observation_mean"].size if is_image and "observation_mean" in arrays else 0
        )

    def __repr__(self) -> str:
        sees = "pictures" if len(self._shape) == 3 else f"{self._shape[0]} numbers"
        if self._num_numbers:
            sees = f"pictures and {self._num_numbers} numbers"
        return f"<Policy version {self.version} that looks at {sees}>"

    def act(
        self, observation: NDArray[Any] | Mapping[str, NDArray[Any]], *, deterministic: bool = False
    ) -> ActionArray:
        """Choose an action.

        Args:
            observation: ``[O]`` numbers, or uint8 ``[F, H, W]``, the newest picture last; if there are numbers beside
                pictures, a dict of ``pictures`` and ``numbers``, as `somersault.make_env` returns them.
            deterministic: take the likeliest action instead of sampling one, as the run did.

        Returns:
            ``[A]`` float32 within -1 and 1, or ``[]`` or ``[D]`` int32.

        Raises:
            InvalidInputError: the observation has the wrong shape.
        """
        action = self._actor.act(self._checked(observation), deterministic=deterministic)
        if isinstance(action, int):
            return np.asarray(action, np.int32)
        return action

    def _checked(self, observation: Any) -> NDArray[Any] | dict[str, NDArray[Any]]:
        if not self._num_numbers:
            return _checked_array("shape of the observation", observation, self._shape)
        if not isinstance(observation, Mapping) or observation.keys() != {"numbers", "pictures"}:
            raise InvalidInputError(
                "observation", type(observation).__name__, "a dict of pictures and numbers"
            )
        shapes = {"pictures": self._shape, "numbers": (self._num_numbers,)}
        return {
            name: _checked_array(f"shape of the observation's {name}", observation[name], shape)
            for name, shape in shapes.items()
        }


def _checked_array(field: str, array: Any, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return an array of a shape, of which None may be any length.

    Raises:
        InvalidInputError: it has a different one.
    """
    seen = np.asarray(array)
    expected = tuple(have if want is None else want for have, want in zip(seen.shape, shape, strict=False))
    if seen.ndim != len(shape) or seen.shape != expected:
        raise InvalidInputError(field, seen.shape, str(shape).replace("None", "any"))
    return seen


def load_policy(source: str | Path | Run, *, version: int | None = None, seed: int | None = None) -> Policy:
    """Load a run's policy, or an exported one.

    Args:
        source: the folder of a run, a `Run`, the folder of an export, or a ``policy.safetensors``.
        version: of the run's policies; None for the newest.
        seed: seeds the sampling of actions; None for a different one each time.

    Raises:
        NotFoundError: there is no such thing.
        FailedPreconditionError: the run has no policy yet.
        CorruptDataError: it can't be read.
    """
    if not isinstance(source, Run):
        path = Path(source).expanduser()
        exported = path / _FILE if path.is_dir() else path
        if exported.is_file():
            return _load_exported(exported, seed=seed)
        source = load_run(path)
    stored = source.policy(version)
    return Policy(stored.arrays, version=stored.version, seed=seed)


def _load_exported(path: Path, *, seed: int | None) -> Policy:
    try:
        data = path.read_bytes()
        header = read_header(data, what="policy")
        arrays = safetensors.numpy.load(data)
        facts = load_json(header.metadata.get("somersault", "{}"))
    except (OSError, CorruptDataError, SafetensorError, ValueError) as error:
        raise NotFoundError(f"{path} can't be read as an exported policy: {error}") from error
    return Policy(arrays, version=int(facts["policy_version"]) if facts else None, seed=seed)
