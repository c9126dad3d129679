"""The policies of the services' S3 identities, enforced by a store: moto as a process of its own, with access control on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
import urllib3

from somersault.domain.keys import (
    checkpoints_prefix,
    clip_key,
    identity_key,
    policy_clip_key,
    policy_key,
    sealed_key,
    segment_key,
    video_key,
)
from somersault.errors import InvalidInputError, PermissionDeniedError
from somersault.storage import ObjectStore, open_store
from somersault.storage.policies import ACCESS, policy_of
from tests.somersault.storage.conftest import StoreServer, find_free_port

BUCKET, RUN_ID = "somersault-runs", "run-1"
SEGMENT, SEALED, CLIP = segment_key(RUN_ID, "s"), sealed_key(RUN_ID, "s"), clip_key(RUN_ID, "s")
LEARNER = f"{checkpoints_prefix(RUN_ID, 'learner')}000000000001.safetensors"
REWARD = f"{checkpoints_prefix(RUN_ID, 'reward')}000000000001.safetensors"
POLICY, FILM, VIDEO = policy_key(RUN_ID, 1), policy_clip_key(RUN_ID, 1), video_key(RUN_ID, "s")
KEYS = (SEGMENT, SEALED, CLIP, LEARNER, REWARD, POLICY, FILM, VIDEO, identity_key(RUN_ID))

MAY_READ = {
    "simulator": {SEGMENT, identity_key(RUN_ID)},
    "learner": {LEARNER, identity_key(RUN_ID)},
    "reward": {SEGMENT, REWARD, identity_key(RUN_ID)},
    "labeler": {CLIP, FILM, identity_key(RUN_ID)},
    "teacher": {SEALED},
    "owner": set(KEYS),
}
MAY_WRITE = {
    "simulator": {SEGMENT, SEALED, CLIP, FILM, VIDEO},
    "learner": {POLICY, LEARNER},
    "reward": {REWARD},
    "labeler": {identity_key(RUN_ID)},
    "teacher": set(),
    "owner": set(KEYS),
}
MAY_REMOVE = {"learner": {LEARNER}, "reward": {REWARD}, "owner": set(KEYS)}

Open = Callable[[str], ObjectStore]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Open the store as one service's identity, to which its policy is attached."""
    port = find_free_port()
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000000"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = StoreServer(command, port, tmp_path_factory.mktemp("logs") / "moto.log")
    try:
        server.start()
    finally:
        del os.environ["INITIAL_NO_AUTH_ACTION_COUNT"]
    try:
        yield _identities(server)
    finally:
        server.kill()


def _identities(server: StoreServer) -> Open:
    endpoint = f"http://127.0.0.1:{server.port}"
    root = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    iam, s3 = (boto3.client(name, endpoint_url=endpoint, **root) for name in ("iam", "s3"))
    s3.create_bucket(Bucket=BUCKET)
    for key in KEYS:
        s3.put_object(Bucket=BUCKET, Key=f"team/{key}", Body=b"data")
    keys = {}
    for service in ACCESS:
        iam.create_user(UserName=service)
        document = json.dumps(policy_of(service, bucket=BUCKET, prefix="team", run_id=RUN_ID))
        iam.put_user_policy(UserName=service, PolicyName="own", PolicyDocument=document)
        keys[service] = iam.create_access_key(UserName=service)["AccessKey"]
    _enforce(endpoint)

    def opened(service: str) -> ObjectStore:
        key = keys[service]
        return open_store(
            server.url(f"{BUCKET}/team"), access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"]
        )

    return opened


def _enforce(endpoint: str) -> None:
    url = f"{endpoint}/moto-api/reset-auth"
    urllib3.request("POST", url, body=b"0", headers={"Content-Type": "text/plain"})


def _is_allowed(work: Callable[[], object]) -> bool:
    try:
        work()
    except PermissionDeniedError:
        return False
    return True


@pytest.mark.parametrize("service", sorted(ACCESS))
def test_a_service_reaches_its_own_objects_alone(stores: Open, service: str) -> None:
    """What it reads, writes and removes, and nothing else: the sealed part opens to teachers and owners alone."""
    store = stores(service)
    store.check()
    assert {key for key in KEYS if _is_allowed(lambda: store.get(key))} == MAY_READ[service]  # noqa: B023
    written = {key for key in KEYS if _is_allowed(lambda: store.put(key, b"data"))}  # noqa: B023
    assert written == MAY_WRITE[service]
    removed = {key for key in KEYS if _is_allowed(lambda: store.delete(key))}  # noqa: B023
    assert removed == MAY_REMOVE.get(service, set())
    for key in removed:
        stores("owner").put(key, b"data")
    other = segment_key("run-2", "s")
    assert not _is_allowed(lambda: store.put(other, b"data"))


def test_the_sealed_part_is_open_to_teachers_and_owners_alone() -> None:
    """As the table says it, whatever the store."""
    assert {name for name, access in ACCESS.items() if sealed_key("*", "*") in access.reads} == {"teacher"}


def test_there_is_no_policy_of_another_name() -> None:
    """The web gateway has none: it reads no objects."""
    with pytest.raises(InvalidInputError, match="service is 'web'"):
        policy_of("web", bucket=BUCKET)


def test_the_documents_have_the_policies_as_they_are() -> None:
    """operations.md shows one; the command prints the others."""
    text = (Path(__file__).parents[3] / "docs/operations.md").read_text()
    shown = text.partition("for one run without a prefix:\n\n```text\n")[2].partition("```")[0]
    assert json.loads(shown) == policy_of("teacher", bucket="BUCKET", run_id="RUN")
