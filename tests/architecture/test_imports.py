"""Holds every Python file to the rules in ``rules.toml``; a failure names file, line and rule."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("somersault", "services", "benchmarks", "examples", "tests")
GENERATED = ("somersault/v1/*", "*/node_modules/*")
IMPORTERS = ("importlib.import_module", "__import__")


@dataclass(frozen=True, slots=True)
class Rule:
    """Names that some files must do without; ``rules.toml`` explains the fields."""

    text: str
    files: tuple[str, ...]
    banned: tuple[str, ...]
    exempt: tuple[str, ...]

    def forbids(self, path: str, name: str) -> bool:
        """Return whether a file at ``path``, below the root, must not use ``name``."""
        return (
            any(re.fullmatch(rf"{banned}(\..+)?", name) for banned in self.banned)
            and any(fnmatchcase(path, pattern) for pattern in self.files)
            and not any(fnmatchcase(path, pattern) for pattern in self.exempt)
        )


def _read_rules() -> list[Rule]:
    written = tomllib.loads((Path(__file__).parent / "rules.toml").read_text(encoding="utf-8"))
    lists = {f"{{{name}}}": patterns for name, patterns in written["lists"].items()}

    def expand(patterns: list[str]) -> tuple[str, ...]:
        return tuple(one for pattern in patterns for one in lists.get(pattern, [pattern]))

    return [
        Rule(
            text=rule["text"],
            files=expand(rule["files"]),
            banned=tuple(rule["banned"]),
            exempt=expand(rule.get("exempt", [])),
        )
        for rule in written["rule"]
    ]


RULES = _read_rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
def test_rule_holds(rule: Rule) -> None:
    """No file bound by the rule uses what it bans."""
    offences = {
        f"{path}:{line}: {rule.text}, but here is {name}"
        for path, names in _files().items()
        for line, name in names
        if rule.forbids(path, name)
    }
    assert not offences, "\n" + "\n".join(sorted(offences))


def test_every_service_is_bound_by_a_rule() -> None:
    """A new service gets its own rule against importing the others."""
    services = sorted(path.parent.name for path in (ROOT / "services").glob("*/__init__.py"))
    bound = sorted(rule.text for rule in RULES if rule.text.endswith("no other service"))
    assert bound == [f"the {service} service imports no other service" for service in services]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text)
def test_every_file_exempt_by_name_is_there(rule: Rule) -> None:
    """An exemption goes when its file does."""
    named = [pattern for pattern in rule.exempt if "*" not in pattern]
    assert [path for path in named if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("path", "source", "broken"),
    [
        (
            "services/learner/algorithms/ppo/ppo.py",
            "import services.reward.training.trainer",
            "no other service",
        ),
        ("services/learner/algorithms/ppo/ppo.py", "from services import reward", "no other service"),
        ("services/learner/algorithms/ppo/ppo.py", "from services.learner import loop", None),
        ("services/learner/loop.py", "from services.learner.rewards import reference", "reference.py alone"),
        (
            "services/learner/service.py",
            "from somersault.v1 import learner_pb2\nlearner_pb2.CollectReferenceRequest()",
            "reference.py alone",
        ),
        ("services/learner/application.py", "from services.learner.rewards import reference", None),
        ("services/one_process.py", "from services.learner import service", None),
        (
            "services/reward/a/b.py",
            "def f():\n    from services.learner import x",
            "no other service",
        ),
        ("services/web/page.py", "from services.labeler import x", "no other service"),
        ("services/web/page.py", "from services.web import x", None),
        ("somersault/cli/services/programs.py", "import services.learner.service", "imports no service"),
        (
            "somersault/cli/services/programs.py",
            "from importlib import import_module as load\nload('services.learner')",
            "imports no service",
        ),
        ("somersault/cli/services/programs.py", "__import__('services.learner')", "imports no service"),
        ("somersault/runtime/app.py", "from tests.x import y", "does not lean on tests"),
        ("somersault/runtime/app.py", "from . import types", "absolute"),
        ("services/learner/algorithms/ppo/ppo.py", "from somersault.v1 import learner_pb2", "only the edge"),
        (
            "services/learner/algorithms/ppo/ppo.py",
            "from somersault.v1.learner_pb2 import Policy",
            "only the edge",
        ),
        ("services/reward/pool.py", "import somersault.v1.reward_pb2_grpc", "only the edge"),
        ("services/learner/service.py", "from somersault.v1 import learner_pb2", None),
        ("somersault/wire/tensors.py", "from somersault.v1 import trajectory_pb2", None),
        (
            "services/teacher.py",
            "from services.simulator import true_rewards",
            "true reward",
        ),
        ("benchmarks/loop.py", "import services.simulator.true_rewards as t", "true reward"),
        ("services/simulator/segments/offers.py", "from services.simulator import true_rewards", None),
        ("tests/a/test_b.py", "import pickle", "pickled"),
        ("tests/a/test_b.py", "from pickle import loads", "pickled"),
        ("services/learner/checkpoints.py", "import torch as t\nt.load('x')", "pickled"),
        ("services/learner/checkpoints.py", "from torch import load", "pickled"),
        ("services/learner/checkpoints.py", "import torch\ntorch.tensor(1)", None),
        ("services/reward/a.py", "import grpc\ngrpc.insecure_channel('x')", "one factory"),
        ("services/reward/a.py", "from grpc import aio\naio.insecure_channel('x')", "one factory"),
        ("services/reward/a.py", "import grpc.aio\ngrpc.aio.secure_channel('x')", "one factory"),
        ("somersault/rpc/channel.py", "import grpc\ngrpc.aio.insecure_channel('x')", None),
        ("somersault/runtime/app.py", "import os\nos.environ['A']", "environment"),
        ("somersault/runtime/app.py", "from os import getenv", "environment"),
        ("somersault/runtime/config.py", "import os\nos.environ['A']", None),
        ("services/simulator/policy/heads.py", "import torch.nn", "without torch"),
        ("services/simulator/policy/nature_torso.py", "import torch.nn", None),
    ],
)
def test_rules_catch_what_they_ban(path: str, source: str, broken: str | None) -> None:
    """Each way round a rule is caught, and what is allowed is not."""
    caught = {rule.text for _, name in _used_names(source) for rule in RULES if rule.forbids(path, name)}
    if broken is None:
        assert not caught
    else:
        assert any(broken in text for text in caught)


@cache
def _files() -> dict[str, tuple[tuple[int, str], ...]]:
    """Return, by path below the root, the lines and names that each file written by hand uses."""
    found = {}
    for path in (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))):
        name = path.relative_to(ROOT).as_posix()
        if not any(fnmatchcase(name, pattern) for pattern in GENERATED):
            found[name] = tuple(_used_names(path.read_text(encoding="utf-8")))
    return found


def _used_names(source: str) -> Iterator[tuple[int, str]]:
    """Yield each line with a full dotted name that it imports or uses.

    A name reached through an import is spelt out: after ``import torch as t``, ``t.load`` is
    ``torch.load``. A relative import keeps its leading dots.
    """
    nodes = list(ast.walk(ast.parse(source)))
    origins: dict[str, str] = {}
    for node in nodes:
        for line, name, bound_to in _imports(node):
            yield line, name
            origins.update(bound_to)
    for node in nodes:
        if isinstance(node, ast.Attribute):
            spelt_out = _spell_out(node, origins)
            if spelt_out:
                yield node.lineno, spelt_out
        elif isinstance(node, ast.Call):
            yield from _import_by_name(node, origins)


def _imports(node: ast.AST) -> Iterator[tuple[int, str, dict[str, str]]]:
    """Yield line, full name, and what the local name it binds stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            bound_to = {alias.asname: alias.name} if alias.asname else {first: first}
            yield node.lineno, alias.name, bound_to
    elif isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            name = f"{module}.{alias.name}"
            yield node.lineno, name, {alias.asname or alias.name: name}


def _spell_out(node: ast.expr, origins: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return origins.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _spell_out(node.value, origins)
        return f"{owner}.{node.attr}" if owner else None
    return None


def _import_by_name(node: ast.Call, origins: dict[str, str]) -> Iterator[tuple[int, str]]:
    called = node.func.id if isinstance(node.func, ast.Name) else None
    if (_spell_out(node.func, origins) or called) in IMPORTERS and node.args:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield node.lineno, argument.value
