"""The owner page in a real Chromium, before the real labeler."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet
import pytest_asyncio

from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2
from tests.services.labeler.running import RUN_ID, TOKENS, lease, submit
from tests.services.web.gateways import serving_gateway
from tests.services.web.page.browsing import log_in, press, saved, skip_practice, until


@pytest_asyncio.fixture(loop_scope="session")
async def owner(page, whole_labeler, whole_url):
    """The owner's tab."""
    await log_in(page, f"{whole_url}/owner#token={TOKENS[Role.OWNER]}")
    await page.wait_for_selector("#asking-form")
    assert page.url == f"{whole_url}/owner"
    return page


async def open_section(page, name: str) -> None:
    """Follow the section's link."""
    await page.click(f"aside a[href='#{name}']")
    await page.wait_for_selector(f"section#{name}")


async def row_of(page, table: str, name: str):
    """Return a labeler's row."""
    row = page.locator(f"#{table} tbody tr", has_text=name)
    await row.wait_for()
    return row


async def test_run_is_asked_differently(owner, whole_labeler):
    """What is set is what the run does; the page shows it again after a reload."""
    await owner.fill("#target-answers", "3")
    await owner.check("#asks-again")
    await owner.fill("#gold-interval", "0")
    await owner.click("#asking-form button[type=submit]")
    await until(owner, "document.querySelector('#asking-form [role=status]').textContent.startsWith('Saved')")
    await owner.reload()
    await owner.wait_for_selector("#asking-form")

    (run,) = (
        await whole_labeler.as_role(Role.OWNER).ListRuns(labeler_pb2.ListRunsRequest(), timeout=10)
    ).runs
    assert (run.target_answers, run.asks_again_on_disagreement, run.gold_interval) == (3, True, 0)
    assert await owner.input_value("#target-answers") == "3"
    assert await owner.input_value("#gold-interval") == "0"


async def test_invited_labeler_answers_until_revoked(owner, browser, whole_labeler):
    """The address is shown once and lets its holder label; a new token ends it; revoking ends that one."""
    await whole_labeler.propose("one", "two", "three", wants_clips=True)
    await open_section(owner, "labelers")
    await owner.fill("#invite-name", "Ada")
    await owner.click("#invite-form button")
    address = await owner.input_value("#token-address")
    ada = await (await browser.new_context()).new_page()
    await log_in(ada, address)
    await skip_practice(ada)
    await press(ada, "ArrowLeft")
    await saved(ada)
    await owner.reload()
    row = await row_of(owner, "labelers-table", "Ada")
    assert await owner.locator("#token-card").count() == 0

    await row.get_by_role("button", name="New token").click()
    await owner.click("#change-token button[type=submit]")
    newer = await owner.input_value("#token-address")
    assert newer != address
    await log_in(ada, newer)
    await ada.wait_for_selector("video.shown")
    await row.get_by_role("button", name="Revoke").click()
    await owner.click("#change-token button:has-text('Cancel')")
    assert await row.get_by_role("button", name="Revoke").count() == 1
    await row.get_by_role("button", name="Revoke").click()
    await owner.click("#change-token button[type=submit]")
    await row.get_by_text("revoked").wait_for()
    await ada.wait_for_selector("#login:not([hidden])", timeout=20_000)

    assert "no longer valid" in await ada.inner_text("#login-problem")


async def test_a_labeler_is_logged_out_of_every_browser(owner, browser, whole_labeler):
    """The open page asks for the token within seconds; the token itself is still good, and the audit log has it."""
    await whole_labeler.propose("one", "two", wants_clips=True)
    await open_section(owner, "labelers")
    await owner.fill("#invite-name", "Ada")
    await owner.click("#invite-form button")
    address = await owner.input_value("#token-address")
    ada = await (await browser.new_context()).new_page()
    await log_in(ada, address)
    await skip_practice(ada)
    row = await row_of(owner, "labelers-table", "Ada")
    await row.get_by_role("button", name="Log out").click()
    await owner.click("#change-token button[type=submit]")
    await ada.wait_for_selector("#login:not([hidden])", timeout=20_000)
    await log_in(ada, address)
    await ada.wait_for_selector("video.shown")
    await open_section(owner, "audit")
    await owner.locator("#audit-table tbody tr", has_text="logged out").wait_for()


async def test_excluded_labeler_is_restored_and_both_are_in_the_audit_log(owner, whole_labeler):
    """Weight 0 with its reason, and back; no other token is needed to see it."""
    teacher = whole_labeler.as_role(Role.TEACHER)
    await whole_labeler.propose("pair")
    (leased,) = await lease(teacher)
    await submit(teacher, leased.lease_token, "answer-1")

    await open_section(owner, "quality")
    row = await row_of(owner, "quality-table", "teacher")
    await row.get_by_role("button", name="Exclude").click()
    await owner.fill("#weight-reason", "answers without looking")
    await owner.click("#weight button[type=submit]")
    await row.get_by_text("excluded").wait_for()
    await row.get_by_role("button", name="Restore").click()
    await owner.click("#weight button[type=submit]")
    await row.get_by_role("button", name="Exclude").wait_for()
    await open_section(owner, "audit")
    await owner.locator("#audit-table tbody tr", has_text="answers without looking").wait_for()

    texts = await owner.locator("#audit-table tbody tr", has_text="set the weight of").all_inner_texts()
    assert len(texts) == 2
    quality = await whole_labeler.as_role(Role.OWNER).GetLabelerQuality(
        labeler_pb2.GetLabelerQualityRequest(run_id=RUN_ID), timeout=10
    )
    assert [labeler.weight for labeler in quality.labelers] == [1.0]


async def test_guidelines_are_written_and_raw_html_is_refused(owner, whole_labeler):
    """The preview shows what labelers will see; a refusal says why and keeps the text."""
    await open_section(owner, "guidelines")
    await owner.fill("#guidelines-text", "Only **whole** flips.")
    preview = await owner.inner_text("#guidelines-preview strong")
    await owner.click("#guidelines-form button[type=submit]")
    await until(
        owner,
        "document.querySelector('#guidelines-form [role=status]').textContent === 'Saved as version 1.'",
    )
    await owner.fill("#guidelines-text", "<b>whole</b>")
    await owner.click("#guidelines-form button[type=submit]")
    problem = await owner.inner_text("#guidelines-form [role=alert]")

    assert preview == "whole"
    assert "HTML" in problem
    assert await owner.input_value("#guidelines-text") == "<b>whole</b>"
    newest = await whole_labeler.as_role(Role.OWNER).GetGuidelines(
        labeler_pb2.GetGuidelinesRequest(run_id=RUN_ID), timeout=10
    )
    assert (newest.text, newest.version) == ("Only **whole** flips.", 1)


async def test_export_is_downloaded_in_both_formats(owner, whole_labeler, tmp_path):
    """A click gives a file under the run's name that holds the log's rows."""
    await whole_labeler.as_role(Role.OWNER).SetLabelerWeight(
        labeler_pb2.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id="teacher", weight=0.5), timeout=10
    )
    await open_section(owner, "export")
    files: dict[str, Path] = {}
    for extension in ("jsonl", "parquet"):
        async with owner.expect_download() as started:
            await owner.click(f"a[href='/export/{RUN_ID}.{extension}']")
        download = await started.value
        files[download.suggested_filename] = tmp_path / download.suggested_filename
        await download.save_as(files[download.suggested_filename])

    (row,) = [json.loads(line) for line in files[f"{RUN_ID}.jsonl"].read_text().splitlines()]
    assert (row["kind"], row["weight"]) == ("weight", 0.5)
    assert pyarrow.parquet.read_table(files[f"{RUN_ID}.parquet"]).to_pylist()[0]["weight"] == 0.5


async def test_labelers_token_does_not_open_it(page, whole_labeler, whole_url):
    """A labeler's address opened on the owner page leads to labeling."""
    await whole_labeler.propose("one", wants_clips=True)
    await log_in(page, f"{whole_url}/owner#token={TOKENS[Role.LABELER]}")

    await page.wait_for_selector("video.shown")
    assert page.url == f"{whole_url}/"


async def test_invitations_lead_to_where_the_owner_said(page, whole_labeler):
    """The owner may be on this machine; people who are invited aren't. Unencrypted addresses say so."""
    async with serving_gateway(
        whole_labeler.address, run_id=RUN_ID, public_url="http://labels.example:8400"
    ) as url:
        await log_in(page, f"{url}/owner#token={TOKENS[Role.OWNER]}")
        await page.wait_for_selector("#asking-form")
        await open_section(page, "labelers")
        await page.fill("#invite-name", "Ada")
        await page.click("#invite-form button")
        address = await page.input_value("#token-address")

        assert address.startswith("http://labels.example:8400/#token=")
        assert "Not encrypted" in await page.inner_text("#token-reach")


async def test_invitation_to_this_machine_alone_says_so(owner):
    """A loopback address doesn't open on other machines."""
    await open_section(owner, "labelers")
    await owner.fill("#invite-name", "Ada")
    await owner.click("#invite-form button")

    assert "this machine only" in await owner.inner_text("#token-reach")
