"""The whole loop as separate services beside the same learner, predictor and physics in one process without gRPC.

python -m benchmarks.learning.loop_speed
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from benchmarks.learning.training import train
from benchmarks.measure import compare, describe_machine, print_table

__all__ = ["main"]

_STEPS = 400_000
_LABELS = 60
_NUM_CORES = len(os.sched_getaffinity(0))


def measure_services() -> float:
    """Gives the environment steps a second of `somersault train`, from all services up to the last improvement."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--teacher", "oracle", "--labels", str(_LABELS), "--steps", str(_STEPS))
        return float(train(Path(folder) / "bench", *options)["env_steps_per_s"])


def measure_one_process() -> float:
    """Gives the environment steps a second of the same work in this process."""
    from benchmarks.peers.one_process import run

    return run(seed=0, total_env_steps=_STEPS, num_labels=_LABELS, num_threads=_NUM_CORES).env_steps_per_s


def main() -> None:
    """Measures both in turns and prints the table."""
    print(f"loop: {describe_machine()}")
    speeds = compare(
        {"one process, no gRPC": measure_one_process, "four services and a teacher": measure_services},
        num_rounds=3,
    )
    print_table("hopper-backflip, environment steps", speeds, unit="steps/s", base="one process, no gRPC")


if __name__ == "__main__":
    main()
