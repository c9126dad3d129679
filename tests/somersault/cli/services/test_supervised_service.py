"""When a service is given up: by its own line, or for an environment that ended its process, whatever the exit code."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from somersault.cli.services import supervised_service
from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.supervised_service import SupervisedService
from somersault.errors import ConfigError, UnavailableError

_CODES = (0, 1, 2, 3, 70, 255)
_SIGNALS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS)
_ENDS = {f"os._exit({code})": f"exit code {code}" for code in _CODES} | {
    f"signal.signal({number:d}, signal.SIG_DFL); os.kill(os.getpid(), {number:d})": f"killed by {number.name}"
    for number in _SIGNALS
}

_SERVICE = """
import os, pathlib, signal, sys
from somersault.runtime.call_record import CallRecord
print('{{"event": "joined"}}', flush=True)
record = CallRecord("Cart-v0", num_environments=2, path=pathlib.Path(sys.argv[1]))
{work}
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lives follow each other at once; what is started is found in the test's folder."""
    monkeypatch.setattr(supervised_service, "_BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr(supervised_service, "_BACKOFF_CAP_S", 0.01)
    monkeypatch.setattr(supervised_service, "MAX_RESTARTS", 4)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


async def _end_of(work: str, folder: Path, *, name: str = "odd", has_served: bool = False) -> str:
    """The line with which the keeper of a service that does this gives up."""
    (folder / f"{name}.py").write_text(_SERVICE.format(work=work))
    process = ServiceProcess(
        name="simulator",
        module=name,
        arguments=(str(folder / f"{name}.calls"),),
        address="127.0.0.1:1",
        call_record=folder / f"{name}.calls",
    )
    keeper = SupervisedService(process, log=folder / f"{name}.log")
    if has_served:
        keeper.ready.set()
    with pytest.raises((ConfigError, UnavailableError)) as ended:
        async with asyncio.timeout(60):
            await keeper.run()
    return f"{keeper.num_restarts} restarts: {ended.value}"


async def test_an_environment_that_ends_the_process_is_accused_whatever_the_code(tmp_path: Path) -> None:
    """After three lives, also by the codes with which a service says something itself."""
    slots = asyncio.Semaphore(2)

    async def end(number: int, work: str) -> str:
        async with slots:
            return await _end_of(f'record.of(1).begin("step", 4); {work}', tmp_path, name=f"odd_{number}")

    told = await asyncio.gather(*(end(*place) for place in enumerate(_ENDS)))
    for line, how in zip(told, _ENDS.values(), strict=True):
        assert line.startswith(
            f"2 restarts: environment Cart-v0 (copy 1) ended the process ({how}) in step, at step 4,"
            " 3 times within 60 s; its last words: "
        )


@pytest.mark.parametrize("code", [2, 3])
async def test_a_services_own_line_ends_a_run_at_once(tmp_path: Path, code: int) -> None:
    """Though an environment is being called."""
    line = "somersault simulator: it won't do"
    work = f'record.of(0).begin("step", 4); sys.stderr.write("{line}\\n"); sys.exit({code})'
    assert await _end_of(work, tmp_path) == "0 restarts: simulator: it won't do"


@pytest.mark.parametrize(
    "work",
    [
        'record.of(0).begin("step", 4); sys.stderr.write("somersault simulator: no\\n"); sys.exit(1)',
        'record.of(0).begin("step", 4); print(\'{{"event": "draining"}}\', flush=True); os._exit(0)',
        'record.of(0).begin("step", 4); record.of(0).end(); os._exit(3)',
    ],
    ids=["its work failed", "it was asked to end", "no call"],
)
async def test_a_service_that_ends_itself_accuses_no_environment(tmp_path: Path, work: str) -> None:
    """It is started again, as often as any."""
    told = await _end_of(work.replace("{{", "{").replace("}}", "}"), tmp_path)
    assert told.startswith("5 restarts: simulator was restarted 4 times within 60 s and ended again")


async def test_a_store_that_is_away_ends_no_run(tmp_path: Path) -> None:
    """A service that served before is started again as often as its store can't be reached; the first start tells at once."""
    lives = "pathlib.Path(sys.argv[1] + '.lives')"
    away = "sys.stderr.write('somersault simulator: the store is away' + chr(10)); sys.exit(75)"
    assert await _end_of(away, tmp_path) == "0 restarts: simulator: the store is away"
    work = f"""
with {lives}.open('a') as file:
    file.write('x')
if len({lives}.read_text()) <= 9:
    {away}
sys.stderr.write('somersault simulator: it is fixed' + chr(10)); sys.exit(3)
"""
    assert (
        await _end_of(work, tmp_path, name="later", has_served=True) == "9 restarts: simulator: it is fixed"
    )
