"""What PostgreSQL makes of the statements of a lease and its answer by itself: ``pgbench`` with the labeler's own.

Each pair is two transactions, as of a labeler that commits every call alone. Without rpc, without Python, nothing of the rows is
read but two numbers.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from benchmarks.labeler import database_filler
from services.labeler.database import steps
from services.labeler.database.steps import Step
from services.labeler.feedback import answer_repository
from services.labeler.feedback.answer_repository import Submission
from services.labeler.model.labelers import Labeler
from services.labeler.people import tokens
from services.labeler.queries import gold_repository, grant_repository
from services.labeler.queries.grant_repository import LeaseRequest
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role

__all__ = ["measure"]

_NUM_LABELERS = 500
_ANSWER = "answer-of-pgbench"
_SCRIPT = """\\set labeler random(0, {last})
SELECT md5(random()::text || clock_timestamp()) || md5(random()::text) AS token \\gset
BEGIN;
{lease}
COMMIT;
SELECT number AS lease_number, query_number FROM leases WHERE token_sha256 = :token \\gset
BEGIN;
{answer}
COMMIT;
"""


def measure(url: str, *, num_clients: int, seconds: int) -> str:
    """Return what ``pgbench`` tells of so many clients, each of which begins the next pair when the last is done."""
    pgbench = shutil.which("pgbench")
    assert pgbench is not None, "it comes with PostgreSQL"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pair.sql"
        path.write_text(_script(url), encoding="utf-8")
        command = [pgbench, "-n", "-M", "prepared", "-c", str(num_clients), "-j", "2", "-T", str(seconds)]
        run = subprocess.run([*command, "-f", str(path), url], check=False, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(run.stderr)
    return "; ".join(line for line in run.stdout.splitlines() if re.match("latency average|tps", line))


def _script(url: str) -> str:
    """Return a pair's statements, recorded from one that is then undone."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    labeler = Labeler(
        # Who has no gold from before.
        labeler_id=f"labeler-{_NUM_LABELERS}",
        name="",
        role=Role.LABELER,
        runs=frozenset({database_filler.RUN_ID}),
    )
    request = LeaseRequest(labeler=labeler, run_id=database_filler.RUN_ID, count=1, lease_s=30, max_leases=20)
    with engine.connect() as connection:
        no_gold = mock.patch.object(gold_repository, "draw", lambda count: count - 1)
        with no_gold, _recorded(grant_repository) as lease:
            outcome = grant_repository.grant(connection, [request])[0]
        assert isinstance(outcome, list)
        (given,) = outcome
        with _recorded(answer_repository) as answer:
            submission = Submission(
                labeler=labeler,
                lease_token=given.token,
                answer_id=_ANSWER,
                preference=Preference.LEFT,
                response_ms=2000,
            )
            answer_repository.submit(connection, [submission])
        (number,) = {step.values["lease_number"] for step in answer if "lease_number" in step.values}
    engine.dispose()
    in_sql = {
        labeler.labeler_id: "('labeler-' || :labeler)",
        tokens.sha256(given.token): ":token",
        _ANSWER: ":token",
        number: ":lease_number",
        given.query.number: ":query_number",
    }
    return _SCRIPT.format(
        last=_NUM_LABELERS - 1, lease=_written(lease, in_sql), answer=_written(answer, in_sql)
    )


@contextlib.contextmanager
def _recorded(repository: Any) -> Iterator[list[Step]]:
    recorded: list[Step] = []

    def run(connection: sa.Connection, those: Sequence[Step]) -> Any:
        recorded.extend(those)
        return steps.run(connection, those)

    with mock.patch.object(repository, "run", run):
        yield recorded


def _written(those: Sequence[Step], in_sql: Mapping[Any, str]) -> str:
    lines = []
    for step in those:
        text, names = steps.numbered(step)

        def write(
            match: re.Match[str], names: Sequence[str] = names, values: Mapping[str, Any] = step.values
        ) -> str:
            value = values[names[int(match[1]) - 1]]
            return in_sql.get(value) or steps.literal(value)

        lines.append(re.sub(r"\$(\d+)", write, " ".join(text.split())) + ";")
    return "\n".join(lines)
