"""The run page over a run's life, in a real Chromium before the real labeler: what it waits for, what owners change, its end."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.async_api import expect

from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.web.page.accessibility import findings_everywhere
from tests.services.web.page.browsing import until


async def _listed(run) -> pb.Run:
    async with run.calling("owner") as owner:
        runs = (await owner.ListRuns(pb.ListRunsRequest(page_size=1000))).runs
    return next(one for one in runs if one.run_id == run.run_id)


async def test_what_it_waits_for_comes_first(page, run):
    """In amber, with a link to answer; never green while nothing can continue."""
    await run.report(env_steps=10_000, num_awaited=12)
    await run.open(page)

    await expect(page.locator("#run-state")).to_have_text("Waiting for 12 answers")
    first = await page.evaluate("document.querySelector('.run-page').firstElementChild.dataset.kind")
    assert first == "awaiting"
    await expect(page.locator("#figure-left .value")).to_have_text("not known yet")
    await expect(page.locator("#figure-left .more")).to_have_text("waiting for 12 answers")
    # This browser holds an owner's token alone; whoever holds a labeler's, too, is led to the pairs.
    await expect(page.locator("#answer-them")).to_have_attribute("href", "/owner#labelers")
    await run.open(page, role="labeler", path="/")
    await page.wait_for_selector("#question")
    await page.goto(f"{run.url}/run")
    await page.locator("#answer-them").click()
    await page.wait_for_url(f"{run.url}/")


async def test_a_resume_takes_no_curve_back(page, run):
    """After 40,000 steps it resumes from its checkpoint at 20,000: one line with ascending steps."""
    for env_steps in (0, 20_000, 40_000, 0, 20_000, 30_000):
        await run.report(env_steps=env_steps)
    await run.open(page)
    line = page.locator("#chart-predicted path.curve")
    await expect(line).to_have_count(1)

    places = [float(x) for x in re.findall(r"[ML]([\d.]+) ", await line.get_attribute("d"))]
    assert len(places) == 4
    assert places == sorted(places)
    await expect(page.locator("#figure-steps .value")).to_have_text("30k")
    await expect(page.locator("#figure-steps .more")).to_have_text("of 100k")


async def test_the_policys_clips_are_shown_over_the_run(page, run, clips):
    """The newest beside the first; any other beside the newest at a key; the predicted reward below."""
    await run.report(env_steps=40_000)
    for number, env_steps in enumerate((0, 10_000, 20_000, 30_000)):
        await run.add_policy_clip(clips[number], env_steps=env_steps)
    await run.open(page)
    captions = page.locator("#policy .policy-player figcaption b")

    await expect(captions).to_have_text(["First, after 0 steps", "Newest, after 30k steps"])
    await expect(page.locator("#policy .policy-player .reward-line")).to_have_count(2)
    await expect(page.locator(".filmstrip button")).to_have_count(3)
    await page.locator("#policy").scroll_into_view_if_needed()
    await until(
        page, "[...document.querySelectorAll('.policy-player video')].every((one) => one.currentTime > 0)"
    )
    await page.locator(".filmstrip button").nth(2).focus()
    await page.keyboard.press("Enter")
    await expect(captions).to_have_text(["Earlier, after 20k steps", "Newest, after 30k steps"])

    await run.add_policy_clip(clips[4], env_steps=40_000)
    await expect(captions.last).to_have_text("Newest, after 40k steps", timeout=15_000)


async def test_policy_clips_stand_at_one_top_without_bars(page, run, clips):
    """The first beside the newest, each as wide as high, as its video is, in a low window too."""
    await run.report(env_steps=40_000)
    for number, env_steps in enumerate((0, 10_000)):
        await run.add_policy_clip(clips[number], env_steps=env_steps)
    await page.set_viewport_size({"width": 1280, "height": 700})
    await run.open(page)
    await expect(page.locator("#policy .policy-player video[src]")).to_have_count(2)
    await until(
        page, "[...document.querySelectorAll('.policy-player video')].every((one) => one.readyState > 0)"
    )

    figures = [await one.bounding_box() for one in await page.locator("#policy .policy-player").all()]
    videos = [await one.bounding_box() for one in await page.locator("#policy .policy-player video").all()]
    assert figures[0]["y"] == figures[1]["y"]
    assert [round(box["width"] - box["height"]) for box in videos] == [0, 0]


async def test_a_run_is_finished_after_a_confirmation_that_says_what_happens(page, run):
    """Nothing happens before it; then the run is told, and it can be undone until the run is over."""
    await run.update(label_budget=60)
    await run.report(env_steps=40_000)
    await run.open(page)

    await page.locator("#finish").click()
    await expect(page.locator("#finish-dialog")).to_contain_text("after 40k of 100k steps")
    await expect(page.locator("#finish-dialog")).to_contain_text("60 more labels of the budget won")
    await page.keyboard.press("Escape")
    assert not (await _listed(run)).is_finishing
    await page.locator("#finish").click()
    await page.get_by_role("button", name="Finish the run", exact=True).click()
    await expect(page.locator("#run-state")).to_have_text("Finishing with its current policy")
    assert (await _listed(run)).is_finishing

    await page.locator("#finish").click()
    await page.get_by_role("button", name="Continue", exact=True).click()
    await expect(page.locator("#run-state")).to_have_text("Running")
    assert not (await _listed(run)).is_finishing


async def test_the_label_budget_is_changed_while_it_runs(page, run):
    """Within its bounds, and what it will mean is said before."""
    await run.render_pairs()
    await run.answer_all()
    await run.update(label_budget=20)
    await run.report(env_steps=40_000)
    await run.open(page)
    await expect(page.locator("#figure-labels .value")).to_have_text("7 / 20")

    await page.locator("#edit-budget").click()
    await page.locator("#budget-value").fill("0")
    await page.keyboard.press("Enter")
    await expect(page.locator("#budget-dialog")).to_be_visible()
    await page.locator("#budget-value").fill("30")
    await expect(page.locator("#budget-meaning")).to_contain_text(
        "23 more will be asked for, 10 more than now"
    )
    await page.keyboard.press("Enter")

    await expect(page.locator("#figure-labels .value")).to_have_text("7 / 30")
    assert (await _listed(run)).label_budget == 30


async def test_the_question_is_changed(page, run):
    """From the run page's header; labelers are asked the new one."""
    await run.report(env_steps=40_000)
    await run.open(page)
    await page.locator("#edit-question").click()
    await page.locator("#question-text").fill("Which one turns further?")
    await page.locator("#question-dialog button[type=submit]").click()

    await expect(page.locator(".run-header h1")).to_have_text("Which one turns further?")
    assert (await _listed(run)).question == "Which one turns further?"


async def test_a_finished_run_shows_what_came_of_it(page, run, clips):
    """Headline, time, the final video, how to open it later; no controls that need a live run."""
    await run.report(env_steps=100_000)
    await run.add_policy_clip(clips[0], env_steps=0)
    await run.add_policy_clip(clips[1], env_steps=100_000, is_final=True)
    result = pb.RunResult(
        env_steps=100_000, num_labels=60, headline="It flips twice and lands.", true_return_mean=3_100
    )
    await run.update(state=pb.RUN_STATE_FINISHED, result=result)
    await run.open(page)

    await expect(page.locator("#run-state")).to_have_text("Finished")
    await expect(page.locator("#ending-title")).to_have_text("It flips twice and lands.")
    await expect(page.locator(".ending time")).to_have_count(1)
    await expect(page.locator(".ending code")).to_have_text(f"somersault open {run.run_id}")
    await expect(page.locator("#policy figcaption b").last).to_have_text("At the end, after 100k steps")
    for name in ("#pause", "#finish", "#edit-budget", "#figure-left", "#figure-needs"):
        await expect(page.locator(name)).to_have_count(0)


async def test_a_stopped_run_says_how_it_goes_on(page, run):
    """There is nothing to pause or finish, since no service would notice; answers are still accepted."""
    await run.report(env_steps=40_000)
    await run.update(state=pb.RUN_STATE_STOPPED)
    await run.open(page)

    await expect(page.locator("#run-state")).to_have_text("Stopped early")
    await expect(page.locator(".ending code").first).to_contain_text("--resume")
    for name in ("#pause", "#finish"):
        await expect(page.locator(name)).to_have_count(0)


async def test_curves_are_smoothed_and_downloaded(page, run, tmp_path):
    """The curve itself stays, faintly; the table has every report that still holds."""
    for env_steps in (0, 20_000, 40_000, 20_000, 30_000):
        await run.report(env_steps=env_steps)
    await run.open(page)
    await expect(page.locator("#chart-predicted path.curve")).to_have_count(1)
    await page.locator("#smoothing").fill("0.6")
    await expect(page.locator("#chart-predicted path.curve.raw")).to_have_count(1)

    await page.locator(".menu summary").click()
    async with page.expect_download() as started:
        await page.locator("[data-ending=csv]").click()
    download = await started.value
    await download.save_as(tmp_path / "curves.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "curves.csv").read_text(), newline="")))
    assert download.suggested_filename == f"{run.run_id}-curves.csv"
    assert [row["env_steps"] for row in rows] == ["0", "20000", "20000", "30000"]


async def test_the_page_has_no_serious_finding(page, run, clips):
    """Waiting, with everything on it, and finished: accessible, and nothing scrolls the page sideways."""
    await run.render_pairs()
    await run.answer_all()
    for number, env_steps in enumerate((0, 10_000, 20_000, 30_000)):
        await run.report(env_steps=env_steps, num_awaited=12)
        await run.add_policy_clip(clips[number], env_steps=env_steps)
    findings = {}

    await run.open(page)
    await expect(page.locator(".clip-card")).to_have_count(6)
    await expect(page.locator("#labelers tbody tr")).to_have_count(1)
    findings["awaiting"] = await findings_everywhere(page)
    await page.locator("#edit-budget").click()
    await expect(page.locator("#budget-dialog")).to_be_visible()
    findings["dialog"] = await findings_everywhere(page)
    await run.update(state=pb.RUN_STATE_FINISHED, result=pb.RunResult(headline="It flips twice."))
    await page.reload()
    await expect(page.locator("#ending-title")).to_have_text("It flips twice.")
    findings["finished"] = await findings_everywhere(page)

    assert not any(findings.values()), findings


@pytest.mark.slow
async def test_answers_that_teach_nothing_are_named_at_once(page, run, tmp_path):
    """First on the page, as soon as no answer says anything about what is wanted; gone once one does."""
    await run.report(env_steps=10_000, label_budget=14)
    await run.render_pairs()
    await run.answer_all(always=preference_pb2.PREFERENCE_INCOMPARABLE)
    await run.render_pairs(prefix="q")
    await run.open(page)
    note = page.locator("#nothing-learned")
    await expect(page.locator("#figure-labels .value")).to_have_text("7 / 14")
    await expect(note).to_have_text("")

    await run.answer_all(prefix="q", always=preference_pb2.PREFERENCE_EQUAL)
    told = "Nothing can be learned from the 14 answers so far: none prefers a clip."
    await expect(note).to_have_text(told, timeout=15_000)
    await page.screenshot(path=tmp_path / "nothing_learned.png")
