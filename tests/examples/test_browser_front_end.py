"""The browser's front end: built with npm, opened in Chromium from an origin of its own, before gateway and labeler."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, async_playwright

from somersault.compliance import ClientOptions, Outcome, Verdict, check_client
from somersault.compliance.client import Place
from somersault.compliance.reference import HEADLINE
from tests.docs.documents import ROOT

EXAMPLE = ROOT / "examples" / "browser_front_end"
CHROMIUM = "/usr/bin/chromium"

BUILD = """
set -eu
. "$root/tools/node.sh"
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    $npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
    touch node_modules/.package-lock.json
fi
$npm run build --loglevel=error
"""


@pytest.fixture(scope="module")
def built() -> Path:
    """The example, built as its README says."""
    subprocess.run(["sh", "-c", f'root="{ROOT}"\n{BUILD}'], cwd=EXAMPLE, check=True, timeout=280)
    return EXAMPLE / "dist"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture
def origin(built: Path) -> Iterator[str]:
    """Where the built page is served: another origin than the gateway's."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=built))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_versions_of_buf_are_the_same() -> None:
    """The example generates with the same versions as the project's own pages."""
    tools = json.loads((ROOT / "tools/package.json").read_text(encoding="utf-8"))["dependencies"]
    own = json.loads((EXAMPLE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert {name: own[name] for name in tools} == tools


@pytest.mark.timeout(400)
async def test_connect_web_labels_by_the_gateway(origin: str) -> None:
    """Every rule for front ends holds: keys, undo, skip, failures on purpose, a quiet time, new guidelines."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is not installed: make setup does it")
    place: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
    options = ClientOptions(
        allowed_origins=origin, time_limit_s=240
    )  # of which it takes 20 on a machine at rest
    checking = asyncio.create_task(check_client(options, on_place=place.set_result))
    where = await place
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless"]
        )
        page = await browser.new_page()
        await page.goto(f"{origin}/#gateway={where.gateway}&token={where.token}&run={where.run_id}")
        outcomes = await _Person(page, checking).label()
        guidelines, status = await page.text_content("#guidelines"), await page.text_content("#status")
        await browser.close()

    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.PASSED] == []
    assert guidelines == "Prefer the *livelier* square."
    assert HEADLINE in (status or "")


@dataclass
class _Person:
    """Answers by keys and buttons: changes an answer, skips a pair, and reloads in the middle of two."""

    page: Page
    checking: asyncio.Task[list[Outcome]]
    clips: list[bytes | None] = field(default_factory=list)
    """What GetClip was asked for."""

    async def label(self) -> list[Outcome]:
        """Label until the check is over."""
        self.page.on("request", self._note)
        turns = [
            "ArrowLeft",
            "ArrowRight",
            "z ArrowUp (changed) ArrowDown",
            "s",
            "(reload) ArrowLeft",
            "(unsent)",
        ]
        while not self.checking.done():
            await self._until("Your turn.")
            for step in (turns.pop(0) if turns else "(click)").split():
                await self._take(step)
            with contextlib.suppress(TimeoutError):  # between two looks, the next pair may have come already
                async with asyncio.timeout(10):
                    await self._until("Your turn.", is_said=False)
        return await self.checking

    async def _take(self, step: str) -> None:
        if step == "(click)":
            await self.page.click("button[data-key=ArrowRight]")
        elif step == "(changed)":
            await self._until("Changed.")
        elif step == "(reload)":
            await self._reload_before_the_answer()
        elif step == "(unsent)":
            await self._reload_before_the_answer_arrives()
        else:
            await self.page.keyboard.press(step)

    async def _reload_before_the_answer(self) -> None:
        """The pair on show is still this tab's, and comes again."""
        before = self.clips[-2:]
        await self.page.reload()
        await self._until("Your turn.")
        assert self.checking.done() or sorted(self.clips[-2:]) == sorted(before)

    async def _reload_before_the_answer_arrives(self) -> None:
        """The answer waits in the browser, and the very same is sent again."""
        held: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

        async def hold_the_first(route: Route) -> None:
            if held.done():
                await route.continue_()
            else:
                held.set_result(route.request.post_data_buffer)  # and it stays here until the page is left

        await self.page.route("**/SubmitPreference", hold_the_first)
        await self.page.keyboard.press("ArrowUp")
        await asyncio.wait({held, self.checking}, return_when=asyncio.FIRST_COMPLETED)
        if self.checking.done():
            return
        first = await held
        async with self.page.expect_request("**/SubmitPreference") as sending:
            await self.page.reload()
        assert (await sending.value).post_data_buffer == first

    def _note(self, request: Request) -> None:
        if request.url.endswith("/GetClip") and request.method == "POST":
            self.clips.append(request.post_data_buffer)

    async def _until(self, words: str, *, is_said: bool = True) -> None:
        """Wait until the status begins with these words, or no longer does, or the check is over."""
        while not self.checking.done():
            status = str(await self.page.text_content("#status"))
            if status.startswith(words) is is_said:
                return
            await asyncio.sleep(0.02)
