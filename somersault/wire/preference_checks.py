"""The bounds of what goes into a preference log again: rows as messages, checked as strictly as the rpcs that made them."""

from __future__ import annotations

import math

from somersault.domain.texts import check_name, check_text
from somersault.errors import InvalidInputError
from somersault.storage.key_checks import check_key
from somersault.v1 import preference_pb2, trajectory_pb2
from somersault.wire.preference import preference_from_message, role_from_message
from somersault.wire.trajectory import stored_segment_from_message

__all__ = ["GOLD_KINDS", "MAX_REASON", "MAX_TARGET", "MAX_WEIGHT", "check_log_row"]

MAX_WEIGHT = 10.0
MAX_REASON = 500
MAX_TARGET = 10  # answers a query: more people than that look at no pair
GOLD_KINDS = ("unanimous", "repeat")

_MAX_RESPONSE_MS = 24 * 3_600_000
_MAX_TIME_S = 253_402_300_799  # the end of the year 9999, protobuf's own bound
_MAX_NAME = 64


def check_log_row(row: preference_pb2.PreferenceRecord | preference_pb2.WeightChange) -> None:
    """Check a row that is to be imported by itself; whether it fits the log only the labeler knows.

    Raises:
        InvalidInputError: a field is out of bounds; names the field, its value and the bound.
    """
    check_name("run_id", row.run_id)
    check_name("labeler_id", row.labeler_id)
    _check_bound("cursor", row.cursor, least=1, most=2**63 - 1)
    _check_bound("commit_time", row.commit_time.seconds, most=_MAX_TIME_S, unit=" seconds since 1970")
    if isinstance(row, preference_pb2.WeightChange):
        _check_change(row)
    else:
        _check_record(row)


def _check_change(change: preference_pb2.WeightChange) -> None:
    check_name("change_id", change.change_id)
    _check_bound("weight", change.weight, most=MAX_WEIGHT)
    check_text("reason", change.reason, most=MAX_REASON, has_lines=True)
    check_text("changed_by", change.changed_by, most=_MAX_NAME)


def _check_record(record: preference_pb2.PreferenceRecord) -> None:
    check_name("query_id", record.query_id)
    check_name("answer_id", record.answer_id)
    preference_from_message(record.preference)
    if record.labeler_role not in _ANSWERING:
        role = role_from_message(record.labeler_role)
        raise InvalidInputError("labeler_role", role.value, "labeler or teacher")
    _check_segment("left", record.left)
    _check_segment("right", record.right)
    if record.left.segment_id == record.right.segment_id:
        raise InvalidInputError("right.segment_id", record.right.segment_id, "another than the left's")
    if record.HasField("weight"):
        _check_bound("weight", record.weight, most=MAX_WEIGHT)
    _check_bound("version", record.version, least=1, most=2**31 - 1)
    _check_bound("answer_number", record.answer_number, most=MAX_TARGET + 1)
    _check_bound("target_answers", record.target_answers, most=MAX_TARGET + 1)
    _check_bound("response_ms", record.response_ms, most=_MAX_RESPONSE_MS)
    _check_bound("guidelines_version", record.guidelines_version, most=2**31 - 1)
    _check_gold(record)


_ANSWERING = (preference_pb2.ROLE_LABELER, preference_pb2.ROLE_TEACHER)


def _check_gold(record: preference_pb2.PreferenceRecord) -> None:
    if not record.is_gold:
        return
    if record.gold_kind not in GOLD_KINDS:
        raise InvalidInputError("gold_kind", record.gold_kind, f"one of {', '.join(GOLD_KINDS)}")
    if not record.is_extra:
        raise InvalidInputError("is_extra", record.is_extra, "true where is_gold is")
    preference_from_message(record.gold_preference, field="gold_preference")


def _check_segment(side: str, stored: trajectory_pb2.StoredSegment) -> None:
    try:
        stored_segment_from_message(stored)
        check_key(stored.segment_uri)
        if stored.sealed_uri:
            check_key(stored.sealed_uri)
    except InvalidInputError as error:
        raise InvalidInputError(f"{side}: {error}") from error
    if not math.isfinite(stored.duration_s):
        raise InvalidInputError(f"{side}.duration_s", stored.duration_s, "a finite number of seconds")


def _check_bound(field: str, value: float, *, least: float = 0, most: float, unit: str = "") -> None:
    if not least <= value <= most:
        raise InvalidInputError(field, value, f"{least:g} to {most:.15g}{unit}")
