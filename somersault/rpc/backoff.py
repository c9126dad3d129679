"""How long to wait before trying again."""

from __future__ import annotations

import asyncio
import random

from somersault.rpc import limits

__all__ = ["Backoff"]


class Backoff:
    """Doubles the wait up to a cap, with equal jitter so that many clients don't all come back at the same moment.

    Half of each wait is random and half is fixed, so no client tries again immediately either: "equal jitter" in M. Brooker,
    "Exponential Backoff and Jitter", AWS Architecture Blog 2015.
    """

    def __init__(
        self, *, first_s: float = limits.RECONNECT_FIRST_S, cap_s: float = limits.RECONNECT_CAP_S
    ) -> None:
        """Take the first wait and the longest one, in seconds."""
        self._first_s = first_s
        self._cap_s = cap_s
        self._failures = 0
        # Not the run's generator: how long a client waits must not change what is learned.
        self._random = random.Random()  # noqa: S311

    @property
    def is_failing(self) -> bool:
        """Whether there has been a failure since the last success."""
        return self._failures > 0

    def next_delay_s(self) -> float:
        """Return the next wait in seconds and count one more failure."""
        longest = min(self._cap_s, self._first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 32)
        return self._random.uniform(longest / 2, longest)

    def reset(self) -> None:
        """Forget the failures; call it once a connection works."""
        self._failures = 0

    async def wait(self) -> None:
        """Wait out the next delay, unless this task is being cancelled: then end here.

        grpc.aio can raise an error of its own in place of the cancellation when a stream ends in the same moment. A loop
        that takes it for the peer's would otherwise go on for ever.

        Raises:
            CancelledError: the task has been asked to end.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        await asyncio.sleep(self.next_delay_s())
