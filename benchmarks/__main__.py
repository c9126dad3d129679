"""Measures the claims of speed in docs/results.md, one after another.

python -m benchmarks [NAME ...]

Each is a module of its own with options of its own: ``python -m benchmarks.NAME --help``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

BENCHMARKS = {
    "simulators.mujoco_speed": "bodies: the simulator service beside bare physics, Gymnasium and EnvPool",
    "simulators.atari_speed": "games: the simulator beside AtariVectorEnv and EnvPool",
    "learning.picture_networks": "networks over pictures, float32 and bfloat16, acting and learning",
    "learning.ingest": "one learner fed by 1 to 8 processes",
    "labeler.load": "the labeler under 100 and 500 labelers, stalled peers, a million answers",
    "learning.loop_speed": "the whole loop with a process for each service, next to one process",
}


def main() -> int:
    """Run those named, or all; return 1 if one of them failed."""
    descriptions = "\n".join(f"  {name:27} {what}" for name, what in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{descriptions}", formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all of them if none is named")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"NAME is {unknown[0]!r}, must be one of {', '.join(BENCHMARKS)}")
    # Each in a process of its own: threads and memory of one would weigh on the next.
    codes = [
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode for name in names
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
