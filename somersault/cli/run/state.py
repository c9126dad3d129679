"""Tells the labeler whether a run is running, stopped or finished, so that labelers know."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

import grpc.aio

from somersault.domain.roles import Identity
from somersault.errors import FailedPreconditionError, NotFoundError, SomersaultError, UnavailableError
from somersault.rpc import call, open_channel
from somersault.v1 import labeler_pb2, labeler_pb2_grpc

__all__ = ["RunStateReporter"]

_RETRY_S = 0.5
_TIMEOUT_S = 10.0
_RETRY_FOR_S = 60.0  # a labeler that is being restarted is back well before
_STOP_TIMEOUT_S = 3.0  # whoever pressed Ctrl-C waits for it


@dataclass(frozen=True, slots=True)
class RunStateReporter:
    """Reports a run's state to its labeler."""

    labeler_address: str
    service_token: str
    """The audit log attributes these changes to a service, not to an owner."""
    run_id: str
    certificates: Path | None = None
    """The folder of the certificates of the run's own tools; None where the labeler has none."""

    async def set_label_budget(self, label_budget: int) -> None:
        """Set how many labels the whole run may use, before its reward service starts and reads it.

        A run that the labeler doesn't know yet gets the reward service's own setting, which is the same.

        Raises:
            SomersaultError: the labeler refused or was unavailable for too long.
        """
        request = labeler_pb2.UpdateRunRequest(run_id=self.run_id, label_budget=label_budget)
        with contextlib.suppress(NotFoundError):
            await self._update(request, retry_for_s=_RETRY_FOR_S)

    async def report_running(self) -> None:
        """Report that the run's services work on it, once the reward service has created the run.

        Raises:
            SomersaultError: the labeler refused.
        """
        request = labeler_pb2.UpdateRunRequest(run_id=self.run_id, state=labeler_pb2.RUN_STATE_RUNNING)
        while True:
            try:
                await self._update(request)
            except (NotFoundError, UnavailableError) as error:
                if error.is_hopeless:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def report_stopped(self) -> SomersaultError | None:
        """Report that the services stop before the run's end; return the error if that failed, else None.

        Nothing is reported of a run that the labeler doesn't know yet, and a finished run stays finished.
        """
        request = labeler_pb2.UpdateRunRequest(run_id=self.run_id, state=labeler_pb2.RUN_STATE_STOPPED)
        try:
            await self._update(request, timeout_s=_STOP_TIMEOUT_S)
        except (NotFoundError, FailedPreconditionError):
            return None
        except SomersaultError as error:
            return error
        return None

    async def report_finished(self, result: labeler_pb2.RunResult) -> None:
        """Report that the policy is learned and no more answers are needed.

        Raises:
            SomersaultError: the labeler refused or was unavailable for too long.
        """
        request = labeler_pb2.UpdateRunRequest(
            run_id=self.run_id, state=labeler_pb2.RUN_STATE_FINISHED, result=result
        )
        await self._update(request, retry_for_s=_RETRY_FOR_S)

    async def read_stats(self) -> labeler_pb2.GetStatsResponse:
        """Return the labeler's statistics of the run.

        Raises:
            NotFoundError: the labeler doesn't know the run.
            SomersaultError: the labeler refused or was unavailable for too long.
        """
        request = labeler_pb2.GetStatsRequest(run_id=self.run_id)
        async with self._open() as channel:
            stub = labeler_pb2_grpc.LabelerServiceStub(channel)
            response: labeler_pb2.GetStatsResponse = await call(
                stub.GetStats, request, timeout_s=_TIMEOUT_S, retry_for_s=_RETRY_FOR_S
            )
        return response

    def _open(self) -> grpc.aio.Channel:
        return open_channel(
            self.labeler_address,
            token=self.service_token,
            certificates=self.certificates,
            peer=Identity.LABELER,
        )

    async def _update(
        self,
        request: labeler_pb2.UpdateRunRequest,
        *,
        timeout_s: float = _TIMEOUT_S,
        retry_for_s: float = 0.0,
    ) -> None:
        async with self._open() as channel:
            stub = labeler_pb2_grpc.LabelerServiceStub(channel)
            await call(stub.UpdateRun, request, timeout_s=timeout_s, retry_for_s=retry_for_s)
