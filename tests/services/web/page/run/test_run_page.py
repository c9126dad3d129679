"""The run page in a real Chromium, its gateway, and the real labeler that keeps what it shows."""

from __future__ import annotations

import asyncio

import httpx
from playwright.async_api import expect

SERVICE = "/somersault.v1.LabelerService"


async def test_a_run_is_shown_as_it_stands_and_goes_on(page, run):
    """Curves, figures, clips with their answers and predictions, labelers; what is reported next comes by itself."""
    await run.render_pairs()
    await run.answer_all()
    for env_steps in (0, 10_000, 20_000, 40_000):
        await run.report(env_steps=env_steps)
    await run.open(page)

    await expect(page.locator("#run-state")).to_have_text("Running")
    await expect(page.locator("#figure-labels .value")).to_have_text("7 / 60")
    await expect(page.locator("#figure-needs")).to_contain_text("25 now")
    await expect(page.locator("#figure-needs")).to_contain_text("then 28 more within about 5 min")
    await expect(page.locator("#figure-accuracy .value")).to_have_text("60%")
    await expect(page.locator("#figure-left .value")).to_have_text("not known yet")
    await expect(page.locator("#chart-true .read-out b")).to_have_text("123")
    await expect(page.locator("#chart-predicted .read-out b")).to_have_text("0.30")
    await expect(page.locator("path.curve")).to_have_count(5)
    await expect(page.locator("#labelers tbody tr")).to_have_count(1)

    cards = page.locator(".clip-card")
    await expect(cards).to_have_count(6)
    # Seven answers in all: too few for what was predicted to mean anything.
    await expect(cards.first).to_contain_text("too early to say what it predicts")
    assert "98%" not in await page.locator(".clip-cards").inner_text()

    await run.report(env_steps=100_000)
    await expect(page.locator("#run-state")).to_have_text("All steps are done", timeout=15_000)
    await expect(page.locator("#figure-left .value")).to_have_text("none")


async def test_the_curves_are_read_with_the_keyboard(page, run):
    """All of them at the same point; Escape goes back to the newest."""
    for env_steps in (0, 10_000, 20_000):
        await run.report(env_steps=env_steps)
    await run.open(page)

    await page.locator("#chart-predicted .plot").focus()
    await page.keyboard.press("ArrowLeft")

    await expect(page.locator("#chart-predicted .read-out")).to_contain_text("at 10k steps")
    await expect(page.locator("#chart-predicted .read-out b")).to_have_text("0")
    await expect(page.locator("#chart-labels .read-out b").first).to_have_text("17")
    await page.keyboard.press("Escape")
    await expect(page.locator("#chart-labels .read-out b").first).to_have_text("22")


async def test_clips_play_with_the_reward_of_each_moment(page, run):
    """The cursor moves with the picture, the bar says which way, and a slider goes to a moment and stops there."""
    await run.render_pairs()
    await run.open(page)
    card = page.locator(".clip-card").first
    await card.scroll_into_view_if_needed()

    await page.wait_for_function(
        """() => {
            const [video] = document.querySelectorAll(".clip-card video");
            const moment = Number(document.querySelector(".clip-card .moment").getAttribute("x1")) / 100;
            return video.currentTime > 0.1 && Math.abs(moment - video.currentTime / video.duration) < 0.15;
        }"""
    )
    # steps 3 of 4: both sides' rewards are 2 and -1, their mean ½
    await card.locator(".moment-slider").fill("0.6")
    await expect(card.locator('.reward-bar div[data-sign="up"]')).to_have_count(1)
    await expect(card.locator('.reward-bar div[data-sign="down"]')).to_have_count(1)
    await expect(page.locator("#clips-play")).to_have_text("Play all")
    # the page pauses them once it has drawn the button anew
    await page.wait_for_function(
        "() => [...document.querySelectorAll('video')].every((video) => video.paused)"
    )


async def test_a_run_is_paused_and_goes_on_by_the_keyboard(page, run):
    """Only after a confirmation; then no one is asked, and the page says so."""
    await run.render_pairs()
    await run.report(env_steps=10_000)
    await run.open(page)

    await page.locator("#pause").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#pause-dialog")).to_contain_text("No one gets a new pair")
    await page.keyboard.press("Escape")
    assert len((await run.lease(1)).leases) == 1

    await page.keyboard.press("Enter")
    await expect(page.locator("#pause-dialog")).to_be_visible()
    await page.locator("#pause-dialog button[type=submit]").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#run-state")).to_have_text("Paused: no one is asked")
    assert (await run.lease(1)).is_paused

    await page.reload()
    await expect(page.locator("#run-state")).to_have_text("Paused: no one is asked")
    await page.get_by_role("button", name="Resume the run").click()
    await page.get_by_role("button", name="Resume", exact=True).click()
    await expect(page.locator("#run-state")).to_have_text("Running")
    assert len((await run.lease(1)).leases) == 1


async def test_an_empty_page_says_what_it_waits_for(page, run):
    """No empty axes, no zeros that weren't measured."""
    await run.open(page)
    await expect(page.locator("#run-state")).to_have_text("Waiting for the first report")
    await expect(page.get_by_text("first report, which comes a few seconds after")).to_be_visible()
    await expect(page.get_by_text("The first pairs are rendered once")).to_be_visible()
    await expect(page.get_by_text("No answers yet.")).to_be_visible()
    await expect(page.locator("path.curve")).to_have_count(0)


async def test_who_answers_sees_nothing_of_what_is_predicted(page, run):
    """A labeler's token leads to the labeling page, and the gateway refuses it what the run page asks for."""
    await run.render_pairs()
    await run.report(env_steps=10_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await run.open(page, role="labeler")
    await page.wait_for_url(f"{run.url}/")
    await expect(page.locator("#question")).to_have_text("Which flips better?")
    assert not [one for one in asked if one.endswith(("GetRunProgress", "ListClips"))]

    headers = {"authorization": f"Bearer {run.labeler.tokens['labeler']}"}
    async with httpx.AsyncClient(base_url=run.url, headers=headers) as http:
        for method in ("GetRunProgress", "ListClips", "GetLabelerQuality", "UpdateRun"):
            response = await http.post(f"{SERVICE}/{method}", json={"runId": run.run_id})
            assert (response.status_code, response.json()["code"]) == (403, "permission_denied"), method


async def test_nothing_moves_for_who_wants_no_motion(browser, run):
    """Clips stay paused until they are played."""
    await run.render_pairs()
    tab = await browser.new_page(reduced_motion="reduce")
    await run.open(tab)
    await tab.locator(".clip-card").first.scroll_into_view_if_needed()
    await asyncio.sleep(0.5)
    assert await tab.evaluate("() => [...document.querySelectorAll('video')].every((video) => video.paused)")
    await tab.locator("#clips-play").click()
    await tab.wait_for_function("() => document.querySelector('.clip-card video').currentTime > 0")
