"""The end of a run as its labelers live it: thanks and a video, a stop that is said, an absence that is explained."""

from __future__ import annotations

import asyncio

import pytest

from somersault.v1 import labeler_pb2, preference_pb2
from tests.services.web.page.browsing import log_in, open_page, press, saved, until

HEADLINE = "The hopper turns over backwards, two to three times in an episode."

PLAYS = (
    "(() => { const video = document.getElementById('end-video'); return video && video.currentTime > 0; })()"
)


def finish(double) -> None:
    """End the run as its services do."""
    double.add_policy_clip(1, env_steps=1000)
    double.add_policy_clip(3, env_steps=9000, is_final=True)
    double.add_policy_clip(2, env_steps=5000)
    double.result = labeler_pb2.RunResult(headline=HEADLINE)
    double.state = labeler_pb2.RUN_STATE_FINISHED


async def test_finished_run_thanks_and_shows_what_was_learned(page, labeler, gateway_url):
    """Also when the server goes away right after: the page doesn't say it can't be reached, and asks nothing of it."""
    double = labeler.double
    double.num_open = 3
    fetched: list[str] = []
    page.on("requestfinished", lambda request: fetched.append(request.url))
    await open_page(page, gateway_url)
    await press(page, "ArrowLeft")
    await press(page, "ArrowLeft")
    await saved(page)

    finish(double)
    await page.wait_for_selector("#end")
    await until(page, PLAYS)
    async with asyncio.timeout(15):
        while double.leases:
            await asyncio.sleep(0.02)
    await labeler.kill()
    num_asked = double.num_asked
    await asyncio.sleep(4)

    text = await page.inner_text("main")
    assert "Thank you" in text
    assert "You gave 2 answers" in text
    assert "All of them are saved" in text
    assert HEADLINE in text
    assert "reached" not in text
    (video_url,) = [url for url in fetched if "/policy-clips/" in url]
    assert "/flip-1/3.mp4" in video_url
    assert double.num_asked == num_asked
    assert await page.is_hidden(".answers")
    assert double.leases == {}


async def test_finish_drains_what_waits(page, labeler, gateway_url):
    """An answer on its way when the run ends is sent before the page says that all are saved."""
    double = labeler.double
    double.num_open = 2
    await open_page(page, gateway_url)
    await page.route("**/SubmitPreference", lambda route: route.abort())
    await press(page, "ArrowRight")

    finish(double)
    await page.wait_for_selector("#end")
    await until(page, "document.getElementById('end-thanks').textContent.includes('somersault open flip-1')")
    before = double.answers()
    await page.unroute("**/SubmitPreference")
    await until(page, "document.getElementById('end-thanks').textContent.includes('All of them are saved')")

    assert before == []
    assert double.answers() == [("query-000", 1, 2)]
    assert "You gave 1 answer" in await page.inner_text("#end-thanks")


async def test_finished_run_that_is_opened_later_shows_its_end(page, labeler, gateway_url):
    """A labeler who comes late sees what was learned, and no pair."""
    labeler.double.num_open = 3
    finish(labeler.double)

    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await page.wait_for_selector("#end")

    assert HEADLINE in await page.inner_text("#end")
    assert labeler.double.num_proposed == 0


async def test_finished_run_asks_nobody_to_read_its_guidelines(page, labeler, gateway_url):
    """Nothing covers the thanks; on the run's own machine the page says how to see it again."""
    labeler.double.guidelines = ["Only whole flips count."]
    finish(labeler.double)

    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await page.wait_for_selector("#end")
    await until(page, PLAYS)

    assert await page.locator("#guidelines[open]").count() == 0
    assert "somersault open flip-1" in await page.inner_text("#end-next")
    assert await page.locator("#end-next a").count() == 0


async def test_thanks_lead_an_owner_to_the_run(page, labeler, gateway_url):
    """A browser that also has an owner's session gets a link to the run page."""
    labeler.double.roles["owner-token"] = preference_pb2.ROLE_OWNER
    finish(labeler.double)
    await log_in(page, f"{gateway_url}/run#token=owner-token")
    await page.wait_for_selector("nav a")
    await log_in(page, f"{gateway_url}/#token=labeler-token")

    assert await page.get_attribute("#end-next a", "href") == "/run"


async def test_end_closes_guidelines_that_are_open(page, labeler, gateway_url):
    """A run that ends while the labeler is reading shows its thanks."""
    labeler.double.num_open, labeler.double.guidelines = 2, ["Only whole flips count."]
    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await page.wait_for_selector("#guidelines[open]")

    finish(labeler.double)
    await page.wait_for_selector("#end")

    assert await page.locator("#guidelines[open]").count() == 0


async def test_stopped_run_is_said_to_be_stopped_when_its_server_is_gone(page, labeler, gateway_url):
    """Ctrl-C: the page says so calmly, and continues once the run is resumed."""
    double = labeler.double
    double.num_open = 1
    await open_page(page, gateway_url)
    await press(page, "ArrowLeft")
    await saved(page)

    double.state = labeler_pb2.RUN_STATE_STOPPED
    await until(page, "document.getElementById('empty-title').textContent === 'The run was stopped'")
    await labeler.kill()
    await until(
        page, "document.getElementById('empty-reason').textContent.includes('somersault open flip-1')"
    )
    while_gone = await page.inner_text("#empty")
    double.state = labeler_pb2.RUN_STATE_RUNNING
    double.num_open = 1
    await labeler.start()
    await page.click("[data-action=try-now]")

    await page.wait_for_selector("video.shown")
    assert "All your answers are saved" in while_gone
    assert "reached" not in while_gone


async def test_pairs_of_a_stopped_run_can_be_answered(page, labeler, gateway_url):
    """They count once it is resumed, and the page says that."""
    double = labeler.double
    double.num_open = 2
    double.state = labeler_pb2.RUN_STATE_STOPPED
    await open_page(page, gateway_url)
    await until(page, "document.querySelector('.line').textContent.includes('once it is resumed')")

    await press(page, "ArrowLeft")
    await saved(page)

    assert double.answers() == [("query-000", 1, 1)]


async def test_long_absence_says_what_becomes_of_answers(page, labeler, gateway_url):
    """After minutes without a server the page says where answers are and how to continue, and asks ever more rarely."""
    double = labeler.double
    double.num_open = 1
    await page.clock.install()
    await open_page(page, gateway_url)
    await labeler.kill()
    await press(page, "ArrowLeft")
    await until(page, "document.getElementById('empty-title').textContent.includes('reach the server')")

    for _ in range(12):
        await page.clock.fast_forward(20_000)
        await page.mouse.move(5, 5)  # somebody is there
        await page.mouse.move(9, 9)
        await asyncio.sleep(0.1)
    await until(page, "document.getElementById('empty-reason').textContent.includes('responded for')")

    reason = await page.inner_text("#empty-reason")
    assert "1 answer is kept in this browser" in reason
    assert "somersault open flip-1" in reason


@pytest.mark.parametrize(
    ("num_awaited", "others", "title", "reason"),
    [
        (12, {}, "The agent is waiting for 12 answers", "being chosen"),
        (0, {}, "The agent is practising", "New pairs will appear here"),
        (1, {"num_rendering": 1}, "The agent is waiting for 1 answer", "1 pair is being rendered"),
        (2, {"num_leased": 2}, "The agent is waiting for 2 answers", "perhaps by a tab that you closed"),
    ],
)
async def test_waiting_says_why_and_what_for(page, labeler, gateway_url, num_awaited, others, title, reason):
    """The page says what it is waiting for."""
    labeler.double.num_awaited = num_awaited
    labeler.double.stats = labeler_pb2.GetStatsResponse(**others)

    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await until(page, "title => document.getElementById('empty-title')?.textContent === title", title)

    assert reason in await page.inner_text("#empty-reason")
