"""Who calls, and whether that role may: denied unless the rpc's option in labeler.proto allows it."""

from __future__ import annotations

import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from services.labeler.api.guesses import Guesses, UnknownTokenError, caller_address
from services.labeler.model.labelers import Labeler
from services.labeler.people import tokens
from services.labeler.people.admission import Admission, LongCallTokens
from services.labeler.people.labelers import Labelers
from somersault.domain.roles import Role
from somersault.errors import PermissionDeniedError, UnauthenticatedError
from somersault.rpc.handlers import Context, Handler, refusal, replaced
from somersault.wire.access import ROLES

__all__ = ["Authentication", "admission", "admit_to", "caller"]

_SERVICE = "/somersault.v1.LabelerService/"
_PUBLIC = ("/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/")
_REMEMBERED_S = 5.0  # how long a token revoked at another replica may still work
_MAX_REMEMBERED = 10_000

_ADMISSION: contextvars.ContextVar[Admission] = contextvars.ContextVar("admission")


def caller() -> Labeler:
    """Return the labeler that made the call being served."""
    return _ADMISSION.get().labeler


def admission() -> Admission:
    """Return the admission of the call being served; a long call checks it again and again."""
    return _ADMISSION.get()


def admit_to(run_id: str) -> Admission:
    """Narrow the admission of the call being served to the run that it is about; return it."""
    narrowed = replace(_ADMISSION.get(), run_id=run_id)
    _ADMISSION.set(narrowed)
    return narrowed


class Authentication(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in stubs alone
    """Admits a call if its token is known and the holder's role may call the rpc."""

    def __init__(self, labelers: Labelers) -> None:
        """Take the labelers, whose tokens are looked up."""
        self._labelers = labelers
        self._lasting = LongCallTokens(labelers)
        self._remembered: dict[str, tuple[Labeler, float]] = {}
        self._generation = labelers.generation
        self._guesses = Guesses()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Admit the call by its metadata alone; one that is refused has none of its request read."""
        handler: Handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(_PUBLIC):
            return handler  # type: ignore[no-any-return]
        metadata = dict(handler_call_details.invocation_metadata or ())
        try:
            admitted = await self._admit(method, metadata.get("authorization"))
        except UnknownTokenError as error:
            return refusal(error, wait=self._slow)  # type: ignore[no-any-return]
        except (
            Exception
        ) as error:  # also one of the database: whoever maps errors maps it, before a byte is read
            return refusal(error)  # type: ignore[no-any-return]
        return _admitted(handler, admitted)

    async def _slow(self, context: Context) -> None:
        """Make the caller wait, but not past its own time limit: it is to learn why it was refused."""
        left_s = context.time_remaining()
        most_s = {} if left_s is None else {"most_s": left_s / 2}
        await self._guesses.slow(caller_address(context), **most_s)

    async def _admit(self, method: str, authorization: Any) -> Admission:
        labeler, digest, is_session = await self._identify(authorization)
        roles = ROLES.get(method.removeprefix(_SERVICE), frozenset[Role]())
        if labeler.role not in roles:
            allowed = " or ".join(sorted(role.value for role in roles)) or "no role"
            raise PermissionDeniedError(
                f"{method.rpartition('/')[2]} is for {allowed}; this token's role is"
                f" {labeler.role.value}: call with another token, an owner's CreateLabeler gives one"
            )
        return Admission(labeler, digest, self._lasting, is_session)

    async def _identify(self, authorization: Any) -> tuple[Labeler, str, bool]:
        scheme, _, token = str(authorization or "").partition(" ")
        is_session = scheme.lower() == "session"
        if not (is_session or scheme.lower() == "bearer") or not token:
            raise UnauthenticatedError(
                "the token is missing: send the metadata 'authorization: Bearer TOKEN'; the run"
                " folder's tokens.json holds one, or an owner's CreateLabeler gives one"
            )
        digest = tokens.session_sha256(token) if is_session else tokens.sha256(token)
        if (
            self._generation != self._labelers.generation
        ):  # a token was revoked at this replica: effective here at once
            self._remembered.clear()
            self._generation = self._labelers.generation
        labeler, until = self._remembered.get(digest, (None, 0.0))
        if labeler is None or until < time.monotonic():
            labeler = await self._labelers.find(digest, is_session=is_session)
            if labeler is None:
                raise UnknownTokenError(
                    "the token is unknown to this labeler: use one from the run folder's tokens.json,"
                    " or ask an owner for one (CreateLabeler)"
                )
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[digest] = (labeler, time.monotonic() + _REMEMBERED_S)
        return labeler, digest, is_session


def _admitted(handler: Handler, admitted: Admission) -> grpc.RpcMethodHandler[Any, Any]:
    async def unary(request: Any, context: Any) -> Any:
        _ADMISSION.set(admitted)
        return await handler.unary_unary(request, context)

    async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
        _ADMISSION.set(admitted)
        async for response in handler.unary_stream(request, context):
            yield response

    assert not handler.request_streaming, "no method takes a stream"  # an invariant of this API
    guarded: grpc.RpcMethodHandler[Any, Any] = replaced(
        handler, streaming if handler.response_streaming else unary
    )
    return guarded
