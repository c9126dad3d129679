"""Work that needs the object store waits for a store that is away or full."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import prometheus_client
import structlog

from somersault.errors import ResourceExhaustedError, UnavailableError
from somersault.rpc import Backoff
from somersault.runtime.telemetry import tell_owner
from somersault.storage import STORE_THREADS

__all__ = ["retry_while_unavailable"]

_log = structlog.get_logger()

_NUM_RETRIES = prometheus_client.Counter(
    "somersault_reward_store_retries_total",
    "Tries to read or write the object store that failed and were repeated",
)
_TOLD_AFTER = 3  # tries: a store may merely restart
_CAP_S = 30.0

T = TypeVar("T")


async def retry_while_unavailable(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread, again and again while the object store is away or full, and return its result.

    Raises:
        SomersaultError: anything other than a store that is away or full for a while.
    """
    backoff, num_failed = Backoff(cap_s=_CAP_S), 0
    while True:
        try:
            result = await STORE_THREADS.run(work)
        except (ResourceExhaustedError, UnavailableError) as error:
            if error.is_hopeless:
                raise
            num_failed += 1
            _NUM_RETRIES.inc()
            _log.warning("store_away", detail=str(error))
            if num_failed == _TOLD_AFTER:
                tell_owner(f"answers are not learned for now, because of the object store: {error}")
            await backoff.wait()
            continue
        if num_failed >= _TOLD_AFTER:
            tell_owner("the object store can be used again; answers are learned")
        return result
