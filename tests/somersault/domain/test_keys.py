"""The keys of a run's objects, made from names and read back exactly."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor

from somersault.domain.keys import (
    check_is_key,
    clip_key,
    policy_clip_key,
    policy_key,
    policy_version_of,
    segment_key,
    segment_of,
)
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2, learner_pb2, preference_pb2, reward_pb2, simulator_pb2, trajectory_pb2

_FILES = (labeler_pb2, learner_pb2, preference_pb2, reward_pb2, simulator_pb2, trajectory_pb2)
_WHERE_CHECKED = {
    "StoredSegment.segment_uri": "stored_segment_from_message",
    "StoredSegment.sealed_uri": "stored_segment_from_message",
    "RenderRequest.segment_uri": "OwnRun.check_clip",
    "RenderRequest.clip_uri": "OwnRun.check_clip",
    "AddPolicyClipRequest.clip_uri": "PolicyClips.add",
    "RenderResponse.clip_uri": "no reader: who asked knows the key",
    "Side.segment_uri": "no reader of ours: for owners and services to look at",
    "Side.sealed_uri": "no reader of ours: a teacher makes it from the segment's name",
}


def test_each_key_of_each_message_is_checked_somewhere() -> None:
    """A new field with a key gets a check, and a line here that says where."""
    found = {
        name
        for file in _FILES
        for each in file.DESCRIPTOR.message_types_by_name.values()
        for name in _uris(each)
    }
    assert found == set(_WHERE_CHECKED)


def _uris(message: Descriptor) -> list[str]:
    return [f"{message.name}.{field.name}" for field in message.fields if field.name.endswith("_uri")]


def test_a_segments_key_is_read_back() -> None:
    """As run and segment, dots and all."""
    assert segment_of(segment_key("run.1", "ab12-0.safetensors")) == ("run.1", "ab12-0.safetensors")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "run-1",
        "run-1/segments/",
        "run-1/segments/.safetensors",
        "run-1/segments/a.mp4",
        "run-1/segments/a/b.safetensors",
        "run-1/segments/../sealed/a.safetensors",
        "run-1/sealed/a.safetensors",
        "run-1/segments/a.safetensors/",
        "run-1/segments/a\n.safetensors",
        "../segments/a.safetensors",
        "/segments/a.safetensors",
        "run-1/checkpoints/reward/1.safetensors",
    ],
)
def test_the_key_of_anything_else_is_no_segments(key: str) -> None:
    """Neither of another kind nor of another spelling."""
    assert segment_of(key) is None


def test_a_policys_version_is_read_back() -> None:
    """From the key of its weights and that of its clip, past eight digits too."""
    for version in (0, 7, 99_999_999, 123_456_789):
        assert policy_version_of(policy_key("r", version), run_id="r") == version
        assert policy_version_of(policy_clip_key("r", version), run_id="r") == version


@pytest.mark.parametrize(
    "key",
    [
        "r/policies/best.safetensors",
        "r/policies/7.safetensors",
        "r/policies/000000007.safetensors",
        "r/policies/00000007.safetensors.bak",
        "r/policies/old/00000007.safetensors",
        "r/policies/0000000٣.safetensors",
        "other/policies/00000007.safetensors",
        "r/policy-clips/00000007.safetensors",
        clip_key("r", "00000007"),
    ],
)
def test_what_lies_beside_policies_is_none(key: str) -> None:
    """A user's own copy, an older spelling, another run's."""
    assert policy_version_of(key, run_id="r") is None


def test_a_key_of_another_name_is_refused_with_the_right_one() -> None:
    """Field, value and what it must be."""
    assert check_is_key("clip_uri", "r/clips/a.mp4", clip_key("r", "a")) == "r/clips/a.mp4"
    with pytest.raises(InvalidInputError, match=r"clip_uri is 'r/x.mp4', must be 'r/clips/a.mp4'"):
        check_is_key("clip_uri", "r/x.mp4", clip_key("r", "a"))
