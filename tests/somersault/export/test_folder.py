"""What is exported acts and scores alike by numpy, by ONNX and in the package, and stands on its own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import safetensors.numpy

import somersault
from somersault.domain.frames import unpacked
from somersault.environments.gymnasium_spaces import frame_maker
from somersault.errors import FailedPreconditionError
from somersault.export.folder import export
from somersault.runs import Run, load_run
from tests.somersault.synthetic_runs import make_run, observations_and_actions
from tests.synthetic_environments import name_of, slow_unless

OWN_KINDS = slow_unless(
    ("Choices", "PictureAndSensors"), among=("Choices", "Bits", "Stack", "PictureAndSensors")
)
KINDS = ["hopper-backflip", "CartPole-v1", "pong", *OWN_KINDS]
MAX_LINES = 50
ROOT = Path(__file__).parents[3]


def exported(folder: Path, name: str) -> tuple[Run, Path]:
    """Export a run of random weights."""
    run = make_run(folder / "runs" / "one", name)
    export(run, folder / "out")
    return run, folder / "out"


def run_there(out: Path, script: str) -> str:
    """Run a script in the export's folder; somersault can't be imported there, the tests' own environments can."""
    blocked = f"import sys; sys.modules['somersault'] = None; sys.path.append({str(ROOT)!r})\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{blocked}sys.path.insert(0, '.')\n{script}"],
        cwd=out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", KINDS)
def test_loaders_need_nothing_of_ours(name: str, tmp_path: Path) -> None:
    """They act and score as the package does, in a process that can't import it."""
    run, out = exported(tmp_path, name)
    observations, actions = observations_and_actions(run.task.spec, 3)
    seen = unpacked(observations, spec=run.task.spec)
    parts = seen if isinstance(seen, dict) else {"observations": seen}
    np.savez(tmp_path / "steps.npz", actions=actions, **parts)
    script = f"""
import json, numpy as np
from policy import Policy, load
from reward_model import RewardModel
steps = dict(np.load({str(tmp_path / "steps.npz")!r}))
actions, policy = steps.pop("actions"), Policy(load("policy.safetensors"))
each = [{{name: part[at] for name, part in steps.items()}} for at in range(3)]
acted = [np.asarray(policy.act(one.get("observations", one), deterministic=True)).tolist() for one in each]
scores = RewardModel(load("reward_model.safetensors")).score(steps.get("observations", steps), actions)
print(json.dumps([acted, scores.tolist()]))
"""
    acted, scores = json.loads(run_there(out, script))
    policy = somersault.load_policy(run)
    each = [unpacked(one, spec=run.task.spec) for one in observations]
    expected = [policy.act(one, deterministic=True).tolist() for one in each]
    np.testing.assert_allclose(acted, expected, atol=1e-6)
    model = somersault.load_reward_model(run)
    np.testing.assert_allclose(scores, model.score(seen, actions), atol=1e-4)


@pytest.mark.parametrize("file", ["policy.py", "reward_model.py"])
def test_loaders_are_short(file: str, tmp_path: Path) -> None:
    """At most 50 lines less the notes to our own linter, and nothing imported but numpy."""
    _, out = exported(tmp_path, "CartPole-v1")
    lines = (out / file).read_text().splitlines()
    imported = {line.split()[1] for line in lines if line.startswith(("import", "from"))}
    assert len(lines) <= MAX_LINES
    assert imported <= {"json", "numpy", "policy"}


@pytest.mark.parametrize("name", KINDS)
def test_onnx_graphs_compute_what_the_loaders_do(name: str, tmp_path: Path) -> None:
    """By ONNX Runtime, over batches of any length."""
    import onnxruntime

    run, out = exported(tmp_path, name)
    spec = run.task.spec
    observations, actions = observations_and_actions(spec, 5)
    if spec.is_discrete:
        actions[3] = -1  # it stands still
    policy, model = somersault.load_policy(run), somersault.load_reward_model(run)

    session = onnxruntime.InferenceSession(str(out / "policy.onnx"))
    names = [output.name for output in session.get_outputs()]
    seen = unpacked(observations, spec=spec)
    inputs = {"observation": seen}
    if isinstance(seen, dict):
        inputs = {"observation": seen["pictures"], "numbers": seen["numbers"]}
    outputs = dict(zip(names, session.run(None, inputs), strict=True))
    each = [unpacked(one, spec=spec) for one in observations]
    expected = np.stack([policy.act(one, deterministic=True) for one in each])
    np.testing.assert_allclose(outputs["action"], expected, atol=1e-5)
    assert set(names) == ({"action", "logits"} if spec.is_discrete else {"action", "mean", "std"})
    if not spec.is_discrete:
        deviation = np.exp(run.policy().arrays["log_std"])
        np.testing.assert_allclose(outputs["std"], np.tile(deviation, (5, 1)), rtol=1e-6)

    session = onnxruntime.InferenceSession(str(out / "reward_model.onnx"))
    if not spec.is_image:
        inputs["action"] = actions.astype(np.int64) if spec.is_discrete else actions
    rewards, members = session.run(["reward", "members"], inputs)
    np.testing.assert_allclose(members, model.members(seen, actions), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(rewards, model.score(seen, actions), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        *("hopper-backflip", "pendulum", "CartPole-v1", "Pendulum-v1", "pong"),
        *slow_unless(("CountedChoices", "PictureAndSensors")),
    ],
)
def test_script_plays_in_plain_gymnasium(name: str, tmp_path: Path) -> None:
    """Its environment fits the policy, without the package."""
    _, out = exported(tmp_path, name)
    script = (out / "play.py").read_text().replace("EPISODE_STEPS = ", "EPISODE_STEPS = 20 or ")
    played = run_there(out, script)
    assert played.startswith("episode 0: ")
    assert "if False" not in script
    assert name == "pong" or ("the environment itself paid" in played and "not what was taught" in played)


def test_script_makes_the_environment_of_the_run(tmp_path: Path) -> None:
    """With the same seed its first observation is that of `make_env`, and the same action leads to the same next."""
    run, out = exported(tmp_path, "walker")
    script = (out / "play.py").read_text().partition("\nfor episode")[0] + (
        "\nimport json\nseen, _ = env.reset(seed=4)\n"
        "after, *_ = env.step(to_action(np.full(6, 0.3, np.float32)))\n"
        "print(json.dumps([seen.tolist(), after.tolist()]))"
    )
    seen, after = json.loads(run_there(out, script))
    env = somersault.make_env(run)
    np.testing.assert_allclose(env.reset(seed=4)[0], seen, atol=1e-6)
    np.testing.assert_allclose(env.step(np.full(6, 0.3, np.float32))[0], after, atol=1e-6)


@pytest.mark.parametrize("kind", ["StackOfColoursFirst", "PictureAndSensors"])
def test_script_sees_what_the_run_saw(kind: str, tmp_path: Path) -> None:
    """The pictures to a level, since grey is summed in another order, and the numbers beside them."""
    run, out = exported(tmp_path, name_of(kind))
    script = (out / "play.py").read_text().partition("\nfor episode")[0] + (
        "\nimport json\nseen, _ = env.reset(seed=4)\n"
        f"both = observe([to_frame(seen)] * {run.task.num_frames}, seen)\n"
        "both = both if isinstance(both, dict) else {'pictures': both, 'numbers': np.zeros(0)}\n"
        "print(json.dumps([both['pictures'].tolist(), both['numbers'].tolist()]))"
    )
    pictures, numbers = json.loads(run_there(out, script))
    plain = gymnasium.make(name_of(kind), render_mode="rgb_array")
    frame = frame_maker(plain.observation_space, run.task)(plain.reset(seed=4)[0])
    expected = unpacked(np.stack([frame] * run.task.num_frames), spec=run.task.spec)
    both = expected if isinstance(expected, dict) else {"pictures": expected, "numbers": np.zeros(0)}
    np.testing.assert_allclose(pictures, both["pictures"], atol=1)
    np.testing.assert_allclose(numbers, both["numbers"], atol=1e-6)


def test_export_says_what_it_is_and_where_from(real_run: Path, tmp_path: Path) -> None:
    """The card, the digests, and the facts in each file of weights."""
    run = load_run(real_run)
    done = export(run, tmp_path / "out")
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "out").iterdir()
    }
    assert done["files"] == digests
    assert done["left_out"] == []
    card = (tmp_path / "out" / "README.md").read_text()
    assert run.summary is not None
    for fact in (
        "`hopper-backflip`",
        run.task.question,
        f"{run.summary['env_steps']:,}",
        f"{run.summary['true_return_mean']:,.2f}",
        run.policy().sha256,
        "## Limits",
    ):
        assert fact in card
    assert all(f"- `{name}`: " in card for name in done["files"])
    data = (tmp_path / "out" / "policy.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    facts = json.loads(header["__metadata__"]["somersault"])
    assert facts["policy_sha256"] == run.policy().sha256
    arrays = safetensors.numpy.load(data)
    assert arrays.keys() == run.policy().arrays.keys()


def test_card_names_the_fenced_commands_of_its_task(tmp_path: Path) -> None:
    """A game needs other packages than a body."""
    for name, needed in (("pong", "ale-py"), ("walker", "gymnasium[mujoco]"), ("CartPole-v1", "pygame-ce")):
        _, out = exported(tmp_path / name, name)
        assert f"'{needed}" in (out / "README.md").read_text()


def test_reference_run_is_exported_without_reward_model(tmp_path: Path) -> None:
    """And says so."""
    run = make_run(tmp_path / "runs" / "one", "hopper-backflip", is_reference=True)
    done = export(run, tmp_path / "out")
    assert not [name for name in done["files"] if name.startswith("reward_model")]
    assert "trained on the true reward" in done["left_out"][0]
    assert "reward_model.py" not in (tmp_path / "out" / "README.md").read_text()


def test_without_onnx_the_rest_is_exported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "onnx", None)
    run = make_run(tmp_path / "runs" / "one", "CartPole-v1")
    done = export(run, tmp_path / "out")
    assert done["left_out"] == ["no ONNX was written: ONNX needs a package: pip install 'somersault[export]'"]
    assert {"policy.safetensors", "policy.py", "reward_model.safetensors"} <= done["files"].keys()
    assert "policy.onnx" not in (tmp_path / "out" / "README.md").read_text()


def test_nothing_is_written_over(real_run: Path, tmp_path: Path) -> None:
    """A folder that holds something is left as it is."""
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(FailedPreconditionError, match="not an empty folder"):
        export(load_run(real_run), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_same_run_gives_the_same_bytes(real_run: Path, tmp_path: Path) -> None:
    """So that digests can be compared."""
    first, second = (export(load_run(real_run), tmp_path / name)["files"] for name in ("a", "b"))
    assert first == second
