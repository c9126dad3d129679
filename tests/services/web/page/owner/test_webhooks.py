"""The owner page's webhooks in a real Chromium, before the real labeler and a real receiver."""

from __future__ import annotations

import pytest

from services.labeler.webhooks import delivery
from somersault.domain.roles import Role
from tests.services.labeler.judging import answer
from tests.services.labeler.running import TOKENS
from tests.services.labeler.webhooks.receiver import documented_check, receiving
from tests.services.web.page.browsing import log_in, until


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check sooner than the service does, and allow sending to this machine."""
    monkeypatch.setattr(delivery, "LOOK_S", 0.05)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")


async def test_webhook_is_made_fails_and_is_deleted(page, whole_labeler, whole_url):
    """Its secret is shown once and signs what comes; the list tells how far it is, or what is wrong."""
    teacher = whole_labeler.as_role(Role.TEACHER)
    await whole_labeler.propose("one", "two", "three")
    await answer(teacher, "answer-1")
    await log_in(page, f"{whole_url}/owner#token={TOKENS[Role.OWNER]}")
    await page.click("aside a[href='#webhooks']")
    async with receiving() as receiver:
        await page.fill("#webhook-url", receiver.url.replace("://", "://me:secret@"))
        await page.click("#webhook-form button")
        assert "credentials" in await page.inner_text("#webhook-form [role=alert]")
        await page.fill("#webhook-url", receiver.url)
        await page.click("#webhook-form button")
        secret = await page.input_value("#secret-value")
        row = page.locator("#webhooks-table tbody tr", has_text=receiver.url)
        await row.get_by_text("1 of 1").wait_for()
        await row.get_by_text("up to date").wait_for()

        receiver.fail(503)
        await answer(teacher, "answer-2")
        await row.get_by_text("it answered 503, not 2xx").wait_for()
        assert await row.get_by_text("1 of 2").count() == 1
        await page.reload()
        await row.wait_for()
        assert await page.locator("#secret-card").count() == 0
        await row.get_by_role("button", name="Delete").click()
        await page.click("#delete-webhook button[type=submit]")
        await until(page, "!document.querySelector('#webhooks-table')")

    first = receiver.requests[0]
    assert documented_check()(secret, first.headers, first.body)
    assert [each["answer_id"] for each in first.rows] == ["answer-1"]
