"""What a run was asked to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from somersault.cli.services.ports import LOOPBACK

__all__ = ["RunConfig"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What a run was asked to be; stored when it begins and read again by ``--resume``."""

    task: str
    run_id: str
    """What the run was called when it began. Its folder may be called otherwise, and be renamed."""
    seed: int
    label_budget: int
    """0 only in a reference run."""
    total_env_steps: int
    teacher: str
    """``none``, or as `somersault.domain.teacher_kinds` reads it; a function's file by its absolute path."""
    pacing: str
    """``lockstep`` or ``free``."""
    is_reference: bool
    """Trains on the true reward, without labels."""
    has_web: bool
    web_port: int
    storage_url: str
    """Where its objects are now. Of a run that keeps them in its own folder the file says no place."""
    num_environments: int
    num_threads: int | None
    """None takes one a core. Where frames are pictures sums depend on it, so it is settled when the run begins."""
    num_given_labels: int = 0
    """Labels of the budget that the run began with: other runs' answers."""
    precision: str = "float32"
    """``float32`` or ``bfloat16``: what a policy for pictures acts and learns in."""
    task_spec: Mapping[str, Any] | None = None
    """What the agent knew of the task when the run began, by which a moved file is known again; None in older runs."""
    task_sha256: str = ""
    """Digest of the task's file, empty where it is in none."""
    teacher_sha256: str = ""
    """Digest of the file of a teacher of one's own, empty where it is in none."""
    track: str | None = None
    """The experiment tracker that the curves go to beside TensorBoard; None goes to none."""
    web_host: str = LOOPBACK
    """Where the pages are served: loopback, or an address that other machines reach."""
    public_url: str = ""
    """Where others reach the pages, without a slash at the end; empty for this machine alone."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of other front ends that may call the pages' gateway."""
    tls_certificate: str = ""
    """PEM file by whose certificate the pages are served; empty for none."""
    tls_key: str = ""
    """PEM file of the certificate's private key."""
    identity: str = ""
    """Drawn when the run began, since another may have the same name; empty in one that an older program began."""
    start_mark: str = ""
    """Drawn when it was last started; the store has this one, or the earlier one if that start was cut off."""
    earlier_start_mark: str = ""
    """The mark that the store had before, until it has the new one. Empty before the store was first told."""

    @property
    def is_labelled_by_people(self) -> bool:
        """Nobody else answers."""
        return self.teacher == "none" and not self.is_reference
