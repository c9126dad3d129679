"""A loaded reward model scores as the reward service's own does, in its place as a wrapper too."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch

import somersault
from somersault.domain.frames import observations_of, unpacked
from somersault.errors import FailedPreconditionError, InvalidInputError
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.runs import load_run
from tests.somersault.synthetic_runs import make_run, observations_and_actions
from tests.synthetic_environments import name_of

KINDS = [
    "hopper-backflip",
    "CartPole-v1",
    "pong",
    *map(name_of, ("Choices", "PictureAndSensors")),
]


def reference(run: somersault.Run) -> RewardEnsemble:
    """The networks of the reward service with the run's weights, in single precision."""
    ensemble = RewardEnsemble(RewardModelConfig.for_task(run.task.spec), seed=0)
    arrays = run.reward_model().arrays
    ensemble.network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
    if run.task.spec.is_image:
        ensemble.network._dtype = torch.float32
    return ensemble


@pytest.mark.parametrize("name", KINDS)
def test_members_are_those_of_the_reward_service(name: str, tmp_path: Path) -> None:
    """Vectors with vectors, with a choice and with several, and pictures, beside numbers too."""
    run = make_run(tmp_path / "runs" / "one", name)
    observations, actions = observations_and_actions(run.task.spec, 5, seed=9)
    expected = reference(run).predict(observations, actions)
    seen = unpacked(observations, spec=run.task.spec)
    members = somersault.load_reward_model(run).members(seen, actions)
    assert members.shape == (3, 5)
    np.testing.assert_allclose(members, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_score_is_standardised_over_the_runs_segments(name: str, tmp_path: Path) -> None:
    """Over all stored steps each member has mean 0 and deviation 1, and the score is their mean."""
    run = make_run(tmp_path / "runs" / "one", name, num_segments=3)
    segments = [run.segment(key) for key in run.segment_keys()]
    stacked = [observations_of(one["observations"], num_frames=run.task.num_frames) for one in segments]
    observations = np.concatenate(stacked)
    actions = np.concatenate([one["actions"] for one in segments])
    members = reference(run).predict(observations, actions)
    spread = members.std(axis=1, keepdims=True)
    expected = ((members - members.mean(axis=1, keepdims=True)) / spread).mean(axis=0)
    seen = unpacked(observations, spec=run.task.spec)
    score = somersault.load_reward_model(run).score(seen, actions)
    np.testing.assert_allclose(score, expected, atol=5e-3)
    assert score.mean() == pytest.approx(0, abs=1e-3)


def test_reward_model_without_segments_scores_as_it_is(tmp_path: Path) -> None:
    """Somebody deleted them to save room."""
    run = make_run(tmp_path / "runs" / "one", "CartPole-v1", num_segments=0)
    model = somersault.load_reward_model(run)
    observations, actions = observations_and_actions(run.task.spec, 4)
    expected = model.members(observations, actions).mean(axis=0)
    np.testing.assert_allclose(model.score(observations, actions), expected, rtol=1e-6)


def test_real_runs_reward_model_prefers_what_the_teacher_preferred(real_run: Path) -> None:
    """Of the pairs it was taught, it ranks most as the answers do."""
    run = load_run(real_run)
    model = somersault.load_reward_model(run)
    labels = somersault.read_labels(run)
    labels = labels[labels["preference"].isin(["left", "right"])]

    def total(segment_id: str) -> float:
        segment = run.segment(f"{run.prefix}/segments/{segment_id}.safetensors")
        return float(model.score(segment["observations"], segment["actions"]).sum())

    right = [
        (total(row.left_segment_id) > total(row.right_segment_id)) == (row.preference == "left")
        for row in labels.itertuples()
    ]
    assert len(right) >= 8
    assert np.mean(right) > 0.7


@pytest.mark.parametrize(
    ("observations", "actions"),
    [((5, 10), (5, 3)), ((5, 11), (4, 3)), ((11,), (3,)), ((5, 11), (5, 4))],
)
def test_arrays_of_other_shapes_are_refused(
    observations: tuple[int, ...], actions: tuple[int, ...], tmp_path: Path
) -> None:
    """By their shapes."""
    model = somersault.load_reward_model(make_run(tmp_path / "runs" / "one", "hopper-backflip"))
    with pytest.raises(InvalidInputError):
        model.score(np.zeros(observations), np.zeros(actions))


def test_wrapper_pays_what_the_reward_model_gives(real_run: Path) -> None:
    """Of the observation before each step and the action as executed."""
    run = load_run(real_run)
    model, env = somersault.load_reward_model(run), somersault.make_env(run)
    wrapped = somersault.RewardWrapper(env, model)
    observation, _ = wrapped.reset(seed=3)
    for action in np.random.default_rng(0).uniform(-2, 2, (20, 3)):
        expected = model.score(observation[None], np.clip(action, -1, 1)[None])[0]
        observation, reward, *_ = wrapped.step(action)
        assert reward == pytest.approx(expected)


def test_wrapper_pays_a_still_moment_as_a_run_does(tmp_path: Path) -> None:
    """An ended CartPole executes nothing, whatever is done in it: no choice, as the reward service has it too."""
    run = make_run(tmp_path / "runs" / "one", "CartPole-v1")
    model = somersault.load_reward_model(run)
    wrapped = somersault.RewardWrapper(somersault.make_env(run), model)
    observation, _ = wrapped.reset(seed=0)
    none = np.array([-1], np.int32)
    for _ in range(15):
        before = observation
        observation, reward, *_, info = wrapped.step(1)
    assert info == {"is_still": True}
    assert reward == pytest.approx(model.score(before[None], none)[0])
    assert reward != pytest.approx(model.score(before[None], np.array([1]))[0])
    members = reference(run).predict(before[None], none)
    np.testing.assert_allclose(model.members(before[None], none), members, rtol=1e-4, atol=1e-5)


def test_true_reward_cannot_be_reached_through_the_wrapper(real_run: Path) -> None:
    """The environment beneath pays nothing, tells nothing, and names no other beneath it."""
    run = load_run(real_run)
    wrapped = somersault.RewardWrapper(somersault.make_env(run), somersault.load_reward_model(run))
    wrapped.reset(seed=0)
    *_, info = wrapped.step(np.zeros(3))
    assert info == {}
    assert wrapped.unwrapped is wrapped.env
    assert wrapped.unwrapped.step(np.ones(3))[1] == 0.0
    public = {name for name in dir(wrapped.unwrapped) if not name.startswith("_")}
    own = {name for name in public if isinstance(getattr(wrapped.unwrapped, name), gymnasium.Env)}
    assert own == {"unwrapped"}


def test_wrapper_around_a_foreign_environment_drops_what_that_pays(tmp_path: Path) -> None:
    """Neither reward nor info tell of it, whatever it is called there; what else is to be kept is named."""

    class Paying(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return np.zeros(4, np.float32), {"reward_start": 5, "score": 0}

        def step(self, action):
            info = {
                "reward_forward": 77.0,
                "episode": {"r": 77.0},
                "true_return": 77.0,
                "x_velocity": 77.0,
                "final_info": {"true_return": 77.0},
                "lives": 2,
            }
            return np.zeros(4, np.float32), 77.0, False, False, info

    model = somersault.load_reward_model(make_run(tmp_path / "runs" / "one", "CartPole-v1"))
    wrapped = somersault.RewardWrapper(Paying(), model)
    assert wrapped.reset()[1] == {}
    _, reward, _, _, info = wrapped.step(1)
    assert info == {"lives": 2}
    named = somersault.RewardWrapper(Paying(), model, keep_info=["x_velocity"])
    named.reset()
    assert named.step(1)[4] == {"lives": 2, "x_velocity": 77.0}
    assert reward == pytest.approx(float(model.score(np.zeros((1, 4)), np.array([1]))[0]))


def test_wrapper_must_be_reset_first(tmp_path: Path) -> None:
    """There is no observation before the first step."""
    run = make_run(tmp_path / "runs" / "one", "hopper-backflip")
    wrapped = somersault.RewardWrapper(somersault.make_env(run), somersault.load_reward_model(run))
    with pytest.raises(FailedPreconditionError, match="reset"):
        wrapped.step(np.zeros(3))


@pytest.mark.filterwarnings("ignore::UserWarning")  # that it is wrapped, and that numbers have no bounds
@pytest.mark.parametrize("name", KINDS)
def test_wrapped_environment_passes_gymnasiums_own_check(name: str, tmp_path: Path) -> None:
    """Spaces, seeds and types are as other libraries want them."""
    from gymnasium.utils.env_checker import check_env

    run = make_run(tmp_path / "runs" / "one", name)
    wrapped = somersault.RewardWrapper(somersault.make_env(run), somersault.load_reward_model(run))
    check_env(wrapped, skip_render_check=True, skip_close_check=True)
