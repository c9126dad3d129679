"""A campaign: trial after trial for a chosen time, each recorded, none repeated, failures shrunk to what is needed for them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.faults import Fault, FaultClass, Outcome

__all__ = ["Campaign", "Trial", "shrink"]

MAX_TRIES = 24
"""Of a failing trial, to shrink it."""
TRIAL_TIMEOUT_S = 900.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A class of faults and a seed, from which everything that is done follows."""

    fault_class: FaultClass
    seed: int

    @property
    def faults(self) -> Sequence[Fault]:
        """What is done."""
        return tuple(self.fault_class.plan(random.Random(f"{self.fault_class.name}/{self.seed}")))

    async def play(self, faults: Sequence[Fault], *, kept: Path | None = None) -> Outcome:
        """Do some of its faults in a fresh folder, which is kept if a promise was broken."""
        folder = Path(tempfile.mkdtemp(prefix="somersault-faults-", dir="/tmp"))
        try:
            async with asyncio.timeout(TRIAL_TIMEOUT_S):
                outcome = await self.fault_class.try_out(faults, self.seed, folder)
        except Exception as error:  # of the trial or of what is tried: both must be looked at
            told = traceback.format_exception(error)
            (folder / "error.txt").write_text("".join(told))
            outcome = Outcome(problems=[f"{type(error).__name__}: {' '.join(str(error).split())[:1000]}"])
        if outcome.problems and kept is not None:
            await asyncio.to_thread(shutil.copytree, folder, kept, dirs_exist_ok=True)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return outcome


class Campaign:
    """Owns the history file: a line of JSON for each trial that was played."""

    def __init__(
        self, classes: Sequence[FaultClass], *, history: Path, seed: int, max_tries: int = MAX_TRIES
    ) -> None:
        """Go on where the history ends; shrink a failing trial by at most that many tries."""
        self._max_tries = max_tries
        self._classes = classes
        self._history = history
        self._seed = seed
        history.parent.mkdir(parents=True, exist_ok=True)
        self.rows: list[dict[str, Any]] = _read(history)

    async def run(self, *, until_s: float, max_kills: int | None = None) -> None:
        """Play trials until the clock (`time.monotonic`) or the number of kills over the whole history says so."""
        for trial in self._trials():
            if time.monotonic() >= until_s or (
                max_kills and sum(row["kills"] for row in self.rows) >= max_kills
            ):
                return
            await self._play(trial)

    def _trials(self) -> Iterator[Trial]:
        """Yield what wasn't played yet, the classes in turn."""
        played = {(row["class"], row["seed"]) for row in self.rows}
        seed = self._seed
        while self._classes:
            for fault_class in self._classes:
                if (fault_class.name, seed) not in played:
                    yield Trial(fault_class, seed)
            seed += 1

    async def _play(self, trial: Trial) -> None:
        faults, begin_s = trial.faults, time.monotonic()
        kept = self._history.parent / f"{trial.fault_class.name}-{trial.seed}"
        outcome = await trial.play(faults, kept=kept)
        row = {"class": trial.fault_class.name, "seed": trial.seed, "commit": _commit(), **outcome.as_row()}
        row["wall_s"] = round(time.monotonic() - begin_s, 1)
        row["load"] = round(os.getloadavg()[0], 1)
        if outcome.problems:
            shortest, num_tries = await shrink(
                faults, lambda some: self._fails(trial, some), max_tries=self._max_tries
            )
            row |= {"shortest": [fault.text for fault in shortest], "tries": num_tries}
        self.rows.append(row)
        with self._history.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    async def _fails(self, trial: Trial, faults: Sequence[Fault]) -> bool:
        return bool((await trial.play(faults)).problems)


async def shrink(
    faults: Sequence[Fault], fails: Any, *, max_tries: int = MAX_TRIES
) -> tuple[Sequence[Fault], int]:
    """Return the fewest of the faults that still fail, as far as that many tries find out, and how many there were.

    First halves are left out, then quarters, down to single faults (delta debugging).
    """
    shortest, num_tries = list(faults), 0
    size = max(1, len(shortest) // 2)
    while shortest and num_tries < max_tries:
        begin, has_shrunk = 0, False
        while begin < len(shortest) and num_tries < max_tries:
            fewer = shortest[:begin] + shortest[begin + size :]
            num_tries += 1
            if await fails(fewer):
                shortest, has_shrunk = fewer, True
            else:
                begin += size
        if size == 1 and not has_shrunk:
            break
        size = max(1, size // 2)
    return shortest, num_tries


def _read(history: Path) -> list[dict[str, Any]]:
    if not history.exists():
        return []
    rows = []
    for line in history.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:  # cut off when the campaign was killed
            continue
    return rows


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
