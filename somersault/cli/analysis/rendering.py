"""``somersault render``: videos of a run's policy in fresh episodes."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from somersault.api.reward_model import RewardModel, load_reward_model
from somersault.cli.analysis import video
from somersault.cli.analysis.simulator import Play, Simulator, open_simulator
from somersault.cli.results.evaluation import evaluation_seed, standardised_mean
from somersault.domain.arrays import FloatArray
from somersault.domain.frames import observations_of
from somersault.errors import InvalidInputError
from somersault.runs import Run
from somersault.runtime.output_files import prepare_file, writing
from somersault.tasks import Task
from somersault.v1 import simulator_pb2

__all__ = ["PICKS", "RenderOptions", "read_grid", "render"]

PICKS = ("best", "median", "worst", "all")

_MAX_STEPS = 10_000  # as EvaluateRequest.episode_steps says
_MAX_EPISODES = 256
_MAX_TILES = 64
_GRID = re.compile(r"([0-9]{1,3})x([0-9]{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """Command-line options."""

    output: Path
    replaces: bool = False
    """Whether an existing file may be replaced."""
    num_episodes: int = 9
    seconds: float | None = None
    """None for the task's episode length."""
    size_px: int = 0
    """0 for the task's default."""
    pick: str = "best"
    grid: str | None = None
    """``COLUMNSxROWS``: that many of the best at once."""
    has_bar: bool = False
    seed: int | None = None
    is_deterministic: bool = False
    version: int | None = None


def render(run: Run, options: RenderOptions) -> dict[str, Any]:
    """Play episodes, write a video of the chosen ones and return what ``--json`` prints.

    Raises:
        InvalidInputError: an option is out of bounds.
        ConfigError: the video can't be written.
        FailedPreconditionError: the run has no policy, or no reward model for the bar, or the file exists.
        SomersaultError: the simulator can't be started or failed, or this machine can't render.
    """
    columns, num_tiles = read_grid(options.grid)
    _check(options)
    stored = run.policy(options.version)
    reward_model = load_reward_model(run) if options.has_bar else None
    prepare_file(options.output, replaces=options.replaces)
    play = Play(
        policy=stored.data,
        num_episodes=max(options.num_episodes, num_tiles),
        seed=evaluation_seed(run.settings.seed) if options.seed is None else options.seed,
        is_deterministic=options.is_deterministic,
        episode_steps=_episode_steps(run.task, options.seconds),
        num_stored=max(options.num_episodes, num_tiles),
    )
    shown, clips = asyncio.run(
        _draw(run, play, options=options, reward_model=reward_model, num_tiles=num_tiles)
    )
    fps = video.frames_per_second(clips[0])
    with writing(options.output):
        num_frames = video.write_video(options.output, _frames(clips, columns=columns), fps=fps)
    return {
        "video": str(options.output),
        "run": str(run.path),
        "task": run.task.name,
        "policy_version": stored.version,
        "pick": options.pick if columns is None else None,
        "grid": options.grid,
        "frames": num_frames,
        "seconds": round(num_frames / fps, 3) if options.output.suffix == ".mp4" else None,
        "episodes": shown,
    }


def _check(options: RenderOptions) -> None:
    if options.output.suffix not in video.SUFFIXES:
        raise InvalidInputError(
            "--out", str(options.output), f"a file that ends in {' or '.join(video.SUFFIXES)}"
        )
    if options.pick not in PICKS:
        raise InvalidInputError("--pick", options.pick, f"one of {', '.join(PICKS)}")
    if not 1 <= options.num_episodes <= _MAX_EPISODES:
        raise InvalidInputError("--episodes", options.num_episodes, f"1 to {_MAX_EPISODES}")
    if options.size_px and not (64 <= options.size_px <= 1024 and options.size_px % 2 == 0):
        raise InvalidInputError("--size", options.size_px, "an even number of pixels, 64 to 1024")


def read_grid(grid: str | None) -> tuple[int | None, int]:
    """Return the number of columns and tiles; no columns without a grid."""
    if grid is None:
        return None, 0
    match = _GRID.fullmatch(grid)
    columns, rows = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= columns * rows <= _MAX_TILES:
        raise InvalidInputError("--grid", grid, f"COLUMNSxROWS such as 3x3, at most {_MAX_TILES} in all")
    return columns, columns * rows


def _episode_steps(task: Task, seconds: float | None) -> int:
    if seconds is None:
        return 0
    steps = round(seconds / task.step_s)
    if not 1 <= steps <= _MAX_STEPS:
        most = _MAX_STEPS * task.step_s
        raise InvalidInputError("--seconds", seconds, f"{task.step_s:g} to {most:g} of {task.name}")
    return steps


async def _draw(
    run: Run, play: Play, *, options: RenderOptions, reward_model: RewardModel | None, num_tiles: int
) -> tuple[list[dict[str, float]], list[bytes]]:
    """Play and render; return the results of the episodes shown, and their clips."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("starting a simulator", total=None)
        async with open_simulator(run, has_rendering=True) as simulator:
            progress.update(bar, description="playing episodes")
            response = await simulator.evaluate(play)
            chosen = _choose(response, pick=options.pick, num_tiles=num_tiles)
            progress.update(bar, description="rendering", total=len(chosen), completed=0)
            clips = []
            for segment_uri, _ in chosen:
                rewards = _predict(run, simulator, segment_uri, reward_model)
                clips.append(
                    await simulator.render(segment_uri, size_px=options.size_px, predicted_rewards=rewards)
                )
                progress.update(bar, advance=1)
    return [values for _, values in chosen], clips


def _choose(
    response: simulator_pb2.EvaluateResponse, *, pick: str, num_tiles: int
) -> list[tuple[str, dict[str, float]]]:
    """Choose stored episodes and return their results as far as they are known.

    Stored episodes come best first; some environments can't store all of theirs.
    """
    uris = [stored.segment_uri for stored in response.stored_episodes]
    by_return = sorted(response.episodes, key=lambda episode: -episode.true_return)
    is_known = len(uris) == len(by_return)
    values = [
        {"true_return": episode.true_return, "flips": episode.flips} if is_known else {}
        for episode in by_return[: len(uris)]
    ]
    ranked = list(zip(uris, values, strict=True))
    if num_tiles:
        if len(ranked) < num_tiles:
            bound = f"at most {len(ranked)} tiles: no more episodes of this task can be rendered at once"
            raise InvalidInputError("--grid", num_tiles, bound)
        return ranked[:num_tiles]
    places = {"best": [0], "median": [len(ranked) // 2], "worst": [len(ranked) - 1]}
    return [ranked[place] for place in places.get(pick, range(len(ranked)))]


def _predict(
    run: Run, simulator: Simulator, segment_uri: str, reward_model: RewardModel | None
) -> FloatArray | None:
    """Return the predicted reward of each step of an episode, standardised over the episode."""
    if reward_model is None:
        return None
    arrays: dict[str, NDArray[Any]] = simulator.load(segment_uri)
    observations = observations_of(arrays["observations"], num_frames=run.task.num_frames)
    return standardised_mean(reward_model.members(observations, arrays["actions"]))


def _frames(clips: Sequence[bytes], *, columns: int | None) -> Iterator[NDArray[np.uint8]]:
    if columns is not None:
        return video.side_by_side(clips, columns=columns)
    return itertools.chain.from_iterable(video.frames_of(clip) for clip in clips)
