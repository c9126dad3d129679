"""What a command prints about a run's addresses, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from somersault.cli.pages.access import clear_text_warning, is_shared
from somersault.cli.pages.addresses import Addresses
from somersault.cli.pages.links import labeling_url, owner_url, run_url
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.ports import LOOPBACK
from somersault.domain.roles import Role

__all__ = ["Announcement"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A run's addresses with its tokens."""

    config: RunConfig
    folder: RunFolder
    addresses: Addresses

    @property
    def labeling_page(self) -> str:
        """The labeling page's URL with its token."""
        return labeling_url(self.addresses.web, token=self.folder.read_tokens()[Role.LABELER])

    @property
    def run_page(self) -> str:
        """The run page's URL with its token."""
        return run_url(self.addresses.web, token=self.folder.read_tokens()[Role.OWNER])

    def lines(self, *, is_opened: bool) -> Iterator[str]:
        """Yield the lines printed at the start.

        Args:
            is_opened: Whether the labeling page was opened in a browser.
        """
        tokens = self.folder.read_tokens()
        if self.addresses.web:
            yield f"run page: {self.run_page}"
            yield f"labeling page: {self.labeling_page}"
            yield from self._about_reach(owner_token=tokens[Role.OWNER], is_opened=is_opened)
        if self.addresses.labeler:
            yield f"labeler (gRPC, not a page): {self.addresses.labeler}, tokens: {self.folder.tokens}"
        if self.config.is_labelled_by_people and not self.addresses.web:
            page = f"somersault serve web --labeler-address {self.addresses.labeler} --run-id {self.config.run_id}"
            yield f"answer by a client of the labeler's API (docs/labeler-api.md), or on a page of its own: {page}"

    def waiting(self, *, num_awaited: int, is_paused: bool = False) -> str:
        """Return what the run waits for and where to answer, without the token because it is printed repeatedly, also to logs.

        Args:
            num_awaited: Answers that the learner waits for; 0 if unknown.
            is_paused: Whether an owner has paused labeling.
        """
        if is_paused:
            return "paused by an owner"
        answers = f"{num_awaited} answer{'' if num_awaited == 1 else 's'}" if num_awaited else "your answers"
        if self.addresses.web:
            return f"waiting for {answers} on the labeling page (its address is above)"
        return f"waiting for {answers} at the labeler, by gRPC: {self.addresses.labeler}"

    def values(self) -> dict[str, str]:
        """Return the addresses for programs."""
        tokens, web = self.folder.read_tokens(), self.addresses.web
        pages = {
            "run_page": self.run_page,
            "labeling_page": self.labeling_page,
            "owner_page": owner_url(web, token=tokens[Role.OWNER]),
        }
        return {"web_url": web, "labeler_address": self.addresses.labeler, **(pages if web else {})}

    def _about_reach(self, *, owner_token: str, is_opened: bool) -> Iterator[str]:
        web = self.addresses.web
        if is_shared(web):
            yield f"invite people here: {owner_url(web, token=owner_token)}"
            warning = clear_text_warning(web)
            if warning:
                yield warning
        elif not is_opened and self.config.is_labelled_by_people:
            port, host = web.rpartition(":")[2], urlsplit(web).hostname or LOOPBACK
            host = f"[{host}]" if ":" in host else host
            yield (
                "no browser is opened here: open the labeling page's address on this machine, or on yours after"
                f" `ssh -L {port}:{host}:{port} THIS-MACHINE`; --share lets other machines in"
            )
