"""The gateway over real HTTP, before a labeler behind real gRPC."""

from __future__ import annotations

import asyncio
import hashlib
from http.cookies import SimpleCookie

import httpx
import pytest
import pytest_asyncio

from services.web.labeler_client import METHODS
from somersault.rpc.peers import PEER_KEY
from somersault.v1 import labeler_pb2, preference_pb2
from somersault.wire.access import ROLES
from tests.services.web.gateways import serving_gateway
from tests.services.web.labeler_double import BREAKS_OFF

SERVICE = "/somersault.v1.LabelerService"
OWN_PAGE = {"connect-protocol-version": "1"}


@pytest_asyncio.fixture(loop_scope="session")
async def page(gateway_url):
    """Our own page's client, logged in: a cookie, no authorization header."""
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        response = await client.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)
        assert response.status_code == 200
        yield client


async def test_json_call_reaches_the_labeler(http, labeler):
    """A call in JSON is answered in JSON, with the protocol's camelCase names."""
    labeler.double.num_open = 1

    response = await http.post(f"{SERVICE}/LeaseQueries", json={"count": 3, "waitS": 0})

    (lease,) = response.json()["leases"]
    assert response.headers["content-type"] == "application/json"
    assert lease["leaseToken"] == "lease-query-000"
    assert lease["query"]["runId"] == "flip-1"


async def test_binary_call_reaches_the_labeler(http):
    """A call in protobuf's own format is answered in it."""
    response = await http.post(
        f"{SERVICE}/WhoAmI",
        content=labeler_pb2.WhoAmIRequest().SerializeToString(),
        headers={"content-type": "application/proto"},
    )

    reply = labeler_pb2.WhoAmIResponse.FromString(response.content)
    assert response.headers["content-type"] == "application/proto"
    assert (reply.labeler_id, reply.role) == ("labeler-1", preference_pb2.ROLE_LABELER)


async def test_refusal_keeps_its_code_and_sentence(http):
    """What the labeler refuses, the caller can read."""
    response = await http.post(
        f"{SERVICE}/SubmitPreference", json={"leaseToken": "none", "answerId": "a", "preference": 1}
    )

    assert response.status_code == 400
    assert response.json() == {"code": "failed_precondition", "message": "there is no such lease"}


@pytest.mark.parametrize("method", [*sorted(ROLES.keys() - METHODS.keys()), "Nothing"])
async def test_method_off_the_list_is_unimplemented(http, method):
    """Neither streams nor administration pass the gateway."""
    response = await http.post(f"{SERVICE}/{method}", json={})

    assert response.status_code == 501
    assert response.json()["code"] == "unimplemented"


@pytest.mark.parametrize("token", ["wrong", "with space", "ü", ""])
async def test_unknown_token_is_refused(http, token):
    """No token, no call, whatever its characters."""
    headers = {"authorization": f"Bearer {token}".strip().encode()}
    response = await http.post(f"{SERVICE}/WhoAmI", json={}, headers=headers)

    assert response.status_code == 401
    assert response.json()["code"] == "unauthenticated"


async def test_other_content_type_is_refused(http):
    """Other content types get 415 and a list of the accepted ones."""
    response = await http.post(f"{SERVICE}/WhoAmI", content=b"{}", headers={"content-type": "text/plain"})

    assert response.status_code == 415
    assert response.headers["accept-post"] == "application/json, application/proto"


async def test_large_body_is_refused(http):
    """A body one byte past the bound is an error; the next call is fine."""
    refused = await http.post(f"{SERVICE}/WhoAmI", content=b" " * (128 * 1024 + 1), headers=_JSON)
    fine = await http.post(f"{SERVICE}/WhoAmI", content=b"{}" + b" " * (128 * 1024 - 2), headers=_JSON)

    assert refused.json()["code"] == "resource_exhausted"
    assert fine.status_code == 200


_JSON = {"content-type": "application/json"}


async def test_deadline_is_honoured(http):
    """A long poll ends when the caller's deadline does."""
    response = await http.post(
        f"{SERVICE}/LeaseQueries",
        json={"count": 1, "waitS": 20},
        headers={"connect-timeout-ms": "150"},
    )

    assert response.status_code == 504
    assert response.json()["code"] == "deadline_exceeded"


async def test_caller_that_goes_away_leases_nothing(http, labeler):
    """A closed page's long poll ends at the labeler too."""
    asking = asyncio.create_task(http.post(f"{SERVICE}/LeaseQueries", json={"count": 1, "waitS": 20}))
    await labeler.double.lease_asked.wait()
    asking.cancel()

    async with asyncio.timeout(10):
        await labeler.double.lease_cancelled.wait()


async def test_absent_labeler_is_unavailable_without_detail(http, labeler):
    """The caller learns that it may try again, not where the labeler lives."""
    await labeler.kill()

    response = await http.post(f"{SERVICE}/WhoAmI", json={})

    assert response.status_code == 503
    assert response.json()["code"] == "unavailable"
    assert "127.0.0.1" not in response.text


async def test_login_sets_a_cookie_that_scripts_and_other_sites_cant_use(gateway_url):
    """The token is kept where neither a script nor another site's page can reach it."""
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        response = await client.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)

    (cookie,) = SimpleCookie(response.headers["set-cookie"]).values()
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert "labeler-token" not in cookie.value, (
        "a stolen cookie is a session that can be ended, not the token"
    )
    assert response.json() == {
        "labelerId": "labeler-1",
        "name": "Ada",
        "role": "labeler",
        "runId": "flip-1",
        "publicUrl": "",
        "sessions": [],
    }


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 3}', b"{}", b"[" * 60_000])
async def test_malformed_login_is_refused(gateway_url, body):
    """Whatever is posted as a login, the answer is one clear error."""
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        response = await client.post("/login", content=body, headers=OWN_PAGE)

    assert response.status_code == 400


async def test_cookie_call_of_our_page_is_taken(page):
    """With cookie and header the page needs no token of its own."""
    assert (await page.get("/session")).json()["name"] == "Ada"
    assert (await page.post(f"{SERVICE}/WhoAmI", json={}, headers=OWN_PAGE)).status_code == 200


async def test_cookie_call_without_our_header_is_refused(page):
    """A form on another site can send a cookie at most, never this header."""
    response = await page.post(f"{SERVICE}/WhoAmI", json={})

    assert response.json()["code"] == "permission_denied"


async def test_cookie_call_from_another_origin_is_refused(page):
    """A call whose origin is another site is refused even with the header."""
    headers = {**OWN_PAGE, "origin": "https://elsewhere.example"}
    response = await page.post(f"{SERVICE}/WhoAmI", json={}, headers=headers)

    assert response.json()["code"] == "permission_denied"


async def test_logout_ends_the_session(page):
    """The cookie is gone, and a copy of it is worth nothing."""
    copies = dict(page.cookies)
    await page.post("/logout", headers=OWN_PAGE)

    assert (await page.get("/session")).status_code == 401
    page.cookies.update(copies)
    assert (await page.get("/session")).status_code == 401
    assert (await page.post("/logout", headers=OWN_PAGE)).status_code == 200


async def test_another_runs_session_is_never_accepted(page, labeler, gateway_url):
    """On the same host, with the same labeler behind it, and even if its cookie is given the right name."""
    (name,) = page.cookies.keys()
    async with serving_gateway(f"127.0.0.1:{labeler.port}", run_id="flip-2") as url:
        async with httpx.AsyncClient(base_url=url, cookies=dict(page.cookies)) as other:
            as_sent = await other.get("/session")
        async with httpx.AsyncClient(base_url=url) as other:
            await other.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)
            (others_name,) = other.cookies.keys()
            own = await other.get("/session")
        async with httpx.AsyncClient(base_url=url, cookies={others_name: page.cookies[name]}) as other:
            renamed = await other.get("/session")

    assert name != others_name
    assert (as_sent.status_code, own.status_code, renamed.status_code) == (401, 200, 401)


async def test_cookies_are_named_by_the_run_not_by_the_port(labeler):
    """Two runs of one name, one after another on one port, are told apart by their identity."""
    names = set()
    for identity in ("a" * 32, "b" * 32, "a" * 32):
        address = f"127.0.0.1:{labeler.port}"
        async with (
            serving_gateway(address, run_identity=identity) as url,
            httpx.AsyncClient(base_url=url) as client,
        ):
            await client.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)
            names.add(*client.cookies.keys())

    assert len(names) == 2


async def test_a_cookie_that_held_a_token_is_removed(gateway_url):
    """By the next log-in: older gateways kept the token itself in it."""
    port = gateway_url.rpartition(":")[2]
    older = f"somersault_session_{port}"
    async with httpx.AsyncClient(base_url=gateway_url, cookies={older: "labeler-token"}) as client:
        assert (await client.get("/session")).status_code == 401
        response = await client.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)

    removed = [value for value in response.headers.get_list("set-cookie") if value.startswith(f"{older}=")]
    assert len(removed) == 1
    assert "Max-Age=0" in removed[0]


async def test_foreign_host_name_is_refused(http):
    """Another site's name that points here (DNS rebinding) gets nothing; health is for everyone."""
    headers = {"host": "elsewhere.example"}

    assert (await http.get("/", headers=headers)).status_code == 421
    assert (await http.post(f"{SERVICE}/WhoAmI", json={}, headers=headers)).status_code == 421
    assert (await http.get("/healthz", headers=headers)).status_code == 200


@pytest_asyncio.fixture(loop_scope="session")
async def owner_page(page, labeler):
    """The same browser, logged in as an owner too."""
    labeler.double.roles["owner-token"] = preference_pb2.ROLE_OWNER
    assert (await page.post("/login", json={"token": "owner-token"}, headers=OWN_PAGE)).status_code == 200
    return page


async def test_one_browser_is_labeler_and_owner(owner_page):
    """A person who trains alone has both sessions; a call says which one it uses, and each ends on its own."""
    as_owner = {**OWN_PAGE, "somersault-session": "owner"}

    labeler = (await owner_page.get("/session")).json()
    owner = (await owner_page.get("/session", headers=as_owner)).json()
    await owner_page.post("/logout", headers=as_owner)

    assert (labeler["role"], owner["role"]) == ("labeler", "owner")
    assert labeler["sessions"] == owner["sessions"] == ["labeler", "owner"]
    assert (await owner_page.get("/session", headers=as_owner)).status_code == 401
    assert (await owner_page.get("/session")).json()["sessions"] == ["labeler"]


async def test_session_of_no_kind_is_refused(page):
    """A call without a session isn't made with another's."""
    response = await page.get("/session", headers={"somersault-session": "service"})

    assert response.json()["code"] == "invalid_argument"


async def test_new_token_is_cached_nowhere(owner_page):
    """An invitation's answer is for the owner's eyes alone."""
    response = await owner_page.post(
        f"{SERVICE}/CreateLabeler",
        json={"name": "Ada", "role": "ROLE_LABELER"},
        headers={**OWN_PAGE, "somersault-session": "owner"},
    )

    assert response.json()["token"] == "fresh-token"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("flip-1.jsonl", "application/jsonl"), ("flip-1.parquet", "application/vnd.apache.parquet")],
)
async def test_export_comes_as_a_file(owner_page, labeler, name, media_type):
    """A plain link gives an owner the whole file, as the labeler streams it."""
    labeler.double.parts = [b"one\n", b"two\n"]

    response = await owner_page.get(f"/export/{name}")

    assert response.content == b"one\ntwo\n"
    assert response.headers["content-type"] == media_type
    assert response.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
    assert response.headers["cache-control"] == "no-store"


async def test_export_is_refused_before_its_first_byte(owner_page, http):
    """Missing rights and missing runs get a status and a message."""
    assert (await http.get("/export/flip-1.jsonl")).status_code == 403
    assert (await owner_page.get("/export/other.jsonl")).status_code == 404
    assert (await owner_page.get("/export/flip-1.csv")).status_code == 404


async def test_export_that_breaks_off_is_no_whole_file(owner_page, labeler):
    """Half an export must not look like all of it."""
    labeler.double.parts = [b"one\n", BREAKS_OFF]

    with pytest.raises(httpx.RemoteProtocolError):
        await owner_page.get("/export/flip-1.jsonl")


@pytest.mark.parametrize("path", ["/", "/run", "/runs", "/owner"])
async def test_each_page_has_a_path(http, path):
    """One file serves all pages: its script looks at the path."""
    response = await http.get(path)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "/static/main.js" in response.text


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/session", "/nothing", "/healthz"])
async def test_every_answer_carries_protective_headers(http, path):
    """No answer can be framed, sniffed, or run scripts that are not ours."""
    headers = (await http.get(path)).headers

    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/static/..%2fconfig.py", "/static/config.py", "/static/", "/%2e%2e/config.py"]
)
async def test_nothing_but_the_pages_own_files_is_served(http, path):
    """Paths lead nowhere else."""
    assert (await http.get(path)).status_code == 404


async def test_page_files_are_sent_again_only_when_they_changed(http):
    """A browser that has a file gets 304."""
    first = await http.get("/static/main.css")
    again = await http.get("/static/main.css", headers={"if-none-match": first.headers["etag"]})

    assert first.headers["content-type"].startswith("text/css")
    assert again.status_code == 304


async def test_clip_is_served_whole_and_in_ranges(page, labeler, clips):
    """A video element with the session's cookie gets what GetClip gives."""
    whole = await page.get("/clips/query-001/right.mp4")
    part = await page.get("/clips/query-001/right.mp4", headers={"range": "bytes=4-7"})

    assert whole.content == clips[3]
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["etag"] == f'"{hashlib.sha256(clips[3]).hexdigest()}"'
    assert (part.status_code, part.content) == (206, b"ftyp")


async def test_clip_of_no_side_or_query_is_not_found(page):
    """Only left and right of a known query exist."""
    assert (await page.get("/clips/query-001/up.mp4")).status_code == 404
    assert (await page.get("/clips/other/left.mp4")).status_code == 404


async def test_corrupt_clip_is_not_shown(page, labeler):
    """Corrupted bytes never reach a browser."""
    labeler.double.is_corrupt = True

    response = await page.get("/clips/query-001/left.mp4")

    assert response.status_code == 500
    assert response.json()["code"] == "data_loss"


async def test_clip_needs_a_session(gateway_url):
    """Without token or cookie there is no clip."""
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        assert (await client.get("/clips/query-001/left.mp4")).status_code == 401


async def test_the_labeler_is_told_each_callers_own_address(http, labeler):
    """The connection's, whatever the caller says in a header, with every kind of call and at a log-in."""
    claims = {PEER_KEY: "203.0.113.1", "x-forwarded-for": "203.0.113.1", "forwarded": "for=203.0.113.1"}

    await http.post(f"{SERVICE}/WhoAmI", json={}, headers=claims)
    await http.get("/session", headers=claims)
    await http.get("/export/flip-1.jsonl", headers=claims)
    await http.post("/login", json={"token": "labeler-token"}, headers={**OWN_PAGE, **claims})

    assert len(labeler.double.peers) >= 4
    assert set(labeler.double.peers) == {"127.0.0.1"}
