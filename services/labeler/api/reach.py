"""Whether a call is within its caller's reach: a run that its token isn't good for is as if it did not exist."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from services.labeler.api.authentication import admission, admit_to, caller
from services.labeler.runs import run_repository
from somersault.errors import PermissionDeniedError

__all__ = ["WithinReach"]

_FIELD = "run_id"
_MAKES_RUNS = "CreateRun"


class WithinReach:
    """Has the run that a request names checked before a servicer sees the request, and again in each long stream.

    What a request names besides, such as a lease, is checked where it is looked up.
    """

    def __init__(self, servicer: Any, service: ServiceDescriptor) -> None:
        """Wrap each method of a servicer."""
        for method in service.methods:
            wrap = _streaming if method.server_streaming else _unary
            setattr(self, method.name, wrap(getattr(servicer, method.name), method))


def _unary(serve: Any, method: MethodDescriptor) -> Any:
    async def checked(request: Any, context: Any) -> Any:
        _check(method, request)
        return await serve(request, context)

    return checked


def _streaming(serve: Any, method: MethodDescriptor) -> Any:
    async def checked(request: Any, context: Any) -> AsyncIterator[Any]:
        _check(method, request)
        admitted = admission()
        async for response in serve(request, context):
            await admitted.check()
            yield response

    return checked


def _check(method: MethodDescriptor, request: Any) -> None:
    """Check that the caller is a member of the run that a request names, if it names one.

    Raises:
        NotFoundError: it isn't.
        PermissionDeniedError: nor may it create that run.
    """
    run_id = request.run_id if _FIELD in method.input_type.fields_by_name else ""
    if not run_id:
        return
    if method.name == _MAKES_RUNS and not caller().reaches(run_id):
        raise PermissionDeniedError(
            f"this token is not good for run {run_id!r}: call with the token of one of its members, or of an owner"
            " of every run"
        )
    run_repository.check_reached(caller(), run_id)
    admit_to(run_id)
