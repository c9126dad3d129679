"""What a front end must and may do, judged by what was seen of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from somersault.compliance.checks import Outcome, UnmetError, Verdict, expect
from somersault.compliance.sighting import Asking, Sending, Sighting

__all__ = ["Quiet", "judge"]

_MIN_WAIT_S = 1.0
_MAX_ASKS = 4
_MAX_AT_ONCE = 10
_NUM_SIDES = 2
_MIN_BACKOFF_S = 0.05
_SLACK_MS = 500  # for the clocks of two processes, and the time a call takes
_INVALID = ("INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED", "ALREADY_EXISTS")


@dataclass(frozen=True, slots=True)
class Quiet:
    """A period without anything to lease, by the monotonic clock, and the number of queries settled before it."""

    begin: float
    end: float
    num_settled: int

    def askings(self, sighting: Sighting) -> list[Asking]:
        """Return the calls of LeaseQueries that began in it, less those of the first half second, which may have been under way."""
        late = [asking for asking in sighting.askings if self.begin + 0.5 <= asking.at < self.end]
        return [asking for asking in late if not asking.num_leases]


class _NotSeenError(Exception):
    """What is judged didn't happen."""


def judge(sighting: Sighting, quiet: Quiet | None, rest: Quiet | None = None) -> list[Outcome]:
    """Return the outcome of each rule for what was seen.

    Args:
        sighting: What was seen.
        quiet: The period between the first queries and the later ones; None if the first weren't all settled.
        rest: The period after the run was finished; None if it wasn't, because not all queries were settled.
    """
    rules: list[tuple[Callable[[], None], bool]] = [
        (lambda: _each_answer_has_its_key(sighting), True),
        (lambda: _is_sent_until_acknowledged(sighting, is_change=False), True),
        (lambda: _repeats_are_the_same(sighting), True),
        (lambda: _answers_tell_their_time(sighting), True),
        (lambda: _answers_are_in_time(sighting), True),
        (lambda: _both_clips_are_fetched(sighting), True),
        (lambda: _guidelines_are_read(sighting), True),
        (lambda: _asks_for_what_it_may(sighting), True),
        (lambda: _asks_again(sighting), True),
        (lambda: _waits_by_long_poll(sighting, quiet), True),
        (lambda: _goes_on_after_the_quiet(sighting, quiet), True),
        (lambda: _rests_after_the_end(sighting, rest), True),
        (lambda: _calls_have_deadlines(sighting), True),
        (lambda: _nothing_is_invalid(sighting), True),
        (lambda: _leases_are_settled(sighting), True),
        (lambda: _changes_are_the_next_version(sighting), False),
        (lambda: _is_sent_until_acknowledged(sighting, is_change=True), False),
        (lambda: _skips_give_back(sighting), False),
    ]
    return [
        _outcome(name, expected, rule, is_required=is_required)
        for (name, expected), (rule, is_required) in zip(_TEXTS, rules, strict=True)
    ]


_TEXTS = (
    ("each answer has a key of its own", "one answer_id a lease, never the same for two leases"),
    (
        "an answer is sent until it is acknowledged",
        "after UNAVAILABLE the same answer_id is sent again, whether the first try was stored or not",
    ),
    ("a repeat is the same", "every try of an answer has the same content"),
    ("an answer tells its time", "response_ms is above 0 and at most the time since the lease"),
    (
        "no answer is given under an ended lease",
        "its first try comes before the lease's end; one call's leases last 8 s: renew, or drop them and lease again",
    ),
    ("both clips are fetched", "GetClip or the gateway's /clips for left and right, before the answer"),
    (
        "guidelines are read",
        "GetGuidelines for each guidelines_version that a leased query names, before the first answer under it",
    ),
    ("it asks for what it may", "count is 1 to 10, wait_s 0 to 30, no more than 10 leases are held"),
    (
        "it asks again",
        "after LeaseQueries ended with UNAVAILABLE it is called again, no sooner than 50 ms later",
    ),
    (
        "it waits by long poll",
        "while there is nothing to lease: a wait_s of 1 or more and a longer deadline, at most 4 calls in 6 s",
    ),
    ("it goes on by itself", "queries that come after a quiet time are answered"),
    (
        "it rests once the run is finished",
        "when LeaseQueries says that the run is finished it ends, or asks at most 4 times in the next 6 s",
    ),
    ("every call has a deadline", "no unary call waits forever"),
    ("nothing that it sends is refused as wrong", f"no call ends with {', '.join(_INVALID)}"),
    ("every lease is settled", "each leased query is answered or released"),
    ("undo is the next version", "RevisePreference names an own answer and the version after its newest"),
    ("a change is sent until it is acknowledged", "after UNAVAILABLE the same version is sent again"),
    ("a skipped query is given back", "ReleaseQuery, and no answer under that lease afterwards"),
)


def _outcome(name: str, expected: str, rule: Callable[[], None], *, is_required: bool) -> Outcome:
    verdict, got = Verdict.PASSED, ""
    try:
        rule()
    except UnmetError as error:
        verdict, got = Verdict.FAILED, str(error)
    except _NotSeenError as error:
        verdict, got = (
            (Verdict.FAILED, f"not seen: {error}") if is_required else (Verdict.NOT_SEEN, str(error))
        )
    return Outcome(name=name, expected=expected, verdict=verdict, got=got)


def _answers(sighting: Sighting) -> list[Sending]:
    """Return the first try of each answer."""
    found = [sending for sending in sighting.sendings if sending.key[1] == 1]
    firsts = {sending.key: sending for sending in reversed(found)}
    if not firsts:
        raise _NotSeenError("there was no answer")
    return list(firsts.values())


def _each_answer_has_its_key(sighting: Sighting) -> None:
    keys_of: dict[str, set[str]] = {}
    leases_of: dict[str, set[str]] = {}
    _answers(sighting)
    for sending in sighting.sendings:
        if sending.lease_token:
            keys_of.setdefault(sending.lease_token, set()).add(sending.key[0])
            leases_of.setdefault(sending.key[0], set()).add(sending.lease_token)
    many = [sorted(keys) for keys in keys_of.values() if len(keys) > 1]
    expect(not many, f"one query was answered under several answer_ids: {many[:1]}")
    shared = [key for key, leases in leases_of.items() if len(leases) > 1]
    expect(not shared, f"answer_ids that were used for several queries: {shared[:3]}")


def _is_sent_until_acknowledged(sighting: Sighting, *, is_change: bool) -> None:
    failed = [one for one in sighting.sendings if one.was_failed and (one.key[1] > 1) is is_change]
    if not failed:
        raise _NotSeenError("nothing was sent that could be made to fail")
    for sending in failed:
        is_acknowledged = any(one.is_acknowledged for one in sighting.sent(sending.key))
        expect(is_acknowledged, f"{sending.key} ended with UNAVAILABLE and was not sent again")


def _repeats_are_the_same(sighting: Sighting) -> None:
    for answer in _answers(sighting):
        contents = {one.request for one in sighting.sent(answer.key)}
        expect(len(contents) == 1, f"{answer.key[0]!r} was sent with {len(contents)} contents")


def _answers_tell_their_time(sighting: Sighting) -> None:
    for answer in _answers(sighting):
        expect(answer.response_ms > 0, f"{answer.key[0]!r} has response_ms {answer.response_ms}")
        lease = sighting.leases.get(answer.lease_token)
        if lease is not None:
            at_most_ms = 1000 * (answer.at - lease.begin) + _SLACK_MS
            got = f"{answer.key[0]!r} has response_ms {answer.response_ms}, {at_most_ms:.0f} after its lease"
            expect(answer.response_ms <= at_most_ms, got)


def _answers_are_in_time(sighting: Sighting) -> None:
    for answer in _answers(sighting):
        lease = sighting.leases.get(answer.lease_token)
        if lease is not None:
            late_s = answer.at - lease.end
            expect(late_s <= 0, f"{answer.key[0]!r} was sent {late_s:.1f} s after its lease's end")


def _both_clips_are_fetched(sighting: Sighting) -> None:
    _answers(sighting)
    for lease in sighting.leases.values():
        if lease.is_answered:
            got = f"{len(lease.sides)} clips of {lease.query_id!r} were fetched"
            expect(len(lease.sides) == _NUM_SIDES, got)


def _guidelines_are_read(sighting: Sighting) -> None:
    for answer in _answers(sighting):
        lease = sighting.leases.get(answer.lease_token)
        if lease is not None and lease.guidelines_version:
            version = lease.guidelines_version
            read = sighting.guidelines.get(version)
            expect(read is not None and read < answer.at, f"version {version} was not read before an answer")


def _asks_for_what_it_may(sighting: Sighting) -> None:
    if not sighting.askings:
        raise _NotSeenError("LeaseQueries was not called")
    counts = sorted({asking.count for asking in sighting.askings})
    expect(counts[0] >= 1 and counts[-1] <= _MAX_AT_ONCE, f"count was {counts}")
    refused = [refusal for refusal in sighting.refusals if "RESOURCE_EXHAUSTED" in refusal]
    expect(not refused, refused[:1])


def _asks_again(sighting: Sighting) -> None:
    places = [place for place, asking in enumerate(sighting.askings) if asking.was_failed]
    if not places:
        raise _NotSeenError("LeaseQueries was called only once")
    later = sighting.askings[places[0] + 1 :]
    expect(later, "LeaseQueries was not called again")
    pause_s = later[0].at - sighting.askings[places[0]].at
    expect(pause_s >= _MIN_BACKOFF_S, f"it was called again after {pause_s * 1000:.0f} ms")


def _waits_by_long_poll(sighting: Sighting, quiet: Quiet | None) -> None:
    if quiet is None:
        raise _NotSeenError("the first queries were not all answered or given back")
    askings = quiet.askings(sighting)
    early = [asking for asking in sighting.askings if asking.at < quiet.begin + 0.5]
    under_way = [asking for asking in early if not asking.num_leases and not asking.was_failed][-1:]
    expect(len(askings) <= _MAX_ASKS, f"{len(askings)} calls in {quiet.end - quiet.begin:.0f} s")
    for asking in [*askings, *under_way]:
        expect(asking.wait_s >= _MIN_WAIT_S, f"wait_s was {asking.wait_s:g}")
        longer = asking.deadline_s is None or asking.deadline_s > asking.wait_s
        expect(longer, f"the deadline was {asking.deadline_s} s, wait_s {asking.wait_s:g}")


def _goes_on_after_the_quiet(sighting: Sighting, quiet: Quiet | None) -> None:
    if quiet is None:
        raise _NotSeenError("the first queries were not all answered or given back")
    expect(sighting.num_settled > quiet.num_settled, "none of the later queries was answered or given back")


def _rests_after_the_end(sighting: Sighting, rest: Quiet | None) -> None:
    if rest is None:
        raise _NotSeenError("the queries were not all answered or given back, so the run was not finished")
    askings = rest.askings(sighting)
    seconds = rest.end - rest.begin
    expect(len(askings) <= _MAX_ASKS, f"{len(askings)} calls in {seconds:.0f} s of a finished run")


def _calls_have_deadlines(sighting: Sighting) -> None:
    expect(not sighting.without_deadline, f"without a deadline: {dict(sighting.without_deadline)}")


def _nothing_is_invalid(sighting: Sighting) -> None:
    wrong = [refusal for refusal in sighting.refusals if refusal.split(": ")[1] in _INVALID]
    expect(not wrong, wrong[:2])


def _leases_are_settled(sighting: Sighting) -> None:
    if not sighting.leases:
        raise _NotSeenError("nothing was leased")
    settled = {one.query_id for one in sighting.leases.values() if one.is_answered or one.is_released}
    left = {lease.query_id for lease in sighting.leases.values()} - settled
    expect(not left, f"{len(left)} leased queries were neither answered nor released")


def _changes_are_the_next_version(sighting: Sighting) -> None:
    changes = [sending for sending in sighting.sendings if sending.key[1] > 1]
    if not changes:
        raise _NotSeenError("nothing was changed")
    for change in changes:
        answer_id, version = change.key
        expect(sighting.sent((answer_id, version - 1)), f"{answer_id!r} came in version {version} first")


def _skips_give_back(sighting: Sighting) -> None:
    released = [lease for lease in sighting.leases.values() if lease.is_released]
    if not released:
        raise _NotSeenError("nothing was skipped")
    expect(not any(lease.is_answered for lease in released), "a released query was answered")
