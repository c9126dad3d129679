"""Rows of the preference log and their messages: one list of fields, nothing lost on the way."""

from __future__ import annotations

import dataclasses

import pytest

from somersault.domain.feedback import Preference
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.preference_log import (
    CHANGE_FIELDS,
    RECORD_FIELDS,
    PreferenceRecord,
    WeightChange,
)
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.v1 import preference_pb2
from somersault.wire.preference_log import (
    record_from_message,
    record_to_message,
    weight_change_from_message,
    weight_change_to_message,
)


def _segment(name: str) -> StoredSegment:
    return StoredSegment(
        segment_id=name,
        segment_uri=segment_key("r", name),
        sealed_uri=sealed_key("r", name),
        duration_s=1.5,
    )


RECORD = PreferenceRecord(
    cursor=3,
    run_id="r",
    labeler_id="l",
    commit_ms=1_700_000_000_123,
    labeler_role=Role.LABELER,
    preference=Preference.LEFT,
    query_id="q",
    answer_id="a",
    version=2,
    is_extra=False,
    response_ms=900,
    answer_number=2,
    target_answers=3,
    guidelines_version=1,
    left=_segment("s1"),
    right=_segment("s2"),
)
GOLD = dataclasses.replace(
    RECORD,
    is_extra=True,
    is_gold=True,
    gold_kind="repeat",
    gold_preference=Preference.RIGHT,
    answer_number=0,
    target_answers=0,
)
CHANGE = WeightChange(
    cursor=4,
    run_id="r",
    labeler_id="l",
    weight=0.0,
    commit_ms=5,
    changed_by="owner",
    reason="why",
    change_id="w",
)


def test_every_field_of_the_messages_is_listed() -> None:
    """And every listed one is a field of the message."""
    for fields, message in (
        (RECORD_FIELDS, preference_pb2.PreferenceRecord),
        (CHANGE_FIELDS, preference_pb2.WeightChange),
    ):
        assert {each.message for each in fields} == set(message.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize("record", [RECORD, GOLD, dataclasses.replace(RECORD, weight=0.25)])
def test_a_record_comes_back_from_its_message(record: PreferenceRecord) -> None:
    """Through its bytes."""
    data = record_to_message(record).SerializeToString()
    assert record_from_message(preference_pb2.PreferenceRecord.FromString(data)) == record


def test_a_weight_change_comes_back_from_its_message() -> None:
    """A weight of 0 too."""
    data = weight_change_to_message(CHANGE).SerializeToString()
    assert weight_change_from_message(preference_pb2.WeightChange.FromString(data)) == CHANGE


def test_the_usual_weight_is_left_out() -> None:
    """As it always was: absent means 1."""
    assert not record_to_message(RECORD).HasField("weight")
    assert record_to_message(dataclasses.replace(RECORD, weight=0.0)).HasField("weight")


def test_a_moment_keeps_its_milliseconds() -> None:
    """Seconds and nanoseconds of the message, by hand."""
    time = record_to_message(RECORD).commit_time
    assert (time.seconds, time.nanos) == (1_700_000_000, 123_000_000)


def test_a_labeler_sees_gold_as_any_other_answer() -> None:
    """What would tell it apart has its default; other roles see the row as it is."""
    seen = GOLD.seen_by(Role.LABELER)
    assert (seen.is_extra, seen.is_gold, seen.gold_kind, seen.gold_preference) == (False, False, "", None)
    assert (seen.left.segment_uri, seen.left.sealed_uri) == ("", "")
    assert GOLD.seen_by(Role.OWNER) is GOLD
    plain = dataclasses.replace(RECORD, weight=0.5).seen_by(Role.LABELER)
    assert (plain.weight, plain.answer_number, plain.target_answers) == (1.0, 0, 0)
    assert (plain.answer_id, plain.version, plain.guidelines_version) == ("a", 2, 1)
