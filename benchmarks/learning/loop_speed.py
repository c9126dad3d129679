"""The whole loop with a process for each service, next to the same services in one process.

python -m benchmarks.learning.loop_speed
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.learning.training import train
from benchmarks.measure import compare, describe_machine, print_table
from benchmarks.peers import one_process

__all__ = ["main"]

_STEPS = 400_000
_LABELS = 60


def measure_services() -> float:
    """Return the environment steps per second of `somersault train`, from all services up to the last improvement."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--teacher", "oracle", "--labels", str(_LABELS), "--steps", str(_STEPS))
        return float(train(Path(folder) / "bench", *options)["env_steps_per_s"])


def measure_one_process() -> float:
    """Return the environment steps per second of the same run in one process."""
    end, wall_s = one_process.train(seed=0, total_env_steps=_STEPS, num_labels=_LABELS)
    return end.env_steps / wall_s


def main() -> None:
    """Measure both in turns and print the table."""
    print(f"loop: {describe_machine()}")
    speeds = compare(
        {"one process": measure_one_process, "a process for each service": measure_services},
        num_rounds=3,
    )
    print_table("hopper-backflip, environment steps", speeds, unit="steps/s", base="one process")


if __name__ == "__main__":
    main()
