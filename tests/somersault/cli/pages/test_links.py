"""Where the pages are."""

from __future__ import annotations

from urllib.parse import urlsplit

from somersault.cli.pages.links import labeling_url, run_url


def test_tokens_stay_behind_the_hash() -> None:
    """No server and no proxy is sent what follows it; each address leads to its page."""
    labeling = urlsplit(labeling_url("http://127.0.0.1:8400", token="ada"))
    run = urlsplit(run_url("http://127.0.0.1:8400", token="owner"))
    assert (labeling.netloc, labeling.path, labeling.query) == ("127.0.0.1:8400", "/", "")
    assert labeling.fragment == "token=ada"
    assert (run.path, run.query, run.fragment) == ("/run", "", "token=owner")
