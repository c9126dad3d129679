"""What services need before they reach each other over a network."""

from __future__ import annotations

import pytest

from services.labeler.config import LabelerConfig
from services.simulator.config import SimulatorConfig
from services.web.config import WebConfig
from somersault.errors import ConfigError
from somersault.runtime.addresses import is_loopback
from somersault.runtime.config import ServiceConfig, load_config

_NEEDED: dict[type[ServiceConfig], list[str]] = {
    SimulatorConfig: ["--task", "pendulum", "--storage-url", "file:///tmp/x"],
    LabelerConfig: ["--database-url", "sqlite:////tmp/x", "--storage-url", "file:///tmp/x"],
    WebConfig: [],
}


@pytest.mark.parametrize(
    ("kind", "flags", "field"),
    [
        (SimulatorConfig, ["--host", "0.0.0.0"], "host is 0.0.0.0"),  # noqa: S104
        (SimulatorConfig, ["--host", "::"], "host is ::"),
        (SimulatorConfig, ["--learner-address", "learner:7001"], "learner_address is learner"),
        (SimulatorConfig, ["--reward-address", "[fd00::5]:7003"], "reward_address is fd00::5"),
        (
            LabelerConfig,
            ["--simulator-addresses", "127.0.0.1:1,10.0.0.5:1"],
            "simulator_addresses is 10.0.0.5",
        ),
        (WebConfig, ["--labeler-address", "labeler.example:7004"], "labeler_address is labeler.example"),
    ],
)
def test_other_machines_need_certificates_or_a_word(
    kind: type[ServiceConfig], flags: list[str], field: str
) -> None:
    """The line names the setting and says what to give."""
    with pytest.raises(ConfigError, match=rf"{field}, must be this machine .* unless certificates_path"):
        load_config(kind, [*_NEEDED[kind], *flags])
    load_config(kind, [*_NEEDED[kind], *flags, "--is-plaintext-allowed"])
    load_config(kind, [*_NEEDED[kind], *flags, "--certificates-path", "/certificates"])


def test_pages_may_be_served_to_other_machines() -> None:
    """Browsers have no certificates; TLS for them is the gateway's own."""
    config = load_config(WebConfig, ["--host", "0.0.0.0", "--labeler-address", "127.0.0.1:1"])  # noqa: S104
    assert config.certificates_path is None


def test_a_port_for_front_ends_needs_certificates_for_the_other() -> None:
    """Otherwise both would be the same."""
    needed = [*_NEEDED[LabelerConfig], "--public-port", "7005"]
    with pytest.raises(ConfigError, match="public_port is 7005, must not be given without certificates_path"):
        load_config(LabelerConfig, needed)
    assert load_config(LabelerConfig, [*needed, "--certificates-path", "/c"]).has_public_port


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(
            (host, True)
            for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST.", "::ffff:127.0.0.1")
        ),
        *(
            (host, False)
            for host in ("0.0.0.1", "::", "10.0.0.1", "example.org", "localhost.example", "127.example")
        ),
        *((host, False) for host in ("::ffff:10.0.0.1", "fe80::1%lo")),
    ],
)
def test_loopback_is_told_from_everything_else(host: str, expected: bool) -> None:
    """A name counts only if it can mean nothing else."""
    assert is_loopback(host) is expected


def test_a_prefix_must_be_one_of_spiffe() -> None:
    """Anything else would match no certificate, and so refuse all."""
    with pytest.raises(ConfigError, match="identity_prefixes"):
        load_config(
            WebConfig, ["--labeler-address", "localhost:1", "--identity-prefixes", "example.org/run/"]
        )
