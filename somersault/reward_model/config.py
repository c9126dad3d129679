"""The shape of an ensemble: what it takes in and how large it is. Stored with its weights."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.packing import stored_shape
from somersault.domain.task_spec import TaskSpec

__all__ = ["RewardModelConfig"]

_MAX_SIZE = 1 << 20  # of any one size: a larger shape is damaged, and is refused before anything is allocated
_MAX_HIDDEN_LAYERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardModelConfig:
    """The shape of an ensemble. Exactly one of ``action_dim``, ``num_actions`` and ``choice_sizes`` is given, as in `TaskSpec`."""

    frame_shape: tuple[int, ...]
    """``(O,)`` for vectors or ``(H, W)`` for pictures."""
    num_frames: int = 1
    """F, frames in an observation."""
    num_planes: int = 1
    """C, pictures seen at once."""
    num_numbers: int = 0
    """V, numbers seen together with a picture."""
    action_dim: int = 0
    """A, the length of an action that is a vector."""
    num_actions: int = 0
    """How many actions there are to choose from."""
    choice_sizes: tuple[int, ...] = ()
    """Of D choices made at once, how many options each has."""
    num_members: int = 3
    """K members; Christiano et al. 2017 train 3."""
    hidden_size: int = 64
    """Units of each dense hidden layer; Christiano et al. 2017, appendices A.1 and A.2."""
    num_hidden_layers: int = 2
    """Hidden layers if frames are vectors; Christiano et al. 2017, appendix A.1. Those for pictures are fixed."""

    def __post_init__(self) -> None:
        for name in ("frame_shape", "choice_sizes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # JSON has only lists
        if len(self.frame_shape) not in (1, 2):
            raise ValueError(f"frame_shape is {self.frame_shape}, must have one axis or two")
        for length in self.frame_shape:
            _check("frame_shape", length, 1, _MAX_SIZE)
        _check("num_frames", self.num_frames, 1, 16 if self.is_image else 1)
        _check("num_planes", self.num_planes, 1, 16 if self.is_image else 1)
        _check("num_numbers", self.num_numbers, 0, _MAX_SIZE if self.is_image else 0)
        _check("action_dim", self.action_dim, 0, _MAX_SIZE)
        _check("num_actions", self.num_actions, 0, _MAX_SIZE)
        for size in self.choice_sizes:
            _check("choice_sizes", size, 1, _MAX_SIZE)
        if [self.action_dim > 0, self.num_actions > 0, bool(self.choice_sizes)].count(True) != 1:
            found = f"{self.action_dim}, {self.num_actions} and {self.choice_sizes}"
            raise ValueError(f"action_dim, num_actions and choice_sizes are {found}, one must be given")
        _check("choice_sizes", self.action_width, 1, _MAX_SIZE)
        _check("num_members", self.num_members, 1, _MAX_SIZE)
        _check("hidden_size", self.hidden_size, 1, _MAX_SIZE)
        _check("num_hidden_layers", self.num_hidden_layers, 1, _MAX_HIDDEN_LAYERS)

    @classmethod
    def for_task(cls, spec: TaskSpec, *, num_members: int = 3, hidden_size: int = 64) -> RewardModelConfig:
        """Return the shape of an ensemble that scores a task's transitions."""
        return cls(
            frame_shape=spec.frame_shape,
            num_frames=spec.num_frames,
            num_planes=spec.num_planes,
            num_numbers=spec.num_numbers,
            action_dim=spec.action_dim,
            num_actions=spec.num_actions,
            choice_sizes=spec.choice_sizes,
            num_members=num_members,
            hidden_size=hidden_size,
        )

    @property
    def is_image(self) -> bool:
        """Whether frames are pictures."""
        return len(self.frame_shape) == 2

    @property
    def is_discrete(self) -> bool:
        """Whether an action is a choice, or several choices."""
        return bool(self.choices)

    @property
    def choices(self) -> tuple[int, ...]:
        """How many options each choice has; empty if actions are vectors."""
        return (self.num_actions,) if self.num_actions else self.choice_sizes

    @property
    def action_width(self) -> int:
        """Inputs of the network that an action takes: A, or one for each option of each choice."""
        return sum(self.choices) or self.action_dim

    @property
    def observation_shape(self) -> tuple[int, ...]:
        """``(O,)`` or ``(F, *frame)``, with frames packed as in `somersault.domain.packing`."""
        stored = stored_shape(self.frame_shape, num_planes=self.num_planes, num_numbers=self.num_numbers)
        return (self.num_frames, *stored) if self.is_image else stored

    @property
    def action_shape(self) -> tuple[int, ...]:
        """``()``, ``(D,)`` or ``(A,)``."""
        return () if self.num_actions else (len(self.choice_sizes) or self.action_dim,)


def _check(name: str, value: int, least: int, most: int) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r}, must be {least} to {most}")
