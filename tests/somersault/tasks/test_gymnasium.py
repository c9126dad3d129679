"""Tasks made of Gymnasium environments by their id."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest
from gymnasium import spaces

from somersault.errors import InvalidInputError, UnavailableError
from somersault.tasks import get_task
from somersault.tasks.gymnasium import gymnasium_task
from somersault.tasks.gymnasium_guides import guide_of


class Odd(gymnasium.Env):
    """Has whatever spaces it is told to."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        render_mode: str | None = None,
        *,
        seen: spaces.Space | None = None,
        done: spaces.Space | None = None,
    ) -> None:
        """Take what is seen and what is done, a plain vector and a choice if not said."""
        self.render_mode = render_mode
        self.observation_space = spaces.Box(-1, 1, (2,)) if seen is None else seen
        self.action_space = spaces.Discrete(2) if done is None else done


class Undrawn(Odd):
    """Can't draw itself."""

    metadata = {"render_modes": []}  # noqa: RUF012


class Lacking(Odd):
    """Needs a package that is not there."""

    def __init__(self, render_mode: str | None = None) -> None:
        """Fail as Gymnasium's own do."""
        raise gymnasium.error.DependencyNotInstalled("no such package")


ODD_SPACES = {
    "Chatty-v0": ({"done": spaces.Text(5)}, "action space is Text"),
    "Paired-v0": ({"done": spaces.Tuple((spaces.Discrete(2), spaces.Discrete(3)))}, "action space is Tuple"),
    "Moveless-v0": ({"done": spaces.Box(0, 5, (0,))}, "action space is Box"),
    "Endless-v0": ({"seen": spaces.Sequence(spaces.Discrete(2))}, "observation space is Sequence"),
    "Long-v0": ({"seen": spaces.Box(0, 1, (5000,))}, "observation space is Box"),
}
for _name, (_spaces, _) in ODD_SPACES.items():
    gymnasium.register(_name, entry_point=Odd, kwargs=_spaces)
gymnasium.register("Plain-v0", entry_point=Odd)
gymnasium.register("Undrawn-v0", entry_point=Undrawn)
gymnasium.register("Lacking-v0", entry_point=Lacking)


def test_task_is_read_from_the_environment() -> None:
    """CartPole draws 50 pictures a second, has four numbers, two actions and 500 steps."""
    task = get_task("CartPole-v1")
    assert (task.name, task.title) == ("CartPole-v1", "Cart Pole")
    assert (task.frame_shape, task.num_actions, task.action_dim) == ((4,), 2, 0)
    assert (task.step_s, task.segment_steps, task.clip_fps) == (0.02, 75, 25.0)
    assert (task.episode_steps, task.is_continuing) == (500, False)
    assert (task.still_steps, task.spec.still_steps) == (25, 25)


@pytest.mark.parametrize(
    "name",
    [
        "CartPole-v1",
        "Acrobot-v1",
        "MountainCar-v0",
        "MountainCarContinuous-v0",
    ],
)
def test_well_known_environments_have_questions_of_their_own(name: str) -> None:
    """That say what is better, what an end looks like, and what it means."""
    task, other = get_task(name), get_task("Plain-v0")
    assert task.question != other.question
    assert "grey in a dark frame" in task.description
    assert task.defaults.labels_by_teacher < other.defaults.labels_by_teacher


def test_landers_share_a_question() -> None:
    """Whether their engines are fired or driven. Box2D itself does not survive that warnings are errors, so it stays out."""
    names = ("LunarLander-v3", "LunarLander-v2", "LunarLanderContinuous-v3")
    guide, *others = (guide_of(name, title="") for name in names)
    assert others == [guide, guide]
    assert guide.question == "Which clip shows the better landing?"


def test_others_are_asked_about_in_general_words() -> None:
    """With the environment's name."""
    task = get_task("FrozenLake-v1")
    assert task.question == "Which clip shows more of what you want?"
    assert "Frozen Lake" in task.description


def test_segment_fits_into_the_shortest_full_episode() -> None:
    """Ten steps at thirty a second."""
    gymnasium.register("Brief-v0", entry_point=Odd, max_episode_steps=10)
    task = get_task("Brief-v0")
    assert (task.episode_steps, task.segment_steps) == (10, 10)


def test_action_may_be_a_vector() -> None:
    """The pendulum's torque is one number; it draws 30 pictures a second."""
    task = get_task("Pendulum-v1")
    assert (task.action_dim, task.num_actions, task.clip_step, task.clip_fps) == (1, 0, 1, 30.0)


def test_turns_are_shown_ten_a_second() -> None:
    """FrozenLake says four, which makes six pictures in a clip; an environment that says nothing plays at thirty."""
    assert get_task("FrozenLake-v1").clip_fps == 10.0
    assert get_task("Plain-v0").clip_fps == 30.0


@pytest.mark.parametrize("name", ODD_SPACES)
def test_spaces_that_can_not_be_learned_in_are_named(name: str) -> None:
    """Endless, too long, of text, of several spaces, or empty."""
    with pytest.raises(InvalidInputError, match=ODD_SPACES[name][1]):
        gymnasium_task(name)


@pytest.mark.filterwarnings("ignore:.*render_mode")  # Gymnasium warns of what is refused here
@pytest.mark.parametrize("name", ["Nothing-v0", "CartPole-v99", "no_such_module:Id-v0", "Undrawn-v0"])
def test_environment_that_is_not_there_is_refused_by_its_id(name: str) -> None:
    """No such name, no such version, no such module, no picture."""
    with pytest.raises(InvalidInputError, match=name):
        gymnasium_task(name)


def test_missing_package_says_what_to_install() -> None:
    """The extra's name."""
    with pytest.raises(UnavailableError, match=r"somersault\[gymnasium\]"):
        gymnasium_task("Lacking-v0")


def test_gymnasium_is_not_needed_for_other_tasks() -> None:
    """Importing the tasks does not import it."""
    command = (
        "import sys, somersault.tasks; somersault.tasks.get_task('hopper'); print('gymnasium' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
