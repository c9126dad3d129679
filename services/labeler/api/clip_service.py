"""The rpcs of a labeler's own answers, policies' clips and practice pairs."""

from __future__ import annotations

from typing import Any

import grpc.aio

from services.labeler.api.authentication import caller
from services.labeler.api.convert import clip_messages
from services.labeler.api.parts import LabelerParts
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc

__all__ = ["ClipMethods"]

_Context = grpc.aio.ServicerContext[Any, Any]


class ClipMethods(labeler_pb2_grpc.LabelerServiceServicer):
    """Serves the part of the public API for own answers, policies' clips and practice."""

    _parts: LabelerParts

    async def ListOwnAnswers(
        self, request: pb.ListOwnAnswersRequest, context: _Context
    ) -> pb.ListOwnAnswersResponse:
        """List the caller's answers."""
        answers, token = await self._parts.answers.list_own(
            caller(), request.run_id, page_size=request.page_size, page_token=request.page_token
        )
        viewer = caller().role
        messages = [clip_messages.own_answer_to_message(answer, viewer=viewer) for answer in answers]
        return pb.ListOwnAnswersResponse(answers=messages, next_page_token=token)

    async def AddPolicyClip(
        self, request: pb.AddPolicyClipRequest, context: _Context
    ) -> pb.AddPolicyClipResponse:
        """Add a policy's clip."""
        clip = clip_messages.policy_clip_from_message(request)
        await self._parts.policy_clips.add(caller(), request.run_id, clip)
        return pb.AddPolicyClipResponse()

    async def ListPolicyClips(
        self, request: pb.ListPolicyClipsRequest, context: _Context
    ) -> pb.ListPolicyClipsResponse:
        """List the clips of a run's policies."""
        clips = await self._parts.policy_clips.list_of_run(request.run_id)
        viewer = caller().role
        return pb.ListPolicyClipsResponse(
            clips=[
                clip_messages.policy_clip_to_message(request.run_id, clip, viewer=viewer) for clip in clips
            ]
        )

    async def GetPolicyClip(
        self, request: pb.GetPolicyClipRequest, context: _Context
    ) -> pb.GetPolicyClipResponse:
        """Send a policy's clip."""
        clip, sha256 = await self._parts.policy_clips.read(request.run_id, request.policy_version)
        return pb.GetPolicyClipResponse(clip=clip, clip_sha256=sha256)

    async def GetPracticePairs(
        self, request: pb.GetPracticePairsRequest, context: _Context
    ) -> pb.GetPracticePairsResponse:
        """Send the practice pairs."""
        pairs = await self._parts.practice.pairs(request.run_id)
        return pb.GetPracticePairsResponse(pairs=map(clip_messages.practice_to_message, pairs))
