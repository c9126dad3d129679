"""Clips of queries: served to those who may see them, and listed for owners."""

from __future__ import annotations

import functools
import re

import prometheus_client
import structlog

from services.labeler.clips import access_repository, clip_list_repository, render_queue_repository
from services.labeler.clips.access_repository import StoredClip
from services.labeler.clips.clip_order import Place
from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.clips import ClipChoice, ClippedQuery
from services.labeler.model.labelers import Labeler
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError
from somersault.rpc import Notifier
from somersault.storage import STORE_THREADS, ObjectStore

__all__ = ["QueryClips", "read_clip"]

READ_TIMEOUT_S = 20.0
"""For one clip; a store on S3 that says nothing is given up after 15 s."""

_PLACE = re.compile(r"(\d)_(\d{1,18}(?:\.\d{1,18})?(?:e[+-]?\d{1,3})?)_(\d{1,18})", re.ASCII)


_RENDERED_AGAIN = prometheus_client.Counter(
    "somersault_labeler_clips_lost_total", "Stored clips that were gone or changed, and are rendered again."
)

_log = structlog.get_logger()


async def read_clip(store: ObjectStore, key: str, *, sha256: str) -> bytes:
    """Return a clip's bytes.

    Raises:
        SomersaultError: It is gone or has changed, or the store doesn't give it in time.
    """
    return await STORE_THREADS.run_within(READ_TIMEOUT_S, store.get, key, expect_sha256=sha256)


class QueryClips:
    """Reads and lists the clips of queries."""

    def __init__(self, database: Database, store: ObjectStore, *, queries_changed: Notifier) -> None:
        """Take the database, the object store that holds the clips, and what wakes whoever renders them."""
        self._database = database
        self._store = store
        self._queries_changed = queries_changed

    async def read(self, labeler: Labeler, *, query_id: str, is_left: bool) -> tuple[bytes, str]:
        """Return a clip that the labeler may see, and its SHA-256; one that is gone or changed is rendered again.

        Raises:
            FailedPreconditionError: it neither holds nor has answered the query, and isn't an owner.
            NotFoundError: there is no such query, or no clip of it, or none any more.
            CorruptDataError: the stored bytes have changed.
        """
        clip = await self._database.read(
            lambda connection: access_repository.find_visible(
                connection, labeler, query_id=query_id, is_left=is_left
            )
        )
        try:
            data = await read_clip(self._store, clip.clip_uri, sha256=clip.sha256)
        except (NotFoundError, CorruptDataError) as err:
            await self._render_again(clip, reason=str(err))
            what = "is gone" if isinstance(err, NotFoundError) else "has changed"
            said = f"a clip of query {query_id!r} {what}; it is rendered again, lease another query meanwhile"
            raise type(err)(said) from err
        return data, clip.sha256

    async def _render_again(self, clip: StoredClip, *, reason: str) -> None:
        again = functools.partial(
            render_queue_repository.render_again,
            run_id=clip.run_id,
            segment_id=clip.segment_id,
            sha256=clip.sha256,
            reason=reason,
        )
        if await self._database.write(again):
            _RENDERED_AGAIN.inc()
            _log.error("clip_lost", run_id=clip.run_id, segment_id=clip.segment_id, error=reason)
            self._queries_changed.notify()

    async def list_chosen(
        self, run_id: str, choice: ClipChoice, *, page_size: int, page_token: str
    ) -> tuple[list[ClippedQuery], str]:
        """Return a page of a run's queries with clips, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token is invalid.
            NotFoundError: the run is unknown.
        """
        size, after = list_pages.screen_size(page_size), _place(page_token, choice)
        clipped, following = await self._database.read(
            lambda connection: clip_list_repository.list_chosen(
                connection, run_id, choice, after=after, page_size=size
            )
        )
        return clipped, "" if following is None else _token(following, choice)


def _token(place: Place, choice: ClipChoice) -> str:
    return "_".join(map(repr, place)) if choice.is_by_disagreement else str(place.number)


def _place(page_token: str, choice: ClipChoice) -> Place | None:
    """Return the place that a page token of this order stands for; None for the first page.

    Raises:
        InvalidInputError: it is invalid, or of another order.
    """
    if not choice.is_by_disagreement or not page_token:
        number = list_pages.start(page_token)
        return None if number is None else Place(0, 0.0, number)
    parts = _PLACE.fullmatch(page_token)
    if parts is None:
        raise InvalidInputError("page_token", page_token, "one from the last response")
    return Place(int(parts[1]), float(parts[2]), int(parts[3]))
