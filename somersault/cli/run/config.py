"""The settings of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from somersault.cli.services.ports import LOOPBACK

__all__ = ["RunConfig"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A run's settings, stored when it begins and read by ``--resume``."""

    task: str
    run_id: str
    """The run's name when it began. Its folder may have another name and be renamed."""
    seed: int
    label_budget: int
    """0 in a reference run only."""
    total_env_steps: int
    teacher: str
    """``none``, or as `somersault.domain.teacher_kinds` reads it; a function's file as an absolute path."""
    pacing: str
    """``lockstep`` or ``free``."""
    is_reference: bool
    """Trains on the true reward, without labels."""
    has_web: bool
    web_port: int
    storage_url: str
    """Where its objects are. The file holds no path for a run that keeps them in its own folder."""
    num_environments: int
    num_threads: int | None
    """None takes one per core. Fixed when the run begins if frames are images, because sums then depend on it."""
    num_given_labels: int = 0
    """Labels of the budget that came from other runs when the run began."""
    precision: str = "float32"
    """``float32`` or ``bfloat16``: the precision in which an image policy acts and learns."""
    task_spec: Mapping[str, Any] | None = None
    """The task's spec when the run began, which identifies a moved file; None in older runs."""
    task_sha256: str = ""
    """SHA-256 of the task's file; empty if it has none."""
    teacher_sha256: str = ""
    """SHA-256 of the file of a custom teacher; empty if there is none."""
    track: str | None = None
    """The experiment tracker that curves go to besides TensorBoard; None for none."""
    web_host: str = LOOPBACK
    """The address that the pages are served on: loopback, or one that other machines reach."""
    public_url: str = ""
    """The pages' URL for other machines, without a trailing slash; empty for this machine only."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of other front ends that may call the pages' gateway."""
    tls_certificate: str = ""
    """PEM file of the pages' certificate; empty for none."""
    tls_key: str = ""
    """PEM file of the certificate's private key."""
    identity: str = ""
    """Random identity of the run, because two may share a name; empty if an older version began the run."""
    start_mark: str = ""
    """Random mark of the last start; the store has this one, or the earlier one if that start was interrupted."""
    earlier_start_mark: str = ""
    """The mark that the store had before this start, until it has the new one. Empty before the first start."""

    @property
    def is_labelled_by_people(self) -> bool:
        """Whether only people answer."""
        return self.teacher == "none" and not self.is_reference
