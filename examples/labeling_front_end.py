"""A labeling front end for a terminal, with only grpc and the generated stubs.

python examples/labeling_front_end.py --address 127.0.0.1:7004 --token=TOKEN --run-id=RUN --player "mpv --loop"

Keys: a left, d right, s equal, w can't compare, k skip, z change the last answer, q quit.
"""

import argparse
import shlex
import subprocess
import sys
import tempfile
import termios
import time
import tty
import uuid
from pathlib import Path
from typing import Any

import grpc

from somersault.v1 import labeler_pb2 as pb
from somersault.v1.labeler_pb2_grpc import LabelerServiceStub

KEYS = {"a": 1, "d": 2, "s": 3, "w": 4}  # the numbers of Preference
CHANNEL = [("grpc.max_receive_message_length", 32 * 1024**2)]  # clips have up to 16 MiB; gRPC's limit is 4


def call(method: Any, request: Any, timeout_s: float = 10.0) -> Any:
    """Retry a call until it succeeds or is refused. Only for calls that may be repeated, as all of these may."""
    wait_s = 0.1
    while True:
        try:
            return method(request, timeout=timeout_s, metadata=[("authorization", f"Bearer {options.token}")])
        except grpc.RpcError as error:
            if error.code().name not in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
                raise
        time.sleep(wait_s := min(5.0, 2 * wait_s))


def read_key(allowed: str) -> str:
    """Return the next allowed key; q at the end of the input."""
    before = termios.tcgetattr(0) if sys.stdin.isatty() else None
    if before:
        tty.setcbreak(0)
    while (key := sys.stdin.read(1)) and key not in allowed:
        pass
    if before:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    return key or "q"


def show(stub: LabelerServiceStub, query: Any, folder: Path) -> float:
    """Give both clips to the player, and return when that was."""
    for side, name in enumerate(("left.mp4", "right.mp4"), start=1):
        clip = call(stub.GetClip, pb.GetClipRequest(query_id=query.query_id, side=side))
        (folder / name).write_bytes(clip.clip)
    print(query.question, folder / "left.mp4", folder / "right.mp4", flush=True)
    if options.player:
        subprocess.run([*shlex.split(options.player), "left.mp4", "right.mp4"], cwd=folder, check=False)
    return time.monotonic()


def label(stub: LabelerServiceStub, folder: Path) -> None:
    """Ask for one pair after another until q, or until the run named by --run-id is finished."""
    answered, version, guidelines = "", 1, 0
    asked = pb.LeaseQueriesRequest(run_id=options.run_id, count=1, wait_s=30, lease_s=300)
    while (reply := call(stub.LeaseQueries, asked, timeout_s=40)).run_state != pb.RUN_STATE_FINISHED:
        if not (leases := reply.leases):
            time.sleep(5 * reply.is_paused)
            continue
        lease, query, end = leases[0], leases[0].query, time.monotonic() + leases[0].remaining_s
        if query.guidelines_version not in (0, guidelines):
            what = {"run_id": query.run_id, "version": (guidelines := query.guidelines_version)}
            print(call(stub.GetGuidelines, pb.GetGuidelinesRequest(**what)).text)
        shown = show(stub, query, folder)
        while (key := read_key("adswkqz")) == "z":
            if answered and (choice := read_key("adsw")) in KEYS:
                version, what = version + 1, {"answer_id": answered, "preference": KEYS[choice]}
                call(stub.RevisePreference, pb.RevisePreferenceRequest(**what, version=version))
        if key not in KEYS:
            call(stub.ReleaseQuery, pb.ReleaseQueryRequest(lease_token=lease.lease_token))
            if key == "q":
                return
        elif time.monotonic() < end:  # later another labeler may have the pair
            answered, version, took_s = str(uuid.uuid4()), 1, time.monotonic() - shown
            what = {"answer_id": answered, "preference": KEYS[key], "response_ms": max(1, int(1000 * took_s))}
            call(stub.SubmitPreference, pb.SubmitPreferenceRequest(lease_token=lease.lease_token, **what))
    stats = call(stub.GetStats, pb.GetStatsRequest(run_id=options.run_id))
    print(f"The run is finished. You gave {stats.num_own} answers: thank you! {stats.result.headline}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("--address", "--token", "--run-id", "--player"):
        parser.add_argument(name, required=name in ("--address", "--token"), default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, grpc.insecure_channel(options.address, CHANNEL) as channel:
        label(LabelerServiceStub(channel), Path(place))
