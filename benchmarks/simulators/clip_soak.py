"""Renders thousands of clips as the simulator service does, and watches whether memory stays flat.

python -m benchmarks.simulators.clip_soak --clips 5000 [--task hopper-backflip] [--json FILE]

Memory is the resident set of this process, which stands for the service, and of the worker that renders. The worker is
replaced every 300 clips, as in the service, so its growth within a life and the lives' peaks are told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measure import describe_machine
from benchmarks.simulators.random_play import Played, play_segments
from services.simulator.clips.render_process import RenderProcess
from somersault.errors import SomersaultError
from somersault.formats.strict_json import dump_json
from somersault.tasks import Task, get_task

__all__ = ["Sample", "main", "soak"]

_NUM_SEGMENTS = 16  # different ones, rendered in turn
_FULL_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """Says how things stood after so many clips."""

    num_clips: int
    elapsed_s: float
    num_failures: int
    service_mb: float
    worker_mb: float
    worker_pid: int


async def soak(task: Task, *, num_clips: int, clips_a_sample: int) -> list[Sample]:
    """Render this many clips, one after the other, and return a sample every ``clips_a_sample``."""
    segments = play_segments(task, num_segments=_NUM_SEGMENTS)
    renderer = RenderProcess(task)
    await renderer.start()
    samples, num_failures, begun_s = [], 0, time.perf_counter()
    for number in range(1, num_clips + 1):
        num_failures += not await _render(renderer, segments[number % len(segments)], task)
        if number % clips_a_sample == 0 or number == num_clips:
            samples.append(_take_sample(renderer, number, num_failures, time.perf_counter() - begun_s))
            print(_row(samples[-1]), flush=True)
    await renderer.close()
    return samples


async def _render(renderer: RenderProcess, played: Played, task: Task) -> bool:
    """Render one clip and return whether that worked."""
    try:
        await renderer.render(played.footage, num_steps=task.segment_steps)
    except SomersaultError as err:
        print(f"failed: {err}", flush=True)
        return False
    return True


def _take_sample(renderer: RenderProcess, number: int, num_failures: int, elapsed_s: float) -> Sample:
    """Read the memory of both processes."""
    worker_pid = renderer.worker_pid
    return Sample(number, elapsed_s, num_failures, _rss_mb(os.getpid()), _rss_mb(worker_pid), worker_pid)


def _rss_mb(pid: int) -> float:
    """Return a process's resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


def _row(sample: Sample) -> str:
    """Return a row of the table."""
    speed = sample.num_clips / sample.elapsed_s
    return (
        f"| {sample.num_clips} | {sample.elapsed_s:.0f} | {speed:.2f} | {sample.service_mb:.1f} "
        f"| {sample.worker_mb:.1f} | {sample.worker_pid} | {sample.num_failures} |"
    )


def _print_flatness(samples: Sequence[Sample]) -> None:
    """Print how far memory strayed from its median after the first tenth."""
    warm = samples[len(samples) // 10 :]
    for name, values in (
        ("service", [sample.service_mb for sample in warm]),
        ("worker", [sample.worker_mb for sample in warm]),
    ):
        middle = statistics.median(values)
        low, high = ((edge / middle - 1) * _FULL_PERCENT for edge in (min(values), max(values)))
        print(f"{name}: median {middle:.1f} MB, {low:+.1f}% to {high:+.1f}% after the first tenth")
    lives = len({sample.worker_pid for sample in samples})
    print(f"{samples[-1].num_failures} failures, {lives} workers seen")


def main() -> None:
    """Run the soak and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=5000)
    parser.add_argument("--task", default="hopper-backflip")
    parser.add_argument("--clips-a-sample", type=int, default=100)
    parser.add_argument("--json", type=Path, help="also writes the samples there")
    options = parser.parse_args()
    print(f"clips of {options.task}: {describe_machine()}\n")
    print("| clips | s | clips/s | service, MB | worker, MB | worker | failures |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    task = get_task(options.task)
    samples = asyncio.run(soak(task, num_clips=options.clips, clips_a_sample=options.clips_a_sample))
    _print_flatness(samples)
    if options.json:
        options.json.write_text(dump_json([asdict(sample) for sample in samples]), encoding="utf-8")


if __name__ == "__main__":
    main()
