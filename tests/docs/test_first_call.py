"""Runs the calls that docs/labeler-api.md begins with, as they stand there, against a labeler and its gateway."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import grpc
import pytest

from services.web.config import WebConfig
from services.web.connect_protocol import code_of, http_status_of
from services.web.server import serve
from somersault.compliance.reference import QUESTION, RUN_ID, reference_labeler
from tests.docs.documents import ROOT, code_spans, read, table_rows

PAGE = read(ROOT / "docs/labeler-api.md")


def _blocks() -> list[str]:
    """Return what is fenced below "A first call", less the commands of our own."""
    section = PAGE.text.partition("\n## A first call\n")[2].partition("\n## ")[0]
    return re.findall(r"^```text\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


async def _run(block: str, environment: dict[str, str], place: Path) -> str:
    program = [sys.executable, "-c", block] if block.startswith("import ") else ["sh", "-ec", block]
    process = await asyncio.create_subprocess_exec(
        *program, cwd=place, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(200):  # the first run on a machine installs buf
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_the_first_calls_work_as_they_are_written(tmp_path: Path) -> None:
    """curl, buf curl, Python and buf generate, in the page's order and from what the page gives, do what it says."""
    shims = tmp_path / "bin"
    shims.mkdir()
    (shims / "buf").write_text(f'#!/bin/sh\nexec "{ROOT}/tools/buf.sh" "$@"\n')
    (shims / "buf").chmod(0o755)
    (shims / "npm").write_text(f'#!/bin/sh\nroot="{ROOT}"\n. "$root/tools/node.sh"\nexec $npm "$@"\n')
    (shims / "npm").chmod(0o755)
    place = tmp_path / "reader"
    place.mkdir()
    (place / "protos").symlink_to(ROOT / "protos")
    async with reference_labeler(tmp_path) as labeler:
        await labeler.propose(1)
        stopped, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
        config = WebConfig(port=0, labeler_address=labeler.address)
        serving = asyncio.create_task(serve(config, stopped=stopped, on_bound=bound.set_result))
        environment = os.environ | {
            "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
            "ADDRESS": labeler.address,
            "GATEWAY": f"http://127.0.0.1:{await bound}",
            "TOKEN": labeler.labeler_token,
            "OWNER_TOKEN": labeler.owner_token,
            "RUN_ID": RUN_ID,
        }
        who, lease, again, stats, _, invited = [await _run(block, environment, place) for block in _blocks()]
        stopped.set()
        await serving

    assert who in PAGE.text
    assert '"leaseToken"' in lease
    assert '"ROLE_LABELER"' in again
    assert stats.strip() == QUESTION
    assert '"token"' in invited
    assert "export const LabelerService" in (place / "gen/somersault/v1/labeler_pb.ts").read_text()


def test_every_refusal_has_the_code_that_the_page_says() -> None:
    """The table of errors is the gateway's."""
    rows = table_rows(PAGE, heading="## Errors and when to call again")
    told = {
        code_spans(status)[0]: (code_spans(codes)[0], int(codes.rpartition(" ")[2]))
        for status, codes, *_ in rows
        if codes
    }
    assert told == {
        name: (code_of(grpc.StatusCode[name]), http_status_of(grpc.StatusCode[name])) for name in told
    }
    sent = {"ABORTED", "OUT_OF_RANGE", "CANCELLED", "UNKNOWN", "OK"}  # never sent by us
    assert set(told) | sent == {status.name for status in grpc.StatusCode}


@pytest.mark.parametrize(
    ("what", "setting"),
    [("at the gateway: a body", "max_body_bytes"), ("at the gateway: a body", "max_call_s")],
)
def test_limits_are_the_settings(what: str, setting: str) -> None:
    """What the gateway bounds by default stands in the table."""
    (bound,) = [bound for name, bound in table_rows(PAGE, heading="## Limits") if name.startswith(what)]
    assert f"{WebConfig.model_fields[setting].default:,.0f}" in bound
