"""Puts segments into object storage."""

from __future__ import annotations

from services.simulator.segments.format import encode_sealed, encode_segment
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.trajectory import StoredSegment
from somersault.runtime.failpoints import failpoint
from somersault.storage import ObjectStore
from somersault.tasks import Task

__all__ = ["store_segment"]


def store_segment(recorded: RecordedSegment, *, task: Task, store: ObjectStore, run_id: str) -> StoredSegment:
    """Put both objects of a segment into object storage, the sealed part first.

    Raises:
        SomersaultError: The store failed.
    """
    segment_id = recorded.segment.segment_id
    sealed = store.put(sealed_key(run_id, segment_id), encode_sealed(recorded, task))
    failpoint("simulator.segment.sealed")
    segment = store.put(segment_key(run_id, segment_id), encode_segment(recorded, task))
    failpoint("simulator.segment.stored")
    return StoredSegment(
        segment_id=segment_id,
        segment_uri=segment.key,
        sealed_uri=sealed.key,
        duration_s=len(recorded.true_rewards) * task.step_s,
    )
