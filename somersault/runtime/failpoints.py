"""Named places in the code at which tests and `make faults` cause a fault. Off unless the environment arms them.

``SOMERSAULT_FAILPOINTS`` is a list, ``NAME=KIND[:SECONDS][@N]`` separated by commas, in each process that has it: the fault
happens at the N-th pass, or without N at every one. Or it is ``@FOLDER``: then a file NAME in it, whose text is the rest, arms
that point in all processes while they run. There the first process to come to it moves the file to ``FOLDER/fired`` and has
the fault alone, once: a service that is killed and started again isn't killed again.

Kinds: ``kill`` (SIGKILL to this process), ``error`` (UnavailableError), ``delay`` and ``hang`` (the thread that passes waits for
SECONDS, or for an hour) and ``note`` (nothing, which in a folder shows that the point was passed).
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from somersault.errors import ConfigError, UnavailableError

__all__ = ["POINTS", "VARIABLE", "arm", "failpoint"]

VARIABLE = "SOMERSAULT_FAILPOINTS"

POINTS: Mapping[str, str] = {
    "checkpoint.stored": "a checkpoint of the learner or the reward service is stored, older ones aren't deleted yet",
    "labeler.answer.reply": "an answer or revision is committed, its labeler isn't told yet",
    "labeler.clip.recorded": "a clip is recorded, nobody is told yet",
    "labeler.clip.verified": "a clip was read back and verified, and isn't recorded yet",
    "labeler.commit.after": "a transaction is on disk, none of its callers is told yet",
    "labeler.commit.before": "a transaction's work is done and not committed yet",
    "labeler.queries.reply": "proposed queries are committed, the reward service isn't told yet",
    "labeler.webhook.claimed": "a batch of rows is claimed and not sent yet",
    "labeler.webhook.marked": "a delivery is recorded",
    "labeler.webhook.sent": "a receiver took a batch, which isn't recorded yet",
    "learner.checkpoint.begin": "a checkpoint is due, nothing of it is stored yet",
    "learner.checkpoint.policy": "a checkpoint's policy is stored, the checkpoint isn't yet",
    "learner.checkpoint.stored": "a checkpoint is stored and not reported yet",
    "learner.policy.improved": "the policy has learned from a batch, its version isn't published yet",
    "learner.policy.published": "a policy version is published",
    "reward.checkpoint.stored": "a checkpoint is stored, its version isn't published yet",
    "reward.queries.chosen": "the segments of chosen pairs are stored, the pairs aren't proposed yet",
    "reward.queries.proposed": "the labeler has the proposals, the reward service hasn't noted them yet",
    "reward.round.learned": "the ensemble has learned from answers, no checkpoint is stored yet",
    "reward.rows.received": "rows of the preference log were received, nothing was done with them yet",
    "reward.version.published": "a reward version is published",
    "run.file.renamed": "a file of the run folder has its name, its folder isn't synced yet",
    "run.file.written": "a file of the run folder is synced under a temporary name",
    "run.progress.written": "a row of the progress log is written",
    "simulator.clip.rendered": "a clip is rendered and not stored yet",
    "simulator.clip.stored": "a clip is stored, the labeler isn't told yet",
    "simulator.segment.sealed": "a segment's sealed part is stored, the segment isn't yet",
    "simulator.segment.stored": "both parts of a segment are stored",
    "simulator.segments.reply": "all demanded segments are stored, the reward service isn't told yet",
    "store.file.renamed": "an object in a folder has its key, its folder isn't synced yet",
    "store.file.written": "an object in a folder is synced under a temporary name",
    "store.object.upload": "an object is about to be sent to S3",
    "store.object.uploaded": "S3 has an object, the caller isn't told yet",
    "teacher.answer.accepted": "the labeler accepted a teacher's answer",
    "teacher.answer.decided": "a teacher has decided and not sent its answer yet",
}
"""What has and hasn't happened at each point, by name."""

_HANG_S = 3600.0
_DELAY_S = 0.5
_ACTION = re.compile(r"(kill|error|delay|hang|note)(?::(\d+(?:\.\d+)?))?(?:@([1-9]\d*))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Action:
    kind: str
    seconds: float
    number: int | None
    """At which pass; None for every one."""

    def act(self, name: str) -> None:
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.kind == "error":
            raise UnavailableError(f"failpoint {name}")
        elif self.kind in ("delay", "hang"):
            time.sleep(self.seconds)


class _Armed(Protocol):
    def passed(self, name: str) -> None: ...


@dataclass(slots=True)
class _Listed:
    actions: Mapping[str, _Action]
    passes: Counter[str] = field(default_factory=Counter)

    def passed(self, name: str) -> None:
        action = self.actions.get(name)
        self.passes[name] += 1
        if action is not None and action.number in (None, self.passes[name]):
            action.act(name)


@dataclass(slots=True)
class _Folder:
    path: Path
    passes: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By name, and by when the point was armed."""

    def passed(self, name: str) -> None:
        file = self.path / name
        try:
            armed_at, text = file.stat().st_mtime_ns, file.read_text(encoding="ascii")
        except FileNotFoundError:
            return
        action = _parse_action(name, text.strip())
        self.passes[name, armed_at] += 1
        if self.passes[name, armed_at] < (action.number or 1):
            return
        try:
            file.rename(self.path / "fired" / f"{name}.{os.getpid()}.{time.time_ns()}")
        except FileNotFoundError:  # another process was first
            return
        action.act(name)


class _Current:
    armed: _Armed | None = None


def failpoint(name: str) -> None:
    """Cause the fault for which this point is armed, if it is.

    Raises:
        UnavailableError: it is armed with ``error``.
    """
    if _Current.armed is not None:
        assert name in POINTS
        _Current.armed.passed(name)


def arm(text: str | None) -> None:
    """Arm points for this process by what ``SOMERSAULT_FAILPOINTS`` says; None or "" disarms all.

    Raises:
        ConfigError: there is no such point, kind or folder.
    """
    if not text:
        _Current.armed = None
    elif text.startswith("@"):
        folder = Path(text[1:])
        if not (folder / "fired").is_dir():
            raise ConfigError(f"{VARIABLE} names {folder}, which must hold a folder 'fired'")
        _Current.armed = _Folder(folder)
    else:
        _Current.armed = _Listed(dict(map(_parse, text.split(","))))


def _parse(item: str) -> tuple[str, _Action]:
    name, _, action = item.strip().partition("=")
    if name not in POINTS:
        raise ConfigError(f"{VARIABLE} arms {name!r}; docs/faults.md lists the points")
    return name, _parse_action(name, action)


def _parse_action(name: str, text: str) -> _Action:
    found = _ACTION.fullmatch(text)
    if found is None:
        raise ConfigError(f"{VARIABLE}: {name}={text!r}, must be KIND[:SECONDS][@N]")
    kind, seconds, number = found.groups()
    default_s = _HANG_S if kind == "hang" else _DELAY_S
    return _Action(kind, float(seconds or default_s), int(number) if number else None)
