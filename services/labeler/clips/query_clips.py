"""Clips of queries: served to those who may see them, and listed for owners."""

from __future__ import annotations

import asyncio
import re

from services.labeler.clips import access_repository, clip_list_repository
from services.labeler.clips.clip_order import Place
from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.clips import ClipChoice, ClippedQuery
from services.labeler.model.labelers import Labeler
from somersault.errors import InvalidInputError
from somersault.storage import ObjectStore

__all__ = ["QueryClips"]

_PLACE = re.compile(r"(\d)_(\d{1,18}(?:\.\d{1,18})?(?:e[+-]?\d{1,3})?)_(\d{1,18})", re.ASCII)


class QueryClips:
    """Reads and lists the clips of queries."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        """Take the database, and the object store that holds the clips."""
        self._database = database
        self._store = store

    async def read(self, labeler: Labeler, *, query_id: str, is_left: bool) -> tuple[bytes, str]:
        """Return a clip that the labeler may see, and its SHA-256.

        Raises:
            FailedPreconditionError: it neither holds nor has answered the query, and isn't an owner.
            NotFoundError: there is no such query, or no clip of it yet.
            CorruptDataError: the stored bytes have changed.
        """
        clip = await self._database.read(
            lambda connection: access_repository.find_visible(
                connection, labeler, query_id=query_id, is_left=is_left
            )
        )
        data = await asyncio.to_thread(self._store.get, clip.clip_uri, expect_sha256=clip.sha256)
        return data, clip.sha256

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
