"""``somersault render`` on a real run: the videos are looked at, frame by frame."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from somersault.cli.analysis import video
from tests.somersault.cli.analysis.conftest import Command

EPISODE_FRAMES = 80  # 400 steps of 8 ms, every fifth drawn


def frames_of(path: Path) -> np.ndarray:
    """Give a video's frames ``[N, H, W, 3]``."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_best_episode_is_filmed(suffix: str, real_run: Path, command: Command, tmp_path: Path) -> None:
    """All of it, in the task's size, moving."""
    made = command.json("render", real_run, "--episodes", 2, "--out", tmp_path / f"best{suffix}")
    frames = frames_of(Path(made["video"]))
    assert frames.shape == (EPISODE_FRAMES, 320, 320, 3)
    assert made["frames"] == EPISODE_FRAMES
    assert np.abs(frames[0].astype(int) - frames[40]).max() > 50
    assert np.isfinite(made["episodes"][0]["true_return"])


def test_length_and_size_are_as_asked(real_run: Path, command: Command, tmp_path: Path) -> None:
    """1 s of an episode of 3.2 s, in 128 pixels."""
    out = tmp_path / "short.mp4"
    command.text("render", real_run, "--episodes", 1, "--seconds", 1, "--size", 128, "--out", out)
    assert frames_of(out).shape == (25, 128, 128, 3)


def test_picks_are_in_order_of_the_true_reward(real_run: Path, command: Command, tmp_path: Path) -> None:
    """Best, median and worst are the first, middle and last of all, which follow each other."""

    def render(pick: str) -> tuple[list[float], int]:
        arguments = ("--episodes", 3, "--seconds", 0.4, "--size", 64, "--pick", pick)
        made = command.json("render", real_run, *arguments, "--out", tmp_path / f"{pick}.mp4")
        return [episode["true_return"] for episode in made["episodes"]], made["frames"]

    returns, num_frames = render("all")
    assert returns == sorted(returns, reverse=True)
    assert len(returns) == 3
    assert num_frames == 30
    assert [render(pick)[0] for pick in ("best", "median", "worst")] == [[each] for each in returns]


def test_grid_shows_episodes_at_once(real_run: Path, command: Command, tmp_path: Path) -> None:
    """Two columns, one row: each half another episode, a dark line between."""
    out = tmp_path / "grid.mp4"
    command.text("render", real_run, "--seconds", 0.8, "--size", 64, "--grid", "2x1", "--out", out)
    frames = frames_of(out)
    assert frames.shape == (20, 64, 132, 3)
    left, gap, right = frames[:, :, :64], frames[:, :, 65:67], frames[:, :, 68:]
    assert gap.mean() < 60 < left.mean()
    assert np.abs(left[-1].astype(int) - right[-1]).mean() > 1


def test_bar_shows_the_predicted_reward(real_run: Path, command: Command, tmp_path: Path) -> None:
    """The same episode with it differs only at the right."""
    for name, more in (("plain", ()), ("bar", ("--bar",))):
        arguments = ("--episodes", 1, "--seconds", 0.4, *more)
        command.text("render", real_run, *arguments, "--out", tmp_path / f"{name}.mp4")
    plain, bar = (frames_of(tmp_path / f"{name}.mp4").astype(int) for name in ("plain", "bar"))
    difference = np.abs(plain - bar).mean(axis=(0, 1, 3))
    assert difference[280:].max() > 10
    assert difference[:200].max() < 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--out", "x.avi"), "--out is 'x.avi', must be a file that ends in .mp4 or .gif"),
        (("--pick", "nicest"), "--pick is 'nicest', must be one of best, median, worst, all"),
        (("--grid", "3by3"), "--grid is '3by3', must be COLUMNSxROWS such as 3x3"),
        (("--grid", "9x9"), "at most 64 in all"),
        (("--size", 63), "--size is 63, must be 64 to 1,024: an even number"),
        (("--seconds", 1000), "--seconds is 1000.0, must be 0.008 to 80"),
        (("--episodes", 0), "--episodes is 0, must be 1 to 256"),
    ],
)
def test_options_out_of_bounds_are_named(
    options: tuple[object, ...], text: str, real_run: Path, command: Command
) -> None:
    """Before a simulator is started."""
    assert text in command.error("render", real_run, *options, code=2)


def test_odd_sizes_and_clips_of_other_lengths_are_put_together(tmp_path: Path) -> None:
    """A clip that has ended stands still; odd rows are repeated; an MP4 of one frame is an MP4."""
    short, long = (
        [np.full((9, 11, 3), level, np.uint8) for level in levels] for levels in ((40,), (200, 100, 220))
    )
    clips = []
    for name, frames in (("short", short), ("long", long)):
        path = tmp_path / f"{name}.mp4"
        assert video.write_video(path, iter(frames), fps=10) == len(frames)
        clips.append(path.read_bytes())
    tiled = list(video.side_by_side(clips, columns=2))
    assert [frame.shape for frame in tiled] == [(10, 28, 3)] * 3
    assert abs(int(tiled[2][5, 5, 0]) - 40) < 12
    assert abs(int(tiled[2][5, 22, 0]) - 220) < 12


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (("export",), "/proc/x"),
        (("render", "--episodes", 1), "/proc/x.mp4"),
        (("render", "--episodes", 1), "/proc/x/y.mp4"),
        (("plot",), "/proc/x.png"),
        (("compare",), "/proc/x.svg"),
    ],
)
def test_what_can_not_be_written_is_named(
    arguments: tuple[object, ...], out: str, real_run: Path, command: Command
) -> None:
    """By each command that writes: one line with the option and the system's reason."""
    name, *options = arguments
    runs = [real_run] * (2 if name == "compare" else 1)
    assert command.error(name, *runs, *options, "--out", out, code=2) == (
        f"--out {out} can't be written (No such file or directory); choose another place"
    )


def test_a_folder_is_not_written_as_a_video(real_run: Path, command: Command, tmp_path: Path) -> None:
    """It is said before anything is played."""
    (tmp_path / "a.mp4").mkdir()
    assert "is a folder" in command.error("render", real_run, "--out", tmp_path / "a.mp4", code=2)


@pytest.mark.parametrize(
    "arguments", [("render", "--episodes", 1, "--seconds", 0.4, "--size", 64), ("plot",), ("compare",)]
)
def test_a_file_that_is_there_is_replaced_only_if_told(
    arguments: tuple[object, ...], real_run: Path, command: Command, tmp_path: Path
) -> None:
    """By each command that writes one: nobody loses a video to the next one."""
    name, *options = arguments
    out = tmp_path / ("kept.mp4" if name == "render" else "kept.svg")
    out.write_bytes(b"kept")
    runs = [real_run] * (2 if name == "compare" else 1)
    line = command.error(name, *runs, *options, "--out", out)
    assert line == f"--out {out} exists already; name another file, or replace it with --force"
    assert out.read_bytes() == b"kept"
    command.text(name, *runs, *options, "--out", out, "--force")
    assert out.stat().st_size > 1000
