"""Counting an answer: in its query, its run's agreement, its labeler's counts, the hour's rate.

Changes are returned as steps, so that a caller runs all of them together while the run's row is locked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa

from services.labeler.database import counters, schema
from services.labeler.database.steps import Step
from services.labeler.feedback.tally import Tally
from services.labeler.model.queries import QueryState
from services.labeler.oversight.agreement import Agreement, measure
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import PreferenceRecord
from somersault.domain.roles import Role

__all__ = [
    "MINUTE_MS",
    "agreement",
    "amounts_of",
    "num_last_hour",
    "of_query",
    "steps_to_count_labeler",
    "steps_to_count_minutes",
    "steps_to_store",
]

MINUTE_MS = 60_000
_QUERIES = schema.queries
_MINUTES = schema.answer_minutes
_CHANGE_QUERY = sa.update(_QUERIES).where(_QUERIES.c.number == sa.bindparam("of_number"))


def of_query(query: schema.Row) -> Tally:
    """Return the tally that a query's row holds."""
    compared = query.num_left + query.num_right + query.num_equal
    return Tally(
        num_left=query.num_left,
        num_right=query.num_right,
        num_equal=query.num_equal,
        num_incomparable=query.num_answers - compared,
    )


def steps_to_store(query: schema.Row, after: Tally, *, target: int) -> list[Step]:
    """Return the steps that store a query's new tally and target."""
    is_full = after.num_answers >= target
    values: dict[str, object] = {
        "num_answers": after.num_answers,
        "num_left": after.num_left,
        "num_right": after.num_right,
        "num_equal": after.num_equal,
        "is_unanimous": after.is_unanimous,
        "target_answers": target,
        "is_widened": query.is_widened or target > query.target_answers,
        "state": QueryState.ANSWERED.value if is_full else query.state,
        "is_open": query.is_open and not is_full,
    }
    steps = [Step(_CHANGE_QUERY, {"of_number": query.number, **values})]
    for tally, amount in ((of_query(query), -1), (after, 1)):
        count = {"num_left": tally.num_left, "num_right": tally.num_right, "num_equal": tally.num_equal}
        if sum(count.values()) >= 2:
            key = {"run_id": query.run_id, **count}
            steps += counters.steps_to_add(schema.agreement, key, {"num_queries": amount})
    return steps


def agreement(connection: sa.Connection, run_id: str) -> Agreement:
    """Return how well a run's labelers agree, at a cost that doesn't grow with the number of answers."""
    table = schema.agreement.c
    rows = connection.execute(sa.select(schema.agreement).where(table.run_id == run_id))
    return measure({(row.num_left, row.num_right, row.num_equal): row.num_queries for row in rows})


def steps_to_count_labeler(run_id: str, labeler_id: str, **amounts: int) -> list[Step]:
    """Return the steps that add to a labeler's counts in a run."""
    return counters.steps_to_add(schema.labeler_counts, {"run_id": run_id, "labeler_id": labeler_id}, amounts)


def steps_to_count_minutes(records: Iterable[PreferenceRecord]) -> list[Step]:
    """Return the steps that count answers in their minutes."""
    keys = Counter((each.run_id, each.commit_ms // MINUTE_MS, each.labeler_role.value) for each in records)
    return [
        step
        for (run_id, minute, role), number in sorted(keys.items())
        for step in counters.steps_to_add(
            _MINUTES, {"run_id": run_id, "minute": minute, "role": role}, {"num_answers": number}
        )
    ]


def num_last_hour(connection: sa.Connection, run_id: str, *, now_ms: int) -> dict[Role, int]:
    """Return the answers of the last sixty minutes and the current one, by role."""
    rows = connection.execute(
        sa.select(_MINUTES.c.role, sa.func.sum(_MINUTES.c.num_answers).label("num"))
        .where(_MINUTES.c.run_id == run_id, _MINUTES.c.minute >= now_ms // MINUTE_MS - 60)
        .group_by(_MINUTES.c.role)
    )
    return {Role(row.role): int(row.num) for row in rows}


def amounts_of(before: Preference | None, after: Preference) -> dict[str, int]:
    """Return how a new or revised answer changes its labeler's counts."""
    amounts = {f"num_{after.value}": 1}
    if before is not None:
        amounts[f"num_{before.value}"] = amounts.get(f"num_{before.value}", 0) - 1
    return amounts
