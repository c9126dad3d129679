"""What every object store promises, held against each implementation and two real S3 servers."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from somersault import errors
from somersault.storage import ObjectStore, StoredObject, open_store

# SHA-256 of b"abc": FIPS 180-4, example B.1.
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

BAD_KEYS = [
    "",
    "/etc/passwd",
    "a//b",
    "a/",
    "../a",
    "a/../../b",
    "a/./b",
    "..",
    "a\\..\\b",
    "a\nb",
    "a\0b",
    "\ud800",
    ".tmp-1",
    "a/.tmp-1",
    "x" * 201,
    "/".join(["abcd"] * 103),
]


@pytest.fixture(params=["memory", "folder", "s3-rclone", "s3-moto"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., ObjectStore]:
    """Return what opens a store of each kind; on S3 under a prefix of its own in a shared bucket."""
    if request.param == "memory":
        return partial(open_store, "memory://")
    if request.param == "folder":
        return partial(open_store, (tmp_path / "root").as_uri())
    server = request.getfixturevalue(request.param.removeprefix("s3-"))
    return partial(
        open_store,
        server.url(f"contract/{secrets.token_hex(4)}", create="true"),
        access_key=server.access_key,
        secret_key=server.secret_key,
    )


@pytest.fixture
def store(make_store: Callable[..., ObjectStore]) -> ObjectStore:
    """Return an empty store of each kind."""
    return make_store()


class TestObjectStoreContract:
    """Every implementation passes all of it."""

    def test_check_leaves_nothing_behind(self, store: ObjectStore) -> None:
        """A working store passes its check and is as empty after it as before."""
        store.check()
        assert list(store.list("")) == []

    def test_put_describes_what_it_stored(self, store: ObjectStore) -> None:
        """Key, size and SHA-256 come back."""
        stored = store.put("run/abc", b"abc")
        assert stored == StoredObject(key="run/abc", size_bytes=3, sha256=ABC_SHA256)

    def test_get_gives_the_bytes_put(self, store: ObjectStore) -> None:
        """All 256 byte values survive, with and without an expected digest."""
        data = bytes(range(256)) * 4096
        stored = store.put("run/bytes", data)
        assert store.get("run/bytes") == data
        assert store.get("run/bytes", expect_sha256=stored.sha256) == data

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        """Zero bytes are stored and found."""
        assert store.put("empty", b"").sha256 == EMPTY_SHA256
        assert store.exists("empty")
        assert store.get("empty", expect_sha256=EMPTY_SHA256) == b""

    def test_an_object_past_the_sdks_part_size_stays_whole(self, store: ObjectStore) -> None:
        """20 MiB, more than the S3 SDK would send in one part by itself, comes back equal."""
        data = secrets.token_bytes(1024) * (20 * 1024)
        store.put("large", data)
        assert store.get("large") == data

    def test_put_replaces_the_object_of_that_key(self, store: ObjectStore) -> None:
        """The second content, shorter than the first, is what is found."""
        store.put("run/a", b"first content")
        store.put("run/a", b"2nd")
        assert store.get("run/a") == b"2nd"
        assert list(store.list("run/")) == ["run/a"]

    def test_another_digest_is_corrupt_data(self, store: ObjectStore) -> None:
        """A reader who recorded another SHA-256 gets an error that names the key, not the bytes."""
        store.put("run/a", b"abd")
        with pytest.raises(errors.CorruptDataError, match="run/a") as caught:
            store.get("run/a", expect_sha256=ABC_SHA256)
        assert hashlib.sha256(b"abd").hexdigest() not in str(caught.value)

    @pytest.mark.parametrize("digest", ["", "abc", ABC_SHA256.upper(), ABC_SHA256 + "\n"])
    def test_a_malformed_digest_is_invalid_input(self, store: ObjectStore, digest: str) -> None:
        """A digest that no object could have is the caller's mistake, not corruption."""
        store.put("a", b"abc")
        with pytest.raises(errors.InvalidInputError, match="expect_sha256"):
            store.get("a", expect_sha256=digest)

    def test_a_missing_key_is_not_found(self, store: ObjectStore) -> None:
        """Reading it is a NotFoundError that names it; asking for it is False."""
        store.put("run/other", b"x")
        with pytest.raises(errors.NotFoundError, match="run/missing"):
            store.get("run/missing")
        assert not store.exists("run/missing")
        assert not store.exists("run")
        assert store.exists("run/other")

    def test_delete_is_idempotent(self, store: ObjectStore) -> None:
        """Deleting twice, or what never was, is no error and touches nothing else."""
        store.put("run/a", b"x")
        store.put("run/b", b"x")
        store.delete("run/a")
        store.delete("run/a")
        store.delete("never/was")
        assert list(store.list("")) == ["run/b"]

    def test_a_key_can_be_put_again_after_delete(self, store: ObjectStore) -> None:
        """Delete leaves the name free."""
        store.put("a/b", b"1")
        store.delete("a/b")
        store.put("a/b", b"2")
        assert store.get("a/b") == b"2"

    @pytest.mark.parametrize(
        ("prefix", "expected"),
        [
            ("", ["a-b/z", "a/b/c", "a/b/d", "a/bb", "ab"]),
            ("a", ["a-b/z", "a/b/c", "a/b/d", "a/bb", "ab"]),
            ("a/", ["a/b/c", "a/b/d", "a/bb"]),
            ("a/b", ["a/b/c", "a/b/d", "a/bb"]),
            ("a/b/", ["a/b/c", "a/b/d"]),
            ("a/bb", ["a/bb"]),
            ("c", []),
            ("a/c/", []),
            ("ab/", []),
        ],
    )
    def test_list_takes_any_prefix(self, store: ObjectStore, prefix: str, expected: list[str]) -> None:
        """A prefix is compared letter by letter; keys come in code point order ('-' < '/')."""
        for key in ["ab", "a/bb", "a/b/d", "a/b/c", "a-b/z"]:
            store.put(key, b"x")
        assert list(store.list(prefix)) == expected

    def test_list_goes_past_one_page(self, store: ObjectStore) -> None:
        """More than the 1,000 keys that S3 lists at a time are all found, in order."""
        expected = [f"page/{number:04d}" for number in range(1005)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.put(key, b""), expected))
        assert list(store.list("page/")) == expected

    def test_keys_may_hold_any_printable_letters(self, store: ObjectStore) -> None:
        """Characters with a meaning in URLs and XML survive put, list, get and delete."""
        key = "ñandú run/50% a+b&c=d?#<é>'\"~,;:@!$*()[]{}|^`.bin"
        store.put(key, b"x")
        assert list(store.list("ñandú run/50% a+")) == [key]
        assert store.get(key) == b"x"
        store.delete(key)
        assert not store.exists(key)

    def test_the_longest_key_is_taken(self, store: ObjectStore) -> None:
        """512 bytes in components of at most 200 are within bounds."""
        key = "/".join(["x" * 200, "y" * 200, "z" * 110])
        store.put(key, b"x")
        assert list(store.list("")) == [key]

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_a_key_out_of_bounds_is_invalid_input(self, store: ObjectStore, key: str) -> None:
        """Every method refuses it by name before anything is done."""
        for call in (
            lambda: store.put(key, b"x"),
            lambda: store.get(key),
            lambda: store.exists(key),
            lambda: store.delete(key),
        ):
            with pytest.raises(errors.InvalidInputError, match="object key"):
                call()

    @pytest.mark.parametrize("prefix", ["/", "../", "..", "a/..", "a//", "a/./b", "a\0", "\\"])
    def test_a_prefix_out_of_bounds_is_invalid_input(self, store: ObjectStore, prefix: str) -> None:
        """No listing leaves the root."""
        with pytest.raises(errors.InvalidInputError, match="object prefix"):
            store.list(prefix)

    # Not rclone, which writes over the old file in place: our own keys are written once.
    @pytest.mark.parametrize("make_store", ["memory", "folder", "s3-moto"], indirect=True)
    def test_readers_never_see_half_an_object(self, store: ObjectStore) -> None:
        """While one thread replaces an object, others read the old or the new one, whole."""
        contents = [bytes([letter]) * 200_000 for letter in b"ab"]
        store.put("a", contents[0])
        with ThreadPoolExecutor(4) as pool:
            writer = pool.submit(lambda: [store.put("a", contents[i % 2]) for i in range(20)])
            readers = [pool.submit(lambda: [store.get("a") for _ in range(20)]) for _ in range(3)]
            writer.result()
            assert all(found in contents for reader in readers for found in reader.result())

    def test_an_object_past_the_bound_is_refused(self, make_store: Callable[..., ObjectStore]) -> None:
        """As many bytes as the bound are stored; one more is an error with both numbers."""
        store = make_store(max_object_bytes=4)
        assert store.put("a", b"1234").size_bytes == 4
        with pytest.raises(errors.ResourceExhaustedError, match="5 bytes, the store takes at most 4"):
            store.put("a", b"12345")
        assert store.get("a") == b"1234"
