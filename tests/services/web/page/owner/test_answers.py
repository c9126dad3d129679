"""The owner page's answers, labelers' own pages, question and audit log, in a real Chromium before the real labeler."""

from __future__ import annotations

import re

from playwright.async_api import expect

from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.web.page.accessibility import findings_everywhere
from tests.services.web.page.watched_run import NUM_PAIRS
from tests.services.web.real_labeler import calling


async def _answer_as_second(run) -> str:
    """Have another labeler prefer left everywhere, but the first pair, which they can't compare; return their id."""
    async with run.calling("owner") as owner:
        request = pb.CreateLabelerRequest(name="Ada", role=preference_pb2.ROLE_LABELER, run_ids=[run.run_id])
        invited = await owner.CreateLabeler(request)
    async with calling(run.labeler, invited.token) as ada:
        leases = (await ada.LeaseQueries(pb.LeaseQueriesRequest(run_id=run.run_id, count=NUM_PAIRS))).leases
        for number, lease in enumerate(leases):
            is_first = number == 0
            answer = pb.SubmitPreferenceRequest(
                lease_token=lease.lease_token,
                answer_id=f"{invited.labeler_id}-{number}",
                preference=preference_pb2.PREFERENCE_INCOMPARABLE
                if is_first
                else preference_pb2.PREFERENCE_LEFT,
                response_ms=900,
            )
            await ada.SubmitPreference(answer)
    return str(invited.labeler_id)


async def _answered_twice(run) -> str:
    await run.update(target_answers=2)
    await run.render_pairs()
    await run.answer_all()
    await run.report(env_steps=10_000)
    return await _answer_as_second(run)


async def _open(run, page, section: str) -> None:
    await run.open(page, path="/owner")
    await page.wait_for_selector("#asking-form")
    await page.goto(f"{run.url}/owner#{section}")


async def test_disagreements_come_first(page, run):
    """Pairs whose answers differ before those whose answers are one; the newest first if it is asked for."""
    await _answered_twice(run)
    await _open(run, page, "answers")
    cards = page.locator("#answer-cards .clip-card")

    await expect(cards).to_have_count(NUM_PAIRS)
    differs = []
    for card in await cards.all():
        words = await card.locator(".answered b").all_inner_texts()
        differs.append(len(set(words)) > 1)
    assert differs == sorted(differs, reverse=True)
    assert any(differs)
    await expect(cards.first.locator("video").first).to_have_attribute("src", re.compile("^blob:"))


async def test_answers_are_filtered(page, run):
    """By labeler and by answer, and the page says so when there are none."""
    await _answered_twice(run)
    await _open(run, page, "answers")
    cards = page.locator("#answer-cards .clip-card")
    await expect(cards).to_have_count(NUM_PAIRS)

    await page.locator("#answers-preference").select_option("PREFERENCE_INCOMPARABLE")
    await expect(cards).to_have_count(1)
    await expect(cards).to_contain_text("Ada: can")
    await page.locator("#answers-labeler").select_option(label="labeler")
    await expect(page.get_by_text("No answers match.")).to_be_visible()


async def test_each_labeler_has_a_page(page, run):
    """With their quality and their answers, from either table."""
    ada = await _answered_twice(run)
    await _open(run, page, "quality")
    await page.locator("#quality-table").get_by_role("link", name="Ada").click()

    await expect(page.locator("#labeler h2")).to_have_text("Ada")
    assert page.url.endswith(f"#labeler/{ada}")
    await expect(page.locator("#labeler-figures .count")).to_have_text(str(NUM_PAIRS))
    await expect(page.locator("#answer-cards .clip-card")).to_have_count(NUM_PAIRS)
    await page.get_by_role("button", name="Change the weight, 1 now").click()
    await page.locator("#weight-value").fill("0.5")
    await page.locator("#weight button[type=submit]").click()
    await expect(page.get_by_role("button", name="Change the weight, 0.5 now")).to_be_visible()


async def test_more_answers_come_a_page_at_a_time(page, run):
    """Twelve, then the others, none twice."""
    await run.render_pairs()
    await run.answer_all()
    await run.render_pairs(prefix="q")
    await run.answer_all(prefix="q")
    await _open(run, page, "answers")
    cards = page.locator("#answer-cards .clip-card")
    await expect(cards).to_have_count(12)

    await page.locator("#more-answers").click()
    await expect(cards).to_have_count(2 * NUM_PAIRS)
    await expect(page.locator("#more-answers")).to_have_count(0)
    names = [await card.get_attribute("data-query") for card in await cards.all()]
    assert len(set(names)) == 2 * NUM_PAIRS


async def test_the_audit_log_is_of_people(page, run):
    """What services did is left out unless it is asked for."""
    await run.update(target_answers=2)
    await run.render_pairs()
    await _open(run, page, "audit")
    rows = page.locator("#audit-table tbody tr")

    await expect(rows.filter(has_text=run.run_id).first).to_contain_text("changed")
    assert await rows.filter(has_text="registered").count() == 0
    await page.locator("#audit-services").check()
    await expect(rows.filter(has_text="registered").first).to_be_visible()


async def test_the_question_is_edited_beside_the_guidelines(page, run):
    """It is what the run asks from then on."""
    await _open(run, page, "guidelines")
    await page.locator("#question-text").fill("Which one lands better?")
    await page.locator("#question-form button").click()
    await expect(page.locator("#question-form [role=status]")).to_contain_text("Saved")

    async with run.calling("owner") as owner:
        stats = await owner.GetStats(pb.GetStatsRequest(run_id=run.run_id))
    assert stats.question == "Which one lands better?"


async def test_no_section_has_a_serious_finding(page, run):
    """Each of them in each window and scheme, nor does anything scroll the page sideways."""
    ada = await _answered_twice(run)
    findings = {}
    await run.open(page, path="/owner")
    await page.wait_for_selector("#asking-form")
    for name in ("asking", "guidelines", "labelers", "quality", "answers", "export", "webhooks", "audit"):
        await page.goto(f"{run.url}/owner#{name}")
        await page.wait_for_selector(f"section#{name}")
        await expect(page.get_by_text("Loading")).to_have_count(0)
        findings[name] = await findings_everywhere(page)
    await page.goto(f"{run.url}/owner#labeler/{ada}")
    await expect(page.locator("#answer-cards .clip-card").first).to_be_visible()
    findings["labeler"] = await findings_everywhere(page)

    assert not any(findings.values()), findings
