"""No caller is told where on its machine or network a service keeps something."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import grpc
import pytest

from somersault import rpc
from somersault.errors import InvalidInputError, SomersaultError, text_for_callers
from somersault.runtime.urls import run_folder_url
from somersault.storage import open_store
from somersault.storage.folder import FolderStore
from somersault.v1 import simulator_pb2, simulator_pb2_grpc


class _Failing(simulator_pb2_grpc.SimulatorServiceServicer):
    def __init__(self, work: Any) -> None:
        self._work = work

    async def Render(self, request: Any, context: Any) -> Any:
        """Fail as the store does, with the error wrapped in one that repeats its text."""
        try:
            self._work()
        except SomersaultError as error:
            if request.size_px:
                raise InvalidInputError(f"clip_uri holds no clip: {error}") from error
            raise


async def _told(work: Any, *, is_wrapped: bool) -> str:
    server = rpc.create_server()
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(_Failing(work), server)
    port = rpc.bind(server, host="127.0.0.1", port=0)
    await server.start()
    try:
        async with rpc.open_channel(f"127.0.0.1:{port}") as channel:
            stub = simulator_pb2_grpc.SimulatorServiceStub(channel)
            await stub.Render(simulator_pb2.RenderRequest(size_px=int(is_wrapped)))
    except grpc.aio.AioRpcError as error:
        return error.details() or ""
    finally:
        await server.stop(None)
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize("fault", ["missing", "gone", "folder", "full", "broken", "another run", "S3 away"])
async def test_an_error_of_the_store_shows_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, is_wrapped: bool
) -> None:
    """Whatever is wrong with it; the log has the place."""
    root = tmp_path / "objects"
    store = FolderStore(root)
    works: dict[str, Any] = {
        "missing": lambda: store.get("r/none"),
        "gone": lambda: (root.rmdir(), store.get("r/none")),
        "folder": lambda: (store.put("r/a/b", b""), store.put("r/a", b"")),
        "full": lambda: store.put("r/full", b"a"),
        "broken": lambda: store.put("r/broken", b"a"),
        "another run": lambda: open_store(run_folder_url(root, run_id="r")).get("other/a"),
        "S3 away": lambda: open_store(
            "s3://127.0.0.1:1/bucket-of-mine?secure=false", access_key="a", secret_key="b"
        ).get("r/a"),
    }
    if fault in ("full", "broken"):
        code = errno.ENOSPC if fault == "full" else errno.EIO

        def fail(*_: object) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SomersaultError) as local:
        works[fault]()
    if fault == "gone":
        root.mkdir()
    place = "127.0.0.1:1" if fault == "S3 away" else str(root)
    assert place in str(local.value)
    told = await _told(works[fault], is_wrapped=is_wrapped)
    assert place not in told
    assert "bucket-of-mine" not in told
    assert told


def test_an_error_without_a_place_is_told_as_it_is() -> None:
    """Field, value and bound are for callers."""
    assert text_for_callers(InvalidInputError("a", 1, "2")) == "a is 1, must be 2"
