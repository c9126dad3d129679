"""What the rpcs are served by."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.clips.policy_clips import PolicyClips
from services.labeler.clips.practice import Practice
from services.labeler.database import Database
from services.labeler.feedback.answers import Answering
from services.labeler.feedback.log_import import Importing
from services.labeler.oversight.labeler_quality import Oversight
from services.labeler.people.labelers import Labelers
from services.labeler.queries.leases import Leasing
from services.labeler.queries.proposals import Proposals
from services.labeler.runs.progress import Watching
from services.labeler.runs.run_settings import RunSettings
from services.labeler.webhooks.registry import Webhooks
from somersault.storage import ObjectStore

__all__ = ["Labeling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeling:
    """Bundles what the service is made of."""

    database: Database
    store: ObjectStore
    proposals: Proposals
    run_settings: RunSettings
    leasing: Leasing
    answering: Answering
    policy_clips: PolicyClips
    practice: Practice
    oversight: Oversight
    importing: Importing
    labelers: Labelers
    watching: Watching
    webhooks: Webhooks
