"""Asks the web gateway whatever hypothesis thinks of: calls in JSON and in the binary format, paths, headers, raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from hypothesis import strategies as st

from services.web.connect_protocol import code_of
from somersault.domain.roles import Role
from somersault.wire.access import GATEWAY_METHODS
from tests.fuzzing.answers import STATUSES, fault_of_text
from tests.fuzzing.fuzzer import Fuzzer
from tests.fuzzing.messages import messages, mutated
from tests.fuzzing.targets import Target
from tests.services.web.gateways import serving_gateway

__all__ = ["GatewayFuzzer"]

_CODES = frozenset(code_of(status) for status in STATUSES)
_PATHS = [
    "/", "/run", "/owner", "/login", "/logout", "/session", "/activity", "/healthz", "/nothing",
    "/static/main.js", "/static/../config.py", "/static/%2e%2e/x", "/static/%00", "/clips/{}/left.mp4",
    "/clips/x/up.mp4", "/policy-clips/run-1/0.mp4", "/policy-clips/../-1.mp4", "/policy-clips/r/99999999999999999999.mp4",
    "/export/run-1.jsonl", "/export/run-1.parquet", "/export/x.csv", "/export/%FF.jsonl",
    "/somersault.v1.LabelerService/Nothing", "/somersault.v1.LabelerService/ProposeQueries", "//", "/%",
]  # fmt: skip
_HEADERS = {
    "content-type": ["application/json", "application/proto", "application/connect+json", "text/plain", "", "a" * 500],
    "content-encoding": ["gzip", "identity", "br"],
    "connect-protocol-version": ["1", "2", "x"],
    "connect-timeout-ms": ["1000", "0", "-1", "99999999999", "x", "\u00b2"],
    "range": ["bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=a-b", "bytes=0-1,3-4", "bytes=99999999999999999999-"],
    "if-none-match": ["*", '"x"', "x" * 300],
    "origin": ["https://evil.example", "null"],
    "cookie": ["x=y", "somersault=abc", ";;;=", "\u00ff=\u00ff"],
    "host": ["localhost", "evil.example", "", "[::1]", "a b"],
    "accept-encoding": ["gzip"],
    "expect": ["100-continue", "x"],
}  # fmt: skip
_TIMEOUT_S = 5.0

Answer = tuple[int, bytes]


class GatewayFuzzer(Fuzzer):
    """A labeler and a gateway before it."""

    def __init__(self, folder: Path) -> None:
        """Serve both."""
        super().__init__("labeler", folder)
        self._gateway = serving_gateway(self.target.address)
        self._url = self.run(self._gateway.__aenter__())
        self.question = _questions(self.target)

    def close(self) -> None:
        """End both."""
        self.run(self._gateway.__aexit__(None, None, None))
        super().close()

    def ask(self, data: st.DataObject) -> str | None:
        """Ask something and return what is wrong with the answer, or with the next one."""
        name, raw = data.draw(self.question, label="request")
        status, body = self.run(self._exchange(raw))
        fault = self._fault(status, body, name)
        alive, _ = self.run(
            self._exchange(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        )
        return fault or (None if alive == 200 else f"/healthz answers {alive}")

    def _fault(self, status: int, body: bytes, name: str) -> str | None:
        text = body.decode("utf-8", "replace")
        code = ""
        if status != 200 and text.startswith("{"):
            told = json.loads(text)
            code = told.get("code", "")
            text = told.get("message", "")
            if code not in _CODES:
                return f"{name}: its code is {code}: {text}"
        self.counts[name, code or str(status)] += 1
        if status == 500 and code != "data_loss":
            return f"{name}: its status is 500: {text[:200]}"
        fault = fault_of_text(text, folder=self.target.folder) if status != 200 else None
        return fault and f"{name}: {fault}"

    async def _exchange(self, raw: bytes) -> Answer:
        host, port = self._url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(raw)
            async with asyncio.timeout(_TIMEOUT_S):
                return _answer(await reader.read())
        except (ConnectionError, TimeoutError):
            return 0, b""
        finally:
            writer.transport.abort()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def _answer(raw: bytes) -> Answer:
    head, _, body = raw.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    return (int(parts[1]) if len(parts) > 1 else 0), body


def _questions(target: Target) -> st.SearchStrategy[tuple[str, bytes]]:
    calls = [st.tuples(st.just(name), _call(name, target)) for name in GATEWAY_METHODS]
    paths = st.builds(
        lambda method, path, headers, body: (f"{method} {path}", _http(method, path, headers, body)),
        st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]),
        st.sampled_from(_PATHS),
        _headers(target),
        st.binary(max_size=30),
    )
    whole = st.one_of(*calls, *calls, paths)
    broken = whole.flatmap(lambda pair: st.tuples(st.just("broken"), mutated(pair[1])))
    return st.one_of(whole, whole, whole, broken)


def _call(name: str, target: Target) -> st.SearchStrategy[bytes]:
    method = next(one for one in target.methods if one.name == name)
    tokens = st.sampled_from(target.tokens_for(method))
    message = messages(method.input_type, target.values)
    binary = message.map(lambda drawn: drawn.SerializeToString())
    text = message.map(_json)
    path = f"/somersault.v1.LabelerService/{name}"

    def build(token: str, kind: str, body: bytes, more: dict[str, str]) -> bytes:
        headers = {
            "content-type": kind,
            "authorization": f"Bearer {token}",
            "connect-timeout-ms": "2000",
            **more,
        }
        return _http("POST", path, headers, body)

    odd = st.one_of(st.just({}), st.just({}), _headers(target))
    return st.one_of(
        st.builds(
            build, tokens, st.just("application/proto"), st.one_of(binary, binary.flatmap(mutated)), odd
        ),
        st.builds(build, tokens, st.just("application/json"), st.one_of(text, text.flatmap(_odd_json)), odd),
    )


def _json(message: Any) -> bytes:
    return json_format.MessageToJson(message, indent=None).encode()


def _odd_json(raw: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy for JSON of other types and shapes, or for what was JSON."""
    values: st.SearchStrategy[Any] = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=5,
    )
    names = list(json.loads(raw)) or ["runId"]
    replaced = st.builds(
        lambda name, value: json.dumps({**json.loads(raw), name: value}).encode(),
        st.sampled_from(names),
        values,
    )
    return st.one_of(replaced, replaced, mutated(raw))


def _headers(target: Target) -> st.SearchStrategy[dict[str, str]]:
    some = {name: st.sampled_from(values) for name, values in _HEADERS.items()}
    token = st.sampled_from(
        [f"Bearer {target.tokens[Role.OWNER]}", "Bearer", "Basic x", "Bearer " + "x" * 600]
    )
    return st.fixed_dictionaries({}, optional={**some, "authorization": token})


def _http(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    sent = {"host": "localhost", "connection": "close", "content-length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
