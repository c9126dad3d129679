"""Who may call an rpc is said once, in the protos."""

from __future__ import annotations

from google.protobuf import timestamp_pb2

from somersault.domain.roles import Role
from somersault.rpc.wire_scan import scan
from somersault.v1 import labeler_pb2, preference_pb2, reward_pb2, simulator_pb2, trajectory_pb2
from somersault.wire.access import GATEWAY_METHODS, ROLES, SERVICE_METHODS, request_bounds

METHODS = labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"].methods_by_name


def test_every_rpc_of_the_labeler_says_who_may_call_it() -> None:
    """One without the option would be for nobody."""
    assert set(ROLES) == set(METHODS)
    assert [method for method, roles in ROLES.items() if not roles] == []


def test_the_roles_are_those_of_the_option() -> None:
    """Looked up by hand: one for people who answer, one for services, one for owners, one for all."""
    assert ROLES["SubmitPreference"] == {Role.LABELER, Role.TEACHER}
    assert ROLES["ReportProgress"] == {Role.SERVICE}
    assert ROLES["SetLabelerWeight"] == {Role.OWNER}
    assert ROLES["WhoAmI"] == set(Role)


def test_a_gateway_passes_on_no_stream() -> None:
    """Connect's unary format has none."""
    assert [method for method in GATEWAY_METHODS if METHODS[method].server_streaming] == []
    assert "ProposeQueries" not in GATEWAY_METHODS
    assert "LeaseQueries" in GATEWAY_METHODS


def test_the_largest_requests_that_are_taken_fit_their_bounds() -> None:
    """As many entries as a service takes at most, each as large as it may be."""
    segment = trajectory_pb2.StoredSegment(
        segment_id="s" * 64, segment_uri="u" * 512, sealed_uri="v" * 512, duration_s=1.5
    )
    predicted = [0.5] * 10_000
    proposal = labeler_pb2.Proposal(
        proposal_id="p" * 64,
        first=segment,
        second=segment,
        wants_clips=True,
        target_answers=10,
        first_predicted_rewards=predicted,
        second_predicted_rewards=predicted,
        reward_version=10**9,
    )
    time = timestamp_pb2.Timestamp(seconds=2**31, nanos=1)
    record = preference_pb2.PreferenceRecord(
        cursor=10**12, run_id="r" * 64, query_id="q" * 64, answer_id="a" * 64, version=10, preference=1,
        left=segment, right=segment, labeler_id="l" * 64, labeler_role=1, is_extra=True, commit_time=time,
        response_ms=10**7, weight=1.5, is_gold=True, answer_number=10, target_answers=10,
        guidelines_version=10**6, gold_kind="unanimous", gold_preference=1,
    )  # fmt: skip
    change = preference_pb2.WeightChange(
        cursor=1, run_id="r" * 64, labeler_id="l" * 64, weight=1.5, changed_by="c" * 256, commit_time=time,
        reason="\U0001f600" * 500, change_id="x" * 64,
    )  # fmt: skip
    tensor = trajectory_pb2.Tensor(data=b"\x01" * 64, element_type=1, shape=[1] * 8)  # type: ignore[arg-type]
    offered = trajectory_pb2.Segment(
        segment_id="s" * 64, observations=tensor, actions=tensor, rollout_sequence=9, policy_version=9
    )
    position = reward_pb2.RolloutPosition(incarnation="i" * 64, sequence=2**62)
    for request in (
        labeler_pb2.ProposeQueriesRequest(run_id="r" * 64, proposals=[proposal] * 256),
        labeler_pb2.WithdrawQueriesRequest(run_id="r" * 64, query_ids=["q" * 64] * 1000),
        labeler_pb2.ImportPreferencesRequest(run_id="r" * 64, records=[record] * 1000),
        labeler_pb2.ImportPreferencesRequest(run_id="r" * 64, weight_changes=[change] * 1000),
        labeler_pb2.SetGuidelinesRequest(run_id="r" * 64, text="\U0001f600" * 20_000),
        labeler_pb2.CreateRunRequest(
            run_id="r" * 64, question="\U0001f600" * 2000, guidelines="\U0001f600" * 20_000
        ),
        labeler_pb2.AddPolicyClipRequest(
            run_id="r" * 64, clip_uri="u" * 512, clip=labeler_pb2.PolicyClip(predicted_rewards=predicted)
        ),
        reward_pb2.OfferSegmentsRequest(offer=reward_pb2.SegmentOffer(segments=[offered] * 256)),
        reward_pb2.OfferSegmentsRequest(stored=reward_pb2.SegmentsStored(segments=[segment] * 256)),
        reward_pb2.WatchRewardModelRequest(env_steps=10**12, positions=[position] * 4096),
        simulator_pb2.EvaluateRequest(policy=b"\x01" * (16 << 20), num_episodes=1, run_id="r" * 64),
    ):
        method = next(one for one in SERVICE_METHODS.values() if one.input_type == request.DESCRIPTOR)
        bounds, raw = request_bounds(method), request.SerializeToString()
        assert len(raw) <= bounds.max_bytes, method.name
        scan(raw, method.input_type, name="it", max_parts=bounds.max_parts)
