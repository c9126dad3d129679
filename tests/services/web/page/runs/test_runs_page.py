"""The page of all runs in a real Chromium, over a server that only lists runs."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Page, expect

from somersault.v1 import labeler_pb2 as pb
from tests.services.web.page.accessibility import findings_everywhere
from tests.services.web.page.browsing import log_in, until
from tests.services.web.page.runs.runs_double import TOKEN, RunsDouble, curve, serving_runs


def _double(clips: list[bytes]) -> RunsDouble:
    """Return a finished run, one that waits for people, a stopped one and one without a report."""
    finished = pb.Run(
        run_id="flip-3",
        task="hopper-backflip",
        state=pb.RUN_STATE_FINISHED,
        label_budget=60,
        num_answered=60,
        newest_policy_clip=90,
        result=pb.RunResult(headline="It flips twice and lands.", true_return_mean=3_100, num_labels=60),
    )
    waiting = pb.Run(
        run_id="flip-2",
        task="hopper-backflip",
        state=pb.RUN_STATE_RUNNING,
        label_budget=60,
        num_answered=40,
        newest_policy_clip=0,
    )
    stopped = pb.Run(run_id="flip-1", task="hopper-backflip", state=pb.RUN_STATE_STOPPED, label_budget=20)
    new = pb.Run(run_id="pole-1", task="CartPole-v1", state=pb.RUN_STATE_RUNNING)
    points = {
        "flip-3": curve(num_points=60, gain=1.0),
        "flip-2": curve(num_points=40, gain=0.4, restart_at=25),
        "flip-1": curve(num_points=12, gain=0.1),
        "pole-1": [],
    }
    points["flip-2"][-1].num_awaited = 12
    for run in (finished, waiting, stopped, new):
        run.folder = f"runs/{run.run_id}"
    stopped.folder, stopped.label_budget, stopped.num_answered = "runs/old ones/flip-1", 2, 5
    num_clips = {"flip-3": 10, "flip-2": 1}
    return RunsDouble([new, finished, waiting, stopped], points, clips, num_clips)


@pytest_asyncio.fixture(loop_scope="session")
async def runs_url(clips):
    """The gateway's address."""
    async with serving_runs(_double(clips)) as url:
        yield url


async def _open(page: Page, url: str, path: str = "/runs") -> None:
    await log_in(page, f"{url}{path}#token={TOKEN}")
    await expect(page.locator("#runs-table tbody tr")).to_have_count(4)


def _row(page: Page, run_id: str):
    return page.locator(f"#runs-table tr[data-run='{run_id}']")


async def test_each_run_is_told_as_it_stands(page, runs_url):
    """State, labels, return, steps, age; what it waits for comes before that it runs."""
    await _open(page, runs_url)

    await expect(_row(page, "flip-3")).to_contain_text("Finished")
    await expect(_row(page, "flip-3")).to_contain_text("It flips twice and lands.")
    await expect(_row(page, "flip-3")).to_contain_text("60 / 60")
    await expect(_row(page, "flip-3")).to_contain_text("3100")
    await expect(_row(page, "flip-2").locator(".run-state")).to_have_text("Waiting for 12 answers")
    await expect(_row(page, "flip-1").locator(".run-state")).to_have_text("Stopped early")
    await expect(_row(page, "flip-1").locator("[data-label=labels]")).to_have_text("5")
    await expect(_row(page, "pole-1").locator(".run-state")).to_have_text("Waiting for the first report")
    await expect(_row(page, "flip-3").locator(".age")).to_contain_text(re.compile("just now|ago"))


async def test_a_server_that_only_lists_runs_offers_nothing_else(page, runs_url):
    """No links to pages that could not work, but the command that opens a run by its path; nothing is asked in vain."""
    refused: list[str] = []
    page.on("response", lambda response: refused.append(response.url) if response.status >= 400 else None)
    await _open(page, runs_url)

    await expect(_row(page, "flip-3").locator("code")).to_have_text("somersault open runs/flip-3")
    await expect(_row(page, "flip-1").locator("code")).to_have_text("somersault open 'runs/old ones/flip-1'")
    await page.wait_for_load_state("networkidle")
    # Before somebody has logged in, whether somebody has is asked and denied.
    assert [url for url in refused if not url.endswith("/session")] == []
    await expect(page.locator("nav")).to_have_count(0)
    await expect(page.locator("#runs-table a")).to_have_count(0)


async def test_the_newest_clip_plays_in_the_row_that_has_the_focus(page, runs_url):
    """And stands still in the others."""
    await _open(page, runs_url)
    videos = page.locator("#runs-table video")
    await expect(videos).to_have_count(2)
    await _row(page, "flip-3").locator("input").focus()

    await until(page, "!document.querySelector('[data-run=flip-3] video').paused")
    assert await videos.evaluate_all("all => all.map((one) => !one.paused)") == [True, False]


async def test_chosen_runs_are_compared_by_the_keyboard(page, runs_url):
    """Overlaid curves, a legend, any of three axes, and an address that shows the same again."""
    await _open(page, runs_url)
    for run_id in ("flip-3", "flip-2"):
        await _row(page, run_id).locator("input").focus()
        await page.keyboard.press("Space")

    await expect(page.locator(".chart-legend li")).to_have_text(["flip-3", "flip-2"])
    await expect(page.locator("#compare-true path.curve")).to_have_count(2)
    await expect(page.locator("#compare-true path.curve.raw")).to_have_count(0)
    await page.locator("#smoothing").fill("0.8")
    await expect(page.locator("#compare-true path.curve.raw")).to_have_count(2)
    await page.get_by_role("button", name="by labels").click()
    await expect(page.locator("#compare-labels")).to_have_count(0)
    await page.get_by_role("button", name="by time").click()
    await page.locator("#compare-true .plot").focus()
    await page.keyboard.press("Home")
    await expect(page.locator("#compare-true .read-out .at")).to_have_text("at 0 s")

    await page.reload()
    await expect(page.locator(".chart-legend li")).to_have_text(["flip-3", "flip-2"])


async def test_no_curve_runs_back(page, runs_url):
    """One of the two went back to its checkpoint: its line's places still rise."""
    await _open(page, runs_url, "/runs?compare=flip-2")
    line = page.locator("#compare-true path.curve")
    await expect(line).to_have_count(1)

    places = [float(x) for x in re.findall(r"[ML]([\d.]+) ", await line.get_attribute("d"))]
    assert len(places) > 20
    assert places == sorted(places)


async def test_compared_curves_are_downloaded(page, runs_url, tmp_path):
    """As one table, and as pictures of what is shown."""
    await _open(page, runs_url, "/runs?compare=flip-3,flip-2")
    await expect(page.locator("#compare-true path.curve")).to_have_count(2)
    files: dict[str, Path] = {}
    for ending in ("csv", "svg", "png"):
        await page.locator("#comparison summary").click()
        async with page.expect_download() as started:
            await page.locator(f"#comparison [data-ending={ending}]").click()
        files[ending] = tmp_path / (await started.value).suggested_filename
        await (await started.value).save_as(files[ending])

    rows = list(csv.DictReader(io.StringIO(files["csv"].read_text(), newline="")))
    # Of the 40 reports of flip-2 the nine after the restored step are replaced.
    assert [sum(row["run_id"] == run_id for row in rows) for run_id in ("flip-3", "flip-2")] == [60, 31]
    assert "True return" in files["svg"].read_text()
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    assert files["png"].stat().st_size > 10_000


async def test_the_page_has_no_serious_finding(page, runs_url):
    """Table and comparison are accessible, and nothing but the table scrolls sideways."""
    await _open(page, runs_url, "/runs?compare=flip-3,flip-2")
    await expect(page.locator("#compare-true path.curve")).to_have_count(2)

    assert await findings_everywhere(page) == []
