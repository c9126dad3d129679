"""Scores by reward_model.safetensors with numpy alone: RewardModel(arrays).score(observations, actions)."""

import numpy as np


class RewardModel:
    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays

    def score(self, observations: np.ndarray | dict[str, np.ndarray], actions: np.ndarray) -> np.ndarray:
        """Return [B] rewards of observations [B, O], uint8 [B, F, H, W] or a dict of both, and of actions as executed."""
        members = self.members(observations, np.asarray(actions))
        return np.asarray(((members - self.arrays["member_mean"]) / self.arrays["member_std"]).mean(axis=0))

    def members(self, observations: np.ndarray | dict[str, np.ndarray], actions: np.ndarray) -> np.ndarray:
        """Return [K, B] as the networks give them: each has an offset and a scale of its own."""
        get = self.arrays.__getitem__
        if isinstance(observations, dict) or "filters.0" in self.arrays:
            both = observations if isinstance(observations, dict) else {"pictures": observations}
            pictures, num_members = np.asarray(both["pictures"]) / np.float32(255), len(get("scales"))
            hidden = np.stack([self.features(pictures, member) for member in range(num_members)])
            beside = [np.stack([both["numbers"]] * num_members)] if "numbers" in both else []
            hidden = np.concatenate([hidden, *beside], -1, dtype=np.float32)
        else:
            vectors = self.vectors(actions, get("weights.0").shape[1] - observations.shape[-1])
            hidden = np.concatenate([observations, vectors], -1, dtype=np.float32)[None]
        for layer in range(sum(name.startswith("weights.") for name in self.arrays)):
            hidden = hidden if layer == 0 else np.where(hidden > 0, hidden, 0.01 * hidden)
            hidden = hidden @ get(f"weights.{layer}") + get(f"biases.{layer}")
        return hidden[..., 0]

    def vectors(self, actions: np.ndarray, num_inputs: int) -> np.ndarray:
        if actions.ndim == 2 and "choice_sizes" not in self.arrays:
            return actions
        sizes = np.asarray(self.arrays.get("choice_sizes", [num_inputs]), int)
        made = actions.reshape(len(actions), -1)[:, np.repeat(np.arange(len(sizes)), sizes)]
        return np.asarray(made == np.concatenate([np.arange(size) for size in sizes]))  # of -1 none

    def features(self, hidden: np.ndarray, member: int) -> np.ndarray:
        for layer, stride in enumerate((3, 2, 1, 1)):
            weight = self.arrays[f"filters.{layer}"][member]
            windows = np.lib.stride_tricks.sliding_window_view(hidden, weight.shape[2:], (2, 3))
            hidden = np.einsum("bfhwij,cfij->bchw", windows[:, :, ::stride, ::stride], weight, optimize=True)
            names = ("means", "variances", "scales", "shifts")
            mean, variance, scale, shift = (self.arrays[n][member, layer][:, None, None] for n in names)
            hidden = (hidden - mean) / np.sqrt(variance + 1e-5) * scale + shift
            hidden = np.where(hidden > 0, hidden, np.float32(0.01) * hidden)
        return hidden.reshape(len(hidden), -1)
