"""Plays an exported backflip in plain Gymnasium: ``python plain_play.py EXPORT numpy|onnx EPISODES OUT.npz``.

Runs in a virtual environment that has no somersault. Stores the states, observations and actions of each step.
"""

import sys
from pathlib import Path

import gymnasium
import numpy as np


def chooser(export, kind, rng):
    """Give what draws actions by the loader of 40 lines, or by ONNX Runtime."""
    if kind == "numpy":
        sys.path.insert(0, str(export))
        from policy import Policy, load

        return Policy(load(str(export / "policy.safetensors")), seed=int(rng.integers(2**31))).act
    import onnxruntime

    session = onnxruntime.InferenceSession(str(export / "policy.onnx"))

    def act(observation):
        mean, std = session.run(["mean", "std"], {"observation": observation[None].astype(np.float32)})
        return np.clip(rng.normal(mean[0], std[0]), -1, 1).astype(np.float32)

    return act


def main():
    """Play and store."""
    assert "somersault" not in sys.modules
    export, kind, num_episodes, out = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    env = gymnasium.make("Hopper-v5").unwrapped
    act = chooser(export, kind, np.random.default_rng(7))
    states, observations, actions = [], [], []

    def state():
        return np.concatenate(([env.data.time], env.data.qpos, env.data.qvel))

    for episode in range(num_episodes):
        seen, _ = env.reset(seed=1000 + episode)
        path, shown, done = [state()], [], []
        for _ in range(400):
            action = act(seen)
            shown.append(seen)
            done.append(action)
            seen, *_ = env.step(action)
            path.append(state())
        states.append(path)
        observations.append(shown)
        actions.append(done)
    np.savez(out, states=states, observations=observations, actions=actions)


if __name__ == "__main__":
    main()
