"""What those who answered are told of a run."""

from __future__ import annotations

import dataclasses

import pytest

from somersault.cli.results.headline import headline, next_to_references, warn_of_chance
from somersault.cli.results.summary import result_of
from somersault.tasks import get_task

BACKFLIP, WALKER = get_task("hopper-backflip"), get_task("walker")


def summary(**changes: object) -> dict[str, object]:
    """A summary with what a headline is made from."""
    values = {"labels": 70, "env_steps": 1500, "true_return_mean": 6200.4, "flips_per_episode": 2.66}
    return {**values, **changes}


@pytest.mark.parametrize(
    ("flips", "sentence"),
    [
        (2.66, "The hopper makes 2.7 backflips an episode."),
        (1.04, "The hopper makes 1.0 backflip an episode."),
        (0.4, "The hopper makes 0.4 of a backflip an episode."),
        (None, "The hopper makes no backflip yet."),
        (-0.7, "The hopper turns forwards instead of backwards."),
    ],
)
def test_flips_are_counted_in_words(flips: float | None, sentence: str) -> None:
    """A labeler of the backflip knows what was meant."""
    assert headline(BACKFLIP, summary(flips_per_episode=flips)) == sentence


def test_a_score_is_set_beside_chance_and_the_reference() -> None:
    """A number alone says nothing to who never saw the reward."""
    task = dataclasses.replace(WALKER, random_return_mean=3.2, reference_return_mean=900.0)
    assert headline(task, summary()) == (
        "Walker: the agent scores 6,200 an episode; chance scores 3.2 and an agent that is told its score"
        " reaches 900."
    )
    unmeasured = dataclasses.replace(WALKER, random_return_mean=None, reference_return_mean=None)
    assert headline(unmeasured, summary(true_return_mean=-1.26)) == (
        "Walker: the agent scores -1.3 an episode."
    )


def test_without_a_true_reward_nothing_is_made_up() -> None:
    """People alone can judge such a task."""
    task = dataclasses.replace(WALKER, teacher=None)
    assert headline(task, summary()) == "Walker: the agent learned from 70 answers."
    assert not result_of(summary(), task=task).HasField("true_return_mean")


def test_a_run_without_answers_says_so() -> None:
    """Whatever its policy does by chance."""
    assert headline(BACKFLIP, summary(labels=0)) == ("Nothing was learned, because no question was answered.")


def test_the_result_holds_the_runs_figures() -> None:
    """Steps, answers, the headline, and the true return where there is one."""
    result = result_of(summary(), task=BACKFLIP)
    assert (result.env_steps, result.num_labels, result.true_return_mean) == (1500, 70, 6200.4)
    assert result.headline == "The hopper makes 2.7 backflips an episode."


def test_what_is_no_better_than_chance_is_not_told_as_success() -> None:
    """Neither to labelers nor to who trained it; a random hopper falls backwards, which turns it a little."""
    walker = dataclasses.replace(WALKER, random_return_mean=3.2, reference_return_mean=900.0)
    assert headline(walker, summary(true_return_mean=3.2)) == (
        "Walker: the agent is no better than chance yet, at 3.2 an episode; chance scores 3.2 and an agent that is"
        " told its score reaches 900."
    )
    falling = summary(true_return_mean=325, flips_per_episode=0.3)
    assert headline(BACKFLIP, falling) == (
        "The hopper makes 0.3 of a backflip an episode, which is no better than chance yet."
    )
    assert "no better than one that acts at random" in str(warn_of_chance(BACKFLIP, falling))
    assert warn_of_chance(BACKFLIP, summary()) is None
    assert warn_of_chance(dataclasses.replace(BACKFLIP, random_return_mean=None), falling) is None
    assert warn_of_chance(dataclasses.replace(BACKFLIP, teacher=None), falling) is None


def test_a_return_stands_beside_those_of_others() -> None:
    """As far as the task knows them."""
    task = dataclasses.replace(WALKER, random_return_mean=3.2, reference_return_mean=900.0)
    assert next_to_references(task, 325.4) == "325 (random 3.2, trained on it 900)"
    assert (
        next_to_references(dataclasses.replace(task, random_return_mean=None), 1.26)
        == "1.3 (trained on it 900)"
    )
    unmeasured = dataclasses.replace(task, random_return_mean=None, reference_return_mean=None)
    assert next_to_references(unmeasured, 325.4) == "325"
