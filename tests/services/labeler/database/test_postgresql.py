"""The same promises on PostgreSQL, with two replicas of the service at once.

Needs Debian's ``postgresql``: a private cluster is made in a temporary folder.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.labeler.database import open_database
from services.labeler.model.queries import PredictedRewards
from services.labeler.queries import prediction_repository, query_repository
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.database import older_database
from tests.services.labeler.postgresql_server import IS_INSTALLED
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, proposal, running_labeler, submit
from tests.services.labeler.test_crash import Process

pytestmark = pytest.mark.skipif(not IS_INSTALLED, reason="PostgreSQL is not installed")


async def _work(stub: Any, names: list[str]) -> None:
    """Leases and answers, every answer twice at once, until nothing is left."""
    while leased := await lease(stub, count=3, wait_s=0.3):
        for held in leased:
            name = f"a-{held.query.query_id}"
            copies = await asyncio.gather(*(submit(stub, held.lease_token, name) for _ in range(2)))
            assert copies[0] == copies[1]
            names.append(name)


async def test_two_replicas_count_each_answer_once(tmp_path: Path, url: str) -> None:
    """Sixty queries, eight labelers on two replicas: each query leased and answered once, no gap in the log."""
    settings = {"database_url": url}
    async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
        await one.create_run()
        await one.propose(*(f"p{i}" for i in range(60)))
        tokens = [await _invite(one) for _ in range(8)]
        names: list[str] = []
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(_work((one, two)[i % 2].as_token(token), names) for i, token in enumerate(tokens))
            )
        log = await two.log()
    assert [row.cursor for row in log] == list(range(1, 61))
    assert sorted(row.answer_id for row in log) == sorted(names)
    assert len(set(names)) == 60
    assert not any(row.is_extra for row in log)


async def test_a_replica_sees_what_another_commits(tmp_path: Path, url: str) -> None:
    """A labeler that waits at one gets what was proposed at the other, and may answer at either."""
    settings = {"database_url": url}
    async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
        await one.create_run()
        token = await _invite(one)
        waiting = asyncio.create_task(lease(two.as_token(token), wait_s=10))
        await asyncio.sleep(0.2)
        await one.propose("late")
        (held,) = await waiting
        record = await submit(one.as_token(token), held.lease_token, "late")
        assert (await two.log())[-1] == record


def test_an_older_databases_data_goes_up_down_and_up(url: str) -> None:
    """As on SQLite."""
    server = sa.make_url(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE older"))
    engine.dispose()
    engine = sa.create_engine(server.set(database="older"))
    older_database.check_up_and_down(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO audit_log VALUES (1, 0, 'a', 'owner', 'X', '', '', '')"))
    for statement in ("UPDATE audit_log SET role = 'x'", "DELETE FROM audit_log"):
        with pytest.raises(sa.exc.DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(sa.text(statement))
    engine.dispose()


async def test_two_replicas_give_each_query_as_many_answers_as_it_wants(tmp_path: Path, url: str) -> None:
    """Thirty queries of three answers, six labelers on two replicas, weights that change meanwhile.

    No query gets more or fewer, nobody answers one twice, the log has no gap, and the counters are right.
    """
    settings = {"database_url": url}
    run_id = "run-k"
    async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
        await one.create_run(run_id)
        owner = two.as_role(Role.OWNER)
        await owner.UpdateRun(pb.UpdateRunRequest(run_id=run_id, target_answers=3))
        await one.propose(*(f"p{i}" for i in range(30)), run_id=run_id)
        invited = [await _invite(one, run_id) for _ in range(6)]

        async def work(number: int, token: str) -> None:
            stub = (one, two)[number % 2].as_token(token)
            request = pb.LeaseQueriesRequest(run_id=run_id, count=2, wait_s=0.5)
            while leased := (await stub.LeaseQueries(request)).leases:
                for held in leased:
                    await submit(stub, held.lease_token, f"k{number}-{held.query.query_id}")

        async def weigh() -> None:
            for number in range(10):
                request = pb.SetLabelerWeightRequest(
                    run_id=run_id, labeler_id="teacher", weight=number % 2 / 2, reason=""
                )
                await (one, two)[number % 2].as_role(Role.OWNER).SetLabelerWeight(request)

        async with asyncio.timeout(100):
            await asyncio.gather(weigh(), *(work(*each) for each in enumerate(invited)))
        request = pb.ExportPreferencesRequest(run_id=run_id, is_complete=True)
        pages = [page async for page in owner.ExportPreferences(request)]
        stats = await one.stats(run_id)
        agreement = await owner.GetAgreement(pb.GetAgreementRequest(run_id=run_id))
    rows = [row for page in pages for row in page.records]
    changes = [row for page in pages for row in page.weight_changes]
    assert sorted(row.cursor for row in (*rows, *changes)) == list(range(1, 90 + 10 + 1))
    by_query: dict[str, list[Any]] = {}
    for row in rows:
        by_query.setdefault(row.query_id, []).append(row)
    assert [sorted(row.answer_number for row in each) for each in by_query.values()] == [[1, 2, 3]] * 30
    assert all(len({row.labeler_id for row in each}) == 3 for each in by_query.values())
    assert (stats.num_answered, stats.num_left, stats.num_ready) == (30, 90, 0)
    assert (agreement.num_queries, agreement.num_pairs) == (30, 90)


async def _invite(labeler: RunningLabeler, run_id: str = RUN_ID) -> str:
    request = pb.CreateLabelerRequest(name="another", role=preference_pb2.ROLE_TEACHER, run_ids=[run_id])
    return str((await labeler.as_role(Role.OWNER).CreateLabeler(request)).token)


async def test_connections_that_the_server_cut_are_replaced(tmp_path: Path, url: str) -> None:
    """As when PostgreSQL was restarted while nobody worked: the next call knows nothing of it."""
    async with running_labeler(tmp_path, database_url=url) as labeler:
        await labeler.create_run("run-cut")
        await asyncio.gather(*(labeler.stats("run-cut") for _ in range(8)))
        engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
            num_cut = len(connection.execute(sa.text(others)).all())
        engine.dispose()
        await asyncio.sleep(1.1)
        await asyncio.gather(*(labeler.stats("run-cut") for _ in range(8)))
        await labeler.create_run("run-cut", question="Which is higher?")
    assert num_cut >= 2


async def test_two_replicas_keep_one_runs_curves(tmp_path: Path, url: str) -> None:
    """Reports at both at once are numbered without gaps; a pause at one holds at the other."""
    settings = {"database_url": url}
    run_id = "run-watched"
    async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
        await one.create_run(run_id)
        point = pb.ProgressPoint(env_steps=1, total_env_steps=9, predicted_reward_mean=-0.5)
        request = pb.ReportProgressRequest(run_id=run_id, point=point)
        stubs = [replica.as_role(Role.SERVICE) for replica in (one, two)]
        await asyncio.gather(*(stubs[number % 2].ReportProgress(request) for number in range(20)))

        pause = pb.UpdateRunRequest(run_id=run_id, is_paused=True)
        await one.as_role(Role.OWNER).UpdateRun(pause)
        told = await stubs[1].ReportProgress(request)
        leased = await two.as_role(Role.TEACHER).LeaseQueries(pb.LeaseQueriesRequest(run_id=run_id, count=1))
        curves = await two.as_role(Role.OWNER).GetRunProgress(pb.GetRunProgressRequest(run_id=run_id))

    assert [each.number for each in curves.points] == list(range(1, 22))
    assert {each.predicted_reward_mean for each in curves.points} == {-0.5}
    assert told.is_paused
    assert leased.is_paused


async def test_the_end_at_one_replica_is_heard_at_the_other(tmp_path: Path, url: str) -> None:
    """By who waits for a pair and by who follows the log, though nothing announces it there."""
    settings, run_id = {"database_url": url}, "run-finished"
    async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
        await one.create_run(run_id)
        asked = pb.LeaseQueriesRequest(run_id=run_id, count=1, wait_s=20)
        waiting = asyncio.ensure_future(two.as_role(Role.TEACHER).LeaseQueries(asked))
        follower = two.as_role(Role.SERVICE).WatchPreferences(pb.WatchPreferencesRequest(run_id=run_id))
        await asyncio.sleep(0.3)
        result = pb.RunResult(env_steps=9, headline="Done.", true_return_mean=0.1)
        end = pb.UpdateRunRequest(run_id=run_id, state=pb.RUN_STATE_FINISHED, result=result)
        await one.as_role(Role.OWNER).UpdateRun(end)
        async with asyncio.timeout(5):
            told = [(await waiting).run_state, (await follower.read()).run_state]
        follower.cancel()
        stats = await two.stats(run_id)
    assert told == [pb.RUN_STATE_FINISHED] * 2
    assert (stats.result.headline, stats.result.true_return_mean) == ("Done.", 0.1)


async def test_policies_clips_and_disagreements_are_listed(tmp_path: Path, url: str) -> None:
    """Whatever the database makes of booleans, floats and bytes."""
    run_id = "run-shown"
    async with running_labeler(tmp_path, database_url=url) as labeler:
        await labeler.create_run(run_id)
        owner = labeler.as_role(Role.OWNER)
        data, uri = b"\0\0\0\x18ftypisom", f"{run_id}/policy-clips/00000007.mp4"
        labeler.store.put(uri, data)
        sha256 = hashlib.sha256(data).hexdigest()
        clip = pb.PolicyClip(
            policy_version=7, clip_sha256=sha256, duration_s=3.2, is_final=True, predicted_rewards=[0.5]
        )
        adding = pb.AddPolicyClipRequest(run_id=run_id, clip=clip, clip_uri=uri)
        for _ in range(2):
            await owner.AddPolicyClip(adding)
        listed = await owner.ListPolicyClips(pb.ListPolicyClipsRequest(run_id=run_id))
        chosen = pb.ListClipsRequest(
            run_id=run_id,
            labeler_id="labeler",
            preference=preference_pb2.PREFERENCE_INCOMPARABLE,
            is_answered=True,
            order=pb.CLIP_ORDER_DISAGREEMENT,
            page_token="1_2.5_3",
        )
        found = await owner.ListClips(chosen)
        own = await labeler.as_role(Role.TEACHER).ListOwnAnswers(pb.ListOwnAnswersRequest(run_id=run_id))
    assert [list(each.predicted_rewards) for each in listed.clips] == [[0.5]]
    assert (list(found.queries), list(own.answers)) == ([], [])


async def test_what_was_predicted_is_kept(tmp_path: Path, url: str) -> None:
    """As bytes, beside its query."""
    run_id = "run-predicted"
    async with running_labeler(tmp_path, database_url=url) as labeler:
        await labeler.create_run(run_id)
        message = proposal("a", wants_clips=True, run_id=run_id)
        message.first_predicted_rewards.extend([0.5, -1.0])
        message.second_predicted_rewards.extend([0.25])
        message.reward_version = 2
        request = pb.ProposeQueriesRequest(run_id=run_id, proposals=[message])
        await labeler.as_role(Role.SERVICE).ProposeQueries(request)
    database = open_database(url)

    def read(connection: sa.Connection) -> list[PredictedRewards]:
        page = query_repository.list_newest(connection, run_id, state=None, before_number=None, page_size=1)
        return list(prediction_repository.read(connection, [query.number for query in page.queries]).values())

    (kept,) = await database.read(read)
    database.close()
    assert {tuple(kept.first), tuple(kept.second)} == {(0.25,), (0.5, -1.0)}
    assert kept.reward_version == 2


async def test_a_stale_token_at_another_replica_counts_nothing_twice(tmp_path: Path, url: str) -> None:
    """A lease ends by the database's clock for both; who took over counts, who comes late is kept as an extra.

    Copies of one answer sent to both replicas at once get one reply and leave one row.
    """
    settings, run_id = {"database_url": url}, "run-stale"
    async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
        await one.create_run(run_id)
        await one.propose("a", run_id=run_id)
        slow, quick = await _invite(one, run_id), await _invite(two, run_id)
        request = pb.LeaseQueriesRequest(run_id=run_id, count=1, lease_s=1)
        (stale,) = (await one.as_token(slow).LeaseQueries(request)).leases
        waiting = pb.LeaseQueriesRequest(run_id=run_id, count=1, wait_s=10)
        (fresh,) = (await two.as_token(quick).LeaseQueries(waiting)).leases
        assert fresh.query.query_id == stale.query.query_id
        copies = await asyncio.gather(
            *(
                submit(each.as_token(quick), fresh.lease_token, "fresh")
                for each in (one, two)
                for _ in range(3)
            )
        )
        late = await submit(two.as_token(slow), stale.lease_token, "stale")
        log = await two.log(run_id)
    assert all(copy == copies[0] for copy in copies)
    assert (copies[0].is_extra, late.is_extra) == (False, True)
    assert [(row.cursor, row.answer_id) for row in log] == [(1, "fresh"), (2, "stale")]


async def test_a_kill_of_a_replica_loses_no_answer(tmp_path: Path, url: str) -> None:
    """Killed while many answer; the other replica has each acknowledged answer once, and the log has no gap."""
    run_id, acknowledged = "run-killed", set[str]()
    dying = Process(tmp_path, database_url=url)
    await dying.start()
    async with running_labeler(tmp_path, database_url=url) as other:
        await other.create_run(run_id)
        await other.propose(*(f"p{i}" for i in range(60)), run_id=run_id)
        tokens = [await _invite(other, run_id) for _ in range(4)]

        async def work(token: str) -> None:
            stub = dying.labeler.as_token(token)
            request = pb.LeaseQueriesRequest(run_id=run_id, count=2, lease_s=1)
            while leased := (await stub.LeaseQueries(request, timeout=5)).leases:
                for held in leased:
                    acknowledged.add(
                        (await submit(stub, held.lease_token, f"d-{held.query.query_id}")).answer_id
                    )

        working = [asyncio.create_task(work(token)) for token in tokens]
        while len(acknowledged) < 10:
            await asyncio.sleep(0.01)
        await dying.kill()
        await asyncio.gather(*working, return_exceptions=True)
        log = await other.log(run_id)
        await dying.labeler.close()
    assert acknowledged <= {row.answer_id for row in log}
    assert len({row.query_id for row in log}) == len(log)
    assert [row.cursor for row in log] == list(range(1, len(log) + 1))


async def test_commits_wait_for_the_disk_whatever_the_server_is_set_to(url: str) -> None:
    """A database whose own default is to acknowledge first."""
    server = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text("ALTER DATABASE postgres SET synchronous_commit TO off"))
    try:
        database = open_database(url)
        shown = await database.write(
            lambda connection: connection.execute(sa.text("SHOW synchronous_commit")).scalar_one()
        )
        database.close()
    finally:
        with server.connect() as connection:
            connection.execute(sa.text("ALTER DATABASE postgres RESET synchronous_commit"))
        server.dispose()

    assert shown == "on"
