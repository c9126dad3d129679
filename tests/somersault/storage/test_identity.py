"""A store says whose a run's objects are, and services compare it."""

from __future__ import annotations

import json

import pytest

from somersault.domain.keys import identity_key
from somersault.errors import ConfigError, CorruptDataError
from somersault.storage import (
    StoredIdentity,
    check_store,
    new_identity,
    open_store,
    read_identity,
    write_identity,
)

SAID = StoredIdentity(run_id="run-1", identity="0" * 32, start_mark="1" * 32)
VALUES = {"format": 1, "run_id": "run-1", "identity": "0" * 32, "start_mark": "1" * 32}


def test_what_is_written_is_read() -> None:
    """As one strict JSON object under the run's prefix; of another run the store says nothing."""
    store = open_store("memory://")
    write_identity(store, SAID)
    assert json.loads(store.get("run-1/identity.json")) == VALUES
    assert read_identity(store, "run-1") == SAID
    assert read_identity(store, "run-2") is None


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"identity": "x"}, "32 lower-case"),
        ({"identity": 5}, "texts"),
        ({"start_mark": None}, "texts"),
        ({"run_id": "run-2"}, "of run 'run-2'"),
        ({"more": "x"}, "texts"),
        ({"format": 0}, "format 1"),
        ({"format": "1"}, "format 1"),
    ],
)
def test_another_object_in_its_place_is_refused(changes: dict[str, object], word: str) -> None:
    """Naming the key, what is wrong with it, and what to do."""
    store = open_store("memory://")
    store.put(identity_key("run-1"), json.dumps(VALUES | changes).encode())
    with pytest.raises(CorruptDataError, match=word) as caught:
        read_identity(store, "run-1")
    assert "'run-1/identity.json'" in str(caught.value)
    assert "--adopt" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[]", b"1", b"{"])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    """Whatever bytes lie there."""
    store = open_store("memory://")
    store.put(identity_key("run-1"), data)
    with pytest.raises(CorruptDataError, match="can't be read"):
        read_identity(store, "run-1")


def test_a_newer_format_is_refused_as_such() -> None:
    """It's not damaged: a newer program reads it."""
    store = open_store("memory://")
    store.put(identity_key("run-1"), json.dumps({"format": 2, "whose": "mine"}).encode())
    with pytest.raises(ConfigError, match="newer somersault"):
        read_identity(store, "run-1")


def test_a_service_compares_what_it_was_given() -> None:
    """Nothing, something foreign and nothing there are told apart."""
    store = open_store("memory://")
    check_store(store, "run-1", identity="")
    with pytest.raises(ConfigError, match="mount what it names"):
        check_store(store, "run-1", identity=SAID.identity)
    write_identity(store, SAID)
    check_store(store, "run-1", identity=SAID.identity)
    with pytest.raises(ConfigError, match=f"another run named 'run-1', of identity {SAID.identity}"):
        check_store(store, "run-1", identity="f" * 32)


def test_no_two_identities_are_alike() -> None:
    """And each is one."""
    drawn = {new_identity() for _ in range(100)}
    assert len(drawn) == 100
    assert all(len(each) == 32 for each in drawn)
