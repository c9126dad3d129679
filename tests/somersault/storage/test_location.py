"""Which URLs open which store."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from somersault import errors
from somersault.runtime.urls import hide_secrets
from somersault.storage import open_store


def test_a_file_url_opens_a_folder(tmp_path: Path) -> None:
    """The path may hold characters that a URL escapes; the folder is made."""
    root = tmp_path / "runs of 50% & more?"
    open_store(root.as_uri()).put("a", b"x")
    assert (root / "a").read_bytes() == b"x"


def test_each_memory_url_opens_a_store_of_its_own() -> None:
    """What one holds another does not."""
    open_store("memory://").put("a", b"x")
    assert not open_store("memory://").exists("a")


def test_an_s3_url_is_opened_without_a_connection() -> None:
    """Services may start before their store."""
    url = "s3://127.0.0.1:1/runs/a/b?secure=false&region=eu-west-1&create=true"
    open_store(url, access_key="some-key", secret_key="some-secret")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "file:///ABSOLUTE/PATH"),
        ("/data/runs", "file:///ABSOLUTE/PATH"),
        ("http://host/bucket", "s3://HOST"),
        ("file://host/path", "file:///ABSOLUTE/PATH"),
        ("file:relative", "file:///ABSOLUTE/PATH"),
        ("file:///a?b=c", "%3F"),
        ("file:///a?run", "can't be used"),
        ("file:///a?run=a&run=b", "%3F"),
        ("file:///a?run=a&b=c", "%3F"),
        ("file:///a?run=..", "can't be used"),
        ("file:///a?run=a/b", "can't be used"),
        ("file:///a%00b", "NUL"),
        ("memory://name", "memory://"),
        ("s3://", "s3://HOST"),
        ("s3://host:9000", "s3://HOST"),
        ("s3:///bucket", "s3://HOST"),
        ("s3://host:port/bucket", "can't be read"),
        ("s3://host:99999/bucket", "can't be read"),
        ("s3://[::1/bucket", "can't be read"),
        ("s3://host/B_D", "can't be used"),
        ("s3://host/bucket/../other", "can't be used"),
        ("s3://host/bucket?secure=no", "option secure is 'no', must be true or false"),
        ("s3://host/bucket?create=", "option create is '', must be true or false"),
        ("s3://host/bucket?regoin=x", "option is 'regoin', must be secure, region or create"),
    ],
)
def test_a_url_that_names_no_store_is_a_config_error(url: str, words: str) -> None:
    """The message says what was given and what would do."""
    with pytest.raises(errors.ConfigError) as caught:
        open_store(url, access_key="some-key", secret_key="some-secret")
    assert words in str(caught.value)


@pytest.mark.parametrize(("access_key", "secret_key"), [(None, None), ("a", None), (None, "b"), ("a", "")])
def test_s3_without_credentials_is_a_config_error(access_key: str | None, secret_key: str | None) -> None:
    """Secrets have no defaults."""
    with pytest.raises(errors.ConfigError, match="both an access key and a secret key"):
        open_store("s3://host/bucket", access_key=access_key, secret_key=secret_key)


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    """A URL ends up in logs; the message must not."""
    with pytest.raises(errors.ConfigError, match="holds credentials") as caught:
        open_store("s3://key:hush@host/bucket")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("piece", ["a", "a.a", "pass", "a:", "://", "=a", "secret=", "a@"])
def test_secrets_are_hidden_in_a_time_that_grows_with_the_text(piece: str) -> None:
    """Not with its square: what is hidden comes from settings and errors of any length."""
    began_s = time.perf_counter()
    hide_secrets(piece * (300_000 // len(piece)))
    assert time.perf_counter() - began_s < 5
