"""What a run leaves behind."""

from __future__ import annotations

import numpy as np
import pytest

from somersault.cli.results.evaluation import Evaluation, evaluation_seed, standardised_mean
from somersault.cli.results.summary import describe, summarise
from somersault.cli.run.folder import RunFolder
from somersault.tasks import get_task
from somersault.v1 import simulator_pb2
from tests.somersault.cli.conftest import make_config
from tests.somersault.cli.monitoring.test_progress import make_progress


def test_standardised_mean_forgets_each_members_offset_and_scale() -> None:
    """1, 2, 3 and 100, 300, 500 say the same: -1, 0, 1 times the square root of 3/2."""
    members = np.float32([[1, 2, 3], [100, 300, 500]])
    np.testing.assert_allclose(standardised_mean(members), np.sqrt(1.5) * np.float32([-1, 0, 1]), rtol=1e-6)


def test_standardised_mean_of_constant_members_is_zero() -> None:
    """A model that has learned nothing shows an empty bar, not NaN."""
    bar = standardised_mean(np.full((3, 4), 7, np.float32))
    np.testing.assert_array_equal(bar, np.zeros(4, np.float32))


def test_evaluation_seed_is_a_function_of_the_runs_seed() -> None:
    """The same run is measured on the same episodes, and no two seeds on the same."""
    seeds = [evaluation_seed(seed) for seed in range(20)]
    assert seeds == [evaluation_seed(seed) for seed in range(20)]
    assert len(set(seeds)) == 20
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_summary_has_exactly_what_was_promised(tmp_path) -> None:
    """Means over the episodes; speed over the training time."""
    evaluation = Evaluation(
        policy_version=3,
        episodes=(
            simulator_pb2.EpisodeResult(true_return=10, flips=2, landed_flips=1),
            simulator_pb2.EpisodeResult(true_return=20, flips=1, landed_flips=0),
        ),
        best_segment_id="x",
    )
    config = make_config(RunFolder(tmp_path / "run"))
    summary = summarise(config, make_progress(), evaluation, wall_s=5.0, num_restarts=2)
    reference = summary.pop("reference_return_mean")
    assert reference is None or reference > 0
    assert summary == {
        "task": "hopper-backflip",
        "seed": 3,
        "precision": "float32",
        "env_steps": 250,
        "labels": 3,
        "label_budget": 9,
        "unanswered": 1,
        "given_labels": 0,
        "lost_comparisons": 0,
        "nothing_learned_because": None,
        "wall_s": 5.0,
        "env_steps_per_s": 50.0,
        "true_return_mean": 15.0,
        "flips_per_episode": 1.5,
        "landed_flips_per_episode": 0.5,
        "preference_accuracy": 0.8,
        "num_accuracy_preferences": 10,
        "policy_versions": 1,
        "reward_versions": 1,
        "restarts": 2,
        "settings": {"total_env_steps": config.total_env_steps, "label_budget": config.label_budget},
    }


@pytest.mark.parametrize(
    ("labels", "budget", "words"),
    [
        (60, 60, "250 steps in 5 s, 60 labels, the final policy's true return 15.0 (random 540, "),
        (3, 60, "250 steps in 5 s, 3 of 60 labels, the final policy's true return 15.0 (random 540, "),
        (0, 0, "250 steps in 5 s, the final policy's true return 15.0 (random 540, "),
    ],
)
def test_a_run_that_asked_too_little_says_so(labels: int, budget: int, words: str) -> None:
    """A run that ended before anything could be asked has learned nothing, which nobody should overlook."""
    summary = {"env_steps": 250, "wall_s": 5.0, "labels": labels, "label_budget": budget, "unanswered": 0}
    said = describe(
        {**summary, "true_return_mean": 15.0, "flips_per_episode": None}, task=get_task("hopper-backflip")
    )
    assert words in said


def test_a_run_whose_answers_were_lost_says_so() -> None:
    """Answers given and not learned from are nothing to be silent about."""
    summary = {"env_steps": 250, "wall_s": 5.0, "labels": 20, "label_budget": 20, "unanswered": 0}
    said = describe(
        {**summary, "true_return_mean": 15.0, "flips_per_episode": None, "lost_comparisons": 10},
        task=get_task("hopper-backflip"),
    )
    assert "10 of the answers could not be learned from: the segments they compare are gone" in said


def test_a_run_that_learned_nothing_says_why() -> None:
    """After all else, where nobody overlooks it."""
    summary = {"env_steps": 250, "wall_s": 5.0, "labels": 0, "label_budget": 60, "unanswered": 4}
    summary |= {"true_return_mean": 15.0, "flips_per_episode": None}
    reason = "4 questions were asked and none answered"
    said = describe({**summary, "nothing_learned_because": reason}, task=get_task("hopper-backflip"))
    assert said.endswith("nothing was learned: 4 questions were asked and none answered")
