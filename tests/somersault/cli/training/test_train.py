"""Whole runs of the command with real processes that only pretend to learn."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from somersault.cli.__main__ import main
from somersault.cli.run.folder import RunFolder
from somersault.cli.start.train_options import TrainOptions, begin_run
from tests.somersault.cli.conftest import ROOT

TRAIN = ["train", "hopper-backflip", "--teacher", "oracle", "--steps", "40000", "--no-web"]


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command with fakes in the place of all services."""
    script = textwrap.dedent(
        """
        import os, sys
        from somersault.cli.__main__ import main
        from somersault.cli.services import processes
        from somersault.cli.start import preflight
        from somersault.processes import landlock

        async def draw(**_):
            pass

        # Each is a process of its own, and not of these services.
        preflight.check_settings = lambda *_, **__: None
        preflight.check_drawing = draw
        if "NO_LANDLOCK" in os.environ:
            landlock.why_not = lambda: os.environ["NO_LANDLOCK"]
        processes.MODULES = dict.fromkeys(processes.MODULES, "tests.somersault.cli.fakes")
        sys.exit(main(sys.argv[1:]))
        """
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run the command to its end and return its exit code and both outputs."""
    process = start(*arguments, **environment)
    output, errors = process.communicate(timeout=90)
    return process.returncode, output, errors


def test_run_ends_with_summary_and_video(tmp_path: Path) -> None:
    """The only line on standard output is the summary; everything promised is in the folder.

    So it is without Landlock (older Linux, other systems, containers that refuse it), which is said once.
    """
    code, output, errors = run(*TRAIN, "--run-dir", str(tmp_path / "run"), "--json", NO_LANDLOCK="it is old")
    assert code == 0, errors
    assert errors.count("could open the run's sealed part: it is old") == 1
    (line,) = output.splitlines()
    summary = json.loads(line)
    folder = RunFolder(tmp_path / "run")
    assert summary == json.loads(folder.summary.read_text())
    assert summary["true_return_mean"] == 15.0
    assert summary["labels"] == 7
    assert summary["preference_accuracy"] == 0.75
    assert summary["video"] == str(folder.video)
    # Both members say 0, 1, 2, 3, 4 on a scale of their own: standardised, steps of 1 / sqrt(2).
    bar = json.loads(folder.video.read_text())
    assert bar == pytest.approx([(step - 2) / 2**0.5 for step in range(5)], abs=1e-6)
    assert folder.progress.read_text()
    assert list(folder.curves.iterdir())
    assert {log.stem for log in folder.logs.iterdir()} == {
        "learner",
        "simulator",
        "reward",
        "labeler",
        "teacher",
    }


def test_those_who_answer_are_told_of_the_end(tmp_path: Path) -> None:
    """The labeler hears that the run goes on, gets the final policy's clip, and only then that it is finished."""
    told = tmp_path / "told"
    code, output, errors = run(*TRAIN, "--run-dir", str(tmp_path / "run"), FAKE_TOLD=str(told))
    assert code == 0, errors
    assert told.read_text().splitlines() == [
        "RUN_STATE_RUNNING",
        "clip 3 of 5 steps, final True",
        "RUN_STATE_FINISHED The hopper makes 1.0 backflip an episode, which is no better than chance yet.",
    ]
    assert output.splitlines()[-1] == f"  somersault open {tmp_path}/run"
    addresses = json.loads((tmp_path / "run" / "addresses.json").read_text())
    assert f"labeler (gRPC, not a page): {addresses['labeler']}, tokens: {tmp_path}/run/tokens.json" in output


def test_run_is_finished_once_with_one_true_return(tmp_path: Path) -> None:
    """What the last rollouts returned is not told beside what the final policy returns; chance is named."""
    code, output, errors = run(*TRAIN, "--run-dir", str(tmp_path / "run"))
    assert code == 0, errors
    lines = output.splitlines()
    (finished,) = [number for number, line in enumerate(lines) if line.endswith("  finished")]
    assert lines[finished].startswith("100% 40,000/40,000 steps")
    end = "\n".join(lines[finished:])
    assert end.count("true return") == 1
    assert "the final policy's true return 15.0 (random 540, " in end
    assert "warning: the policy is no better than one that acts at random" in end


def test_reference_run_has_no_bar_and_no_agreement(tmp_path: Path) -> None:
    """Without reward model there is nothing to draw beside the agent."""
    command = ["train", "hopper-backflip", "--true-reward", "--run-dir", str(tmp_path / "run"), "--json"]
    code, output, errors = run(*command)
    assert code == 0, errors
    summary = json.loads(output)
    assert (summary["labels"], summary["preference_accuracy"]) == (0, None)
    assert RunFolder(tmp_path / "run").video.read_text() == "[]"


def test_interrupted_run_says_how_to_go_on_and_goes_on(tmp_path: Path) -> None:
    """SIGINT drains, exits with 130 and prints a command that finishes the run; its time is added up."""
    told = tmp_path / "told"
    process = start(*TRAIN, "--run-dir", str(tmp_path / "run"), FAKE_TRAINING_S="600", FAKE_TOLD=str(told))
    folder = RunFolder(tmp_path / "run")
    give_up = time.monotonic() + 60
    while not folder.progress.is_file() or not folder.progress.read_text() or not told.is_file():
        assert time.monotonic() < give_up
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"somersault train hopper-backflip --run-dir {tmp_path}/run --resume" in output
    assert output.splitlines()[-1] == f"  somersault open {tmp_path}/run"
    assert told.read_text().splitlines()[-1] == "RUN_STATE_STOPPED"
    earlier_s = folder.read_last_progress()["wall_s"]
    assert earlier_s > 0
    resume = ["train", "hopper-backflip", "--run-dir", str(tmp_path / "run"), "--resume", "--json"]
    code, output, errors = run(*resume, "--labels", "80", FAKE_TOLD=str(told), FAKE_TELLS_STARTS="1")
    assert code == 0, errors
    lines = told.read_text().splitlines()
    resumed = lines[lines.index("RUN_STATE_STOPPED") + 1 :]
    # The reward service reads the budget as it starts: told later, it would go on with the old one.
    assert resumed[:3] == ["budget 80", "the reward service starts", "RUN_STATE_RUNNING"]
    assert json.loads(output)["wall_s"] >= round(earlier_s, 2)


def test_service_that_refuses_to_start_is_one_line(tmp_path: Path) -> None:
    """The service's own words, exit code 2, and how to go on."""
    code, _, errors = run(*TRAIN, "--run-dir", str(tmp_path / "run"), FAKE_EXIT="2")
    assert code == 2
    assert errors.splitlines()[-1] == (
        "somersault: error: fake: port is 'x', must be a number; once that is fixed, resume with:"
        f" somersault train hopper-backflip --run-dir {tmp_path}/run --resume"
    )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "hopper-frontflip"], "(did you mean hopper-backflip?)"),
        (
            [*TRAIN, "--labels", "0"],
            "--labels is 0, must be 1 to 1,000,000: nothing is learned without labels",
        ),
        ([*TRAIN, "--steps", "0"], "--steps is 0, must be 1 to"),
        ([*TRAIN, "--steps", "many"], "--steps is 'many', must be a whole number"),
        (
            [*TRAIN, "--steps", "2000"],
            "--steps is 2000, must be at least 32,768: the first question needs 64",
        ),
        (
            [*TRAIN, "--labels", "20000"],
            "--labels is 20000, must be at most 9,591: 40,000 steps bring 139 segments",
        ),
        ([*TRAIN, "--num-environments", "1000"], "--steps is 40000, must be at least 320,000"),
        (
            ["train", "hopper-backflip", "--true-reward", "--steps", "4095"],
            "--steps is 4095, must be at least 4,096: one rollout to learn from (64 environments x 64 steps)",
        ),
        ([*TRAIN, "--seed", "-1"], "--seed is -1, must be 0 to"),
        ([*TRAIN, "--pacing", "fast"], "--pacing is 'fast', must be one of lockstep, free"),
        ([*TRAIN, "--precision", "auto"], "--precision is 'auto', must be one of float32, bfloat16"),
        (
            ["train", "hopper-backflip", "--teacher", "me"],
            "teacher is 'me', must be one of oracle, stochastic",
        ),
        (["train", "hopper-backflip", "--teacher", "0.5*oracle+0.6*skip"], "above 0 and sum to 1"),
        (["train", "hopper-backflip", "--teacher", "mistake(mistake=2)"], "is 2.0, must be 0 to 1"),
        (
            ["train", "hopper-backflip", "--teacher", "nowhere.py:f"],
            "'nowhere.py', must be the path of an existing Python",
        ),
        ([*TRAIN, "--true-reward"], "--true-reward needs no labels"),
        ([*TRAIN, "--resume"], "--resume needs --run-dir"),
        ([*TRAIN, "--storage-url", "ftp://x"], "object store URL is 'ftp://x'"),
        ([*TRAIN, "--storage-url", "s3://127.0.0.1:9/b"], "needs both an access key and a secret key"),
        ([*TRAIN, "--colour"], "No such option: --colour"),
        (["dance"], "No such command 'dance'"),
        (["serve", "chef"], "service is 'chef', must be one of simulator, learner"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is wrong and what would do, before anything is written."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) != 0
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("somersault: error: ")
    assert told in line
    assert captured.out == ""
    assert not list(tmp_path.rglob("*"))


def test_store_that_is_away_is_found_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is begun that could not be kept."""
    monkeypatch.setenv("SOMERSAULT_STORAGE_ACCESS_KEY", "key")
    monkeypatch.setenv("SOMERSAULT_STORAGE_SECRET_KEY", "secret-secret")
    url = "s3://127.0.0.1:9/bucket?secure=false"
    assert main([*TRAIN, "--run-dir", str(tmp_path / "run"), "--storage-url", url]) == 1
    assert "127.0.0.1:9 can't be reached" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_busy_page_port_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The port that was asked for by name must be free."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        run_dir = str(tmp_path / "run")
        assert main(["train", "hopper-backflip", "--run-dir", run_dir, "--web-port", str(port)]) == 2
    assert f"--web-port {port} is in use" in capsys.readouterr().err


def test_error_with_json_is_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the last line finds JSON even then."""
    assert main([*TRAIN, "--labels", "0", "--json"]) == 2
    assert "--labels is 0" in json.loads(capsys.readouterr().out)["error"]


def test_run_is_not_begun_twice_nor_resumed_as_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An existing run is only resumed, and only as what it was."""
    run_dir = ["--run-dir", str(tmp_path / "run")]
    code, _, errors = run(*TRAIN, *run_dir)
    assert code == 0, errors
    assert main([*TRAIN, *run_dir]) == 1
    assert "is not empty; add --resume" in capsys.readouterr().err
    assert main(["train", "hopper-backflip", *run_dir, "--resume", "--seed", "9"]) == 2
    assert "seed was 0 when this run began" in capsys.readouterr().err
    assert main(["train", "hopper-backflip", *run_dir, "--resume", "--precision", "bfloat16"]) == 2
    assert "precision was 'float32' when this run began" in capsys.readouterr().err


def test_a_teacher_of_ones_own_is_found_from_everywhere(tmp_path: Path) -> None:
    """Its file is kept by its absolute path, so that the run goes on wherever it is resumed from."""
    reference = "examples/custom_teacher.py:by_the_worst_step"
    command = [
        "train",
        "hopper-backflip",
        "--teacher",
        reference,
        "--no-web",
        "--run-dir",
        str(tmp_path / "run"),
    ]
    code, _, errors = run(*command)
    assert code == 0, errors
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["teacher"] == f"{ROOT}/{reference}"
    assert config["pacing"] == "lockstep"
    code, _, errors = run(*command, "--resume")
    assert code == 0, errors


def test_lists_and_versions(capsys: pytest.CaptureFixture[str]) -> None:
    """Tasks, the version and help come without ado."""
    assert main(["tasks"]) == 0
    assert "hopper-backflip" in capsys.readouterr().out
    assert main(["tasks", "--json"]) == 0
    assert "hopper-backflip" in {json.loads(line)["task"] for line in capsys.readouterr().out.splitlines()}
    assert main(["tasks", "hopper-backflip"]) == 0
    assert "188 steps, 1.50 s" in capsys.readouterr().out
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("somersault ")
    for command in ([], ["train", "--help"], ["serve"], ["serve", "--help"]):
        assert main(command) == 0
        assert "somersault" in capsys.readouterr().out


def test_serve_passes_flags_and_exit_code_through() -> None:
    """The service's own words and code are all there is."""
    command = [sys.executable, "-m", "somersault.cli", "serve", "learner", "--no-such-flag"]
    served = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert served.returncode == 2
    assert "--no-such-flag" in served.stderr.splitlines()[-1]


def test_command_line_loads_no_service_and_no_torch() -> None:
    """It starts fast and works where only the command line is installed."""
    script = (
        "import sys, somersault.cli.command_line; print([name for name in sys.modules"
        " if name.split('.')[0] in ('services', 'torch', 'mujoco', 'tensorboard')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize(("task", "is_settled"), [("pong", True), ("hopper-backflip", False)])
def test_threads_that_change_sums_are_settled_when_a_run_begins(
    task: str, is_settled: bool, tmp_path: Path
) -> None:
    """A resume on a machine with more cores sums over a minibatch of pictures as the run did before."""
    run_dir = tmp_path / "run"
    with RunFolder(run_dir) as folder:
        begun = begin_run(TrainOptions(task=task, run_dir=run_dir, teacher="oracle"), folder)
    with RunFolder(run_dir) as folder:
        assert folder.resume() == begun
    assert (begun.num_threads is not None) is is_settled
    assert begun.precision == "float32"


@pytest.mark.parametrize("change", ["moved", pytest.param("deleted", marks=pytest.mark.slow)])
def test_a_run_whose_folder_is_moved_or_deleted_ends_and_says_so(change: str, tmp_path: Path) -> None:
    """Its services would wait for their store for ever."""
    path, new = tmp_path / "run", tmp_path / "elsewhere" / "new"
    process = start(*TRAIN, "--run-dir", str(path), FAKE_TRAINING_S="600")
    folder = RunFolder(path)
    give_up_s = time.monotonic() + 60
    try:
        while not folder.progress.is_file() or not folder.progress.read_text():
            assert time.monotonic() < give_up_s
            time.sleep(0.1)
        new.parent.mkdir()
        path.rename(new)
        if change == "deleted":
            shutil.rmtree(new)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    told = "moved to " + str(new) if change == "moved" else "moved or deleted"
    (line,) = [line for line in errors.splitlines() if line.startswith("somersault: error: ")]
    assert f"run folder {path} was {told} while the run went on" in line
    assert f"--run-dir {new if change == 'moved' else 'NEW'} --resume" in line
