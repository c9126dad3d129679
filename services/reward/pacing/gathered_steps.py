"""How many environment steps simulators have gathered: a learner can't have taken more, whatever it says."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["GatheredSteps"]

_MAX_INCARNATIONS = 4096
_LATE_ROLLOUTS = 4
"""A rollout may reach the learner before its offer gets here; a simulator is never further ahead than this."""


class GatheredSteps:
    """Adds up what each simulator says of its rollouts. Used from one event loop."""

    def __init__(self) -> None:
        """Start with nothing gathered."""
        self._by_incarnation: OrderedDict[str, tuple[int, int]] = OrderedDict()
        """Rollouts, and steps of the longest one."""
        self._forgotten = 0
        self._is_unknown = False

    def note(self, incarnation: str, *, sequence: int, env_steps: int) -> None:
        """Record a rollout by its number, counted from 0; 0 steps if its simulator doesn't say."""
        self._is_unknown |= env_steps == 0
        num_rollouts, longest = self._by_incarnation.pop(incarnation, (0, 0))
        self._by_incarnation[incarnation] = max(num_rollouts, sequence + 1), max(longest, env_steps)
        if len(self._by_incarnation) > _MAX_INCARNATIONS:
            _, (num_rollouts, longest) = self._by_incarnation.popitem(last=False)
            self._forgotten += num_rollouts * longest

    @property
    def most(self) -> int | None:
        """The most that a learner can have taken; None if it isn't known, as with simulators that don't say."""
        if self._is_unknown:
            return None
        known = self._by_incarnation.values()
        return self._forgotten + sum((number + _LATE_ROLLOUTS) * longest for number, longest in known)
