"""The backflip over seeds: ``python -m benchmarks.learning.backflip_seeds [--true-reward] [--seeds 0 1 2 3 4] [--run-dir DIR]``."""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks.learning.training import train
from benchmarks.measure import describe_machine


def main() -> None:
    """Train each seed and print one row for it, then the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--labels", type=int, default=60)
    parser.add_argument("--steps", type=int, default=1_500_000)
    parser.add_argument("--true-reward", action="store_true", help="the reference instead of labels")
    parser.add_argument("--run-dir", type=Path, default=Path("runs/seeds"), help="holds one folder a seed")
    arguments = parser.parse_args()
    kind = "reference" if arguments.true_reward else "preferences"
    source = (
        ["--true-reward"]
        if arguments.true_reward
        else ["--teacher", "oracle", "--labels", str(arguments.labels)]
    )
    print(f"backflip from {kind}: {describe_machine()}\n")
    print(
        "| seed | flips an episode | landed | true return | preference accuracy | labels | wall s | steps/s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    flips: list[float] = []
    for seed in arguments.seeds:
        run_dir = arguments.run_dir / f"{kind}-{seed}"
        summary = train(run_dir, *source, "--steps", str(arguments.steps), "--seed", str(seed))
        flips.append(summary["flips_per_episode"] or 0.0)
        accuracy = summary["preference_accuracy"]
        print(
            f"| {seed} | {flips[-1]:.2f} | {summary['landed_flips_per_episode'] or 0.0:.2f} |"
            f" {summary['true_return_mean']:,.0f} | {'' if accuracy is None else f'{accuracy:.2f}'} |"
            f" {summary['labels']} | {summary['wall_s']:.0f} | {summary['env_steps_per_s']:,.0f} |",
            flush=True,
        )
    print(f"\nmedian {statistics.median(flips):.2f}, lowest {min(flips):.2f}, highest {max(flips):.2f} flips")


if __name__ == "__main__":
    main()
