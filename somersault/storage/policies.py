"""Which objects each service may read and write, and the same as policies that an S3 store enforces.

A policy is a document of AWS IAM's language, which MinIO, Ceph and others take too: one identity a service, one policy an
identity. `python -P -m somersault.storage.policies BUCKET[/PREFIX]` prints them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from somersault.domain.keys import (
    checkpoints_prefix,
    clip_key,
    identity_key,
    policies_prefix,
    policy_clips_prefix,
    sealed_key,
    segments_prefix,
    video_key,
)
from somersault.errors import InvalidInputError
from somersault.formats.strict_json import dump_json

__all__ = ["ACCESS", "Access", "policy_of"]

_PROBES = ".probe-*"  # what a store is tried with when a service starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one service does with a run's objects; patterns of keys, ``*`` for anything."""

    reads: Sequence[str] = ()
    writes: Sequence[str] = ()
    removes: Sequence[str] = ()
    lists: Sequence[str] = ()


def _access(run: str) -> Mapping[str, Access]:
    identity, segments = identity_key(run), f"{segments_prefix(run)}*"
    sealed, clips, videos = sealed_key(run, "*"), clip_key(run, "*"), video_key(run, "*").rpartition("/")[0]
    films, learner = f"{policy_clips_prefix(run)}*", f"{checkpoints_prefix(run, 'learner')}*"
    reward, policies = f"{checkpoints_prefix(run, 'reward')}*", f"{policies_prefix(run)}*"
    return {
        "simulator": Access(
            reads=[identity, segments], writes=[segments, sealed, clips, films, f"{videos}/*"]
        ),
        "learner": Access(
            reads=[identity, learner], writes=[policies, learner], removes=[learner], lists=[learner]
        ),
        "reward": Access(
            reads=[identity, segments, reward], writes=[reward], removes=[reward], lists=[reward]
        ),
        "labeler": Access(reads=[identity, clips, films], writes=[identity], lists=[f"{run}/*"]),
        "teacher": Access(reads=[sealed]),
        "owner": Access(reads=[f"{run}/*"], writes=[f"{run}/*"], removes=[f"{run}/*"], lists=[f"{run}/*"]),
    }


ACCESS = _access("*")
"""By service, of any run; ``owner`` is the command line. ``web`` reads no objects."""


def policy_of(service: str, *, bucket: str, prefix: str = "", run_id: str = "*") -> dict[str, Any]:
    """Return the policy of a service's identity.

    Args:
        service: One of `ACCESS`.
        bucket: The bucket.
        prefix: What comes before the runs' keys in it, without a slash at the end.
        run_id: The run; ``*`` for all.

    Raises:
        InvalidInputError: there is no such service, or it reads no objects.
    """
    if service not in ACCESS:
        raise InvalidInputError("service", service, f"one of {', '.join(ACCESS)}")
    access, before = _access(run_id)[service], f"{prefix}/" if prefix else ""
    statements = [
        _statement(action, [f"arn:aws:s3:::{bucket}/{before}{key}" for key in (*keys, _PROBES)])
        for action, keys in (
            ("s3:GetObject", access.reads),
            ("s3:PutObject", access.writes),
            ("s3:DeleteObject", access.removes),
        )
    ]
    # Without it a store says 403, not 404, of an object that isn't there.
    listing = _statement("s3:ListBucket", [f"arn:aws:s3:::{bucket}"])
    prefixes = [f"{before}{key}" for key in (*access.lists, _PROBES)]
    listing["Condition"] = {"StringLikeIfExists": {"s3:prefix": prefixes}}
    return {"Version": "2012-10-17", "Statement": [*statements, listing]}


def _statement(action: str, resources: Sequence[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [action], "Resource": resources}


def main(arguments: Sequence[str]) -> None:
    """Print the policies of all services as one JSON object."""
    place, *runs = arguments
    bucket, _, prefix = place.partition("/")
    run_id = runs[0] if runs else "*"
    policies = {name: policy_of(name, bucket=bucket, prefix=prefix, run_id=run_id) for name in ACCESS}
    sys.stdout.write(f"{dump_json(policies, indent=2)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
