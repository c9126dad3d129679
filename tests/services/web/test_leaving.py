"""What is sent as a page closes arrives; what policies do, and what to practise on, is served."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import urllib.parse

import httpx
import pytest
import pytest_asyncio

from somersault.v1 import labeler_pb2, preference_pb2
from tests.services.web.test_gateway import OWN_PAGE, SERVICE

_GIVE_BACK = """(leaseToken) => addEventListener("pagehide", () => fetch("/somersault.v1.LabelerService/ReleaseQuery", {
  method: "POST",
  keepalive: true,
  headers: { "content-type": "application/json", "connect-protocol-version": "1" },
  body: JSON.stringify({ leaseToken, isReturned: true }),
}))"""


async def _until(condition) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(loop_scope="session")
async def logged_in(gateway_url):
    """Our own page's client with a labeler's cookie."""
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        await client.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)
        yield client


async def test_a_page_that_closes_gives_its_pairs_back(page, gateway_url, labeler, logged_in):
    """By its session cookie, with a request that outlives the page: no one waits for the lease to end."""
    labeler.double.leases["lease-1"] = "query-007"
    cookies = [
        {"name": name, "value": value, "url": gateway_url, "sameSite": "Strict"}
        for name, value in logged_in.cookies.items()
    ]
    await page.context.add_cookies(cookies)
    await page.goto(f"{gateway_url}/healthz")
    await page.evaluate(_GIVE_BACK, "lease-1")

    await page.close(run_before_unload=True)

    await _until(lambda: labeler.double.returned == ["query-007"])


async def test_a_pair_is_given_back_though_the_caller_is_gone(gateway_url, labeler):
    """A browser that ends cuts the connection behind its last request: the gateway sees that through."""
    labeler.double.leases["lease-1"] = "query-007"
    labeler.double.release_s = 0.5
    address = urllib.parse.urlsplit(gateway_url)
    body = json.dumps({"leaseToken": "lease-1", "isReturned": True}).encode()
    head = (
        f"POST {SERVICE}/ReleaseQuery HTTP/1.1\r\nhost: {address.netloc}\r\n"
        "authorization: Bearer labeler-token\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(head.encode() + body)
    await writer.drain()
    await labeler.double.release_asked.wait()
    writer.transport.abort()

    await _until(lambda: labeler.double.returned == ["query-007"])


async def test_a_policys_clip_is_served_whole_and_in_ranges(logged_in, labeler):
    """At the address that the labeler gives, cached for good under its own hash and otherwise revalidated."""
    labeler.double.add_policy_clip(3)
    clip = labeler.double.policy_clip(3)
    address = labeler.double.policy_clips[0].clip_url

    whole = await logged_in.get(address)
    part = await logged_in.get(address, headers={"range": "bytes=4-7"})
    bare = await logged_in.get(address.partition("?")[0])

    assert whole.content == bare.content == clip
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["etag"] == f'"{hashlib.sha256(clip).hexdigest()}"'
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert "immutable" in whole.headers["cache-control"]
    assert bare.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("name", ["4", "x", "-1", "3.0", "9" * 19, "%C2%B2"])
async def test_a_policy_without_a_clip_is_not_found(logged_in, labeler, name):
    """Nor is what is no policy version."""
    labeler.double.add_policy_clip(3)
    assert (await logged_in.get(f"/policy-clips/flip-1/{name}.mp4")).status_code == 404


async def test_a_policys_clip_is_shown_in_either_sessions_name(gateway_url, labeler):
    """A video element can't say which: an owner without a labeler's session sees it too, others don't."""
    labeler.double.roles["owner-token"] = preference_pb2.ROLE_OWNER
    labeler.double.add_policy_clip(3)
    path = "/policy-clips/flip-1/3.mp4"
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        before = await client.get(path)
        await client.post("/login", json={"token": "owner-token"}, headers=OWN_PAGE)
        after = await client.get(path)
    assert (before.status_code, after.status_code) == (401, 200)


async def test_practice_pairs_come_with_their_clips(logged_in, labeler, clips):
    """In JSON as in base64: a page needs no other request for them."""
    pair = labeler_pb2.PracticePair(left_clip=clips[0], right_clip=clips[1], preference=1, explanation="So.")
    labeler.double.practice = [pair]

    reply = await logged_in.post(f"{SERVICE}/GetPracticePairs", json={"runId": "flip-1"}, headers=OWN_PAGE)

    (told,) = reply.json()["pairs"]
    assert [base64.b64decode(told[side]) for side in ("leftClip", "rightClip")] == [clips[0], clips[1]]
    assert (told["preference"], told["explanation"]) == ("PREFERENCE_LEFT", "So.")


async def test_a_finished_run_is_told_of_at_once(http, labeler):
    """A page that waits for a pair learns of the end, and may read the result."""
    asking = asyncio.create_task(
        http.post(f"{SERVICE}/LeaseQueries", json={"runId": "flip-1", "count": 1, "waitS": 20})
    )
    await labeler.double.lease_asked.wait()
    labeler.double.result = labeler_pb2.RunResult(headline="It turns.")
    labeler.double.state = labeler_pb2.RUN_STATE_FINISHED

    async with asyncio.timeout(15):
        reply = (await asking).json()
    stats = (await http.post(f"{SERVICE}/GetStats", json={"runId": "flip-1"})).json()

    assert reply == {"runState": "RUN_STATE_FINISHED"}
    assert (stats["runState"], stats["result"]["headline"]) == ("RUN_STATE_FINISHED", "It turns.")
