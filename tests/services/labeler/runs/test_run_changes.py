"""Any order of changes leaves a run where the model says, with its result, its question and its notes in the audit log.

A state machine of `hypothesis` with a model beside it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.labeler.database import migrate
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Proposal
from services.labeler.model.run_state import RunResult, RunState
from services.labeler.oversight import audit_repository
from services.labeler.people import labeler_repository
from services.labeler.queries import open_query_repository, query_repository
from services.labeler.runs import run_changes, run_repository, view_repository
from services.labeler.runs.run_changes import RunChange
from somersault.domain.keys import segment_key
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.errors import FailedPreconditionError
from somersault.runtime.urls import sqlite_url

OWNER = Labeler(labeler_id="o", name="o", role=Role.OWNER, runs=None)
TEACHER = Labeler(labeler_id="t", name="t", role=Role.TEACHER, runs=None)
RESULTS = st.builds(
    RunResult,
    env_steps=st.integers(0, 9),
    num_labels=st.integers(0, 9),
    headline=st.sampled_from(["", "It turns."]),
    true_return_mean=st.sampled_from([None, 1.5]),
)


class Life(RuleBasedStateMachine):
    """Compares a run with a model of it."""

    def __init__(self) -> None:
        """Make a fresh database with a run that has one query."""
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.engine = sa.create_engine(sqlite_url(self.folder / "labels.sqlite"))
        migrate.to_head(self.engine)
        self.change(lambda c: run_repository.create(c, run_id="r", task="t", question="first"))
        self.change(lambda c: labeler_repository.add(c, TEACHER, token_sha256="t"))
        first, second = (
            StoredSegment(
                segment_id=name,
                segment_uri=segment_key("r", name),
                sealed_uri="",
                duration_s=1.0,
            )
            for name in "ab"
        )
        proposal = Proposal(proposal_id="p", first=first, second=second, wants_clips=False)
        self.change(lambda c: query_repository.propose(c, "r", [proposal]))
        self.stage = RunState.RUNNING
        self.is_paused = self.is_finishing = False
        self.budget, self.question, self.is_edited = 0, "first", False
        self.headline: str | None = None
        self.num_changes = 0

    def teardown(self) -> None:
        """Remove the database."""
        self.engine.dispose()
        shutil.rmtree(self.folder)

    def change(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Run a unit of work in a transaction of its own."""
        with self.engine.begin() as connection:
            return work(connection)

    def apply(self, change: RunChange) -> bool:
        """Make a change; say whether it was taken."""
        try:
            self.change(lambda c: run_changes.apply(c, OWNER, "r", change))
        except FailedPreconditionError:
            return False
        return True

    @rule(is_paused=st.booleans())
    def pause(self, is_paused: bool) -> None:
        """Pause, or let go on; a finished run does neither."""
        is_new = is_paused is not self.is_paused
        assert self.apply(RunChange(is_paused=is_paused)) is not (self.stage is RunState.FINISHED and is_new)
        if self.stage is not RunState.FINISHED:
            self.num_changes += is_new
            self.is_paused = is_paused

    @rule(is_finishing=st.booleans())
    def hurry(self, is_finishing: bool) -> None:
        """Tell it to finish, or take that back; after the end only what it was told already is taken."""
        is_new = is_finishing is not self.is_finishing
        taken = self.apply(RunChange(is_finishing=is_finishing))
        assert taken is not (self.stage is RunState.FINISHED and is_new)
        if taken:
            self.num_changes += is_new
            self.is_finishing = is_finishing

    @rule(stage=st.sampled_from([RunState.RUNNING, RunState.STOPPED]))
    def start_or_stop(self, stage: RunState) -> None:
        """Start or stop its services; a finished run can be taken up again and not stopped."""
        taken = self.apply(RunChange(state=stage))
        assert taken is not (self.stage is RunState.FINISHED and stage is RunState.STOPPED)
        if taken:
            self.num_changes += stage is not self.stage
            if self.stage is RunState.FINISHED:
                self.is_finishing, self.headline = False, None
            self.stage = stage

    @rule(result=st.none() | RESULTS)
    def finish(self, result: RunResult | None) -> None:
        """Finish, with a result or without; the last result that was said stays."""
        before = self.change(lambda c: view_repository.read(c, "r").result)
        assert self.apply(RunChange(state=RunState.FINISHED, result=result))
        after = self.change(lambda c: view_repository.read(c, "r").result)
        self.num_changes += before != after or self.stage is not RunState.FINISHED
        if before is not None:
            assert after.finished_ms == before.finished_ms
        self.stage, self.is_paused = RunState.FINISHED, False
        self.headline = result.headline if result else (self.headline or "")

    @rule(budget=st.integers(1, 3), question=st.sampled_from(["first", "second"]))
    def edit(self, budget: int, question: str) -> None:
        """Change what can be changed at any time."""
        assert self.apply(RunChange(label_budget=budget, question=question))
        is_new = question != self.question
        self.num_changes += is_new or budget != self.budget
        self.is_edited |= is_new
        self.budget, self.question = budget, question

    @rule(question=st.sampled_from(["first", "third"]))
    def make_known_again(self, question: str) -> None:
        """A service starts again: it changes the question back unless an owner wrote one."""
        self.change(lambda c: run_repository.create(c, run_id="r", task="t", question=question))
        self.question = self.question if self.is_edited else question

    @invariant()
    def the_run_is_where_the_model_is(self) -> None:
        """In its list, and to whoever wants a query."""
        with self.engine.connect() as connection:
            view = view_repository.read(connection, "r")
            is_leased = open_query_repository.has_any(connection, TEACHER, run_id="r")
            notes = audit_repository.list_newest(
                connection, OWNER, run_id="r", is_without_services=False, before_number=None, page_size=1000
            )
        run = view.run
        is_resting = self.is_paused and self.stage is not RunState.FINISHED
        assert run.state is (RunState.PAUSED if is_resting else self.stage)
        assert (run.is_paused, run.is_finishing) == (self.is_paused, self.is_finishing)
        assert (run.label_budget, run.question) == (self.budget, self.question)
        assert is_leased is run.state.is_leasing
        assert (view.result is None) is (self.stage is not RunState.FINISHED)
        assert view.result is None or view.result.headline == self.headline
        assert len(notes) == self.num_changes
        assert all(json.loads(note.detail) for note in notes)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
