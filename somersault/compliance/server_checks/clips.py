"""What a labeler promises about clips, and about gold, which only people with clips get.

They need a labeler that can have clips rendered: what is proposed here names segments that nobody has stored, so only one whose
simulator renders whatever it is asked for has clips of them. Elsewhere these checks end as not seen.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
from collections.abc import Iterator
from typing import Any

import grpc

from somersault.compliance.checks import NotSeenError, expect, expect_refused, gather
from somersault.compliance.server_checks.trial import LEFT, RIGHT, Caller, Trial
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2

__all__ = ["CLIP_CHECKS"]

_RENDERED_WITHIN_S = 10.0
_MAX_BYTES = 16 * 1024 * 1024
_SIDES = {"left": LEFT, "right": RIGHT}
_REFUSALS = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND)
_RENDERING = (preference_pb2.QUERY_STATE_RENDERING, preference_pb2.QUERY_STATE_UNSPECIFIED)


async def a_clip_is_what_its_hash_says(trial: Trial) -> None:
    """GetClip returns MP4 with H.264 and no sound, at most 16 MiB, whose SHA-256 is the query's clip_sha256."""
    await _propose_drawn(trial, "one")
    person = await trial.invite(preference_pb2.ROLE_LABELER)
    query = (await trial.lease_one(person)).query
    for name, side in _SIDES.items():
        reply = await _clip(person, query.query_id, side)
        sha256 = hashlib.sha256(reply.clip).hexdigest()
        promised = getattr(query, name).clip_sha256
        expect(sha256 == promised, f"the {name} clip's SHA-256 is {sha256}, the query says {promised!r}")
        expect(reply.clip_sha256 == sha256, f"beside the {name} clip stands {reply.clip_sha256!r}")
        expect(len(reply.clip) <= _MAX_BYTES, f"the {name} clip has {len(reply.clip)} bytes")
        _expect_mp4(reply.clip, f"the {name} clip")


async def a_clip_is_for_who_holds_the_query(trial: Trial) -> None:
    """GetClip is refused to a labeler that neither holds nor answered the query, and allowed again after the answer."""
    (query_id,) = await _propose_drawn(trial, "one")
    person, other = [await trial.invite(preference_pb2.ROLE_LABELER) for _ in range(2)]
    lease = await trial.lease_one(person)
    for side in _SIDES.values():
        await expect_refused(_clip(other, query_id, side), *_REFUSALS, doing="GetClip of who holds nothing")
        await _clip(person, query_id, side)
    await trial.submit(person, lease, "answered")
    await _clip(person, query_id, LEFT)
    await expect_refused(_clip(other, query_id, LEFT), *_REFUSALS, doing="GetClip after another's answer")


async def a_released_querys_clips_are_no_more_shown(trial: Trial) -> None:
    """GetClip is refused to a labeler that released the query."""
    (query_id,) = await _propose_drawn(trial, "one")
    person = await trial.invite(preference_pb2.ROLE_LABELER)
    lease = await trial.lease_one(person)
    await person.call("ReleaseQuery", pb.ReleaseQueryRequest(lease_token=lease.lease_token))
    await expect_refused(_clip(person, query_id, LEFT), *_REFUSALS, doing="GetClip after ReleaseQuery")


async def gold_looks_like_any_other_pair(trial: Trial) -> None:
    """A gold pair's lease, and the row that its answer gives the labeler, have the same fields as any other's and no more."""
    plain, gold = await _lease_plain_and_gold(trial)
    answered = []
    for word, (person, lease) in (("plain", plain), ("gold", gold)):
        answered.append(_shape(lease) + _shape(await trial.submit(person, lease, word)))
    missing = sorted(set(answered[0]) ^ set(answered[1]))
    expect(not missing, f"only one of a gold and a plain pair has {missing}")


async def gold_is_known_to_owners_alone(trial: Trial) -> None:
    """The complete log says that an answer is gold, and the known answer on the sides that its labeler saw.

    Who follows without is_complete does not get it, and no query is answered by it.
    """
    _, (person, lease) = await _lease_plain_and_gold(trial)
    before = await _num_answered(trial)
    await trial.submit(person, lease, "gold", RIGHT)
    (row,) = [row for row in await trial.log(is_complete=True) if row.answer_id == trial.name("gold")]
    expect(row.is_gold and row.gold_kind, f"the complete log does not say that it is gold: {row}")
    known = row.left if row.gold_preference == LEFT else row.right
    chosen = {
        each.left.segment_id for each in await trial.log() if each.answer_id.startswith(trial.name("known"))
    }
    expect(
        chosen == {known.segment_id},
        f"others chose {sorted(chosen)}, the known answer is {known.segment_id!r}",
    )
    names = [each.answer_id for each in await trial.log()]
    expect(row.answer_id not in names, "who asks without is_complete gets the gold answer")
    expect(await _num_answered(trial) == before, "a gold answer changed num_answered")


async def _lease_plain_and_gold(trial: Trial) -> tuple[tuple[Caller, Any], tuple[Caller, Any]]:
    """Return a person's lease of a plain pair, and another's of a gold one that two teachers have answered alike."""
    await _propose_drawn(trial, "known", target_answers=2)
    for number in range(2):
        teacher = await trial.invite()
        await trial.submit(teacher, await trial.lease_one(teacher), f"known-{number}", LEFT)
    query_ids = await _propose_drawn(trial, "two", "three")
    first, second = [await trial.invite(preference_pb2.ROLE_LABELER) for _ in range(2)]
    plain = await trial.lease_one(first)
    await trial.owner.call("UpdateRun", pb.UpdateRunRequest(run_id=trial.run_id, gold_interval=1))
    gold = await trial.lease_one(second)
    query_id = gold.query.query_id
    expect(query_id not in query_ids, "with gold_interval 1 and a unanimous pair, a person got no gold")
    expect(len(query_id) == len(query_ids[0]), f"gold's query_id {query_id!r} is unlike {query_ids[0]!r}")
    return (first, plain), (second, gold)


async def _propose_drawn(trial: Trial, *words: str, target_answers: int = 0) -> list[str]:
    """Propose queries with clips and wait for these.

    Raises:
        NotSeenError: this labeler can't render them.
    """
    query_ids = await trial.propose(*words, target_answers=target_answers, wants_clips=True)
    for _ in range(round(_RENDERED_WITHIN_S / 0.1)):
        reply = await trial.owner.call("ListQueries", pb.ListQueriesRequest(run_id=trial.run_id))
        states = [query.state for query in reply.queries if query.query_id in query_ids]
        if not any(state in _RENDERING for state in states):
            if preference_pb2.QUERY_STATE_FAILED in states:
                break
            return query_ids
        await asyncio.sleep(0.1)
    raise NotSeenError(f"this labeler rendered no clips of unknown segments within {_RENDERED_WITHIN_S:g} s")


async def _clip(caller: Caller, query_id: str, side: Any) -> pb.GetClipResponse:
    reply: pb.GetClipResponse = await caller.call("GetClip", pb.GetClipRequest(query_id=query_id, side=side))
    return reply


async def _num_answered(trial: Trial) -> int:
    reply = await trial.owner.call("GetStats", pb.GetStatsRequest(run_id=trial.run_id))
    return int(reply.num_answered)


def _shape(message: Any, prefix: str = "") -> list[str]:
    """Return the names of the fields that are there, nested ones too."""
    names = []
    for field, value in message.ListFields():
        name = f"{prefix}{field.name}"
        is_plain = field.message_type is None or field.message_type.full_name.startswith("google.")
        names += [name] if is_plain else _shape(value, f"{name}.")
    return names


def _expect_mp4(clip: bytes, what: str) -> None:
    """Look at the file's boxes (ISO/IEC 14496-12, 4.2): each begins with its size and its type.

    Raises:
        UnmetError: it is not what a clip must be.
    """
    boxes = dict(_boxes(clip))
    expect(next(iter(boxes), "") == "ftyp", f"{what} begins with {clip[:12]!r}, not with the box ftyp of MP4")
    expect({"moov", "mdat"} <= set(boxes), f"{what} has the boxes {sorted(boxes)}, not moov and mdat")
    expect(b"avc1" in boxes["moov"], f"{what} has no H.264 (avc1)")
    expect(b"soun" not in boxes["moov"], f"{what} has a sound track")


def _boxes(clip: bytes) -> Iterator[tuple[str, bytes]]:
    begin = 0
    while begin + 8 <= len(clip):
        size, kind = struct.unpack(">I4s", clip[begin : begin + 8])
        size = size or len(clip) - begin  # 0: up to the end
        expect(
            8 <= size <= len(clip) - begin, f"box {kind!r} at byte {begin} has {size} bytes of {len(clip)}"
        )
        yield kind.decode("latin-1"), clip[begin : begin + size]
        begin += size


CLIP_CHECKS = gather(
    (
        a_clip_is_what_its_hash_says,
        a_clip_is_for_who_holds_the_query,
        a_released_querys_clips_are_no_more_shown,
        gold_looks_like_any_other_pair,
        gold_is_known_to_owners_alone,
    )
)
