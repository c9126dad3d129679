"""Pages of other origins, before the real gateway over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from services.web.config import WebConfig
from somersault.errors import ConfigError
from somersault.runtime.config import load_config
from tests.services.web.gateways import serving_gateway

FRIEND = "https://labels.example"
STRANGER = "https://elsewhere.example"
WHO_AM_I = "/somersault.v1.LabelerService/WhoAmI"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,connect-protocol-version,content-type",
}


@pytest_asyncio.fixture(loop_scope="session")
async def open_http(labeler) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that knows one other origin."""
    address = f"127.0.0.1:{labeler.port}"
    async with (
        serving_gateway(address, run_id="flip-1", allowed_origins=(FRIEND,)) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_named_origin_may_call_with_a_token(open_http):
    """Its preflight is granted with the headers that connect-web sends, and its page may read the answer."""
    granted = await open_http.options(WHO_AM_I, headers={"origin": FRIEND, **PREFLIGHT})
    headers = {"origin": FRIEND, "authorization": "Bearer labeler-token"}
    answer = await open_http.post(WHO_AM_I, json={}, headers=headers)

    assert granted.status_code == 204
    assert granted.headers["access-control-allow-origin"] == FRIEND
    allowed = set(granted.headers["access-control-allow-headers"].split(", "))
    assert allowed >= {"authorization", "connect-protocol-version", "content-type", "connect-timeout-ms"}
    assert answer.json()["name"] == "Ada"
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert answer.headers["vary"] == "origin"


async def test_refusals_can_be_read_too(open_http):
    """A page of the named origin learns why a call was refused."""
    refused = await open_http.post(WHO_AM_I, json={}, headers={"origin": FRIEND})

    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == FRIEND


async def test_other_origins_get_nothing(open_http):
    """Another site's page neither passes the preflight nor may read a response."""
    preflight = await open_http.options(WHO_AM_I, headers={"origin": STRANGER, **PREFLIGHT})
    headers = {"origin": STRANGER, "authorization": "Bearer labeler-token"}
    answer = await open_http.post(WHO_AM_I, json={}, headers=headers)

    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_the_cookie_is_no_use_to_a_named_origin(open_http):
    """Credentials are not allowed, and a call with the cookie from another origin is refused."""
    await open_http.post("/login", json={"token": "labeler-token"}, headers={"connect-protocol-version": "1"})
    headers = {"origin": FRIEND, "connect-protocol-version": "1"}
    answer = await open_http.post(WHO_AM_I, json={}, headers=headers)

    assert answer.json()["code"] == "permission_denied"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/login", "/logout", "/session", "/"])
async def test_session_and_page_are_for_our_own_origin(open_http, path):
    """Nothing but calls and clips is shared."""
    response = await open_http.options(path, headers={"origin": FRIEND, **PREFLIGHT})

    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_no_origin_is_allowed_unless_named(http):
    """The default shares nothing."""
    preflight = await http.options(WHO_AM_I, headers={"origin": FRIEND, **PREFLIGHT})
    answer = await http.post(WHO_AM_I, json={}, headers={"origin": FRIEND})

    assert preflight.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["*", "labels.example", "https://labels.example/", "https://LABELS.example", "null", "ftp://a"]
)
def test_what_browsers_would_not_send_is_refused_at_the_start(origin):
    """A setting that could never match, or would match everything, is an error that says how to write it."""
    with pytest.raises(ConfigError, match="allowed_origins"):
        load_config(WebConfig, ["--labeler-address", "127.0.0.1:1", "--allowed-origins", origin])
