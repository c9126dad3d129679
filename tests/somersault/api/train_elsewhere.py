"""Trains Stable-Baselines3's PPO on a run's learned reward: ``python train_elsewhere.py RUN SECONDS``.

Runs in a virtual environment with stable-baselines3; prints the mean learned return before and after as JSON.
"""

import json
import sys
import time

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

import somersault

NUM_EPISODES = 8


class StopAfter(BaseCallback):
    """Ends the training when its time is over."""

    def __init__(self, seconds):
        super().__init__()
        self.end_s = time.monotonic() + seconds

    def _on_step(self):
        return time.monotonic() < self.end_s


def mean_return(model, env):
    """Play episodes; give the mean of the learned return."""
    returns = []
    for episode in range(NUM_EPISODES):
        observation, _ = env.reset(seed=episode)
        total, is_over = 0.0, False
        while not is_over:
            action, _ = model.predict(observation)
            observation, reward, is_terminated, is_truncated, _ = env.step(action)
            total, is_over = total + reward, is_terminated or is_truncated
        returns.append(total)
    return float(np.mean(returns))


def main():
    """Train, and measure before and after."""
    torch.set_num_threads(1)
    run, seconds = sys.argv[1], float(sys.argv[2])
    reward_model = somersault.load_reward_model(run)

    def make():
        return somersault.RewardWrapper(somersault.make_env(run), reward_model)

    model = PPO("MlpPolicy", make_vec_env(make, n_envs=8), n_steps=128, batch_size=256, seed=0, device="cpu")
    before = mean_return(model, make())
    begin_s = time.monotonic()
    model.learn(10_000_000, callback=StopAfter(seconds))
    trained_s = time.monotonic() - begin_s
    after = mean_return(model, make())
    trained = {"before": before, "after": after, "steps": model.num_timesteps, "seconds": trained_s}
    sys.stdout.write(json.dumps(trained) + "\n")


if __name__ == "__main__":
    main()
