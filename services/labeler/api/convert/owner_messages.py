"""What only owners and services see, to messages."""

from __future__ import annotations

from services.labeler.model.labelers import KnownLabeler
from services.labeler.model.oversight import AuditEntry
from services.labeler.model.webhooks import Webhook
from services.labeler.oversight.agreement import Agreement
from services.labeler.oversight.quality_measures import QualityMeasures, Share
from somersault.v1 import labeler_pb2 as pb
from somersault.wire import role_to_message
from somersault.wire.times import timestamp_from_milliseconds

__all__ = [
    "agreement_to_message",
    "entry_to_message",
    "labeler_to_message",
    "quality_to_message",
    "webhook_to_message",
]


def agreement_to_message(agreement: Agreement) -> pb.GetAgreementResponse:
    """Return the message of how well labelers agree."""
    return pb.GetAgreementResponse(
        num_queries=agreement.num_queries,
        num_pairs=agreement.num_pairs,
        pairwise_agreement=agreement.pairwise,
        krippendorff_alpha=agreement.alpha,
    )


def quality_to_message(quality: QualityMeasures) -> pb.LabelerQuality:
    """Return the message of how well a labeler answers."""
    counts = quality.counts
    return pb.LabelerQuality(
        labeler_id=counts.labeler.labeler_id,
        name=counts.labeler.name,
        role=role_to_message(counts.labeler.role),
        weight=counts.weight,
        num_answers=counts.num_left + counts.num_right + counts.num_equal + counts.num_incomparable,
        gold_accuracy=_share(quality.gold_accuracy),
        consistency=_share(quality.consistency),
        fast=_share(quality.fast),
        left=_share(quality.left),
        entropy_bits=quality.entropy_bits,
        is_inaccurate=quality.is_inaccurate,
        is_inconsistent=quality.is_inconsistent,
        is_hasty=quality.is_hasty,
        is_biased=quality.is_biased,
    )


def labeler_to_message(known: KnownLabeler) -> pb.Labeler:
    """Return the message of a labeler."""
    return pb.Labeler(
        labeler_id=known.labeler.labeler_id,
        name=known.labeler.name,
        role=role_to_message(known.labeler.role),
        create_time=timestamp_from_milliseconds(known.created_ms),
        revoke_time=timestamp_from_milliseconds(known.revoked_ms) if known.revoked_ms else None,
        run_ids=sorted(known.labeler.runs or ()),
        is_everywhere=known.labeler.runs is None,
    )


def entry_to_message(entry: AuditEntry) -> pb.AuditEntry:
    """Return the message of a row of the audit log."""
    return pb.AuditEntry(
        number=entry.number,
        commit_time=timestamp_from_milliseconds(entry.commit_ms),
        labeler_id=entry.labeler_id,
        role=role_to_message(entry.role),
        action=entry.action,
        run_id=entry.run_id,
        object=entry.what,
        detail=entry.detail,
    )


def webhook_to_message(webhook: Webhook) -> pb.Webhook:
    """Return the message of a webhook."""
    return pb.Webhook(
        webhook_id=webhook.webhook_id,
        run_id=webhook.run_id,
        url=webhook.url,
        create_time=timestamp_from_milliseconds(webhook.created_ms),
        delivered_cursor=webhook.delivered_cursor,
        num_failures=webhook.num_failures,
        success_time=timestamp_from_milliseconds(webhook.success_ms) if webhook.success_ms else None,
        error_time=timestamp_from_milliseconds(webhook.error_ms) if webhook.error_ms else None,
        error=webhook.error,
    )


def _share(share: Share) -> pb.Share:
    return pb.Share(num=share.num, num_true=share.num_true, share=share.value, low=share.low, high=share.high)
