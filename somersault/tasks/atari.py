"""Tasks played on an Atari 2600: the seven games of the paper, and driving level with other cars.

Points and lives are hidden from the agent and the reward model wherever they have rows of the screen to themselves,
as the paper hides them (Christiano et al. 2017, appendix A.2, with BeamRider's count of enemies and Enduro's dials).
In Qbert the lives stand beside the topmost cube, and in SpaceInvaders their number is shown beside the cannon for a
while after one was lost: both stay visible. SpaceInvaders' mother ship flies in the rows of the points, so the agent
never sees it.
"""

from __future__ import annotations

from somersault.tasks.environments import AtariEnvironment
from somersault.tasks.practice import PACKAGED
from somersault.tasks.task import Task, TrainingDefaults

__all__ = ["ATARI_TASKS"]

_STEP_S = 4 / 60  # four frames; the console drew sixty a second
_SEGMENT_STEPS = 25  # "25 timesteps (1.7 seconds at 15 fps with frame skipping)": appendix A.2
_GAME_STEPS = 4_500  # 18,000 frames, five minutes: Machado et al. 2018, section 5
_CLIP_HEIGHT_PX = 420  # each dot of the screen two pixels high and wide

# Schulman et al. 2017, table 5, with the number of epochs and environments of its authors' later code.
_PPO = {
    "learning_rate": 2.5e-4,
    "num_epochs": 4,
    "minibatch_size": 512,
    "clip_ratio": 0.1,
    "entropy_coefficient": 0.01,
}

_JUDGE_BY_LOOKS = "Judge what happens in the clip, not the points on the screen. If both are alike, say so."


def _task(
    name: str,
    *,
    title: str,
    game: str,
    question: str,
    description: str,
    score_rows: tuple[tuple[int, int], ...],
    num_actions: int,
    random_return_mean: float,  # 64 games of uniform choices; 32 of BeamRider, 8 of Enduro
    teacher: str = "points: the change of the game's own score",
    labels_by_people: int = 5_500,
) -> Task:
    """Return a task with what all games share."""
    return Task(
        name=name,
        title=title,
        question=question,
        description=f"{description} {_JUDGE_BY_LOOKS}",
        teacher=teacher,
        hidden="the score, lost lives, and that a game is over",
        environment=AtariEnvironment(game=game, score_rows=score_rows),
        frame_shape=(84, 84),
        num_frames=4,
        num_actions=num_actions,
        step_s=_STEP_S,
        episode_steps=_GAME_STEPS,
        practice=PACKAGED.get(name, ()),
        is_continuing=True,
        segment_s=_SEGMENT_STEPS * _STEP_S,
        clip_size_px=_CLIP_HEIGHT_PX,
        clip_step=1,
        defaults=TrainingDefaults(
            labels_by_teacher=5_500,
            labels_by_people=labels_by_people,
            steps_by_teacher=10_000_000,
            steps_by_people=10_000_000,
            steps_of_reference=10_000_000,
            num_environments=16,
            rollout_steps=128,
            ppo=_PPO,
        ),
        random_return_mean=random_return_mean,
    )


_ENDURO_ROWS = ((155, 193),)

ATARI_TASKS = (
    _task(
        "beamrider",
        title="BeamRider",
        game="beam_rider",
        question="Which clip shows the better shooting?",
        description=(
            "The ship at the bottom should hit the white saucers that come down the beams, and dodge what it can't "
            "hit. Hitting more is better; being hit is worse."
        ),
        score_rows=((0, 42), (182, 193)),
        num_actions=9,
        random_return_mean=370.0,
    ),
    _task(
        "breakout",
        title="Breakout",
        game="breakout",
        question="In which clip is the ball played better?",
        description=(
            "The paddle at the bottom should keep the ball in play and break bricks with it. Breaking more and "
            "higher bricks is better; missing the ball, or not serving it, is worse."
        ),
        score_rows=((0, 17),),
        num_actions=4,
        random_return_mean=1.1,
    ),
    _task(
        "enduro",
        title="Enduro",
        game="enduro",
        question="Which clip shows the faster race?",
        description=(
            "The car at the bottom should overtake as many cars as it can. Driving fast and passing cars is better; "
            "crawling, running into cars and being overtaken is worse."
        ),
        score_rows=_ENDURO_ROWS,
        num_actions=9,
        random_return_mean=0.0,
    ),
    _task(
        "enduro-keep-even",
        title="Enduro, level with other cars",
        game="enduro",
        question="In which clip does the car stay level with others better?",
        description=(
            "The car at the bottom should drive side by side with another car, at its speed. Falling behind, "
            "overtaking, running into a car and driving alone are worse."
        ),
        score_rows=_ENDURO_ROWS,
        num_actions=9,
        random_return_mean=130.0,
        teacher="driving at the speed of the other cars, more so the nearer the next one is; side by side is best",
        labels_by_people=1_300,  # Christiano et al. 2017, section 3.2
    ),
    _task(
        "pong",
        title="Pong",
        game="pong",
        question="In which clip does the right paddle play better?",
        description=(
            "The green paddle on the right should return the ball and get it past the left one. Winning the ball "
            "is best, losing it worst; a return is better than a paddle out of place."
        ),
        score_rows=((0, 22),),
        num_actions=6,
        random_return_mean=-20.2,
    ),
    _task(
        "qbert",
        title="Qbert",
        game="qbert",
        question="In which clip does Qbert do better?",
        description=(
            "The orange creature should hop over the cubes and change the colour of their tops. New tops are good; "
            "falling off the pyramid and being caught are worse than standing still."
        ),
        score_rows=((0, 15),),
        num_actions=6,
        random_return_mean=150.0,
    ),
    _task(
        "seaquest",
        title="Seaquest",
        game="seaquest",
        question="In which clip does the submarine do better?",
        description=(
            "The yellow submarine should shoot sharks and other submarines, pick up divers, and come up before its "
            "oxygen is gone. Hits and rescued divers are good; being hit or suffocating is worst."
        ),
        score_rows=((0, 31),),
        num_actions=18,
        random_return_mean=60.0,
    ),
    _task(
        "spaceinvaders",
        title="SpaceInvaders",
        game="space_invaders",
        question="Which clip shows the better defence?",
        description=(
            "The green cannon at the bottom should shoot the invaders and stay out of their fire. Hitting more is "
            "better; being hit is worse."
        ),
        score_rows=((0, 22),),
        num_actions=6,
        random_return_mean=140.0,
    ),
)
