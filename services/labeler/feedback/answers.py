"""Answers: submitted to a leased query, revised, listed for their labeler."""

from __future__ import annotations

import prometheus_client

from services.labeler.database import Database
from services.labeler.feedback import (
    answer_repository,
    own_answer_repository,
    revision_repository,
)
from services.labeler.feedback.answer_repository import Submission
from services.labeler.model import list_pages
from services.labeler.model.answers import OwnAnswer
from services.labeler.model.labelers import Labeler
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import MAX_RESPONSE_MS, PreferenceRecord
from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier
from somersault.runtime.failpoints import failpoint

__all__ = ["Answers"]

_MIN_REVISION = 2

_ANSWERS = prometheus_client.Counter(
    "somersault_labeler_answers_total",
    "Answers committed, by the labeler's role, the preference, and whether it is an extra.",
    ["role", "preference", "is_extra"],
)
_GOLD = prometheus_client.Counter(
    "somersault_labeler_gold_answers_total",
    "Gold answers committed, by where the known answer came from and whether it matched.",
    ["kind", "is_right"],
)
_REVISIONS = prometheus_client.Counter(
    "somersault_labeler_revisions_total", "Answers revised, by the labeler's role.", ["role"]
)
_ANSWER_SECONDS = prometheus_client.Histogram(
    "somersault_labeler_answer_seconds",
    "Seconds from a pair's appearance to the answer, as reported by labelers, by role.",
    ["role"],
    buckets=(0.01, 0.1, 0.5, 1, 2, 3, 5, 8, 15, 30, 60),
)


class Answers:
    """Accepts answers and their revisions, and lists a labeler's own."""

    def __init__(self, database: Database, *, log_grew: Notifier) -> None:
        """Take the database, and what to notify of new rows of the log."""
        self._database = database
        self._log_grew = log_grew

    async def submit(
        self,
        labeler: Labeler,
        *,
        lease_token: str,
        answer_id: str,
        preference: Preference,
        response_ms: int,
    ) -> PreferenceRecord:
        """Answer a leased query. The answer is on disk when this returns, and repeating the call counts it once.

        Raises:
            InvalidInputError: the answer's name or the time is invalid.
            FailedPreconditionError: there is no such lease, or it was used for another answer.
            AlreadyExistsError: the answer's name already stands for something else.
        """
        check_name("answer_id", answer_id)
        if not 0 <= response_ms <= MAX_RESPONSE_MS:
            raise InvalidInputError("response_ms", response_ms, f"0 to {MAX_RESPONSE_MS}")
        submission = Submission(
            labeler=labeler,
            lease_token=lease_token,
            answer_id=answer_id,
            preference=preference,
            response_ms=response_ms,
        )
        # Last: it locks its run.
        record = await self._database.write_together(answer_repository.submit, submission, is_last=True)
        failpoint("labeler.answer.reply")
        role = labeler.role.value
        _ANSWERS.labels(role, preference.value, str(record.is_extra).lower()).inc()
        if record.is_gold:
            _GOLD.labels(record.gold_kind, str(record.is_right).lower()).inc()
        if response_ms:
            _ANSWER_SECONDS.labels(role).observe(response_ms / 1000)
        self._log_grew.notify()
        return record

    async def revise(
        self, labeler: Labeler, *, answer_id: str, version: int, preference: Preference
    ) -> PreferenceRecord:
        """Revise one of the labeler's newest answers.

        Raises:
            InvalidInputError: the version isn't the next one.
            NotFoundError: the labeler has no such answer.
            FailedPreconditionError: the answer is too old.
            AlreadyExistsError: that version says something else.
        """
        check_name("answer_id", answer_id)
        if version < _MIN_REVISION:
            raise InvalidInputError("version", version, f"at least {_MIN_REVISION}")
        record = await self._database.write(
            lambda connection: revision_repository.revise(
                connection, labeler, answer_id=answer_id, version=version, preference=preference
            )
        )
        failpoint("labeler.answer.reply")
        _REVISIONS.labels(labeler.role.value).inc()
        self._log_grew.notify()
        return record

    async def list_own(
        self, labeler: Labeler, run_id: str, *, page_size: int, page_token: str
    ) -> tuple[list[OwnAnswer], str]:
        """Return a page of a labeler's answers in a run, newest first, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token is invalid.
            NotFoundError: the run is unknown.
        """
        size, before = list_pages.screen_size(page_size), list_pages.start(page_token)
        found, following = await self._database.read(
            lambda connection: own_answer_repository.list_newest(
                connection, labeler, run_id, before_number=before, page_size=size
            )
        )
        return found, "" if following is None else str(following)
