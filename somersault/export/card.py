"""The model card of an export: what the policy is, how good it is, what it learned from, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from somersault.export.play import requirements
from somersault.runs import Run, StoredPolicy
from somersault.tasks import Task

__all__ = ["model_card"]

_CARD = """# {title}: a policy taught by comparisons

{description}

| | |
| --- | --- |
| task | `{task}` |
| asked | {question} |
| taught by | {taught_by} |
| answers | {labels} of {label_budget} |
| environment steps | {env_steps} |
| policy version | {policy_version} |
| SHA-256 of the policy | `{policy_sha256}` |
| made by | somersault {version}, run `{run_id}`, seed {seed} |

## Results

{results}

Measured by the run in fresh episodes under the final policy with actions drawn from it, noise included, by a hidden
score that neither the policy nor the reward model ever saw.

## What is here

{files}

## How to use it

```sh
pip install {requirements}
python play.py 3
```

`policy.py` needs numpy alone:

```python
from policy import Policy, load

policy = Policy(load("policy.safetensors"), seed=0)
action = policy.act(observation)                      # drawn, as in the run
action = policy.act(observation, deterministic=True)  # the likeliest
```

The observation is {observation}. The action is {action}. `play.py` makes both in plain Gymnasium.
{onnx}{reward}
## Limits

- It learned from {labels} answers about short clips of this one environment. Judge it by what it does
  (`somersault render`), not by the reward model's score, which it was trained to please.
- {hidden}
- Nothing here is safe to control a machine with.
"""

_ONNX = """
In ONNX, `policy.onnx` takes `observation` with a batch axis and gives `action`, the likeliest, and {parts}.
"""

_REWARD = """
`reward_model.py` scores transitions by the learned reward, about 0 in the mean and of deviation 1 over the clips of
the run:

```python
from policy import load
from reward_model import RewardModel

rewards = RewardModel(load("reward_model.safetensors")).score(observations, actions)
```
"""


def model_card(
    run: Run,
    policy: StoredPolicy,
    *,
    files: Mapping[str, str],
    version: str,
    has_onnx: bool,
    has_reward: bool,
) -> str:
    """Return the card in Markdown.

    Args:
        run: whose policy it is.
        policy: what is exported.
        files: what each file is, by name.
        version: of somersault.
        has_onnx: whether there is ONNX.
        has_reward: whether there is a reward model.
    """
    task, summary = run.task, run.summary or {}
    newest = run.newest_point
    parts = (
        "`logits`"
        if task.spec.is_discrete
        else "`mean` and `std` of the distribution that actions are drawn from"
    )
    return _CARD.format(
        title=task.title,
        description=task.description,
        task=task.name,
        question=task.question,
        taught_by=run.settings.labelled_by,
        labels=summary.get("labels", newest.get("run/labels", 0)),
        label_budget=run.settings.label_budget,
        env_steps=f"{summary.get('env_steps', newest.get('run/env_steps', 0)):,}",
        policy_version=policy.version,
        policy_sha256=policy.sha256,
        version=version,
        run_id=run.settings.run_id,
        seed=run.settings.seed,
        results=_results(task, summary),
        files="\n".join(f"- `{name}`: {text}" for name, text in files.items()),
        requirements=" ".join(f"'{one}'" for one in requirements(task)),
        observation=_observation(task),
        action=_action(task),
        onnx=_ONNX.format(parts=parts) if has_onnx else "",
        reward=_REWARD if has_reward else "",
        hidden=f"It was not told: {task.hidden}.",
    )


def _results(task: Task, summary: Mapping[str, Any]) -> str:
    if not summary:
        return "The run has not ended; `somersault eval` measures this policy."
    if task.teacher is None:
        return "The task has no true reward: people alone judge it."
    rows = [("true return", summary.get("true_return_mean"))]
    rows += [("flips an episode", summary.get("flips_per_episode"))]
    rows += [("landed flips an episode", summary.get("landed_flips_per_episode"))]
    rows += [("share of answers that the reward model predicted", summary.get("preference_accuracy"))]
    rows += [("true return of a random policy", task.random_return_mean)]
    rows += [("true return when trained on the score itself", task.reference_return_mean)]
    lines = [f"| {name} | {value:,.2f} |" for name, value in rows if value is not None]
    return "\n".join(["| mean of fresh episodes | |", "| --- | --- |", *lines])


def _observation(task: Task) -> str:
    spec = task.spec
    if spec.is_image:
        height, width = spec.frame_shape
        if spec.num_numbers or spec.num_planes > 1:
            pictures = f"uint8 `[{spec.num_channels}, {height}, {width}]`, oldest first"
            if not spec.num_numbers:
                return f"{spec.num_channels} grey pictures, {pictures}"
            numbers = f"`numbers`, float32 `[{spec.num_numbers}]`, as the environment gives them"
            return f"a dict of `pictures`, {pictures}, and {numbers}"
        return f"the {spec.num_frames} newest grey pictures, uint8 `[{spec.num_frames}, {height}, {width}]`, oldest first"
    return f"{spec.observation_dim} numbers, float32, as the environment gives them: the policy scales them itself"


def _action(task: Task) -> str:
    if task.num_actions:
        return f"one of 0 to {task.num_actions - 1}"
    if task.choice_sizes:
        sizes = ", ".join(map(str, task.choice_sizes))
        return f"{len(task.choice_sizes)} choices made at once, int32, of {sizes} each, counted from 0"
    return f"{task.action_dim} numbers, float32, within -1 and 1, to be spread over the environment's own bounds as `play.py` does"
