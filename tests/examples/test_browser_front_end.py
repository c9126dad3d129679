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

from somersault.compliance import ClientOptions, Verdict, check_client
from somersault.compliance.client import NUM_QUERIES, Place
from tests.docs.documents import ROOT

EXAMPLE = ROOT / "examples" / "browser_front_end"
CHROMIUM = "/usr/bin/chromium"

BUILD = """
set -eu
. "$root/deploy/setup/node.sh"
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
    options = ClientOptions(allowed_origins=origin, time_limit_s=90)
    checking = asyncio.create_task(check_client(options, on_place=place.set_result))
    where = await place
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless"]
        )
        page = await browser.new_page()
        await page.goto(f"{origin}/#gateway={where.gateway}&token={where.token}&run={where.run_id}")
        await _label(page)
        guidelines = await page.text_content("#guidelines")
        outcomes = await checking
        await browser.close()

    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.PASSED] == []
    assert guidelines == "Prefer the *livelier* square."


async def _label(page: Page) -> None:
    """Answers eleven pairs by keys and buttons, skips one, and changes one answer."""
    num_answered = 0
    for number in range(NUM_QUERIES):
        await _wait_for(page, f"Your turn. {num_answered} answered.")
        if number == 2:
            await page.keyboard.press("z")
            await _wait_for(page, "What shall the last answer be instead?")
            await page.keyboard.press("ArrowUp")
            await _wait_for(page, f"Changed. {num_answered} answered.")
        if number == 4:
            await page.keyboard.press("s")
            await _wait_for_next(page)
            continue
        key = ("ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp")[number % 4]
        if number % 2:
            await page.click(f"button[data-key={key}]")
        else:
            await page.keyboard.press(key)
        if number == 0:
            await page.reload()  # while the answer is on its way: it waits in the browser and is sent again
        num_answered += 1


async def _wait_for(page: Page, text: str) -> None:
    await page.wait_for_function(
        "text => document.getElementById('status').textContent === text", arg=text, timeout=20_000
    )


async def _wait_for_next(page: Page) -> None:
    """Waits until other clips are there: the status is the same before and after a skip."""
    before = await page.evaluate("document.getElementById('right').src")
    await page.wait_for_function(
        "before => document.getElementById('right').src !== before", arg=before, timeout=20_000
    )
