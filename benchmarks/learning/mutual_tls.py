"""What mutual TLS costs the loop: a learner's side fed over Collect, encrypted and in plaintext, in turns.

python -m benchmarks.learning.mutual_tls

What is measured is environment steps a second of processor time, of both ends together: unlike the time on the clock, it means something
beside other work. A real simulator steps environments and is what saturates, as in a run; a replayer sends one rollout again and again and so
shows what encryption costs the two ends of the stream.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import structlog

from benchmarks.labeler.servers import cpu_s
from benchmarks.learning.learner_stub import LearnerStub, serving
from benchmarks.measure import compare, describe_machine, print_table
from somersault.runtime import allocator
from somersault.tasks import get_task
from tests.certificates import Authority

__all__ = ["main"]

_TASK = "hopper-backflip"
_SIZE = 64  # steps of a rollout, and environments
_FEEDS = {
    "simulator": ("services.simulator", ("--reward-address", "null", "--no-has-rendering")),
    "replayer": ("benchmarks.learning.replayer", ()),
}


async def _steps_per_cpu_s(feed: str, folder: Path, *, is_encrypted: bool, seconds: float) -> float:
    """Feed a stub from one process and return the environment steps a second of processor time."""
    stub = LearnerStub(  # type: ignore[abstract]  # a benchmark asks it for nothing else
        get_task(_TASK).spec, rollout_steps=_SIZE
    )
    module, options = _FEEDS[feed]
    async with serving(stub, certificates=folder / "learner" if is_encrypted else None) as port:
        command = [sys.executable, "-m", module, "--task", _TASK, "--num-environments", str(_SIZE), *options]
        command += ["--learner-address", f"127.0.0.1:{port}", "--simulator-id", "s"]
        command += ["--certificates-path", str(folder / "simulator")] if is_encrypted else []
        if feed == "simulator":
            command += ["--storage-url", (folder / "objects").as_uri()]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - starts at once
        try:
            async with asyncio.timeout(120):
                await stub.wait_for(1, num_rollouts=3)
            before, begin_s = stub.num_steps, time.process_time() + cpu_s(process.pid)
            await asyncio.sleep(seconds)
            return (stub.num_steps - before) / (time.process_time() + cpu_s(process.pid) - begin_s)
        finally:
            process.terminate()
            process.wait(timeout=60)


def main() -> None:
    """Measure both feeds and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--feeds", nargs="*", choices=list(_FEEDS), default=list(_FEEDS))
    arguments = parser.parse_args()
    allocator.keep_freed_memory()  # as services do
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(f"mutual TLS, Collect: {describe_machine()}")
    for feed in arguments.feeds:
        with tempfile.TemporaryDirectory() as name:
            folder, authority = Path(name), Authority()
            for word in ("learner", "simulator"):
                authority.write(folder / word, word)

            def measure(*, is_encrypted: bool, feed: str = feed, folder: Path = folder) -> float:
                return asyncio.run(
                    _steps_per_cpu_s(feed, folder, is_encrypted=is_encrypted, seconds=arguments.seconds)
                )

            contestants = {
                "plaintext": partial(measure, is_encrypted=False),
                "mutual TLS": partial(measure, is_encrypted=True),
            }
            speeds = compare(contestants, num_rounds=arguments.rounds)
            print_table(
                f"{_TASK}, {_SIZE} x {_SIZE} steps from a {feed}",
                speeds,
                unit="steps per processor second",
                base="plaintext",
            )


if __name__ == "__main__":
    main()
