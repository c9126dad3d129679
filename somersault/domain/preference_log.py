"""The preference log's fields, listed once.

Message, row of an export, query of the database and table are made of `RECORD_FIELDS` and `CHANGE_FIELDS`, which are read from
the two classes below. CONTRIBUTING.md says what else a new field needs.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.domain.texts import check_name, check_text
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError

__all__ = [
    "CHANGE_FIELDS",
    "GOLD_KINDS",
    "MAX_COMMIT_ID",
    "MAX_REASON",
    "MAX_RESPONSE_MS",
    "MAX_TARGET",
    "MAX_TIME_MS",
    "MAX_WEIGHT",
    "RECORD_FIELDS",
    "LogField",
    "PreferenceRecord",
    "WeightChange",
]

MAX_WEIGHT = 10.0
MAX_REASON = 500  # characters
MAX_TARGET = 10  # answers a query: more people than that look at no pair
MAX_RESPONSE_MS = 24 * 3_600_000
MAX_TIME_MS = 253_402_300_799_999  # since 1970: the end of the year 9999, protobuf's and Python's own bound
MAX_COMMIT_ID = 64  # characters; ours are 16
GOLD_KINDS = ("unanimous", "repeat")

_MAX_CHANGED_BY = 64  # characters, as a labeler_id has
_Check = Callable[[str, Any], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogField:
    """What is to be known of a field beside its name and type."""

    name: str
    type: type
    default: object
    """`dataclasses.MISSING` where each row must say."""
    column: str
    """TABLE.COLUMN of the labeler's database; ``left`` or ``right`` for a segment, which has columns of its own."""
    message: str
    """The field of the message."""
    export: str
    """The column of an export; the beginning of a segment's four."""
    check: _Check | None
    """Raises InvalidInputError for a value that may not be imported."""
    is_hidden: bool
    """The labeler that answered isn't told: it sees the default."""
    is_gold: bool
    """Only gold has it."""
    is_of_run: bool
    """Each run that has the answer has a value of its own."""
    is_drawn: bool
    """The log that takes the row draws a value of its own, so one to import needs none."""


def _within(least: float, most: float) -> _Check:
    def check(name: str, value: float) -> None:
        if not least <= value <= most:
            raise InvalidInputError(name, value, f"{least:g} to {most:.15g}")

    return check


def _check_reason(name: str, value: str) -> None:
    check_text(name, value, most=MAX_REASON, has_lines=True)


def _check_changed_by(name: str, value: str) -> None:
    check_text(name, value, most=_MAX_CHANGED_BY)


def _check_commit_id(name: str, value: str) -> None:
    check_text(name, value, most=MAX_COMMIT_ID)


def _in(column: str, check: _Check | None = None, **others: str | bool) -> Mapping[str, object]:
    """Return a field's metadata: where the database has it, and what of `LogField` isn't usual."""
    return {"column": column, "check": check, **others}


_DRAWN = {"is_of_run": True, "is_drawn": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRecord:
    """A row of the preference log: an answer or its revision. In the order of an export's columns."""

    cursor: int = field(metadata=_in("log.cursor", _within(1, 2**63 - 1)))
    run_id: str = field(metadata=_in("log.run_id", check_name))
    labeler_id: str = field(metadata=_in("answers.labeler_id", check_name))
    weight: float = field(
        default=1.0, metadata=_in("log.weight", _within(0, MAX_WEIGHT), is_hidden=True, is_of_run=True)
    )
    """Its labeler's in the run when the row was committed."""
    commit_ms: int = field(metadata=_in("log.commit_ms", message="commit_time", export="commit_time_ms"))
    """Milliseconds since 1970, by the database's clock."""
    labeler_role: Role = field(metadata=_in("labelers.role"))
    preference: Preference = field(metadata=_in("log.preference"))
    query_id: str = field(metadata=_in("queries.query_id", check_name))
    answer_id: str = field(metadata=_in("answers.answer_id", check_name))
    version: int = field(metadata=_in("log.version", _within(1, 2**31 - 1)))
    """1 for the first answer, one more for each revision."""
    is_extra: bool = field(metadata=_in("answers.is_extra", is_of_run=True))
    """Kept, never trained on: past what its query wanted, or gold."""
    response_ms: int = field(metadata=_in("answers.response_ms", _within(0, MAX_RESPONSE_MS)))
    """As the labeler says; 0 if it doesn't."""
    is_gold: bool = field(default=False, metadata=_in("answers.is_gold", is_hidden=True))
    """Its query tests the labeler. Gold is an extra as well, so whatever leaves extras out leaves it out."""
    answer_number: int = field(
        default=0,
        metadata=_in("answers.position", _within(0, MAX_TARGET + 1), is_hidden=True, is_of_run=True),
    )
    """Which counted answer of its query it is: 1, 2, …; 0 for extras and gold."""
    target_answers: int = field(
        default=0,
        metadata=_in("answers.target_answers", _within(0, MAX_TARGET + 1), is_hidden=True, is_of_run=True),
    )
    """How many counted answers the query wanted once this one was counted; 0 for extras and gold."""
    guidelines_version: int = field(
        default=0, metadata=_in("answers.guidelines_version", _within(0, 2**31 - 1), is_of_run=True)
    )
    """Of the guidelines when the query was leased; 0 if there were none."""
    left: StoredSegment = field(metadata=_in("left"))
    right: StoredSegment = field(metadata=_in("right"))
    gold_kind: str = field(default="", metadata=_in("queries.gold_kind", is_hidden=True, is_gold=True))
    """One of `GOLD_KINDS`: where the known answer came from; empty if it isn't gold."""
    gold_preference: Preference | None = field(
        default=None, metadata=_in("queries.gold_preference", is_hidden=True, is_gold=True)
    )
    """The known answer; None if it isn't gold."""
    commit_id: str = field(default="", metadata=_in("log.commit_id", _check_commit_id, **_DRAWN))
    """Names the commit that added the row; never the same twice, not at the same position either."""

    @property
    def is_right(self) -> bool:
        """Whether the known answer was given, of gold."""
        return self.preference is self.gold_preference

    def seen_by(self, role: Role) -> PreferenceRecord:
        """Return the row as its labeler is told: gold looks like any other, and nothing tells of others' answers."""
        if role is not Role.LABELER:
            return self
        return dataclasses.replace(
            self,
            **_HIDDEN,
            left=dataclasses.replace(self.left, segment_uri="", sealed_uri=""),
            right=dataclasses.replace(self.right, segment_uri="", sealed_uri=""),
            is_extra=self.is_extra and not self.is_gold,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """A row of the log that makes all of a labeler's answers in a run count for more or less."""

    cursor: int = field(metadata=_in("change.cursor", _within(1, 2**63 - 1)))
    """Of the same sequence as the answers'."""
    run_id: str = field(metadata=_in("change.run_id", check_name))
    labeler_id: str = field(metadata=_in("change.labeler_id", check_name))
    weight: float = field(metadata=_in("change.weight", _within(0, MAX_WEIGHT)))
    """0 leaves the answers out of training, 1 is the usual."""
    commit_ms: int = field(metadata=_in("change.commit_ms", message="commit_time", export="commit_time_ms"))
    changed_by: str = field(metadata=_in("change.changed_by", _check_changed_by))
    reason: str = field(metadata=_in("change.reason", _check_reason))
    change_id: str = field(metadata=_in("change.change_id", check_name))
    commit_id: str = field(default="", metadata=_in("change.commit_id", _check_commit_id, **_DRAWN))


def _fields_of(row: type[PreferenceRecord | WeightChange]) -> tuple[LogField, ...]:
    types = typing.get_type_hints(row)
    return tuple(_field(each, types[each.name]) for each in dataclasses.fields(row))


def _field(declared: dataclasses.Field[Any], kind: Any) -> LogField:
    values: dict[str, Any] = {
        "message": declared.name,
        "export": declared.name,
        "is_hidden": False,
        "is_gold": False,
        "is_of_run": False,
        "is_drawn": False,
        **declared.metadata,
    }
    (concrete,) = [each for each in typing.get_args(kind) or (kind,) if each is not type(None)]
    return LogField(name=declared.name, type=concrete, default=declared.default, **values)


RECORD_FIELDS = _fields_of(PreferenceRecord)
CHANGE_FIELDS = _fields_of(WeightChange)
_HIDDEN: dict[str, Any] = {each.name: each.default for each in RECORD_FIELDS if each.is_hidden}
