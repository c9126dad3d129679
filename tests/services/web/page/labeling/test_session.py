"""A labeler's own session: how far, a goal, a break, answers to look at again, and what comes of them."""

from __future__ import annotations

import asyncio

import pytest

from somersault.v1 import labeler_pb2
from tests.services.web.page.browsing import all_fetched, close_dialog, log_in, open_page, press, saved, until
from tests.services.web.real_labeler import RUN_ID, calling

LEFT, RIGHT, EQUAL = 1, 2, 3


async def test_progress_is_of_the_budget(page, labeler, gateway_url):
    """Two of twenty are answered, and no time left is made up from two answers."""
    double = labeler.double
    double.num_open = 4
    double.label_budget = 20
    double.stats = labeler_pb2.GetStatsResponse(num_last_hour=2, num_ready=20)
    await open_page(page, gateway_url)

    await press(page, "a")
    await press(page, "a")
    await saved(page)
    await until(page, "document.getElementById('run-count').textContent === '2 of 20'")

    assert await page.inner_text("#own-count") == "2"
    assert await page.inner_text("#time-left") == "–"


async def test_tests_of_the_labeler_are_none_of_the_runs_labels(page, labeler, gateway_url):
    """What the labeler gave may be more than what the run counts: the run's count is the server's, never past its budget."""
    double = labeler.double
    double.num_open = 4
    double.label_budget = 20
    double.stats = labeler_pb2.GetStatsResponse(num_answered=20, num_own=21)
    await open_page(page, gateway_url)
    await until(page, "document.getElementById('own-count').textContent === '21'")

    assert await page.inner_text("#run-count") == "20 of 20"


@pytest.mark.parametrize(
    "state", [labeler_pb2.RUN_STATE_STOPPED, labeler_pb2.RUN_STATE_RUNNING], ids=["stopped", "running"]
)
async def test_counts_agree_soon_after_an_answer(page, labeler, gateway_url, state):
    """Long before the next poll, which is rare while the run is stopped; a stopped run shows no time left."""
    double = labeler.double
    double.num_open = 12
    double.label_budget = 70
    double.state = state
    double.stats = labeler_pb2.GetStatsResponse(num_last_hour=60, num_ready=3)
    await open_page(page, gateway_url)
    await until(page, "document.getElementById('run-count').textContent === '0 of 70'")

    for _ in range(9):
        await press(page, "a")
    await saved(page)
    await until(page, "document.getElementById('run-count').textContent === '9 of 70'", timeout_s=10)

    assert await page.inner_text("#own-count") == "9"
    is_running = state == labeler_pb2.RUN_STATE_RUNNING
    # At 60 in the last hour; nine answers of a second say nothing of the next 61.
    assert await page.inner_text("#time-left") == ("61 min" if is_running else "–")


async def test_answers_to_a_stopped_run_count_with_the_real_labeler(page, real_labeler, real_url):
    """What the labeler says itself, and says soon."""
    async with calling(real_labeler, real_labeler.tokens["owner"]) as owner:
        change = labeler_pb2.UpdateRunRequest(run_id=RUN_ID, state=labeler_pb2.RUN_STATE_STOPPED)
        await owner.UpdateRun(change, timeout=10)
    await open_page(page, real_url, token=real_labeler.tokens["labeler"])

    for _ in range(9):
        await press(page, "a")
    await saved(page)
    await until(page, "document.getElementById('run-count').textContent.startsWith('9')", timeout_s=10)

    assert await page.inner_text("#own-count") == "9"


async def test_goal_counts_this_session(page, labeler, gateway_url):
    """It is set once, survives a reload, says when it is reached, and interrupts nothing."""
    labeler.double.num_open = 30
    await open_page(page, gateway_url)

    await page.click("#goal-button")
    await page.click(".goal-choices button:has-text('10')")
    await press(page, "a")
    await page.reload()
    await page.wait_for_selector("video.shown")
    after_reload = await page.inner_text("#goal-text")
    for _ in range(9):
        await press(page, "a")
    await page.wait_for_selector("#hint")
    hint = await page.inner_text("#hint")
    await press(page, "a")
    await page.keyboard.press("x")
    await saved(page)

    assert after_reload == "1 of 10"
    assert "You reached your goal: 10 answers" in hint
    assert await page.inner_text("#goal-text") == "✓ 11 of 10"
    assert await page.locator("#hint").count() == 0
    assert len(labeler.double.records) == 11


async def test_break_is_proposed_once_after_twenty_minutes(page, labeler, gateway_url):
    """Steady work brings one hint, which answers nothing and blocks nothing."""
    labeler.double.num_open = 40
    await page.clock.install()
    await open_page(page, gateway_url)
    hints = []

    for _ in range(17):
        await all_fetched(page)
        await page.clock.fast_forward(80_000)
        await press(page, "a")
        hints.append(await page.locator("#hint").count())
        await page.keyboard.press("x")

    assert hints == [0] * 15 + [1, 0]


async def test_earlier_answers_can_be_seen_and_changed(page, labeler, gateway_url):
    """The list has each answer with its clips; a change is a new version, which undo takes into account."""
    double = labeler.double
    double.num_open = 14
    await open_page(page, gateway_url)
    for _ in range(12):
        await press(page, "ArrowLeft")
    await saved(page)

    await page.keyboard.press("h")
    await page.wait_for_selector("#own-answers[open] li:nth-child(12)")
    await until(page, "document.querySelectorAll('#own-answers video[src]').length === 24")
    num_changeable = await page.locator("#own-answers .choices").count()
    await page.click("#own-answers li:first-child [data-choice=PREFERENCE_EQUAL]")
    await until(page, "document.querySelector('#own-answers li p').textContent.startsWith('Equal')")
    await page.keyboard.press("Escape")
    await until(page, "document.activeElement === document.body")  # keys are the page's again
    await press(page, "z")
    await press(page, "ArrowRight")
    await saved(page)

    assert num_changeable == 10
    assert double.answers()[12:] == [("query-011", 2, EQUAL), ("query-011", 3, RIGHT)]


async def test_agents_newest_clip_is_shown_after_ten_answers(page, labeler, gateway_url):
    """A card beside the pair, once per policy; a key closes it; it shows nothing that was predicted."""
    double = labeler.double
    double.num_open = 40
    double.add_policy_clip(1, env_steps=120_000)
    await open_page(page, gateway_url)

    for _ in range(9):
        await press(page, "a")
    await saved(page)
    early = await page.locator("#reveal").count()
    await press(page, "a")
    await page.wait_for_selector("#reveal")
    await until(page, "document.querySelector('#reveal video').currentTime > 0")
    text = await page.inner_text("#reveal")
    await press(page, "d")
    await page.keyboard.press("x")
    await page.wait_for_selector("#reveal", state="detached")
    for _ in range(9):
        await press(page, "a")
    await saved(page)
    await asyncio.sleep(0.5)

    assert early == 0
    assert "What the agent does now" in text
    assert "120k steps" in text
    assert await page.locator("#reveal").count() == 0
    assert len(double.records) == 20


async def test_pair_answers_and_last_answer_fit_a_small_laptop(page, labeler, gateway_url):
    """All of the page is within 1280 by 800 pixels, the note of the last answer too."""
    labeler.double.num_open = 3
    labeler.double.guidelines = ["Only whole flips count."]
    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await page.wait_for_selector("#guidelines[open]")
    await close_dialog(page)
    await page.wait_for_selector("video.shown")
    await press(page, "a")
    await saved(page)

    assert await page.evaluate("document.documentElement.scrollHeight") <= 800
