"""The labeling page's states before axe-core, in light and dark, in every window."""

from __future__ import annotations

import pytest

from tests.services.labeler.web.accessibility import SCHEMES, WINDOWS, serious_findings
from tests.services.labeler.web.browsing import open_page

GUIDELINES = "# What counts\n\nOnly **whole** flips. Turning further is better.\n"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("window", WINDOWS)
async def test_states_have_no_serious_finding(browser, labeler, gateway_url, window, scheme):
    """Login, guidelines, a pair, help and waiting can be used by everybody."""
    width, height = WINDOWS[window]
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = await context.new_page()
    labeler.double.num_open, labeler.double.guidelines = 1, [GUIDELINES]
    findings = {}

    await page.goto(gateway_url)
    await page.wait_for_selector("#login:not([hidden])")
    findings["login"] = await serious_findings(page)
    await open_page(page, gateway_url)
    await page.wait_for_selector("#guidelines[open]")
    findings["guidelines"] = await serious_findings(page)
    await page.keyboard.press("Escape")
    findings["pair"] = await serious_findings(page)
    await page.keyboard.press("?")
    await page.wait_for_selector("#help[open]")
    findings["help"] = await serious_findings(page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("a")
    await page.wait_for_selector("#empty:not([hidden])")
    findings["waiting"] = await serious_findings(page)

    assert not any(findings.values()), findings
