"""Texts that people read: no blanks in place of words, and nothing that a terminal or a page would act upon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.domain.texts import check_text
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused


def _of_new_run(stub: Any, **texts: str) -> Awaitable[Any]:
    request = pb.CreateRunRequest(run_id="run-2", task="hopper-backflip", **texts)
    return stub.CreateRun(request)  # type: ignore[no-any-return]


def _name(stub: Any, text: str) -> Awaitable[Any]:
    request = pb.CreateLabelerRequest(name=text, role=preference_pb2.ROLE_LABELER)
    return stub.CreateLabeler(request)  # type: ignore[no-any-return]


def _question(stub: Any, text: str) -> Awaitable[Any]:
    return stub.UpdateRun(pb.UpdateRunRequest(run_id=RUN_ID, question=text))  # type: ignore[no-any-return]


def _guidelines(stub: Any, text: str) -> Awaitable[Any]:
    return stub.SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text=text))  # type: ignore[no-any-return]


def _reason(stub: Any, text: str) -> Awaitable[Any]:
    request = pb.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id="labeler", weight=1, reason=text)
    return stub.SetLabelerWeight(request)  # type: ignore[no-any-return]


def _headline(stub: Any, text: str) -> Awaitable[Any]:
    result = pb.RunResult(headline=text)
    request = pb.UpdateRunRequest(run_id=RUN_ID, state=pb.RUN_STATE_FINISHED, result=result)
    return stub.UpdateRun(request)  # type: ignore[no-any-return]


def _imported_reason(stub: Any, text: str) -> Awaitable[Any]:
    change = preference_pb2.WeightChange(
        cursor=1, run_id=RUN_ID, labeler_id="labeler", weight=1, reason=text, change_id=f"w{len(text)}"
    )
    return stub.ImportPreferences(  # type: ignore[no-any-return]
        pb.ImportPreferencesRequest(run_id=RUN_ID, weight_changes=[change])
    )


WAYS: dict[str, Callable[[Any, str], Awaitable[Any]]] = {
    "UpdateRun question": _question,
    "CreateRun question": lambda stub, text: _of_new_run(stub, question=text),
    "CreateRun guidelines": lambda stub, text: _of_new_run(stub, guidelines=text),
    "SetGuidelines text": _guidelines,
    "CreateLabeler name": _name,
    "SetLabelerWeight reason": _reason,
    "ImportPreferences reason": _imported_reason,
    "UpdateRun headline": _headline,
}


@pytest.mark.parametrize("way", list(WAYS))
async def test_blank_texts_and_control_characters_are_refused(labeler: RunningLabeler, way: str) -> None:
    """INVALID_ARGUMENT that names the field and what is wrong with it, wherever a text comes in."""
    for text, said in (
        ("   ", "blanks"),
        ("\u200b", "blanks"),
        ("Which\0?", "U+0000"),
        ("\x1b[2JWhich?", "U+001B"),
        ("Which\x85?", "U+0085"),
        ("Which\u202e?", "U+202E"),
        ("Which\u2066?", "U+2066"),
    ):
        error = await refused(WAYS[way](labeler.as_role(Role.OWNER), text))
        assert isinstance(error, InvalidInputError), text
        assert way.split()[1] in str(error)
        assert said in str(error)


@pytest.mark.parametrize("way", list(WAYS))
async def test_words_of_every_script_are_taken(labeler: RunningLabeler, way: str) -> None:
    """Also those joined by characters that can't be seen, which Persian and emoji need."""
    await WAYS[way](
        labeler.as_role(Role.OWNER),
        "\u0645\u06cc\u200c\u0686\u0631\u062e\u062f \U0001f469\u200d\U0001f680 n\u00ba\u00a01",
    )


async def test_lines_and_tabs_are_for_longer_texts(labeler: RunningLabeler) -> None:
    """The question, guidelines and reasons have them; names and headlines stand in lists."""
    text = "Which turns\r\n\tbackwards?\nOr more?"
    for way, give in WAYS.items():
        calling = give(labeler.as_role(Role.OWNER), text)
        if way in ("CreateLabeler name", "UpdateRun headline"):
            assert "U+000D" in str(await refused(calling))
        else:
            await calling


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\rb", "character 2 of note is 'U+000D'"),
        ("ab\r\n\x1b", "character 5 of note is 'U+001B'"),
        ("abcdefghi", "length of note is 9, must be 2 to 8 characters"),
        ("a", "length of note is 1"),
        ("  \n", "note is"),
    ],
)
def test_a_refusal_says_where(text: str, told: str) -> None:
    """A carriage return alone writes over its line in a terminal."""
    with pytest.raises(InvalidInputError) as caught:
        check_text("note", text, least=2, most=8, has_lines=True)
    assert told in str(caught.value)
