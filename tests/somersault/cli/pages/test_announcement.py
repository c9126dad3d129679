"""What is said about where a run is reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from somersault.cli.pages.addresses import Addresses, choose_labeler_port, read_addresses
from somersault.cli.pages.announcement import Announcement
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.ports import choose_ports
from tests.somersault.cli.conftest import make_config

LABELER = "127.0.0.1:7004"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """The folder of a run that people teach."""
    folder = RunFolder(tmp_path / "run")
    folder.begin(make_config(folder, teacher="none"))
    return folder


def announce(folder: RunFolder, web: str) -> Announcement:
    """What would be said with the pages there."""
    return Announcement(folder.read_config(), folder, Addresses(labeler=LABELER, web=web))


def test_without_a_desktop_the_addresses_and_the_tunnel_are_said(folder: RunFolder) -> None:
    """Nobody sits there, so nothing is opened, and the way from another machine is named."""
    lines = list(announce(folder, "http://127.0.0.1:8400").lines(is_opened=False))
    assert lines[0].startswith("run page: http://127.0.0.1:8400/run#token=")
    assert lines[1].startswith("labeling page: http://127.0.0.1:8400/#token=")
    assert "ssh -L 8400:127.0.0.1:8400" in lines[2]
    assert lines[3] == f"labeler (gRPC, not a page): {LABELER}, tokens: {folder.tokens}"


def test_shared_pages_say_where_to_invite_and_warn(folder: RunFolder) -> None:
    """Each address begins as others reach it; without TLS a warning comes, with it none."""
    clear = list(announce(folder, "http://10.0.0.5:8400").lines(is_opened=False))
    safe = list(announce(folder, "https://labels.example").lines(is_opened=False))
    assert clear[2].startswith("invite people here: http://10.0.0.5:8400/owner#token=")
    assert clear[3].startswith("warning: http://10.0.0.5:8400 is not encrypted")
    assert safe[1].startswith("labeling page: https://labels.example/#token=")
    assert not any("warning" in line for line in safe)


def test_without_pages_the_labeler_is_no_page(folder: RunFolder) -> None:
    """Its address speaks gRPC: nothing calls it http."""
    announcement = announce(folder, "")
    assert list(announcement.lines(is_opened=False)) == [
        f"labeler (gRPC, not a page): {LABELER}, tokens: {folder.tokens}",
        (
            "answer by a client of the labeler's API (docs/labeler-api.md), or on a page of its own:"
            f" somersault serve web --labeler-address {LABELER} --run-id run"
        ),
    ]
    assert (
        announcement.waiting(num_awaited=12) == f"waiting for 12 answers at the labeler, by gRPC: {LABELER}"
    )
    assert announcement.values() == {"web_url": "", "labeler_address": LABELER}


def test_waiting_says_for_how_many_and_where_without_an_address_that_lets_nobody_in(
    folder: RunFolder,
) -> None:
    """The line goes into logs, so no token is in it; without one the page's address is of no use."""
    announcement = announce(folder, "http://127.0.0.1:8400")
    assert (
        announcement.waiting(num_awaited=12)
        == "waiting for 12 answers on the labeling page (its address is above)"
    )
    assert (
        announcement.waiting(num_awaited=1)
        == "waiting for 1 answer on the labeling page (its address is above)"
    )
    assert (
        announcement.waiting(num_awaited=0)
        == "waiting for your answers on the labeling page (its address is above)"
    )


def test_nobody_is_asked_for_answers_that_an_owner_lets_nobody_give(folder: RunFolder) -> None:
    """A paused run names no page: nothing can be answered there."""
    announcement = announce(folder, "http://127.0.0.1:8400")
    assert announcement.waiting(num_awaited=4, is_paused=True) == "paused by an owner"


def test_addresses_are_found_again(tmp_path: Path) -> None:
    """The labeler gets its port back, so that clients find it after a resume; without a file any free one does."""
    path = tmp_path / "addresses.json"
    assert read_addresses(path) == Addresses(labeler="", web="")
    assert choose_labeler_port(path) > 0
    port = choose_ports(1)[0]
    Addresses(labeler=f"127.0.0.1:{port}", web="http://127.0.0.1:8400").store(path)
    assert read_addresses(path).web == "http://127.0.0.1:8400"
    assert choose_labeler_port(path) == port
