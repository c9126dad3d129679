"""No secret is in a log, an error or a file that others can read, whatever fails.

Kind: a secret that leaves its place: with the variables of a frame, with a setting or a URL that is quoted back, or by the
mode of a file.
"""

from __future__ import annotations

import asyncio
import re
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.labeler.config import LabelerConfig
from services.labeler.database import open_database
from services.labeler.people.labelers import Labelers
from services.labeler.webhooks.client import WebhookClient
from services.learner.config import LearnerConfig
from services.reward.config import RewardConfig
from services.simulator.config import SimulatorConfig
from services.teacher.config import TeacherConfig
from services.teacher.custom_function import CustomFunction, FunctionFailedError
from somersault.cli.exits.ending import ending_of
from somersault.cli.run.folder import RunFolder
from somersault.domain.roles import Role
from somersault.errors import SomersaultError
from somersault.formats.sealed import SealedPart
from somersault.runtime import app, telemetry
from somersault.runtime.config import ServiceConfig, load_config
from somersault.storage import open_store
from somersault.v1 import labeler_pb2
from tests.services.labeler.running import RUN_ID, TOKENS, lease, running_labeler, submit

SECRET = "hunter2-6f1d"
URLS = (
    f"postgresql://user:{SECRET}@db.example/labels",
    f"postgresql+psycopg://user:{SECRET}@/labels",
    f"s3://key:{SECRET}@host:9000/bucket",
    f"s3://key:half/{SECRET}@host/bucket",
    f"s3:key:{SECRET}@host/bucket",
    f"s3://host:{SECRET}/bucket",
    f"s3://host/bucket?secret_key={SECRET}",
    f"file:///a?token={SECRET}",
    f"https://user:{SECRET}@host/{'a' * 300}",
    f"https://user:{'a' * 300}{SECRET}@host/",
)
CONFIGS: Mapping[str, type[ServiceConfig]] = {
    "simulator": SimulatorConfig,
    "learner": LearnerConfig,
    "reward": RewardConfig,
    "labeler": LabelerConfig,
    "teacher": TeacherConfig,
}


def _told_of(kind: type[ServiceConfig], flags: list[str]) -> str:
    """What is logged of settings, or why they are refused."""
    try:
        return str(load_config(kind, flags).as_logged())
    except SomersaultError as error:
        return str(error)


def _fail(secret: str) -> None:
    held = {"authorization": f"Bearer {secret}"}
    raise RuntimeError(f"out of luck with {len(held)}")


@pytest.mark.parametrize(
    "set_up",
    [
        lambda: telemetry.set_up_logging(service="x"),
        telemetry.set_up_command_logging,
        lambda: app.run_to_exit("x", lambda _served: _fail(SECRET)),
    ],
    ids=["service", "command", "start"],
)
def test_a_traceback_has_no_variables(capsys: pytest.CaptureFixture[str], set_up: Callable[[], Any]) -> None:
    """It says what failed and where; what the frames held stays in them."""
    set_up()
    try:
        _fail(SECRET)
    except RuntimeError as error:
        structlog.get_logger().error("call_failed", exc_info=error)
    told = capsys.readouterr()
    assert "out of luck with 1" in told.err
    assert "test_secrets.py" in told.err
    assert SECRET not in told.out + told.err


@pytest.mark.parametrize("service", CONFIGS)
def test_a_refused_setting_is_not_quoted_with_its_secret(service: str) -> None:
    """Neither from a flag with the right name nor from one with a wrong name, nor where the settings are logged."""
    kind, url = CONFIGS[service], URLS[3]
    for flags in (
        *(["--storage-url", one] for one in URLS),
        [f"--storage-secrt-key={SECRET}"],
        ["--storage-secrt-key", SECRET],
        ["--database-urll", url],
        ["--host", url],
        ["--port", url],
        ["--storage-secret-key", f"{SECRET}\x07"],
        ["--storage-access-key", f"{SECRET}\x07"],
        ["--token", f"{SECRET}\x07"],
        ["--learner-address", url],
        ["--labeler-address", url],
        ["--simulator-addresses", url],
    ):
        assert SECRET not in _told_of(kind, flags)


@pytest.mark.parametrize("url", URLS)
def test_a_refused_place_is_not_quoted_with_its_secret(url: str) -> None:
    """An object store's, and a database's."""
    for refuse in (lambda: open_store(url), lambda: open_database(url)):
        if "db.example" in url or "@/labels" in url:  # a server would be called
            continue
        with pytest.raises(SomersaultError) as refused:
            refuse()
        assert SECRET not in str(refused.value)


def test_settings_are_logged_without_secrets() -> None:
    """Those that a service was given, each of them."""
    flags = ["--database-url", URLS[0], "--storage-url", "s3://host/bucket"]
    flags += ["--storage-access-key", f"{SECRET}-id", "--storage-secret-key", SECRET]
    config = load_config(LabelerConfig, flags)
    assert SECRET not in str(config.as_logged()) + repr(config) + str(config)
    other = load_config(
        TeacherConfig,
        [
            "--storage-url",
            URLS[2],
            "--labeler-address",
            "localhost:1",
            "--token",
            SECRET,
            "--kind",
            "oracle",
            "--run-id",
            "r",
        ],
    )
    assert SECRET not in str(other.as_logged())


def test_an_unreachable_database_is_named_without_its_password() -> None:
    """Nor what else its URL holds."""
    url = f"postgresql+psycopg://user:{SECRET}@127.0.0.1:1/labels?sslpassword={SECRET}"
    with pytest.raises(SomersaultError, match=r"127\.0\.0\.1") as refused:
        open_database(url)
    assert SECRET not in str(refused.value)


def test_a_commands_bug_is_logged_without_secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command line that led to it is logged, the password in it isn't."""
    monkeypatch.setattr(sys, "argv", ["somersault", "train", "x", "--storage-url", URLS[2]])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        _fail(SECRET)
    except RuntimeError as error:
        (line,) = ending_of(error).lines
    (log,) = tmp_path.glob("somersault-*.log")
    assert "out of luck" in log.read_text()
    assert SECRET not in line + log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_teacher_that_fails_tells_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user's function fails in the process that holds the teacher's token."""
    telemetry.set_up_logging(service="teacher")
    (tmp_path / "mine.py").write_text(
        f"def answer(a, b, rng):\n    held = '{SECRET[:7]}' + '{SECRET[7:]}'\n    1 / 0\n"
    )
    function = CustomFunction(f"{tmp_path / 'mine.py'}:answer")
    part = SealedPart.__new__(SealedPart)
    monkeypatch.setattr(CustomFunction, "_call", lambda self, *_: self._function(0, 0, 0))
    with pytest.raises(FunctionFailedError):
        function(part, part, None)  # type: ignore[arg-type]
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told
    assert SECRET not in told


async def test_what_fails_in_a_labeler_tells_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An rpc and a webhook's delivery fail by bugs, and tokens are wrong: no token or secret is in any file or line."""
    telemetry.set_up_logging(service="labeler")

    async def fail(self: object, *arguments: Any, **named: Any) -> Any:
        _fail(str(named))

    async with running_labeler(tmp_path, allow_private_webhooks=True) as labeler:
        await labeler.create_run()
        await labeler.propose("one")
        monkeypatch.setattr(WebhookClient, "post", fail)
        owner = labeler.as_role(Role.OWNER)
        made = await owner.CreateWebhook(
            labeler_pb2.CreateWebhookRequest(run_id=RUN_ID, url="http://127.0.0.1:1/hook?token=" + SECRET)
        )
        (leased,) = await lease(labeler.as_role(Role.TEACHER), count=1)
        await submit(labeler.as_role(Role.TEACHER), leased.lease_token, "answer")
        monkeypatch.setattr(Labelers, "list_known", fail)
        for token in (TOKENS[Role.OWNER], "wrong-token-0123456789"):
            with pytest.raises(Exception, match=r"internal error|token"):
                await labeler.as_token(token).ListLabelers(labeler_pb2.ListLabelersRequest())
        with pytest.raises(Exception, match="credentials"):
            await owner.CreateWebhook(
                labeler_pb2.CreateWebhookRequest(run_id=RUN_ID, url=f"https://u:{SECRET}@host/hook")
            )
        told = ""
        async with asyncio.timeout(20):
            while "webhook_failed" not in told:
                await asyncio.sleep(0.1)
                told += capsys.readouterr().err
    assert "call_failed" in told
    secrets = [SECRET, made.secret, *TOKENS.values(), "wrong-token-0123456789"]
    assert [secret for secret in secrets if secret in told] == []
    for path in _files(tmp_path):
        if path.name != "tokens.json":
            assert [one for one in secrets if one.encode() in path.read_bytes() and "token" in one] == [], (
                path
            )


def test_a_runs_tokens_are_in_no_other_file(real_run: Path) -> None:
    """Not in its logs, its settings, its database; and nothing of it can be read by others."""
    tokens = RunFolder(real_run).read_tokens().values()
    keys = [path.read_bytes() for path in real_run.glob("certificates/*/tls.key")]
    for path in _files(real_run):
        data = path.read_bytes()
        if path.name != "tokens.json":
            assert not any(token.encode() in data for token in tokens), path
        if path.name != "tls.key":
            assert not any(key in data for key in keys), path
            assert not re.search(rb"PRIVATE KEY", data), path
    open_to_others = [path for path in (real_run, *real_run.rglob("*")) if path.stat().st_mode & 0o077]
    assert open_to_others == []


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
