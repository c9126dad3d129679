"""Checks rows, as messages, that are imported into a preference log: as strictly as the rpcs that made them did."""

from __future__ import annotations

from google.protobuf import timestamp_pb2

from somersault.domain.preference_log import CHANGE_FIELDS, GOLD_KINDS, MAX_TIME_MS, RECORD_FIELDS
from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError, shorten
from somersault.storage.key_checks import check_key
from somersault.v1 import preference_pb2, trajectory_pb2
from somersault.wire.preference import preference_from_message, role_from_message
from somersault.wire.trajectory import check_duration

__all__ = ["check_log_row"]

_MAX_NANOS = 999_999_999
_ANSWERING = (preference_pb2.ROLE_LABELER, preference_pb2.ROLE_TEACHER)


def check_log_row(row: preference_pb2.PreferenceRecord | preference_pb2.WeightChange) -> None:
    """Check a row to be imported on its own; only the labeler knows whether it fits the log.

    Raises:
        InvalidInputError: a field is out of bounds; the message names the field, its value and the bound.
    """
    is_change = isinstance(row, preference_pb2.WeightChange)
    for each in CHANGE_FIELDS if is_change else RECORD_FIELDS:
        if each.check is not None:
            each.check(each.message, getattr(row, each.message))
    _check_time(row.commit_time)
    if isinstance(row, preference_pb2.PreferenceRecord):
        _check_record(row)


def _check_time(time: timestamp_pb2.Timestamp) -> None:
    if not 0 <= time.seconds <= MAX_TIME_MS // 1000:
        raise InvalidInputError("commit_time", time.seconds, f"0 to {MAX_TIME_MS // 1000} seconds since 1970")
    if not 0 <= time.nanos <= _MAX_NANOS:
        raise InvalidInputError("commit_time.nanos", time.nanos, f"0 to {_MAX_NANOS}")


def _check_record(record: preference_pb2.PreferenceRecord) -> None:
    preference_from_message(record.preference)
    if record.labeler_role not in _ANSWERING:
        role = role_from_message(record.labeler_role)
        raise InvalidInputError("labeler_role", role.value, "labeler or teacher")
    _check_segment("left", record.left)
    _check_segment("right", record.right)
    if record.left.segment_id == record.right.segment_id:
        name = shorten(record.right.segment_id)
        raise InvalidInputError(f"right.segment_id is {name}, must differ from left.segment_id")
    if record.is_gold:
        _check_gold(record)


def _check_gold(record: preference_pb2.PreferenceRecord) -> None:
    if record.gold_kind not in GOLD_KINDS:
        raise InvalidInputError("gold_kind", record.gold_kind, f"one of {', '.join(GOLD_KINDS)}")
    if not record.is_extra:
        raise InvalidInputError("is_extra", record.is_extra, "true where is_gold is")
    preference_from_message(record.gold_preference, field="gold_preference")


def _check_segment(side: str, stored: trajectory_pb2.StoredSegment) -> None:
    """Check a segment of a row; its keys may still be those of the run that it came from, and are made anew for another."""
    try:
        check_name("segment_id", stored.segment_id)
        check_duration(stored.duration_s)
        check_key(stored.segment_uri)
        if stored.sealed_uri:
            check_key(stored.sealed_uri)
    except InvalidInputError as error:
        raise InvalidInputError(f"{side}: {error}") from error
