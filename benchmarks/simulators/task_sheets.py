"""Renders each task as people see it, into ``docs/images/tasks``, and measures what a pair of clips costs.

python -m benchmarks.simulators.task_sheets [TASK ...]

Actions are nobody's choice, so the pictures show how a task looks, not how it is solved. Eight frames of one
clip are set side by side, with a bar for made-up predicted rewards.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.simulators.random_play import play_segments
from services.simulator.clips.renderers import Frame, backends_of, open_renderer
from services.simulator.clips.video import encode_clip
from somersault.tasks import Task, get_task, list_tasks

__all__ = ["main", "render_sheet"]

_FOLDER = Path("docs/images/tasks")
_COLUMNS, _ROWS = 4, 2
_CELL_PX = 160
_EXTRA_TASKS = ("CartPole-v1", "Pendulum-v1", "CarRacing-v3")


def render_sheet(task: Task) -> tuple[Frame, float]:
    """Return a sheet of a clip's frames, and the seconds of processor time that a pair costs, encoding included."""
    renderer = open_renderer(task, backend=backends_of(task)[0])
    rewards = np.sin(np.arange(task.segment_steps) / 8).astype(np.float32)
    times_s: list[float] = []
    *_, first, last = play_segments(task, num_segments=4)
    for played in (first, last, first, last):
        begun_s = time.process_time()
        frames = list(
            renderer.render(
                played.footage,
                num_steps=task.segment_steps,
                num_still_steps=played.num_still_steps,
                predicted_rewards=rewards,
            )
        )
        encode_clip(frames, fps=task.clip_fps)
        times_s.append(time.process_time() - begun_s)
    renderer.close()
    return _arrange(frames), sum(times_s[-2:])  # the first two warm OpenGL's compiler up


def _arrange(frames: Sequence[Frame]) -> Frame:
    """Set eight frames, evenly spread over the clip, into two rows."""
    shown = np.linspace(0, len(frames) - 1, _COLUMNS * _ROWS).round().astype(int)
    cells = [_resize(frames[index]) for index in shown]
    rows = [np.concatenate(cells[row * _COLUMNS : (row + 1) * _COLUMNS], axis=1) for row in range(_ROWS)]
    return np.concatenate(rows)


def _resize(frame: Frame) -> Frame:
    """Return a frame of the height of a cell."""
    height, width = frame.shape[:2]
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    cell = picture.reformat(width=width * _CELL_PX // height, height=_CELL_PX, interpolation="AREA")
    return cell.to_ndarray(format="rgb24").astype(np.uint8)


def _write_png(sheet: Frame, path: Path) -> None:
    """Write one picture."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = sheet.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(sheet, format="rgb24")
    path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))


def main(names: Sequence[str]) -> None:
    """Render the tasks named, or all of ours and three of Gymnasium's, each in a process of its own."""
    if len(names) == 1:
        task = get_task(names[0])
        sheet, pair_s = render_sheet(task)
        _FOLDER.mkdir(parents=True, exist_ok=True)
        _write_png(sheet, _FOLDER / f"{task.name}.png")
        print(
            f"| {task.name} | {task.segment_steps * task.step_s:.2f} | {task.clip_fps:.1f} | {pair_s:.2f} |"
        )
        return
    print("| task | clip, s | frames/s | pair, s of CPU |\n| --- | --- | --- | --- |", flush=True)
    for name in names or [*(task.name for task in list_tasks()), *_EXTRA_TASKS]:
        # A process can open one OpenGL context well; a second one keeps what the first has loaded.
        subprocess.run([sys.executable, "-m", "benchmarks.simulators.task_sheets", name], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
