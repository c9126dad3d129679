"""The labeling page's states before axe-core, in each window and colour scheme."""

from __future__ import annotations

import pytest

from somersault.v1 import labeler_pb2
from tests.services.web.page.accessibility import findings_everywhere
from tests.services.web.page.browsing import close_dialog, log_in, press, saved

GUIDELINES = "# What counts\n\nOnly **whole** flips. Turning further is better.\n"


class Findings:
    """What was found in each state that was looked at."""

    def __init__(self, page) -> None:
        """Take the page that goes through the states."""
        self.by_state: dict[str, list[str]] = {}
        self._page = page

    async def look(self, state: str, selector: str) -> None:
        """Look at a state once what marks it is there."""
        await self._page.wait_for_selector(selector)
        self.by_state[state] = await findings_everywhere(self._page)


@pytest.fixture
def double(labeler, clips):
    """A labeler whose run has guidelines, a pair to practise on and policies to show."""
    labeler.double.guidelines = [GUIDELINES]
    labeler.double.practice = [
        labeler_pb2.PracticePair(
            left_clip=clips[0], right_clip=clips[1], preference=1, explanation="It turns."
        )
    ]
    labeler.double.add_policy_clip(1, env_steps=120_000)
    return labeler.double


async def test_states_have_no_serious_finding(page, double, gateway_url):
    """From the login to the end of the run, everything is accessible."""
    findings = Findings(page)
    double.num_open = 11

    await page.goto(gateway_url)
    await findings.look("login", "#login:not([hidden])")
    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await findings.look("guidelines", "#guidelines[open]")
    await close_dialog(page)
    await page.wait_for_selector("video.shown")
    await findings.look("practice", "#practice")
    await page.keyboard.press("ArrowRight")
    await findings.look("explained", "#explanation")
    await page.keyboard.press("Enter")
    await findings.look("pair", ".answer.left:enabled")
    await page.keyboard.press("?")
    await findings.look("help", "#help[open]")
    await close_dialog(page)
    await page.click("#goal-button")
    await findings.look("goal", "#goal[open]")
    await page.click(".goal-choices button:has-text('10')")
    for _ in range(10):
        await press(page, "a")
    await findings.look("reveal", "#reveal")
    await findings.look("goal reached", "#hint")
    await page.keyboard.press("z")
    await findings.look("revising", "#revising")
    await page.keyboard.press("Escape")
    await page.keyboard.press("h")
    await findings.look("answers", "#own-answers[open] li:nth-child(10)")
    await close_dialog(page)
    await press(page, "a")
    await findings.look("waiting", "#empty:not([hidden])")
    await saved(page)
    double.result = labeler_pb2.RunResult(headline="It turns over.")
    double.state = labeler_pb2.RUN_STATE_FINISHED
    await findings.look("end", "#end-video")

    assert len(findings.by_state) == 13
    assert not any(findings.by_state.values()), findings.by_state
