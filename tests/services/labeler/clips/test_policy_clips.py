"""Clips of what policies do: verified when they are added, shown to all, with figures for owners alone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from somersault.domain.keys import policy_clip_key
from somersault.domain.roles import Role
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused

CLIP = b"\0\0\0\x18ftypisom a clip of a policy"
SHA256 = hashlib.sha256(CLIP).hexdigest()
URI = policy_clip_key(RUN_ID, 7)


def _put(labeler: RunningLabeler, *versions: int) -> None:
    for version in versions:
        labeler.store.put(policy_clip_key(RUN_ID, version), CLIP)


def _add(labeler: RunningLabeler, *, clip_uri: str = "", run_id: str = RUN_ID, **fields: Any) -> Any:
    clip = {"policy_version": 7, "env_steps": 20_000, "clip_sha256": SHA256, "duration_s": 3.2} | fields
    clip_uri = clip_uri or policy_clip_key(run_id, clip["policy_version"])
    request = pb.AddPolicyClipRequest(run_id=run_id, clip=pb.PolicyClip(**clip), clip_uri=clip_uri)
    return labeler.as_role(Role.OWNER).AddPolicyClip(request)


async def _list(labeler: RunningLabeler, role: Role = Role.OWNER) -> list[pb.PolicyClip]:
    reply = await labeler.as_role(role).ListPolicyClips(pb.ListPolicyClipsRequest(run_id=RUN_ID))
    return list(reply.clips)


async def test_a_clip_is_listed_and_sent_as_it_was_stored(labeler: RunningLabeler) -> None:
    """With the address that the gateway serves it at, to every role."""
    labeler.store.put(URI, CLIP)
    await _add(labeler, is_final=True)

    for role in Role:
        (listed,) = await _list(labeler, role)
        assert (listed.policy_version, listed.env_steps, listed.is_final) == (7, 20_000, True)
        assert (listed.duration_s, listed.clip_sha256) == (3.2, SHA256)
        assert listed.clip_url == f"/policy-clips/{RUN_ID}/7.mp4?sha256={SHA256}"
        assert listed.create_time.seconds > 0
        request = pb.GetPolicyClipRequest(run_id=RUN_ID, policy_version=7)
        sent = await labeler.as_role(role).GetPolicyClip(request)
        assert (sent.clip, sent.clip_sha256) == (CLIP, SHA256)


@pytest.mark.parametrize("role", list(Role))
async def test_only_owners_see_rewards_and_returns(labeler: RunningLabeler, role: Role) -> None:
    """Whoever knows what is predicted answers otherwise, and no service may know a true return."""
    labeler.store.put(URI, CLIP)
    await _add(labeler, predicted_rewards=[0.5, -0.25], true_return=31.5)

    (clip,) = await _list(labeler, role)

    seen = (list(clip.predicted_rewards), clip.true_return if clip.HasField("true_return") else None)
    assert seen == (([0.5, -0.25], 31.5) if role is Role.OWNER else ([], None))


async def test_clips_are_in_the_order_of_their_policies(labeler: RunningLabeler) -> None:
    """However they came; the run's newest is that of its newest policy."""
    _put(labeler, 10, 20, 30)
    for version in (30, 10, 20):
        await _add(labeler, policy_version=version)
    runs = (await labeler.as_role(Role.OWNER).ListRuns(pb.ListRunsRequest())).runs
    assert [clip.policy_version for clip in await _list(labeler)] == [10, 20, 30]
    assert runs[0].newest_policy_clip == 30


async def test_a_run_without_clips_has_no_newest_one(labeler: RunningLabeler) -> None:
    """Version 0 is a policy too, so absent is not 0."""
    before = (await labeler.as_role(Role.OWNER).ListRuns(pb.ListRunsRequest())).runs[0]
    _put(labeler, 0)
    await _add(labeler, policy_version=0)
    after = (await labeler.as_role(Role.OWNER).ListRuns(pb.ListRunsRequest())).runs[0]
    assert (before.HasField("newest_policy_clip"), after.HasField("newest_policy_clip")) == (False, True)


async def test_adding_again_is_once_and_a_newer_clip_takes_the_place(labeler: RunningLabeler) -> None:
    """The audit log has what changed alone."""
    other = b"\0\0\0\x18ftypisom another clip of the same policy"
    labeler.store.put(URI, CLIP)
    await _add(labeler)
    (first,) = await _list(labeler)
    await _add(labeler)
    (second,) = await _list(labeler)
    sha256 = hashlib.sha256(other).hexdigest()
    labeler.store.put(URI, other)
    await _add(labeler, clip_sha256=sha256, is_final=True)
    (third,) = await _list(labeler)

    log = await labeler.as_role(Role.OWNER).ListAuditLog(pb.ListAuditLogRequest(run_id=RUN_ID))
    assert first == second
    assert (third.clip_sha256, third.is_final) == (sha256, True)
    assert [entry.object for entry in log.entries if entry.action == "AddPolicyClip"] == ["policy 7"] * 2


async def test_one_policy_is_the_final_one(labeler: RunningLabeler) -> None:
    """A run that was taken up again and finished once more ends with its newest."""
    _put(labeler, 10, 15, 20)
    await _add(labeler, policy_version=10, is_final=True)
    await _add(labeler, policy_version=15)
    before = [clip.is_final for clip in await _list(labeler)]
    await _add(labeler, policy_version=20, is_final=True)
    assert before == [True, False]
    assert [clip.is_final for clip in await _list(labeler)] == [False, False, True]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"policy_version": -1}, "policy_version"),
        ({"env_steps": -1}, "env_steps"),
        ({"duration_s": 0}, "duration_s"),
        ({"duration_s": float("inf")}, "duration_s"),
        ({"clip_sha256": "ab"}, "clip_sha256"),
        ({"clip_sha256": "0" * 64}, "clip_sha256"),
        ({"clip_uri": "run-2/policy-clips/7.mp4"}, "clip_uri"),
        ({"clip_uri": f"{RUN_ID}/policy-clips/../../run-2/7.mp4"}, "clip_uri"),
        ({"clip_uri": policy_clip_key(RUN_ID, 8)}, "clip_uri"),
        ({"predicted_rewards": [float("nan")]}, "predicted_rewards"),
        ({"predicted_rewards": [0.0] * 10_001}, "predicted_rewards"),
        ({"true_return": float("inf")}, "true_return"),
    ],
)
async def test_bounds_on_a_clip(labeler: RunningLabeler, change: dict[str, Any], field: str) -> None:
    """INVALID_ARGUMENT that names the field, also for a clip that is not there or is another; nothing is kept."""
    labeler.store.put(URI, CLIP)
    error = await refused(_add(labeler, **change))
    assert isinstance(error, InvalidInputError)
    assert field in str(error)
    assert await _list(labeler) == []


@pytest.mark.parametrize(
    "key",
    [
        f"{RUN_ID}/tokens.json",
        f"{RUN_ID}/labels.sqlite",
        f"{RUN_ID}/sealed/s1.safetensors",
        f"{RUN_ID}/clips/s1.mp4",
        f"{RUN_ID}/policy-clips/tokens.json",
        f"{RUN_ID}/policy-clips/7.mp4",
        f"{RUN_ID}/policy-clips/00000007-final.mp4",
        f"{RUN_ID}/policies/00000007.safetensors",
    ],
)
async def test_no_other_file_of_the_run_is_taken_for_a_clip(labeler: RunningLabeler, key: str) -> None:
    """INVALID_ARGUMENT, whatever the bytes are and although the SHA-256 is right."""
    labeler.store.put(key, CLIP)
    error = await refused(_add(labeler, clip_uri=key))
    assert isinstance(error, InvalidInputError)
    assert key in str(error)
    assert await _list(labeler) == []


async def test_what_is_no_mp4_is_no_clip(labeler: RunningLabeler) -> None:
    """Wherever it lies."""
    tokens = b'{"owner": "owner-token"}'
    labeler.store.put(URI, tokens)
    error = await refused(_add(labeler, clip_sha256=hashlib.sha256(tokens).hexdigest()))
    assert isinstance(error, InvalidInputError)
    assert "MP4" in str(error)
    assert await _list(labeler) == []


async def test_a_wrong_hash_is_refused_without_the_right_one(labeler: RunningLabeler) -> None:
    """Who learns it could say it next time, of what they never stored."""
    labeler.store.put(URI, CLIP)
    error = await refused(_add(labeler, clip_sha256="0" * 64))
    assert isinstance(error, InvalidInputError)
    assert SHA256 not in str(error)


async def test_a_clip_needs_a_run_and_a_policy(labeler: RunningLabeler) -> None:
    """NOT_FOUND without."""
    labeler.store.put(policy_clip_key("run-2", 7), CLIP)
    labeler_stub = labeler.as_role(Role.LABELER)
    calls = (
        _add(labeler, run_id="run-2"),
        labeler_stub.ListPolicyClips(pb.ListPolicyClipsRequest(run_id="run-2")),
        labeler_stub.GetPolicyClip(pb.GetPolicyClipRequest(run_id=RUN_ID, policy_version=8)),
    )
    for call in calls:
        assert isinstance(await refused(call), NotFoundError)


async def test_a_clip_that_was_damaged_is_not_shown(labeler: RunningLabeler) -> None:
    """DATA_LOSS rather than other bytes."""
    labeler.store.put(URI, CLIP)
    await _add(labeler)
    labeler.store.put(URI, b"something else")
    call = labeler.as_role(Role.LABELER).GetPolicyClip(
        pb.GetPolicyClipRequest(run_id=RUN_ID, policy_version=7)
    )
    assert isinstance(await refused(call), CorruptDataError)


@pytest.mark.parametrize(("is_gone", "what"), [(True, "is gone"), (False, "has changed")])
async def test_a_clip_that_is_lost_is_said_to_be(
    labeler: RunningLabeler, *, is_gone: bool, what: str
) -> None:
    """In plain words without its place in the store, and not to be asked for again; the others are shown."""
    _put(labeler, 7, 8)
    await _add(labeler)
    await _add(labeler, policy_version=8)
    if is_gone:
        labeler.store.delete(URI)
    else:
        labeler.store.put(URI, b"something else")
    stub = labeler.as_role(Role.LABELER)
    error = await refused(stub.GetPolicyClip(pb.GetPolicyClipRequest(run_id=RUN_ID, policy_version=7)))
    assert f"the clip of policy version 7 {what}" in str(error)
    assert URI not in str(error)
    assert error.is_hopeless
    other = await stub.GetPolicyClip(pb.GetPolicyClipRequest(run_id=RUN_ID, policy_version=8))
    assert other.clip == CLIP
