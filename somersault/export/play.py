"""The script that comes with an export: it plays the policy in plain Gymnasium, without somersault.

It makes the environment as the agent saw it, with the same observations, actions and episode length. The environment's own
reward is printed for orientation; it isn't the run's true reward.
"""

from __future__ import annotations

from somersault.export.play_pictures import picture_script
from somersault.tasks import AtariEnvironment, GymnasiumEnvironment, MujocoEnvironment, Task

__all__ = ["play_script", "requirements"]

_HEAD = '''"""Plays policy.safetensors in {title}: python play.py [EPISODES]. Needs {requirements}."""

import sys

{imports}

NUM_EPISODES = int(sys.argv[1]) if len(sys.argv) > 1 else 1
EPISODE_STEPS = {episode_steps}
'''

_VECTOR = """
env = gymnasium.make({environment_id!r}{options}, disable_env_checker=True){unwrapped}
policy = Policy(load("policy.safetensors"), seed=0)
{action}

for episode in range(NUM_EPISODES):
    seen, _ = env.reset(seed=episode)
    paid = 0.0
    for step in range(EPISODE_STEPS):
        seen, reward, terminated, truncated, _ = env.step(to_action(policy.act({observe})))
        paid += float(reward){ends}
    print(f"episode {{episode}}: {{step + 1}} steps, the environment itself paid {{paid:.1f}}, not what was taught")
"""

_ENDS = """
        if terminated or truncated:
            break"""
_STRETCH = """
low, high = env.action_space.low, env.action_space.high


def to_action(action):  # the policy's -1 to 1 is spread over what the environment takes
    return np.clip(low + (action.reshape(low.shape) + 1) / 2 * (high - low), low, high).astype(low.dtype)
"""
_ANY_STRETCH = """
space, limit = env.action_space, {limit!r}
low, high = space.low.astype(float), space.high.astype(float)
has_low, has_high = low >= -1e9, high <= 1e9  # what has no bound reaches as far as the limit, as in the run
low = np.where(has_low, low, np.where(has_high, high - 2 * limit, -limit))
high = np.where(has_high, high, np.where(has_low, low + 2 * limit, limit))


def to_action(action):  # the policy's -1 to 1 is spread over what the environment takes
    value = low + (action.reshape(low.shape) + 1) / 2 * (high - low)
    value = value if space.dtype.kind == "f" else np.rint(value)
    return np.clip(value.astype(space.dtype), space.low, space.high)
"""
_CHOICE = """
def to_action(action):
    return env.action_space.start + action
"""
_CHOICES = """
space = env.action_space
first = getattr(space, "start", 0)


def to_action(action):  # counted from 0, of each choice
    return np.asarray(first + action.reshape(space.shape), space.dtype)
"""
_PICTURES = """
env = gymnasium.make({environment_id!r}{options}, disable_env_checker=True){unwrapped}
policy = Policy(load("policy.safetensors"), seed=0)
{action}

"""
_ATARI = """
env = AtariVectorEnv(
    {game!r}, 1, max_num_frames_per_episode=1 << 30, repeat_action_probability=0.0, img_height={height},
    img_width={width}, stack_num=1, frameskip={frame_skip}, maxpool=True, noop_max={start_frames},
    use_fire_reset=True, episodic_life=False, reward_clipping=False,
)
policy = Policy(load("policy.safetensors"), seed=0)


def to_frame(pictures):  # points and lives are black, as the agent saw it
    frame = pictures[0, 0].copy()
    for begin, end in {hidden_rows}:
        frame[begin:end] = 0
    return frame


for episode in range(NUM_EPISODES):
    pictures, _ = env.reset(seed=np.array([episode]))
    frames = [to_frame(pictures)] * {num_frames}
    paid = 0.0
    for _ in range(EPISODE_STEPS):
        pictures, rewards, terminated, truncated, _ = env.step(np.array([policy.act(np.stack(frames))]))
        paid += float(rewards[0])
        if terminated[0] or truncated[0]:
            break
        frames = [*frames[1:], to_frame(pictures)]
    print(f"episode {{episode}}: the game's score is {{paid:.1f}}")
"""


def requirements(task: Task) -> list[str]:
    """Return what `play.py` needs, as pip takes it."""
    if isinstance(task.environment, AtariEnvironment):
        return ["numpy", "ale-py==0.12.1", "gymnasium==1.4.0"]
    if isinstance(task.environment, MujocoEnvironment):
        return ["numpy", "gymnasium[mujoco]==1.4.0"]
    return ["numpy", "gymnasium==1.4.0", "pygame-ce==2.5.8", "box2d==2.3.10"]


def play_script(task: Task) -> str:
    """Return the script that plays a task's policy."""
    is_atari = isinstance(task.environment, AtariEnvironment)
    library = "from ale_py.vector_env import AtariVectorEnv" if is_atari else "import gymnasium"
    imports = ["import numpy as np", library, "from policy import Policy, load"]
    head = _HEAD.format(
        title=task.title,
        requirements=" ".join(requirements(task)),
        imports="\n".join(sorted(imports)),
        episode_steps=task.episode_steps,
    )
    return head + _body(task)


def _body(task: Task) -> str:
    environment = task.environment
    if isinstance(environment, AtariEnvironment):
        return _atari(task, environment)
    action = _action(task).strip("\n")
    if isinstance(environment, MujocoEnvironment):
        from somersault.environments.mujoco_world import gymnasium_options

        return _VECTOR.format(
            environment_id=environment.environment_id,
            options=_arguments(gymnasium_options(environment)),
            action=action,
            observe="seen",
            unwrapped=".unwrapped",
            ends="",  # nothing ends an episode early in a run
        )
    assert isinstance(environment, GymnasiumEnvironment)
    shared = {
        "environment_id": environment.environment_id,
        "options": _arguments(dict(environment.options)),
        "action": action,
        "unwrapped": "",
    }
    if task.spec.is_image:
        return _PICTURES.format(**shared) + picture_script(task)
    observe = "gymnasium.spaces.flatten(env.observation_space, seen)"
    return _VECTOR.format(**shared, observe=observe, ends=_ENDS)


def _action(task: Task) -> str:
    if task.spec.is_discrete:
        return _CHOICES if task.choice_sizes else _CHOICE
    environment = task.environment
    if isinstance(environment, GymnasiumEnvironment):
        return _ANY_STRETCH.format(limit=environment.action_limit)
    return _STRETCH


def _atari(task: Task, environment: AtariEnvironment) -> str:
    from somersault.environments.atari_vector import FRAMES_PER_STEP, MAX_START_FRAMES, hidden_rows

    height, width = task.frame_shape
    return _ATARI.format(
        game=environment.game,
        height=height,
        width=width,
        frame_skip=FRAMES_PER_STEP,
        start_frames=MAX_START_FRAMES,
        hidden_rows=tuple((rows.start, rows.stop) for rows in hidden_rows(task)),
        num_frames=task.num_frames,
    )


def _arguments(options: dict[str, object]) -> str:
    return "".join(f", {name}={value!r}" for name, value in options.items())
