"""Fuzzes services by the structure of their requests: ``python -m tests.fuzzing --help``."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

import structlog

from tests.fuzzing.fuzzer import fuzz
from tests.fuzzing.opening import NAMES, open_fuzzer


def main() -> int:
    """Fuzz each target, print what was answered, and return 1 if an answer was wrong."""
    arguments = _parser().parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    num_wrong = 0
    for name in arguments.only or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            num_wrong += not _is_fine(name, Path(folder), seed=arguments.seed, duration_s=arguments.duration)
    return int(num_wrong > 0)


def _is_fine(name: str, folder: Path, *, seed: int, duration_s: float) -> bool:
    fuzzer, started_s, fault = open_fuzzer(name, folder), time.monotonic(), None
    try:
        fuzz(fuzzer, seed=seed, duration_s=duration_s)
    except AssertionError as error:
        fault = error
    finally:
        fuzzer.close()
    by_status: dict[str, int] = {}
    for (_, status), count in fuzzer.counts.items():
        by_status[status] = by_status.get(status, 0) + count
    told = ", ".join(f"{status} {count}" for status, count in sorted(by_status.items()))
    sys.stdout.write(
        f"{name}: {fuzzer.counts.total()} calls of {len({rpc for rpc, _ in fuzzer.counts})} rpcs in"
        f" {time.monotonic() - started_s:.0f} s from seed {seed}: {told}\n"
    )
    if fault is not None:
        sys.stdout.write(f"WRONG: {fault}\n" + "\n".join(getattr(fault, "__notes__", [])) + "\n")
    sys.stdout.flush()
    return fault is None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument(
        "--duration", type=float, default=600.0, help="seconds for each service, by default 600"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first round's")
    parser.add_argument("--only", nargs="*", choices=NAMES, help="these services")
    return parser


if __name__ == "__main__":
    sys.exit(main())
