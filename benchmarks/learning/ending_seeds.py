"""Environments that end early, over seeds: ``python -m benchmarks.learning.ending_seeds CartPole-v1 [--true-reward] [--seeds 0 1 2]``.

Each finished seed is a row at the end of a file; those that are in it already are not trained again.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.learning.training import train
from benchmarks.measure import describe_machine
from somersault.formats.strict_json import dump_json
from somersault.tasks import get_task


def main() -> None:
    """Train the seeds that are missing, then print a row for each and the median and the worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--seeds", type=int, nargs="+", default=[5, 6, 7, 8, 9])
    parser.add_argument("--labels", type=int, help="the task's own if left out")
    parser.add_argument("--steps", type=int, help="the task's own if left out")
    parser.add_argument("--true-reward", action="store_true", help="the reference instead of labels")
    parser.add_argument(
        "--run-dir", type=Path, default=Path("runs/ends"), help="holds the rows and a folder a seed"
    )
    arguments = parser.parse_args()
    defaults = get_task(arguments.task).defaults
    kind = "reference" if arguments.true_reward else "preferences"
    labels = 0 if arguments.true_reward else arguments.labels or defaults.labels_by_teacher
    steps = arguments.steps or (
        defaults.steps_of_reference if arguments.true_reward else defaults.steps_by_teacher
    )
    source = ["--true-reward"] if arguments.true_reward else ["--teacher", "oracle", "--labels", str(labels)]
    rows_path = arguments.run_dir / f"{arguments.task}-{kind}-{labels}-{steps}.jsonl"
    rows = _read(rows_path)
    for seed in arguments.seeds:
        if seed not in rows:
            run_dir = arguments.run_dir / f"{rows_path.stem}-{seed}"
            rows[seed] = train(
                run_dir, *source, "--steps", str(steps), "--seed", str(seed), task=arguments.task
            )
            with rows_path.open("a") as file:
                file.write(dump_json(rows[seed]) + "\n")
    _print(arguments.task, kind, [rows[seed] for seed in arguments.seeds])


def _read(path: Path) -> dict[int, dict[str, Any]]:
    """Read the rows there are, by seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.read_text().splitlines() if path.exists() else []
    return {row["seed"]: row for row in map(json.loads, lines)}


def _print(task: str, kind: str, rows: list[dict[str, Any]]) -> None:
    """Print a table."""
    print(f"{task} from {kind}: {describe_machine()}\n")
    print(
        "| seed | true return | preference accuracy | labels | steps | wall s |\n| --- | --- | --- | --- | --- | --- |"
    )
    for row in rows:
        accuracy = row["preference_accuracy"]
        print(
            f"| {row['seed']} | {row['true_return_mean']:,.1f} | {'' if accuracy is None else f'{accuracy:.2f}'} |"
            f" {row['labels']} | {row['env_steps']:,} | {row['wall_s']:.0f} |"
        )
    returns = [row["true_return_mean"] for row in rows]
    print(f"\nmedian {statistics.median(returns):,.1f}, worst {min(returns):,.1f}")


if __name__ == "__main__":
    main()
