"""Policy(load(path)).act(observation) is an int, int32 [D] or float32 [A], of numbers [O], uint8 pictures [F, H, W], or a dict of both."""

import json

import numpy as np


def load(path: str) -> dict[str, np.ndarray]:
    data = np.fromfile(path, np.uint8).tobytes()
    start = 8 + int.from_bytes(data[:8], "little")
    entries = json.loads(data[8:start]) | {"__metadata__": {"shape": 0, "data_offsets": (0, 0)}}
    parts = {name: data[start:][slice(*entry["data_offsets"])] for name, entry in entries.items()}
    return {name: np.frombuffer(part, "<f4").reshape(entries[name]["shape"]) for name, part in parts.items()}


class Policy:
    def __init__(self, arrays: dict[str, np.ndarray], *, seed: int | None = None) -> None:
        self.arrays, self.rng = arrays, np.random.default_rng(seed)

    def act(
        self, observation: np.ndarray | dict[str, np.ndarray], *, deterministic: bool = False
    ) -> int | np.ndarray:
        get, is_both = self.arrays.__getitem__, isinstance(observation, dict)
        hidden = numbers = np.asarray(observation["numbers"] if is_both else observation, np.float32)
        if "observation_mean" in self.arrays:
            hidden = numbers = np.clip((numbers - get("observation_mean")) / get("observation_std"), -10, 10)
        if "hidden_0.weight" in self.arrays:
            for name in ("hidden_0", "hidden_1"):
                hidden = np.tanh(get(f"{name}.weight") @ hidden + get(f"{name}.bias"))
        else:
            seen = np.asarray(observation["pictures"] if is_both else observation, np.float32)
            hidden = seen / np.float32(255)
            for name, by in (("conv_0", 4), ("conv_1", 2), ("conv_2", 1)):
                w, bias = get(f"{name}.weight"), get(f"{name}.bias")[:, None, None]
                at = np.lib.stride_tricks.sliding_window_view(hidden, w.shape[2:], (1, 2))[:, ::by, ::by]
                hidden = np.maximum(np.tensordot(w, at, ((1, 2, 3), (0, 3, 4))) + bias, 0)
            flat = np.append(hidden.transpose(1, 2, 0), numbers if is_both else [])
            hidden = np.maximum(get("dense.weight") @ flat + get("dense.bias"), 0)
        if "log_std" in self.arrays:
            mean, std = get("mean.weight") @ hidden + get("mean.bias"), np.exp(get("log_std"))
            drawn = mean if deterministic else self.rng.normal(mean, std)
            return np.asarray(np.clip(drawn, -1, 1), np.float32)
        logits = get("logits.weight") @ hidden + get("logits.bias")
        drawn = logits if deterministic else logits + self.rng.gumbel(size=logits.shape)
        sizes = np.asarray(self.arrays.get("choice_sizes", ()), int)  # of several choices made at once
        chosen = [int(np.argmax(one)) for one in np.split(drawn, np.cumsum(sizes)[:-1])]
        return np.array(chosen, np.int32) if len(sizes) else chosen[0]
