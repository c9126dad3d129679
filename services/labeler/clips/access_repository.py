"""Which clips a labeler may see."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from services.labeler.database import schema
from services.labeler.model.labelers import Labeler
from services.labeler.queries import lease_repository
from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, NotFoundError

__all__ = ["StoredClip", "find_visible"]

_CLIPS = schema.clips
_QUERIES = schema.queries


@dataclasses.dataclass(frozen=True, slots=True)
class StoredClip:
    """A verified clip in object storage."""

    run_id: str
    segment_id: str
    clip_uri: str
    sha256: str


def find_visible(connection: sa.Connection, labeler: Labeler, *, query_id: str, is_left: bool) -> StoredClip:
    """Return a clip of a query that the labeler holds now or has answered; any clip for an owner.

    Raises:
        NotFoundError: its clips aren't stored yet; for an owner also: there is no such query.
        FailedPreconditionError: the labeler neither holds nor has answered it, or it doesn't exist: a labeler that may
            not see a query isn't told whether it exists.
    """
    query = connection.execute(sa.select(_QUERIES).where(_QUERIES.c.query_id == query_id)).one_or_none()
    if query is not None and not labeler.reaches(query.run_id):
        query = None
    if labeler.role is Role.OWNER:
        if query is None:
            raise NotFoundError(f"there is no query {query_id!r}")
    elif query is None or not lease_repository.may_see(connection, labeler, query.number):
        raise FailedPreconditionError(
            f"{labeler.labeler_id!r} holds no lease of query {query_id!r} and has not answered it"
        )
    if not query.has_clips:
        raise NotFoundError(f"the clips of query {query_id!r} are not stored yet")
    segment_id = query.left_segment_id if is_left else query.right_segment_id
    clip = connection.execute(
        sa.select(_CLIPS).where(_CLIPS.c.run_id == query.run_id, _CLIPS.c.segment_id == segment_id)
    ).one()
    return StoredClip(run_id=query.run_id, segment_id=segment_id, clip_uri=clip.clip_uri, sha256=clip.sha256)
