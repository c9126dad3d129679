"""What a task declares: its environment, its timing, and what people are shown and asked.

A task's true reward isn't here: it belongs to the simulator service alone, so that no other
process can read it by importing a shared package.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from somersault.domain.task_spec import TaskSpec
from somersault.tasks.environments import AtariEnvironment, GymnasiumEnvironment, MujocoEnvironment
from somersault.tasks.practice import PracticePair

__all__ = ["MAX_EPISODE_STEPS", "Task", "TrainingDefaults"]

MAX_EPISODE_STEPS = 10_000
"""The longest episode of an evaluation: at least a minute of any task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingDefaults:
    """What `somersault train` chooses for a task unless told otherwise; None leaves a service's own default."""

    labels_by_teacher: int = 700
    """Answers of a teacher; Christiano et al. 2017, section 3.1.1."""
    labels_by_people: int = 200
    """Answers of people."""
    steps_by_teacher: int = 3_000_000
    """Environment steps if a teacher answers."""
    steps_by_people: int = 5_000_000
    """Environment steps if people answer: they give about 15 answers a minute while training goes on, so it takes longer."""
    steps_of_reference: int = 3_000_000
    """Environment steps on the true reward."""
    evaluation_episodes: int = 32
    """Fresh episodes by which the final policy is measured."""
    num_environments: int = 64
    """Environments that a simulator steps side by side."""
    rollout_steps: int = 64
    """Steps of each environment in a rollout."""
    ppo: Mapping[str, float] = field(default_factory=dict)
    """Settings of the learner's ``ppo`` that differ from its defaults, by name."""
    reward: Mapping[str, float] = field(default_factory=dict)
    """Settings of the reward service that differ from its defaults, by name, such as ``trainer.round_steps``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be learned and how it is judged."""

    name: str
    """Name on the command line and on the wire: lower case, words joined by hyphens."""
    title: str
    """Name on pages."""
    question: str
    """What a labeler is asked about two clips."""
    description: str
    """What is to be judged, in sentences; labelers see it above the clips."""
    teacher: str | None
    """What the true reward is for, in a sentence; the reward itself is the simulator's secret. None if there is no true
    reward: then only people can judge."""
    teacher_source: str | None = None
    """In a user's task, where simulators find the true reward: ``FILE.py:FUNCTION`` beside the task's file or
    ``package.module:FUNCTION``; no other service loads it. None if the simulator knows it by the task's name, or it is
    the environment's own."""
    hidden: str = "the reward, and that an episode ends"
    """What the agent isn't told, in a phrase."""
    environment: MujocoEnvironment | AtariEnvironment | GymnasiumEnvironment
    """The environment."""
    frame_shape: tuple[int, ...]
    """``(O,)`` for a vector or ``(H, W)`` for a picture; see `somersault.domain.arrays`."""
    num_frames: int = 1
    """Frames that make an observation."""
    num_planes: int = 1
    """Pictures that are seen at once, such as a stack or separate colours; 1 unless frames are pictures."""
    num_numbers: int = 0
    """Numbers that are seen together with a picture; 0 for vectors."""
    action_dim: int = 0
    """Length of an action that is a vector; 0 if it is a choice."""
    num_actions: int = 0
    """The number of actions to choose from; 0 if an action is a vector or several choices."""
    choice_sizes: tuple[int, ...] = ()
    """For an action of several choices made at once, the number of options of each; else empty."""
    step_s: float
    """Simulated time of an environment step."""
    episode_steps: int
    """Length of each episode. Only episodes of a Gymnasium environment may end earlier. In a continuing task, the steps after
    which an evaluation ends and a game counts as over."""
    is_continuing: bool = False
    """Whether play never ends as far as the agent is told."""
    still_s: float = 0.5
    """How long a Gymnasium environment stands still after an episode ended early, before the next begins: long enough to be
    seen, and for the value of being there to be learned (docs/tasks.md)."""
    segment_s: float = 1.5
    """Simulated time of a segment (Christiano et al. 2017, appendix A.1: 1.5 s)."""
    clip_size_px: int = 320
    """Width and height of a clip; for a game, its height."""
    clip_step: int = 4
    """A frame of a clip is rendered every this many environment steps."""
    has_flips: bool = False
    """Whether backward turns are counted, for people to see. The body's position must begin with its torso's x, height and
    pitch."""
    practice: tuple[PracticePair, ...] = ()
    """Pairs with an obvious answer that labelers may try before they begin; at most four are shown."""
    defaults: TrainingDefaults = TrainingDefaults()
    """The defaults of its runs."""
    reference_return_mean: float | None = None
    """Mean true return of our own policy trained on the true reward; None where not measured."""
    random_return_mean: float | None = None
    """Mean true return of the untrained policy; None where not measured."""

    def based_at(self, folder: Path) -> Task:
        """Return the task with the paths that it names relative to its own file made absolute.

        Args:
            folder: where that file is.
        """
        source = self.teacher_source
        if source is not None and source.rpartition(":")[0].endswith(".py"):
            source = str(folder / source)
        environment = self.environment
        if isinstance(environment, MujocoEnvironment) and (folder / environment.model_file).is_file():
            environment = dataclasses.replace(environment, model_file=str(folder / environment.model_file))
        practice = tuple(pair.based_at(folder) for pair in self.practice)
        return dataclasses.replace(self, teacher_source=source, environment=environment, practice=practice)

    def with_episodes_of(self, num_steps: int) -> Task:
        """Return the task with episodes of another length, for measuring and showing; the agent's own stay the same."""
        return dataclasses.replace(self, episode_steps=num_steps)

    @property
    def segment_steps(self) -> int:
        """Number of environment steps in a segment, at least as long as ``segment_s``."""
        return math.ceil(round(self.segment_s / self.step_s, 6))

    @property
    def still_steps(self) -> int:
        """Steps for which an ended episode stands still; 0 where episodes never end early."""
        if not isinstance(self.environment, GymnasiumEnvironment):
            return 0
        return max(1, math.ceil(round(self.still_s / self.step_s, 6)))

    @property
    def spec(self) -> TaskSpec:
        """The task as far as the agent may know it; this is what is sent."""
        return TaskSpec(
            task=self.name,
            frame_shape=self.frame_shape,
            num_frames=self.num_frames,
            num_planes=self.num_planes,
            num_numbers=self.num_numbers,
            action_dim=self.action_dim,
            num_actions=self.num_actions,
            choice_sizes=self.choice_sizes,
            episode_steps=self.episode_steps,
            segment_steps=self.segment_steps,
            step_s=self.step_s,
            is_continuing=self.is_continuing,
            still_steps=self.still_steps,
        )

    @property
    def clip_fps(self) -> float:
        """Frames per second at which a clip plays in real time."""
        return 1.0 / (self.step_s * self.clip_step)
