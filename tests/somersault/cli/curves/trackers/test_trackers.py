"""Experiment trackers get what the run tells, by their own clients, and never hold it up."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.__main__ import main
from somersault.cli.curves import TRACKERS, RunFacts, check_tracker
from somersault.cli.curves.sink import CurvePoint, CurveSink
from somersault.cli.curves.trackers import background_sink as background_module
from somersault.cli.curves.trackers.background_sink import BackgroundSink
from somersault.cli.curves.trackers.registry import open_tracker
from somersault.errors import ConfigError
from somersault.runtime.urls import sqlite_url
from tests.somersault.cli.curves.trackers import recorded_clients
from tests.somersault.cli.curves.trackers.recorded_clients import CALLS, Recorder

_FACTS = RunFacts(
    run_id="first", settings={"task": "hopper-backflip", "seed": 3}, texts={"question": "Which flips?"}
)
_CLIP = (resources.files("somersault.compliance") / "clips" / "0.mp4").read_bytes()


def _point(env_steps: int) -> CurvePoint:
    return CurvePoint(
        env_steps=env_steps,
        wall_s=1.5,
        num_restarts=0,
        state="learning",
        scalars={"run/labels": env_steps / 10},
    )


def _tell_all(sink: CurveSink) -> None:
    """One life of a run from its first point to its end."""
    sink.write(_point(100))
    sink.write(_point(200))
    sink.add_video("policy", _CLIP, env_steps=200)
    sink.finish({"true_return_mean": 7.5}, env_steps=200)
    sink.close()


@pytest.fixture(params=TRACKERS)
def recorder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Recorder]:
    """Each tracker's client in turn, recorded."""
    recorder = Recorder(request.param)
    for name, module in getattr(recorded_clients, request.param)(recorder).items():
        monkeypatch.setitem(sys.modules, name, module)
    return request.param, recorder


def test_every_call_is_one_that_the_client_takes(recorder: tuple[str, Recorder], tmp_path: Path) -> None:
    """Points by environment steps, settings, a video and the results."""
    name, calls = recorder
    folder = tmp_path / "first"
    folder.mkdir()
    _tell_all(open_tracker(name, _FACTS, folder=folder))
    if name == "wandb":
        (init,) = calls.arguments("init")
        assert (init["mode"], init["config"]["seed"], init["name"]) == ("offline", 3, "first")
        logged = [arguments["data"] for arguments in calls.arguments("log")]
        assert [each["run/env_steps"] for each in logged] == [100, 200, 200]
        assert logged[2]["policy"] == "a video"
        assert calls.arguments("finish") == [{"exit_code": 0}]
    elif name == "mlflow":
        assert {each["key"]: each["value"] for each in calls.arguments("log_param")} == _FACTS.settings
        metrics = calls.arguments("Metric")
        assert {"run/labels", "final/true_return_mean"} < {each["key"] for each in metrics}
        assert [each["step"] for each in metrics if each["key"] == "run/labels"] == [100, 200]
        assert calls.arguments("log_artifact")[0]["local_path"].endswith("policy-000000200.mp4")
        assert calls.arguments("set_terminated") == [{"run_id": "run-of-mlflow", "status": "FINISHED"}]
    else:
        assert calls.arguments("init")[0]["config"] == {**_FACTS.settings, **_FACTS.texts}
        assert [each["step"] for each in calls.arguments("log")] == [100, 200, 200, 200]
        assert calls.arguments("log")[3]["metrics"] == {"final/true_return_mean": 7.5}


def test_a_resumed_run_is_the_same_run_to_its_tracker(recorder: tuple[str, Recorder], tmp_path: Path) -> None:
    """By the name that the run's folder keeps."""
    name, calls = recorder
    for _ in range(2):
        open_tracker(name, _FACTS, folder=tmp_path).close()
    if name == "mlflow":
        assert len(calls.arguments("create_run")) == 1
        assert calls.arguments("update_run") == [{"run_id": "run-of-mlflow", "status": "RUNNING"}]
    else:
        first, again = ({"id": None, **each} for each in calls.arguments("init"))
        assert (first["id"], first["name"]) == (again["id"], again["name"])
    assert name in json.loads((tmp_path / "tracking.json").read_text())


def test_another_run_of_the_same_name_is_another(recorder: tuple[str, Recorder], tmp_path: Path) -> None:
    """Run folders on two machines may have one name."""
    name, calls = recorder
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        open_tracker(name, _FACTS, folder=tmp_path / place).close()
    if name == "mlflow":
        assert len(calls.arguments("create_run")) == 2
    else:
        first, again = calls.arguments("init")
        assert (first.get("id"), first["name"]) != (again.get("id"), again["name"])


def _installed(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{name} is not installed")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the clients' own
@pytest.mark.parametrize("name", [pytest.param(name, marks=_installed(name)) for name in TRACKERS])
def test_the_real_client_keeps_it_without_a_network(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told is on this machine's disk, beside the run's folder whatever lies above it is called."""
    runs = tmp_path / " runs of 50%41 & more?#"
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(runs / "trackio"))
    folder = runs / "first"
    folder.mkdir(parents=True)
    _tell_all(open_tracker(name, _FACTS, folder=folder))
    again = open_tracker(name, _FACTS, folder=folder)
    again.write(_point(300))
    again.close()
    assert _KEPT[name](runs) >= {100, 200, 300}
    assert any(path.read_bytes() == _CLIP for path in runs.rglob("*.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == [runs.name]


def _kept_by_wandb(folder: Path) -> set[int]:
    data = b"".join(path.read_bytes() for path in folder.rglob("*.wandb"))
    return {step for step in (100, 200, 300) if str(step).encode() in data and b"true_return_mean" in data}


def _kept_by_mlflow(folder: Path) -> set[int]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=sqlite_url(folder / "mlflow.db", names_driver=True))
    run_id = json.loads((folder / "first" / "tracking.json").read_text())["mlflow"]
    assert client.get_run(run_id).data.metrics["final/true_return_mean"] == 7.5
    return {metric.step for metric in client.get_metric_history(run_id, "run/labels")}


def _kept_by_trackio(folder: Path) -> set[int]:
    with closing(sqlite3.connect(folder / "trackio" / "somersault.db")) as database, database:
        return {step for (step,) in database.execute("SELECT step FROM metrics")}


_KEPT: dict[str, Callable[[Path], set[int]]] = {
    "wandb": _kept_by_wandb,
    "mlflow": _kept_by_mlflow,
    "trackio": _kept_by_trackio,
}


def test_the_recorded_calls_are_of_versions_that_the_extras_allow() -> None:
    """A newer least version asks for a new recording."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires("somersault") or ():
        requirement = Requirement(text)
        if requirement.name in TRACKERS:
            assert requirement.specifier.contains(CALLS[requirement.name]["version"])


def test_a_missing_client_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything begins."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in TRACKERS else find(name))
    with pytest.raises(ConfigError, match=r"pip install 'somersault\[mlflow\]'"):
        check_tracker("mlflow")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "hopper-backflip", "--teacher", "oracle", "--track", "wandb"]) == 2
    assert "--track wandb needs its client: pip install 'somersault[wandb]'" in capsys.readouterr().err
    assert main(["train", "hopper-backflip", "--teacher", "oracle", "--track", "abacus"]) == 2
    assert "--track is 'abacus', must be one of wandb, mlflow, trackio" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


class _Tracker:
    """Notes the steps it is told; may fail, or wait, at the first."""

    def __init__(
        self, *, error: Exception | None = None, gate: threading.Event | None = None, farewell: str = ""
    ) -> None:
        self._farewell = farewell
        self.steps: list[int] = []
        self.is_closed = False
        self._error, self._gate = error, gate

    def write(self, point: CurvePoint) -> None:
        if self._gate is not None:
            self._gate.wait(10)
        if self._error is not None:
            raise self._error
        self.steps.append(point.env_steps)

    def rewind(self, env_steps: int) -> None:
        pytest.fail("a tracker can't forget")

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None: ...

    def finish(self, results: Any, *, env_steps: int) -> None: ...

    def close(self) -> None:
        self.is_closed = True
        if self._farewell:
            sys.stdout.write(f"{self._farewell}\n")


def test_a_tracker_hears_nothing_twice() -> None:
    """After a checkpoint is restored it is silent until the run is past what the tracker has."""
    tracker = _Tracker()
    sink = BackgroundSink(lambda: tracker, name="x", say=pytest.fail, newest_env_steps=150)
    for env_steps in (100, 200, 300):
        sink.write(_point(env_steps))
    sink.rewind(200)
    for env_steps in (250, 300, 400):
        sink.write(_point(env_steps))
    sink.close()
    assert tracker.steps == [200, 300, 300, 400]
    assert tracker.is_closed


def test_a_farewell_does_not_reach_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json that is one JSON object."""
    sink = BackgroundSink(lambda: _Tracker(farewell="Run finished."), name="x", say=pytest.fail)
    sink.close()
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Run finished.\n")


def test_a_tracker_that_fails_is_said_once_and_left_alone() -> None:
    """The run goes on without it."""
    said: list[str] = []
    sink = BackgroundSink(lambda: _Tracker(error=OSError("no disk")), name="wandb", say=said.append)
    for env_steps in (100, 200, 300):
        sink.write(_point(env_steps))
    sink.close()
    assert said == ["wandb stopped accepting curves; the run goes on without it: OSError('no disk')"]


def test_a_tracker_that_never_answers_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a point nor the end waits for it."""
    monkeypatch.setattr(background_module, "_CUT_S", 0.05)
    monkeypatch.setattr(background_module, "_MAX_WAITING", 2)
    gate, said = threading.Event(), list[str]()
    tracker = _Tracker(gate=gate)
    sink = BackgroundSink(lambda: tracker, name="wandb", say=said.append)
    for env_steps in range(10):
        sink.write(_point(env_steps))
    sink.close()
    gate.set()
    assert said == ["wandb did not accept everything within 0 s; the rest is in progress.jsonl"]
