"""Who reaches the gateway, how, and how long nobody has."""

from __future__ import annotations

import asyncio
import ssl
import time
from http.cookies import SimpleCookie

import httpx
import pytest

from services.web.config import WebConfig
from somersault.errors import ConfigError
from somersault.v1 import preference_pb2
from tests.services.web.certificates import write_certificate
from tests.services.web.gateways import serving_gateway

OWN_PAGE = {"connect-protocol-version": "1"}
AS_OWNER = {"authorization": "Bearer owner-token"}


async def _log_in(url: str, **options) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, **options) as client:
        return await client.post("/login", json={"token": "labeler-token"}, headers=OWN_PAGE)


async def test_public_name_is_allowed_and_told(labeler):
    """The pages are reached under the public name, any other stays refused, and the pages know it for their invitations."""
    address = f"127.0.0.1:{labeler.port}"
    async with serving_gateway(address, public_url="https://labels.example") as url:
        answer = await _log_in(url, headers={"host": "labels.example"})
        other = await _log_in(url, headers={"host": "elsewhere.example"})

    (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
    assert answer.json()["publicUrl"] == "https://labels.example"
    assert cookie.key.startswith("__Host-"), "no other host of the domain can set it"
    assert cookie["secure"], "browsers reach it over TLS, so the cookie must never be sent without"
    assert other.status_code == 421


async def test_pages_are_served_over_tls(labeler, tmp_path):
    """With a certificate there is only HTTPS, and the cookie is only sent over it."""
    certificate, key = write_certificate(tmp_path)
    settings = {"tls_certificate_path": certificate, "tls_key_path": key}
    async with serving_gateway(f"127.0.0.1:{labeler.port}", **settings) as url:
        trusting = ssl.create_default_context(cafile=str(certificate))
        answer = await _log_in(url.replace("http:", "https:"), verify=trusting)
        with pytest.raises(httpx.TransportError):
            await _log_in(url)

    assert answer.status_code == 200
    assert "Secure" in answer.headers["set-cookie"]


async def test_unusable_certificate_is_one_clear_line(labeler, tmp_path):
    """It names both files and what they must be."""
    certificate, key = write_certificate(tmp_path)
    key.write_text("not a key")
    settings = {"tls_certificate_path": certificate, "tls_key_path": key}

    with pytest.raises(ConfigError, match=r"certificate\.pem.*key\.pem.*must be PEM files"):
        async with serving_gateway(f"127.0.0.1:{labeler.port}", **settings):
            pass


@pytest.mark.parametrize(
    "settings",
    [
        {"public_url": "labels.example"},
        {"public_url": "https://labels.example/"},
        {"public_url": "https://labels.example/label"},
        {"tls_certificate_path": "certificate.pem"},
        {"tls_key_path": "key.pem"},
    ],
)
def test_unusable_settings_are_refused(settings):
    """A public address is an origin; a certificate and its key come together."""
    with pytest.raises(ValueError, match=r"must be https://HOST|without a path|belong together"):
        WebConfig(labeler_address="127.0.0.1:1", **settings)


async def test_activity_says_how_long_no_page_has_asked(gateway_url, labeler):
    """None before the first request, little after one; asking for it or for health doesn't count."""
    labeler.double.roles["owner-token"] = preference_pb2.ROLE_OWNER
    async with httpx.AsyncClient(base_url=gateway_url) as client:
        before = (await client.get("/activity", headers=AS_OWNER)).json()
        began_s = time.monotonic()
        await client.get("/")
        await asyncio.sleep(0.3)
        await client.get("/healthz")
        after = (await client.get("/activity", headers=AS_OWNER)).json()
        took_s = time.monotonic() - began_s

    assert before == {"idleS": None}
    assert 0.3 <= after["idleS"] <= took_s


async def test_activity_counts_a_call_that_waits(gateway_url, labeler):
    """A page that waits for a question counts as open, however long it has waited."""
    labeler.double.roles["owner-token"] = preference_pb2.ROLE_OWNER
    labeler.double.num_open = 0
    async with httpx.AsyncClient(base_url=gateway_url, timeout=20) as client:
        waiting = asyncio.create_task(
            client.post(
                "/somersault.v1.LabelerService/LeaseQueries",
                json={"count": 1, "waitS": 5},
                headers={"authorization": "Bearer labeler-token"},
            )
        )
        await labeler.double.lease_asked.wait()
        activity = (await client.get("/activity", headers=AS_OWNER)).json()
        waiting.cancel()

    assert activity == {"idleS": 0.0}


async def test_activity_is_for_owners(http, gateway_url):
    """Only owners learn whether anyone is labeling."""
    assert (await http.get("/activity")).status_code == 403
    async with httpx.AsyncClient(base_url=gateway_url) as stranger:
        assert (await stranger.get("/activity")).status_code == 401
