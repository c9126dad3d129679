"""Which processes a run needs and how they are started."""

from __future__ import annotations

from pathlib import Path

import pytest

from somersault.cli.run.folder import RunFolder
from somersault.cli.services.processes import ServiceProcess, names_of_services, plan_processes
from somersault.domain.roles import Role
from somersault.tasks import get_task
from tests.somersault.cli.conftest import make_config

PORTS = {
    "learner": 1001,
    "web": 1002,
    "teacher": 1003,
    "simulator": 1004,
    "reward": 1005,
    "labeler": 1006,
}


def plan(folder: RunFolder, **changes: object) -> dict[str, ServiceProcess]:
    """The processes of a run with these settings, by name."""
    config = make_config(folder, **changes)
    folder.begin(config)
    ports = {name: PORTS[name] for name in names_of_services(config)}
    return {process.name: process for process in plan_processes(config, folder, ports=ports)}


def flags_of(process: ServiceProcess) -> dict[str, str]:
    """The values of a process's flags, which all have one."""
    return dict(zip(process.arguments[::2], process.arguments[1::2], strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A folder without a run."""
    return RunFolder(tmp_path / "run")


def test_learner_is_drained_first(folder: RunFolder) -> None:
    """It must store its checkpoint while the others still answer."""
    assert next(iter(plan(folder))) == "learner"


def test_run_with_a_teacher_has_its_process(folder: RunFolder) -> None:
    """The teacher is one more client, with the run's seed."""
    processes = plan(folder)
    assert set(processes) == {"learner", "simulator", "reward", "labeler", "teacher"}
    assert processes["teacher"].module == "services.teacher"
    assert flags_of(processes["teacher"])["--kind"] == "oracle"
    assert flags_of(processes["teacher"])["--seed"] == "3"


def test_run_of_a_person_has_a_page_and_a_clip_of_everything(folder: RunFolder) -> None:
    """A person needs the page and sees every query; a teacher needs a sample of clips alone."""
    processes = plan(folder, teacher="none", has_web=True)
    assert set(processes) == {"learner", "simulator", "reward", "labeler", "web"}
    assert flags_of(processes["reward"])["--wants-clips"] == "all"
    assert processes["web"].is_http


def test_reference_run_has_neither_labels_nor_their_services(folder: RunFolder) -> None:
    """It learns from the true reward alone."""
    processes = plan(folder, is_reference=True, teacher="none", label_budget=0)
    assert set(processes) == {"learner", "simulator"}
    for process in processes.values():
        assert "--is-reference" in process.arguments
        assert "--reward-address" not in process.arguments


def test_services_know_each_other_by_their_ports(folder: RunFolder) -> None:
    """Each is told where its peers listen, and listens where they were told."""
    processes = plan(folder)
    assert flags_of(processes["simulator"])["--learner-address"] == "127.0.0.1:1001"
    assert flags_of(processes["simulator"])["--reward-address"] == "127.0.0.1:1005"
    assert flags_of(processes["learner"])["--reward-address"] == "127.0.0.1:1005"
    assert flags_of(processes["reward"])["--labeler-address"] == "127.0.0.1:1006"
    assert flags_of(processes["labeler"])["--simulator-addresses"] == "127.0.0.1:1004"
    for name, process in processes.items():
        assert flags_of(process)["--port"] == str(PORTS[name])
        assert process.address == f"127.0.0.1:{PORTS[name]}"


def test_given_settings_reach_the_service(folder: RunFolder) -> None:
    """Environments and threads are the simulator's."""
    flags = flags_of(plan(folder, num_environments=16, num_threads=2)["simulator"])
    assert (flags["--num-environments"], flags["--num-threads"]) == ("16", "2")


def test_settings_of_the_task_reach_the_learner(folder: RunFolder) -> None:
    """What a task begins with differs: rollouts, and how the policy is improved."""
    flags = flags_of(plan(folder, task="pong")["learner"])
    defaults = get_task("pong").defaults
    assert flags["--rollout-steps"] == str(defaults.rollout_steps)
    assert float(flags["--ppo.learning-rate"]) == defaults.ppo["learning_rate"]


def test_reward_service_begins_with_the_tasks_settings(folder: RunFolder) -> None:
    """CartPole's ensemble takes more gradient steps a round than the hopper's."""
    rounds = get_task("CartPole-v1").defaults.reward["trainer.round_steps"]
    flags = flags_of(plan(folder, task="CartPole-v1")["reward"])
    assert float(flags["--trainer.round-steps"]) == rounds


def test_networks_for_pictures_get_all_cores(folder: RunFolder) -> None:
    """Those for vectors are too small to gain from a second."""
    processes = plan(folder, task="pong", num_threads=3)
    assert {flags_of(processes[name])["--num-threads"] for name in ("learner", "reward")} == {"3"}


def test_networks_for_vectors_get_one_core(folder: RunFolder) -> None:
    """It is the services' own default."""
    processes = plan(folder, num_threads=3)
    assert all("--num-threads" not in processes[name].arguments for name in ("learner", "reward"))


def test_secrets_go_by_environment_and_only_to_their_service(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No secret is on a command line, where every user of the machine can read it."""
    monkeypatch.setenv("SOMERSAULT_STORAGE_ACCESS_KEY", "key-of-store")
    monkeypatch.setenv("SOMERSAULT_STORAGE_SECRET_KEY", "secret-of-store")
    processes = plan(folder, has_web=True)
    tokens = folder.read_tokens()
    secrets = {*tokens.values(), "key-of-store", "secret-of-store"}
    for process in processes.values():
        assert not secrets & set(process.arguments)
        assert not any(secret in repr(process) for secret in secrets)
    assert processes["reward"].secrets["SOMERSAULT_REWARD_TOKEN"] == tokens[Role.SERVICE]
    assert processes["teacher"].secrets["SOMERSAULT_TEACHER_TOKEN"] == tokens[Role.TEACHER]
    assert processes["learner"].secrets == {
        "SOMERSAULT_LEARNER_STORAGE_ACCESS_KEY": "key-of-store",
        "SOMERSAULT_LEARNER_STORAGE_SECRET_KEY": "secret-of-store",
    }
    assert processes["web"].secrets == {}


def test_precision_goes_to_those_who_act_and_learn(folder: RunFolder) -> None:
    """The reward service's steps decide what is published, and stay float32."""
    processes = plan(folder, task="pong", precision="bfloat16")
    assert flags_of(processes["learner"])["--ppo.precision"] == "bfloat16"
    assert flags_of(processes["simulator"])["--precision"] == "bfloat16"
    assert not any("precision" in name for name in flags_of(processes["reward"]))
