"""Holds docs/protocol.md and docs/glossary.md to the protos, the errors and the arrays."""

from __future__ import annotations

import importlib
import re

import grpc
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FileDescriptor

from services.web.connect_protocol import http_status_of
from somersault import errors
from somersault.wire.access import SERVICE_METHODS, request_bounds
from tests.docs.documents import ROOT, code_spans, read, table_rows
from tests.docs.settings import settings_of

_FILES: list[FileDescriptor] = [
    importlib.import_module(f"somersault.v1.{path.stem}_pb2").DESCRIPTOR
    for path in sorted((ROOT / "protos/somersault/v1").glob("*.proto"))
]
_MESSAGES: dict[str, Descriptor | EnumDescriptor] = {
    **{name: message for file in _FILES for name, message in file.message_types_by_name.items()},
    **{name: enum for file in _FILES for name, enum in file.enum_types_by_name.items()},
}
_PROTOCOL = read(ROOT / "docs/protocol.md")


def test_every_service_has_a_section_and_every_rpc_a_place_in_it() -> None:
    """Nothing is served that the page does not tell of."""
    missing = []
    for file in _FILES:
        for name, service in file.services_by_name.items():
            _, _, section = _PROTOCOL.text.partition(f"\n## {name}\n")
            section = re.split(r"^## ", section, flags=re.MULTILINE)[0]
            headings = re.findall(r"^### .+$", section, re.MULTILINE)
            told = {*code_spans(section), *re.findall(r"\w+", " ".join(headings))}
            missing += [f"{name}.{method.name}" for method in service.methods if method.name not in told]
    assert missing == []


def test_the_table_of_errors_is_the_tree() -> None:
    """Each error is sent as the status, through the gateway as the HTTP status, and of the kind that the page says."""
    told = {}
    for names, status, http, retry, _ in table_rows(_PROTOCOL, heading="### Errors"):
        for name in code_spans(names):
            told[name] = (code_spans(status)[0], int(http), retry)
    tree = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]
    actual = {
        error.__name__: (error.status.name, http_status_of(error.status), error.retry.value)
        for error in tree
        if error not in {errors.SomersaultError, errors.Retry}
    }
    assert told == actual
    assert errors.SomersaultError.status is grpc.StatusCode.INTERNAL


def test_the_table_of_statuses_says_which_mean_never() -> None:
    """Where nothing but a status comes, it is understood as the page says."""
    (never, _), (other, again) = table_rows(_PROTOCOL, heading="### Trying again")
    assert (other, again) == ("every other", "again")
    told = {grpc.StatusCode[name] for name in code_spans(never)}
    assert told == {status for status in grpc.StatusCode if errors.error_from_status(status, "").is_hopeless}


def test_bounds_that_are_settings_have_their_defaults() -> None:
    """The table of bounds gives each setting that it names its default."""
    wrong = []
    for _, bound, where in table_rows(_PROTOCOL, heading="### Bounds"):
        for service, names in re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", where):
            fields = settings_of(service).model_fields
            wrong += [name for name in code_spans(names) if f"{fields[name].default:,}" not in bound]
    assert wrong == []


def test_every_message_of_the_glossary_exists() -> None:
    """The proto column names messages, enums, and fields of messages."""
    unknown = []
    for word, _, protos, _ in _glossary():
        for name in code_spans(protos):
            message, _, field = name.partition(".")
            found = _MESSAGES.get(message)
            fields = getattr(found, "fields_by_name", {})
            if found is None or (field and field not in fields):
                unknown.append(f"{word}: {name}")
    assert unknown == []


def test_every_name_of_the_glossary_exists_in_the_code() -> None:
    """The code column names modules, classes and functions, each class with its module."""
    unknown = []
    for word, _, _, code in _glossary():
        for name in code_spans(code):
            if "." in name and not _resolves(name):
                unknown.append(f"{word}: {name}")
            if name[0].isupper():
                unknown.append(f"{word}: {name} without its module")
    assert unknown == []


def _glossary() -> list[list[str]]:
    return table_rows(read(ROOT / "docs/glossary.md"), heading="# Glossary")


def _resolves(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        module, _, attribute = name.rpartition(".")
        return hasattr(importlib.import_module(module), attribute)
    return True


def test_the_bounds_of_requests_are_those_of_the_protos() -> None:
    """Each rpc with bounds of its own is in the table, and the rest has the usual ones."""
    table = _PROTOCOL.text.split("| rpc | bytes | parts |")[1].split("\n\n")[0]
    written: dict[str, tuple[int, int]] = {}
    for row in table.splitlines()[2:]:
        names, size, parts = (cell.strip() for cell in row.strip("|").split("|"))
        bounds = int(size.replace(",", "")), int(parts.replace(",", ""))
        written |= {name.strip("` "): bounds for name in names.split(",")}
    usual = written.pop("every other")
    bounds_by_name = {method.name: request_bounds(method) for method in SERVICE_METHODS.values()}
    told = {name: (bounds.max_bytes, bounds.max_parts) for name, bounds in bounds_by_name.items()}
    assert {name: bounds for name, bounds in told.items() if bounds != usual} == written
