"""Choosing what to ask about pictures without scoring all of them."""

from __future__ import annotations

import numpy as np

from services.reward.feedback.preference_log import LogPosition
from services.reward.limits import ScoredPart
from services.reward.published import Published, RewardVersion
from services.reward.queries.proposer import QueryProposer
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from somersault.domain.feedback import Preference
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Segment
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from tests.services.reward.doubles import LabelerDouble

_SPEC = TaskSpec(
    task="t", frame_shape=(43, 43), num_frames=2, num_actions=3, episode_steps=99, segment_steps=9, step_s=0.1
)


def _proposer(*, num_segments: int, scored: ScoredPart) -> tuple[QueryProposer, RewardEnsemble]:
    """Return a proposer over segments that stand still, each in a grey of its own, and the ensemble it uses."""
    layout = SegmentLayout(_SPEC)
    pool = SegmentPool(layout, capacity=num_segments)
    offers = Offers(pool, capacity=num_segments)
    segments = [
        Segment(
            segment_id=f"s{level}",
            observations=np.full((10, 43, 43), 3 * level, np.uint8),
            actions=np.zeros(9, np.int32),
            rollout_sequence=0,
            policy_version=0,
        )
        for level in range(num_segments)
    ]
    offers.offer(offers.join("sim"), 0, segments)
    offers.admit(None)
    ensemble = RewardEnsemble(RewardModelConfig.for_task(_SPEC), seed=0)
    version = RewardVersion(
        number=1, ensemble=ensemble, weights=b"", num_comparisons=1, position=LogPosition(cursor=1)
    )
    proposer = QueryProposer(
        pool=pool,
        offers=offers,
        receiver=LabelerDouble(lambda _: Preference.LEFT),
        published=Published(version),
        seed=0,
        num_candidate_pairs=50,
        tournament_size=3,
        wants_clips="none",
        scored=scored,
    )
    return proposer, ensemble


def test_only_part_of_the_pool_is_scored() -> None:
    """Queries are chosen among 6 of 40 segments, the same ones each time nothing was asked in between."""
    proposer, _ = _proposer(num_segments=40, scored=ScoredPart(max_segments=6))

    chosen = [proposer._choose(3) for _ in range(2)]
    indices = proposer._some_of(np.arange(40))

    assert chosen[0] == chosen[1]
    assert len(indices) == len(set(indices.tolist())) == 6
    assert {name for pair in chosen[0] for name in pair} <= {f"s{index}" for index in indices}


def test_a_part_of_the_steps_stands_for_all() -> None:
    """Of a segment that stands still, 3 of 9 steps sum to what one step is worth, 9 times."""
    proposer, ensemble = _proposer(num_segments=2, scored=ScoredPart(steps=slice(1, None, 3)))

    returns = proposer._predicted_returns(proposer._published.version, np.array([1]))

    still = np.full((1, 2, 43, 43), 3, np.uint8)
    reward = ensemble.predict(still, np.zeros(1, np.int32))
    np.testing.assert_allclose(returns, 9 * reward, rtol=1e-4)
