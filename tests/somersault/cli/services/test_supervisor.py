"""Real processes that start, die, come back and end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from somersault.cli.services import supervised_service
from somersault.cli.services.ports import choose_ports
from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.supervisor import Supervisor
from somersault.errors import ConfigError, UnavailableError
from tests.somersault.cli.conftest import FAKES, ROOT

pytestmark = pytest.mark.usefixtures("fake_services")


def make_process(name: str, *, module: str = FAKES, **secrets: str) -> ServiceProcess:
    """A fake service on a free port."""
    port = choose_ports(1)[0]
    return ServiceProcess(
        name=name,
        module=module,
        arguments=("--port", str(port)),
        address=f"127.0.0.1:{port}",
        secrets=secrets,
    )


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Supervisor]:
    """Two fake services that are healthy."""
    supervisor = Supervisor([make_process("first"), make_process("second")], logs=tmp_path)
    await supervisor.start()
    yield supervisor
    await supervisor.stop()


async def until(condition, *, timeout_s: float = 20.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_started_services_are_healthy_and_in_groups_of_their_own(started: Supervisor) -> None:
    """Ctrl-C on a terminal must reach us and not them."""
    pids = started.process_ids()
    assert set(pids) == {"first", "second"}
    assert started.restarting == []
    assert all(os.getpgid(pid) == pid for pid in pids.values())


async def test_killed_service_comes_back_at_the_same_address(started: Supervisor) -> None:
    """It is counted, healthy again, and the other one never noticed."""
    before = started.process_ids()
    os.kill(before["first"], signal.SIGKILL)
    await until(lambda: started.restarting == ["first"])
    await until(lambda: started.restarting == [])
    after = started.process_ids()
    assert after["first"] != before["first"]
    assert after["second"] == before["second"]
    assert started.num_restarts == 1


async def test_a_service_that_was_steady_comes_back_at_once_however_often_it_died(
    started: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kills of a healthy service don't make the next one wait for seconds."""
    monkeypatch.setattr(supervised_service, "_STEADY_S", 0.0)
    service = started._services[0]
    for _ in range(3):
        pid = started.process_ids()["first"]
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: service.is_ready and service.pid != pid)
        await asyncio.sleep(0.01)
    assert not service._backoff.is_failing


async def test_restarts_of_earlier_lives_count(tmp_path: Path) -> None:
    """A resumed run goes on counting."""
    assert Supervisor([], logs=tmp_path, num_restarts=4).num_restarts == 4


async def test_service_that_refuses_its_settings_stops_the_start_with_its_line(tmp_path: Path) -> None:
    """Exit code 2 at the first start is a configuration error, and restarting does not cure it."""
    supervisor = Supervisor([make_process("first"), make_process("bad", FAKE_EXIT="2")], logs=tmp_path)
    with pytest.raises(ConfigError, match=r"^fake: port is 'x', must be a number$"):
        await supervisor.start()
    await supervisor.stop()
    assert supervisor.num_restarts == 0
    assert supervisor.process_ids() == {}


async def test_service_without_hope_is_not_started_again(tmp_path: Path) -> None:
    """Exit code 3 says so, whenever it comes, and the reason is the service's own line."""
    supervisor = Supervisor([make_process("first"), make_process("bad", FAKE_EXIT="3")], logs=tmp_path)
    with pytest.raises(ConfigError, match=r"^fake: port is 'x', must be a number$"):
        await supervisor.start()
    await supervisor.stop()
    assert supervisor.num_restarts == 0


async def test_service_that_never_becomes_ready_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ten restarts in vain comes a line that says where to look."""
    monkeypatch.setattr(supervised_service, "_BACKOFF_CAP_S", 0.01)
    monkeypatch.setattr(supervised_service, "_BACKOFF_FIRST_S", 0.01)
    supervisor = Supervisor([make_process("bad", module="tests.no_such_module")], logs=tmp_path)
    with pytest.raises(
        UnavailableError, match=r"bad was restarted 10 times .*exit code 1.*No module.*bad\.log"
    ):
        await supervisor.start()
    await supervisor.stop()


async def test_a_learner_that_is_killed_has_stored_no_checkpoint_and_that_is_said(tmp_path: Path) -> None:
    """Memory that runs out is the usual reason, and the kernel gives none."""
    supervisor = Supervisor([make_process("learner"), make_process("second")], logs=tmp_path)
    await supervisor.start()
    os.kill(supervisor.process_ids()["learner"], signal.SIGKILL)
    assert (await supervisor.stop()).startswith(
        "learner ended badly (killed by SIGKILL, as the system does when memory runs out); its last words: "
    )


async def test_a_learner_killed_at_the_second_ctrl_c_is_not_laid_to_the_system(tmp_path: Path) -> None:
    """Whoever pressed it again would look for memory that was never short."""
    supervisor = Supervisor([make_process("learner")], logs=tmp_path)
    await supervisor.start()
    supervisor.kill()
    assert (await supervisor.stop()).startswith("learner ended badly (killed at the second Ctrl-C); its ")


async def test_stop_drains_the_first_before_the_rest(tmp_path: Path) -> None:
    """SIGTERM reaches the learner first, so that it stores its checkpoint among living peers."""
    drained = tmp_path / "drained"
    processes = [make_process(name, FAKE_DRAIN=str(drained)) for name in ("first", "second")]
    supervisor = Supervisor(processes, logs=tmp_path)
    await supervisor.start()
    assert await supervisor.stop() == ""
    ports = [process.arguments[1] for process in processes]
    assert drained.read_text().split() == ports
    assert supervisor.num_restarts == 0


async def test_log_is_kept_over_restarts(started: Supervisor, tmp_path: Path) -> None:
    """What a service said before it died is still there."""
    (tmp_path / "first.log").write_bytes(b"earlier\n")
    os.kill(started.process_ids()["first"], signal.SIGKILL)
    await until(lambda: started.num_restarts == 1 and not started.restarting)
    assert (tmp_path / "first.log").read_bytes().startswith(b"earlier\n")


def test_no_service_outlives_a_killed_command_line(tmp_path: Path) -> None:
    """A kill -9 of the parent takes all children with it."""
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from somersault.cli.services.supervisor import Supervisor
        from tests.somersault.cli.services.test_supervisor import make_process

        async def main():
            supervisor = Supervisor([make_process("a"), make_process("b")], logs=Path(sys.argv[1]))
            await supervisor.start()
            print(*supervisor.process_ids().values(), flush=True)
            await asyncio.Event().wait()

        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    give_up = time.monotonic() + 30
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < give_up, "a service outlived its parent"
        time.sleep(0.05)
