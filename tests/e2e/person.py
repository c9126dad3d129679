"""Somebody who teaches by the keyboard, in a real Chromium, and judges as the oracle does."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from services.teacher import rules
from somersault.domain.feedback import Preference
from somersault.domain.teacher_kinds import parse_teacher
from somersault.formats import sealed
from somersault.runtime.urls import sqlite_uri
from somersault.storage import open_store

__all__ = ["Person", "pages_of"]

# The pages hold clips as blobs, so a clip is known by its digest, as the database has it.
KNOW_CLIPS = """
(() => {
  const make = URL.createObjectURL.bind(URL);
  window.clipDigests = {};
  URL.createObjectURL = (blob) => {
    const url = make(blob);
    blob.arrayBuffer().then((bytes) => crypto.subtle.digest("SHA-256", bytes)).then((digest) => {
      const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
      window.clipDigests[url] = hex.join("");
    });
    return url;
  };
})();
"""

_SHOWN = """
(() => {
  const digest = (side) => window.clipDigests?.[document.querySelector(`#frame-${side} video.shown`)?.src];
  const isBusy = document.querySelector("dialog[open], #practice");
  return isBusy ? null : [digest("left"), digest("right")];
})()
"""

_TOUCH_EVERY_S = 20.0

_KEYS = {
    Preference.LEFT: "ArrowLeft",
    Preference.RIGHT: "ArrowRight",
    Preference.EQUAL: "ArrowDown",
    Preference.INCOMPARABLE: "ArrowUp",
}


class Person:
    """Sits in front of the labeling page."""

    def __init__(self, page: Page, run_dir: Path) -> None:
        """Take the tab and the run's folder, in which the true rewards are."""
        self.page = page
        self.num_answers = 0
        self.run_dir = run_dir
        self._store = open_store(run_dir.parent.as_uri())
        self._kind = parse_teacher("oracle")[0].kind
        self._last_s = 0.0
        self._touched_s = 0.0
        page.add_init_script(KNOW_CLIPS)

    def sit_down(self, url: str) -> None:
        """Open the labeling page."""
        self.page.goto(url)
        shown = self.page.wait_for_selector("#welcome-continue, main .page:not([hidden])")
        if shown is not None and shown.get_attribute("id") == "welcome-continue":
            shown.click()

    def answer(self, *, every_s: float = 0.0, timeout_s: float = 240.0) -> None:
        """Answer the next pair by its key, not before so many seconds have passed since the last one."""
        left, right = self._look(timeout_s=timeout_s)
        time.sleep(max(0.0, self._last_s + every_s - time.monotonic()))
        self._last_s = time.monotonic()
        parts = [sealed.decode(self._store.get(self._sealed_uri(digest))) for digest in (left, right)]
        preference = rules.decide(*parts, kind=self._kind, rng=np.random.default_rng(0))
        self.page.keyboard.press(_KEYS[preference])
        self.num_answers += 1
        self._until_other_pair(left, right)
        self._until_committed()

    @property
    def num_labels(self) -> int:
        """Answers that the run has used: gold ones, which check the labeler, are none of them."""
        return int(self._read("SELECT num_answered FROM runs"))

    def describe(self) -> str:
        """Return what the page says, for a failing test's message."""
        return self.page.inner_text("body")[:2000]

    def _look(self, *, timeout_s: float) -> tuple[str, str]:
        """Return the digests of the clips on the stage; close what lies over it, and skip practice."""
        give_up = time.monotonic() + timeout_s
        while time.monotonic() < give_up:
            self._be_there()
            shown = self._shown()
            if shown is not None and all(shown):
                return shown[0], shown[1]
            if shown is None:
                self._clear_away()
            time.sleep(0.05)
        raise AssertionError(f"no pair within {timeout_s:.0f} s; the page says: {self.describe()}")

    def _be_there(self) -> None:
        """Touch the mouse now and then, as somebody does who waits: the page gives pairs to nobody else."""
        if time.monotonic() - self._touched_s > _TOUCH_EVERY_S:
            self._touched_s = time.monotonic()
            self.page.mouse.move(10 + self._touched_s % 20, 10)

    def _clear_away(self) -> None:
        if self.page.locator("dialog[open]").count():
            self.page.keyboard.press("Escape")
        elif self.page.locator("#practice [data-action=skip]").count():
            with contextlib.suppress(PlaywrightError):  # the guidelines opened over it at this moment
                self.page.click("#practice [data-action=skip]", timeout=1000)

    def _until_other_pair(self, left: str, right: str) -> None:
        give_up = time.monotonic() + 15
        while self._shown() == [left, right]:
            assert time.monotonic() < give_up, f"the pair stays: {self.describe()}"
            time.sleep(0.02)

    def _until_committed(self) -> None:
        give_up = time.monotonic() + 60
        while int(self._read("SELECT count(*) FROM preference_log")) < self.num_answers:
            assert time.monotonic() < give_up, f"the answer is not saved: {self.describe()}"
            time.sleep(0.02)

    def _shown(self) -> Any:
        with contextlib.suppress(PlaywrightError):  # between two pages
            return self.page.evaluate(_SHOWN)
        return []

    def _sealed_uri(self, digest: str) -> str:
        """Return where the true rewards of the segment are that a clip shows."""
        question = (
            "SELECT sealed_uri FROM segments JOIN clips USING (run_id, segment_id) WHERE clips.sha256 = ?"
        )
        return str(self._read(question, digest))

    def _read(self, question: str, *values: str) -> Any:
        """Return the one value that the run's database answers."""
        uri = sqlite_uri(self.run_dir / "labels.sqlite", mode="ro")
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
            (found,) = database.execute(question, values).fetchone()
        return found


def pages_of(run_dir: Path) -> dict[str, str]:
    """Return the addresses of a run's pages, with their tokens, as its folder has them."""
    web = json.loads((run_dir / "addresses.json").read_text())["web"]
    tokens = json.loads((run_dir / "tokens.json").read_text())
    return {"labeling": f"{web}/#token={tokens['labeler']}", "run": f"{web}/run#token={tokens['owner']}"}
