"""What a folder of certificates may hold, and how one that can't be used is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from somersault.domain.roles import Identity
from somersault.errors import ConfigError
from somersault.rpc.tls.certificates import read_certificates
from tests.certificates import PREFIX, Authority, replace_files


def _spoilt(folder: Path, kind: str) -> Path:  # noqa: C901 - one case a line
    """Write certificates of which one thing is wrong."""
    authority = Authority()
    authority.write(folder, "learner")
    match kind:
        case "expired":
            authority.write(folder, "learner", days=-1)
        case "an expired authority":
            Authority(days=-1).write(folder, "learner")
        case "no key":
            (folder / "tls.key").unlink()
        case "no PEM":
            (folder / "ca.crt").write_bytes(b"nothing")
        case "another key":
            replace_files(folder, {"tls.key": authority.leaf("learner")[1]})
        case "a locked key":
            key = ec.generate_private_key(ec.SECP256R1())
            locked = serialization.BestAvailableEncryption(b"secret")
            pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
            replace_files(folder, {"tls.key": pem})
        case "too large":
            replace_files(folder, {"ca.crt": b"#" * (1 << 20) + authority.pem})
        case "no name":
            authority.write(folder, "learner", prefix=None)
        case "another scheme":
            authority.write(folder, "learner", prefix="https://example.org/")
        case "another word":
            authority.write(folder, "cook")
        case "no folder":
            return folder / "elsewhere"
    return folder


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("expired", r"expiry of .*/tls\.crt is '20\d\d-.*Z', must be after now, 20\d\d-.*Z"),
        ("an expired authority", r"expiry of .*/ca\.crt is '.*', must be after now"),
        (
            "no key",
            r"certificates_path has no tls\.key that can be read \(.*No such file.*\); it must be a folder",
        ),
        ("no PEM", r"/ca\.crt is 'something else', must be certificates in PEM"),
        (
            "another key",
            r"/tls\.key is another certificate's key, must be the key of the first in .*/tls\.crt",
        ),
        ("a locked key", r"/tls\.key is 'something else', must be a private key in PEM without a password"),
        ("too large", r"size of .*/ca\.crt is 'over 1048576 bytes', must be at most 1048576 bytes"),
        (
            "no name",
            r"URI among the names of .*/tls\.crt is 'none', must be one SPIFFE name that ends in simulator,",
        ),
        ("another scheme", r"is 'https://example\.org/learner', must be one SPIFFE name"),
        ("another word", r"is 'spiffe://.*/cook', must be one SPIFFE name that ends in .* or owner"),
        ("no folder", r"certificates_path has no tls\.crt that can be read"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path: Path, kind: str, told: str) -> None:
    """It names the file, what is there and what must be; a secret is never shown."""
    with pytest.raises(ConfigError, match=told) as caught:
        read_certificates(_spoilt(tmp_path / "certificates", kind))
    assert "\n" not in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)


@pytest.mark.parametrize("prefix", [PREFIX, "spiffe://example.org/ns/runs/sa/backflip-"])
@pytest.mark.parametrize("identity", Identity)
def test_the_name_says_who_and_of_which_run(tmp_path: Path, prefix: str, identity: Identity) -> None:
    """The run's own part is whatever stands before the service."""
    certificates = read_certificates(Authority().write(tmp_path, identity, prefix=prefix))
    assert (certificates.identity, certificates.prefix) == (identity, prefix)


def test_no_text_made_of_certificates_shows_the_key(tmp_path: Path) -> None:
    """Such as a log line or a traceback."""
    certificates = read_certificates(Authority().write(tmp_path, "learner"))
    assert "PRIVATE KEY" not in f"{certificates!r} {certificates}"


def test_a_chain_and_several_authorities_are_kept_and_words_between_them_dropped(tmp_path: Path) -> None:
    """Tools write comments before certificates; the expiry that counts is the chain's first and the authorities' last."""
    old, new = Authority("old", days=2), Authority("new", days=30)
    old.write(tmp_path, "learner", days=5)
    chain = (tmp_path / "tls.crt").read_bytes()
    replace_files(tmp_path, {"tls.crt": b"Subject: learner\n" + chain + old.pem, "ca.crt": old.pem + new.pem})
    certificates = read_certificates(tmp_path)
    assert certificates.chain == chain + old.pem
    assert certificates.authorities == old.pem + new.pem
    assert certificates.expiry == old.certificate.not_valid_after_utc
    assert certificates.authorities_expiry == new.certificate.not_valid_after_utc
