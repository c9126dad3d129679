"""The browser's front end: built with npm, opened in Chromium from an origin of its own, before gateway and labeler."""

from __future__ import annotations

import asyncio
import functools
import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from somersault.compliance import ClientOptions, Outcome, Verdict, check_client
from somersault.compliance.client import Place
from tests.docs.documents import ROOT

EXAMPLE = ROOT / "examples" / "browser_front_end"
CHROMIUM = "/usr/bin/chromium"

BUILD = """
set -eu
. "$root/deploy/setup/node.sh"
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    $npm install --no-audit --no-fund --ignore-scripts --loglevel=error
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
        """Says nothing."""


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


def test_the_lock_file_names_no_registry() -> None:
    """It works with whatever registry npm is set up for, and the compiler's and buf's versions are ours."""
    locked = json.loads((EXAMPLE / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in locked["packages"].items() if "resolved" in package] == []
    tools = json.loads((ROOT / "deploy/setup/package.json").read_text(encoding="utf-8"))["dependencies"]
    own = json.loads((EXAMPLE / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert own["@bufbuild/buf"] == tools["@bufbuild/buf"]


async def test_connect_web_labels_by_the_gateway(origin: str) -> None:
    """Every rule for front ends holds: keys, undo, skip, failures on purpose, a quiet time, new guidelines."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is not installed: make setup does it")
    place: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
    options = ClientOptions(allowed_origins=origin, time_limit_s=120)
    checking = asyncio.create_task(check_client(options, on_place=place.set_result))
    where = await place
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless"]
        )
        page = await browser.new_page()
        await page.goto(f"{origin}/#gateway={where.gateway}&token={where.token}&run={where.run_id}")
        outcomes = await _label(page, checking)
        guidelines = await page.text_content("#guidelines")
        await browser.close()

    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.PASSED] == []
    assert guidelines == "Prefer the *livelier* square."


async def _label(page: Page, checking: asyncio.Task[list[Outcome]]) -> list[Outcome]:
    """Answers by keys and buttons until all is seen: changes an answer, skips a pair, reloads in the midst of one."""
    turns = ["ArrowLeft", "ArrowRight", "z ArrowUp (changed) ArrowDown", "s", "ArrowUp (reload)"]
    while not checking.done():
        if not await _is_status(page, "Your turn."):
            await asyncio.sleep(0.05)
            continue
        for step in (turns.pop(0) if turns else "(click)").split():
            if step == "(reload)":  # the answer is on its way: it waits in the browser and is sent again
                await page.reload()
                break
            if step == "(click)":
                await page.click("button[data-key=ArrowRight]")
            elif step == "(changed)":
                while not (await _is_status(page, "Changed.") or checking.done()):
                    await asyncio.sleep(0.05)
            else:
                await page.keyboard.press(step)
        else:
            while await _is_status(page, "Your turn.") and not checking.done():
                await asyncio.sleep(0.02)
    return await checking


async def _is_status(page: Page, words: str) -> bool:
    return str(await page.text_content("#status")).startswith(words)
