"""The parts that serve the rpcs."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.clips.policy_clips import PolicyClips
from services.labeler.clips.practice import Practice
from services.labeler.clips.query_clips import QueryClips
from services.labeler.feedback.answers import Answers
from services.labeler.feedback.log_import import LogImport
from services.labeler.feedback.preference_log import PreferenceLog
from services.labeler.oversight.audit_log import AuditLog
from services.labeler.oversight.labeler_quality import LabelerQuality
from services.labeler.people.labelers import Labelers
from services.labeler.people.sessions import Sessions
from services.labeler.queries.leases import Leases
from services.labeler.queries.proposals import Proposals
from services.labeler.runs.progress import RunProgress
from services.labeler.runs.runs import Runs
from services.labeler.webhooks.registry import WebhookRegistry

__all__ = ["LabelerParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelerParts:
    """The parts of the service, each with what it needs."""

    runs: Runs
    run_progress: RunProgress
    proposals: Proposals
    leases: Leases
    answers: Answers
    preference_log: PreferenceLog
    log_import: LogImport
    query_clips: QueryClips
    policy_clips: PolicyClips
    practice: Practice
    labelers: Labelers
    sessions: Sessions
    labeler_quality: LabelerQuality
    audit_log: AuditLog
    webhooks: WebhookRegistry
