"""Holds the protos to their promises: every part commented, what is generated from them committed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2

ROOT = Path(__file__).resolve().parents[2]
PROTOS = sorted((ROOT / "protos/somersault/v1").glob("*.proto"))
BIN = Path(sys.executable).parent

Part = tuple[str, tuple[int, ...]]  # a name, and its path in the file's descriptor


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[descriptor_pb2.FileDescriptorProto]:
    """Return the descriptors of our protos, comments included."""
    out = tmp_path_factory.mktemp("protos") / "descriptors"
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "protos")]
    command += ["--include_source_info", f"--descriptor_set_out={out}", *map(str, PROTOS)]
    subprocess.run(command, check=True)
    return list(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file)


def test_every_part_of_a_proto_is_commented(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """Each service, rpc, message, oneof, field, enum and value says what it means."""
    bare = []
    for file in files:
        locations = {tuple(location.path): location for location in file.source_code_info.location}
        for name, path in _parts(file):
            location = locations[path]
            if not (location.leading_comments + location.trailing_comments).strip():
                bare.append(f"protos/{file.name}:{location.span[0] + 1}: {name} has no comment")
    assert not bare, "\n" + "\n".join(bare)


def test_collect_has_no_field_for_the_true_reward(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """Nothing that `LearnerService.Collect` carries, at any depth, is named after it."""
    messages = {f".{file.package}.{message.name}": message for file in files for message in file.message_type}
    waiting = [".somersault.v1.CollectRequest", ".somersault.v1.CollectResponse"]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in messages:
            continue
        seen.add(name)
        for field in messages[name].field:
            assert "true" not in field.name, f"{name}.{field.name}"
            waiting.append(field.type_name)
    assert ".somersault.v1.Rollout" in seen


def test_make_protos_gives_the_committed_stubs(tmp_path: Path) -> None:
    """Generated files are neither edited nor stale: Python's stubs, and the types of the pages."""
    template = "services/web/page/buf.gen.yaml"
    (tmp_path / template).parent.mkdir(parents=True)
    for name in ("Makefile", template):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "protos", tmp_path / "protos")
    command = ["make", "-C", str(tmp_path), "protos", f"BIN={BIN}", "STAMP=", f"BUF={ROOT}/tools/buf.sh"]
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    generated, committed = _read(tmp_path), _read(ROOT)
    assert generated.keys() == committed.keys()
    stale = [name for name, text in generated.items() if text != committed[name]]
    assert not stale, f"run `make protos`: these are not what the protos say: {stale}"


def _read(root: Path) -> dict[str, str]:
    generated = [*root.glob("somersault/v1/*_pb2*"), *root.glob("services/web/page/src/gen/**/*.ts")]
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in generated}


def _parts(file: descriptor_pb2.FileDescriptorProto) -> Iterator[Part]:
    """Yield every commentable part; the numbers are those of the fields in descriptor.proto."""
    for index, message in enumerate(file.message_type):
        yield from _message_parts(message, name=message.name, path=(4, index))
    for index, enum in enumerate(file.enum_type):
        yield from _enum_parts(enum, name=enum.name, path=(5, index))
    for index, extension in enumerate(file.extension):
        yield extension.name, (7, index)
    for index, service in enumerate(file.service):
        yield service.name, (6, index)
        for number, method in enumerate(service.method):
            yield f"{service.name}.{method.name}", (6, index, 2, number)


def _message_parts(
    message: descriptor_pb2.DescriptorProto, *, name: str, path: tuple[int, ...]
) -> Iterator[Part]:
    yield name, path
    optional = {field.oneof_index for field in message.field if field.proto3_optional}
    for index, field in enumerate(message.field):
        yield f"{name}.{field.name}", (*path, 2, index)
    for index, oneof in enumerate(message.oneof_decl):
        if index not in optional:  # the compiler makes a oneof for each `optional` field
            yield f"{name}.{oneof.name}", (*path, 8, index)
    for index, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:  # made by the compiler for each map
            full_name = f"{name}.{nested.name}"
            yield from _message_parts(nested, name=full_name, path=(*path, 3, index))
    for index, enum in enumerate(message.enum_type):
        yield from _enum_parts(enum, name=f"{name}.{enum.name}", path=(*path, 4, index))


def _enum_parts(
    enum: descriptor_pb2.EnumDescriptorProto, *, name: str, path: tuple[int, ...]
) -> Iterator[Part]:
    yield name, path
    for index, value in enumerate(enum.value):
        yield f"{name}.{value.name}", (*path, 2, index)
