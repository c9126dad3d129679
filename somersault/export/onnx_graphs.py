"""Builds ONNX graphs of a policy and a reward model node by node: nothing is traced, and torch isn't needed.

Legend: B batch, O observation length, F frames of C planes of H x W pixels, V numbers beside them, A action length, D choices made at
once, N to choose from in all, K members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FloatArray
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ConfigError

__all__ = ["policy_graph", "reward_graph"]

_OPSET = 17  # from 2022: every current runtime supports it
_IR_VERSION = 8  # the one that goes with it
_POLICY_STRIDES = (4, 2, 1)
_REWARD_STRIDES = (3, 2, 1, 1)
_EPSILON = 1e-5  # as the reward model's
_SLOPE = 0.01  # as the reward model's
_BOUND = 10.0  # normalised observations are clipped there


def policy_graph(arrays: Mapping[str, FloatArray], *, spec: TaskSpec, metadata: Mapping[str, str]) -> bytes:
    """Return a policy as a graph.

    Its input is ``observation``, float32 ``[B, O]`` or uint8 ``[B, F * C, H, W]``, and then ``numbers`` ``[B, V]`` where
    there are any beside pictures. Its outputs are ``action``, the
    likeliest, and the distribution that actions are sampled from: ``mean`` and ``std`` ``[B, A]``, or ``logits`` ``[B, N]``, one choice's
    after another's.

    Raises:
        ConfigError: the package onnx is missing.
    """
    graph = _Graph(arrays)
    hidden = _picture_torso(graph, spec) if spec.is_image else _vector_torso(graph)
    if spec.is_discrete:
        graph.add("Gemm", hidden, "logits.weight", "logits.bias", out="logits", transB=1)
        _add_choices(graph, spec)
        outputs = {"action": _action(spec), "logits": ("float32", ["B", spec.action_width])}
    else:
        graph.add("Gemm", hidden, "mean.weight", "mean.bias", out="mean", transB=1)
        graph.clip("mean", 1.0, out="action")
        std = graph.constant("deviation", np.exp(arrays["log_std"]))
        shape = graph.add("Shape", "mean")
        graph.add("Expand", std, shape, out="std")
        outputs = {name: ("float32", ["B", spec.action_dim]) for name in ("action", "mean", "std")}
    return graph.encode(_observation(spec), outputs, name="policy", metadata=metadata)


def reward_graph(arrays: Mapping[str, FloatArray], *, spec: TaskSpec, metadata: Mapping[str, str]) -> bytes:
    """Return a reward model as a graph.

    Its inputs are those of `policy_graph` and, where the reward depends on it,
    ``action``, float32 ``[B, A]``, int64 ``[B]`` or int64 ``[B, D]``, -1 for none. Its outputs are ``reward`` ``[B]``,
    the standardised mean, and ``members`` ``[K, B]``.

    Raises:
        ConfigError: the package onnx is missing.
    """
    graph = _Graph(arrays)
    inputs = _observation(spec)
    if not spec.is_image:
        inputs["action"] = _action(spec)
    num_members = len(arrays["weights.0"])
    hidden = _reward_pictures(graph, spec, num_members) if spec.is_image else _reward_vectors(graph, spec)
    num_layers = sum(name.startswith("weights.") for name in arrays)
    for layer in range(num_layers):
        product = graph.add("MatMul", hidden, f"weights.{layer}")
        hidden = graph.add("Add", product, f"biases.{layer}")
        if layer < num_layers - 1:
            hidden = graph.add("LeakyRelu", hidden, alpha=_SLOPE)
    graph.add("Squeeze", hidden, graph.constant("third_axis", np.array([2])), out="members")
    centred = graph.add("Sub", "members", "member_mean")
    standardised = graph.add("Div", centred, "member_std")
    graph.add("ReduceMean", standardised, out="reward", axes=[0], keepdims=0)
    outputs = {"reward": ("float32", ["B"]), "members": ("float32", [num_members, "B"])}
    return graph.encode(inputs, outputs, name="reward_model", metadata=metadata)


def _normalised(graph: _Graph, name: str) -> str:
    centred = graph.add("Sub", name, "observation_mean")
    return graph.clip(graph.add("Div", centred, "observation_std"), _BOUND)


def _vector_torso(graph: _Graph) -> str:
    hidden = _normalised(graph, "observation")
    for name in ("hidden_0", "hidden_1"):
        hidden = graph.add("Tanh", graph.add("Gemm", hidden, f"{name}.weight", f"{name}.bias", transB=1))
    return hidden


def _picture_torso(graph: _Graph, spec: TaskSpec) -> str:
    hidden = graph.unit_levels("observation")
    for index, stride in enumerate(_POLICY_STRIDES):
        name = f"conv_{index}"
        convolved = graph.add("Conv", hidden, f"{name}.weight", f"{name}.bias", strides=[stride, stride])
        hidden = graph.add("Relu", convolved)
    # Row, column, channel: as the dense layer's weights are laid out.
    flat = graph.add("Flatten", graph.add("Transpose", hidden, perm=[0, 2, 3, 1]))
    if spec.num_numbers:
        flat = graph.add("Concat", flat, _normalised(graph, "numbers"), axis=1)
    return graph.add("Relu", graph.add("Gemm", flat, "dense.weight", "dense.bias", transB=1))


def _add_choices(graph: _Graph, spec: TaskSpec) -> None:
    """Add ``action``: the likeliest of each choice's stretch of the logits."""
    if not spec.choice_sizes:
        graph.add("ArgMax", "logits", out="action", axis=1, keepdims=0)
        return
    likeliest, begin = [], 0
    axis = graph.constant("logits_axis", np.array([1]))
    for place, size in enumerate(spec.choice_sizes):
        bounds = [graph.constant(f"bound_{at}", np.array([at])) for at in (begin, begin + size)]
        stretch = graph.add("Slice", "logits", *bounds, axis)
        likeliest.append(graph.add("ArgMax", stretch, out=f"choice_{place}", axis=1, keepdims=1))
        begin += size
    graph.add("Concat", *likeliest, out="action", axis=1)


def _reward_vectors(graph: _Graph, spec: TaskSpec) -> str:
    """Return ``[1, B, O + A]``: a batched product then spreads it over the members."""
    action = "action"
    if spec.is_discrete:
        # Not the operator OneHot, for which -1 is the last index: here it means no action, in a still step.
        if spec.choice_sizes:
            owners = np.repeat(np.arange(len(spec.choices)), spec.choices)
            columns = graph.add("Gather", action, graph.constant("owners", owners), axis=1)
        else:
            columns = graph.add("Unsqueeze", action, graph.constant("second_axis", np.array([1])))
        choices = graph.constant("choices", np.concatenate([np.arange(size) for size in spec.choices]))
        action = graph.cast(graph.add("Equal", columns, choices))
    joined = graph.add("Concat", "observation", action, axis=1)
    return graph.add("Unsqueeze", joined, graph.constant("first_axis", np.array([0])))


def _reward_pictures(graph: _Graph, spec: TaskSpec, num_members: int) -> str:
    """Return ``[K, B, features]``."""
    pictures, first_axis = graph.unit_levels("observation"), graph.constant("first_axis", np.array([0]))
    features = []
    for member in range(num_members):
        hidden = pictures
        for layer, stride in enumerate(_REWARD_STRIDES):
            weight, bias = _folded(graph.arrays, layer, member)
            place = f"member_{member}.conv_{layer}"
            names = [graph.constant(f"{place}.{part}", value) for part, value in (("w", weight), ("b", bias))]
            hidden = graph.add("Conv", hidden, *names, strides=[stride, stride])
            hidden = graph.add("LeakyRelu", hidden, alpha=_SLOPE)
        flat = graph.add("Flatten", hidden)
        if spec.num_numbers:
            flat = graph.add("Concat", flat, "numbers", axis=1)
        features.append(graph.add("Unsqueeze", flat, first_axis))
    return graph.add("Concat", *features, axis=0)


def _folded(arrays: Mapping[str, FloatArray], layer: int, member: int) -> tuple[FloatArray, FloatArray]:
    """Return a layer's filters and bias with its normalisation in them."""
    mean, variance, scale, shift = (
        arrays[name][member, layer] for name in ("means", "variances", "scales", "shifts")
    )
    factor = scale / np.sqrt(variance + _EPSILON)
    weight = arrays[f"filters.{layer}"][member] * factor[:, None, None, None]
    return weight.astype(np.float32), (shift - factor * mean).astype(np.float32)


def _action(spec: TaskSpec) -> tuple[str, list[str | int]]:
    if not spec.is_discrete:
        return "float32", ["B", spec.action_dim]
    return "int64", ["B", *spec.action_shape]


def _observation(spec: TaskSpec) -> dict[str, tuple[str, list[str | int]]]:
    if not spec.is_image:
        return {"observation": ("float32", ["B", *spec.frame_shape])}
    inputs: dict[str, tuple[str, list[str | int]]] = {
        "observation": ("uint8", ["B", spec.num_channels, *spec.frame_shape])
    }
    if spec.num_numbers:
        inputs["numbers"] = ("float32", ["B", spec.num_numbers])
    return inputs


class _Graph:
    """Collects nodes and constants; an array of ``arrays`` is added when a node first uses it."""

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        try:
            import onnx
        except ImportError as error:
            raise ConfigError("ONNX needs a package: pip install 'somersault[export]'") from error
        self._onnx = onnx
        self.arrays = arrays
        self._nodes: list[Any] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def add(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        for name in inputs:
            if name in self.arrays:
                self._constants[name] = self.arrays[name]
        out = out or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(operator, list(inputs), [out], **attributes))
        return out

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant and return its name."""
        self._constants[name] = value
        return name

    def clip(self, name: str, bound: float, *, out: str = "") -> str:
        """Clip to ± a bound."""
        low, high = (
            self.constant(f"{side}_{bound:g}", np.array(value, np.float32))
            for side, value in (("low", -bound), ("high", bound))
        )
        return self.add("Clip", name, low, high, out=out)

    def cast(self, name: str) -> str:
        """Turn into float32."""
        return self.add("Cast", name, to=self._onnx.TensorProto.FLOAT)

    def unit_levels(self, pictures: str) -> str:
        """Turn uint8 into 0 to 1."""
        return self.add("Div", self.cast(pictures), self.constant("max_level", np.array(255, np.float32)))

    def encode(
        self,
        inputs: Mapping[str, tuple[str, Any]],
        outputs: Mapping[str, tuple[str, Any]],
        *,
        name: str,
        metadata: Mapping[str, str],
    ) -> bytes:
        """Check the graph and return its bytes."""
        helper, numpy_helper = self._onnx.helper, self._onnx.numpy_helper

        def describe(values: Mapping[str, tuple[str, Any]]) -> list[Any]:
            return [
                helper.make_tensor_value_info(one, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
                for one, (dtype, shape) in values.items()
            ]

        constants = [
            numpy_helper.from_array(np.ascontiguousarray(value), one)
            for one, value in self._constants.items()
        ]
        graph = helper.make_graph(self._nodes, name, describe(inputs), describe(outputs), constants)
        model = helper.make_model(
            graph,
            producer_name="somersault",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())
