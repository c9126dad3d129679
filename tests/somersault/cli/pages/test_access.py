"""Where the pages are reached, and by whom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from somersault.cli.pages.access import (
    ShareOptions,
    clear_text_warning,
    is_shared,
    settings_of_sharing,
    web_url,
)
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.errors import InvalidInputError
from tests.services.web.certificates import write_certificate
from tests.somersault.cli.conftest import make_config


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A file that is there."""
    path = tmp_path / "some.pem"
    path.touch()
    return path


def config(**changes: object) -> RunConfig:
    """A run's settings."""
    return make_config(RunFolder(Path("run")), **changes)


def test_pages_are_this_machines_alone_unless_shared() -> None:
    """Nothing is opened to others by default."""
    assert settings_of_sharing(ShareOptions()) == {}
    assert web_url(config(), 8400) == "http://127.0.0.1:8400"
    assert not is_shared("http://127.0.0.1:8400")
    assert not is_shared("http://localhost:8400")


def test_share_listens_everywhere_and_says_this_machines_address() -> None:
    """The address is one that others reach, or loopback where there is no network."""
    settings = settings_of_sharing(ShareOptions(is_shared=True))
    assert settings == {"web_host": "0.0.0.0"}  # noqa: S104 - what is tested
    assert re.fullmatch(r"http://\d+\.\d+\.\d+\.\d+:8400", web_url(config(**settings), 8400))
    assert "0.0.0.0" not in web_url(config(**settings), 8400)  # noqa: S104 - what is tested


def test_behind_a_proxy_the_pages_stay_on_loopback() -> None:
    """Others come through the proxy, so nothing else is opened to them."""
    settings = settings_of_sharing(ShareOptions(is_shared=True, public_url="https://labels.example"))
    assert settings == {"public_url": "https://labels.example"}
    assert web_url(config(**settings), 8400) == "https://labels.example"


def test_certificate_makes_the_address_https(tmp_path: Path) -> None:
    """Files are kept by their absolute paths, so that a resume from elsewhere finds them."""
    certificate, key = write_certificate(tmp_path)
    options = ShareOptions(host="10.0.0.5", tls_certificate=certificate, tls_key=key)
    settings = settings_of_sharing(options)
    assert settings["tls_key"] == str(key.resolve())
    assert web_url(config(**settings), 8400) == "https://10.0.0.5:8400"
    assert web_url(config(web_host="fd00::5"), 8400) == "http://[fd00::5]:8400"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"public_url": "labels.example"}, "--public-url is 'labels.example', must be http:// or https://"),
        ({"public_url": "https://labels.example/"}, "without a path or a slash"),
        ({"public_url": "https://Labels.example"}, "in lower case"),
        ({"allowed_origins": "https://a.example,*"}, "--allowed-origins is '*'"),
        ({"tls_key": Path("key.pem")}, "belong together"),
        ({"tls_key": Path("none.pem"), "tls_certificate": Path("none.pem")}, "must be a PEM file"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], told: str) -> None:
    """The option, its value and what would do."""
    with pytest.raises(InvalidInputError) as raised:
        settings_of_sharing(ShareOptions(**options))  # type: ignore[arg-type]
    assert told in str(raised.value)


def test_http_beside_a_certificate_is_refused(pem: Path) -> None:
    """Invitations would lead where nothing answers."""
    options = ShareOptions(public_url="http://labels.example", tls_certificate=pem, tls_key=pem)
    with pytest.raises(InvalidInputError, match="must begin with https"):
        settings_of_sharing(options)


def test_a_pair_that_can_not_be_used_is_refused_by_its_flags(pem: Path, tmp_path: Path) -> None:
    """Before a run's folder is made: an empty file, another certificate's key, or both files the wrong way round."""
    certificate, key = write_certificate(tmp_path)
    (tmp_path / "other").mkdir()
    _, other_key = write_certificate(tmp_path / "other")
    for first, second in ((pem, pem), (certificate, other_key), (key, certificate)):
        options = ShareOptions(tls_certificate=first, tls_key=second)
        with pytest.raises(
            InvalidInputError, match=f"--tls-certificate {first} and --tls-key {second} can't"
        ):
            settings_of_sharing(options)


def test_a_key_with_a_password_is_refused_without_asking(tmp_path: Path) -> None:
    """A question at the terminal would hang a run that nobody watches."""
    certificate, key = write_certificate(tmp_path)
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(InvalidInputError, match="without a password"):
        settings_of_sharing(ShareOptions(tls_certificate=certificate, tls_key=key))


def test_several_origins_are_given_with_commas() -> None:
    """As `serve web` takes them."""
    options = ShareOptions(allowed_origins="https://a.example, http://127.0.0.1:5173")
    assert settings_of_sharing(options)["allowed_origins"] == ("https://a.example", "http://127.0.0.1:5173")


@pytest.mark.parametrize(
    ("url", "is_warned"),
    [
        ("http://127.0.0.1:8400", False),
        ("https://labels.example", False),
        ("http://labels.example", True),
        ("http://192.168.1.5:8400", True),
    ],
)
def test_a_token_in_the_clear_is_warned_of(url: str, is_warned: bool) -> None:
    """Only where it leaves this machine unencrypted; the way out is named."""
    warning = clear_text_warning(url)
    assert (warning is not None) == is_warned
    if warning:
        assert "not encrypted" in warning
        assert "--tls-certificate" in warning
