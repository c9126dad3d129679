"""Runs a campaign of faults: ``python -m tests.faults --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from tests.faults.campaign import MAX_TRIES, Campaign, Trial
from tests.faults.classes import CLASSES
from tests.faults.report import report_of

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Play, print the table, and return 1 if a promise was broken."""
    arguments = _parser().parse_args()
    classes = [one for one in CLASSES if not arguments.only or one.name in arguments.only]
    lacking = {one.name: one.needs() for one in classes}
    for name, what in lacking.items():
        if what:
            sys.stderr.write(f"{name} is left out: {what}\n")
    classes = [one for one in classes if not lacking[one.name]]
    if arguments.repeat is not None:
        return _repeat(Trial(classes[0], arguments.repeat))
    campaign = Campaign(classes, history=arguments.history, seed=arguments.seed, max_tries=arguments.tries)
    try:
        if not arguments.report:
            until_s = time.monotonic() + arguments.minutes * 60
            asyncio.run(campaign.run(until_s=until_s, max_kills=arguments.kills))
    except KeyboardInterrupt:
        pass
    sys.stdout.write(f"{report_of(campaign.rows)}\nhistory: {arguments.history}\n")
    return int(any(row["problems"] for row in campaign.rows))


def _repeat(trial: Trial) -> int:
    """Play one trial again and tell everything."""
    for fault in trial.faults:
        sys.stdout.write(f"{fault.text}\n")
    outcome = asyncio.run(trial.play(trial.faults, kept=ROOT / "build/faults/repeated"))
    sys.stdout.write(f"{outcome.as_row()}\n")
    return int(bool(outcome.problems))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="for how long, by default ten")
    parser.add_argument("--kills", type=int, help="stop at that many kills in the history")
    parser.add_argument("--seed", type=int, default=1, help="the first trial's of each class")
    parser.add_argument(
        "--history", type=Path, default=ROOT / "build/faults/history.jsonl", help="goes on where it ends"
    )
    parser.add_argument("--only", nargs="*", choices=[one.name for one in CLASSES], help="classes of faults")
    parser.add_argument("--tries", type=int, default=MAX_TRIES, help="to shrink what a failing trial needs")
    parser.add_argument("--report", action="store_true", help="print the history's table and do nothing")
    parser.add_argument(
        "--repeat", type=int, metavar="SEED", help="play that trial of the first of --only alone"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
