"""The bounds that both ends of every connection agree on."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message sent or taken. A rollout of 128 steps is under 1 MB in 64 MuJoCo environments, and 14.8 MB in 16
environments of 84 x 84 pictures, of which 71 fit. gRPC's own bound is 4 MB."""

MAX_STREAMS = 2_000
"""Calls that are open at once on one connection. A web gateway has at most 1,024 (its connections)."""

KEEPALIVE_MS = 30_000
"""Load balancers drop TCP connections that are idle for 60 s."""

HANDSHAKE_TIMEOUT_MS = 10_000
"""A peer that connects and then says nothing is dropped after this long."""

HELLO_S = 10.0
"""How long a stream that begins with a hello may be open before it."""

CONNECTION_END_S = 60.0
"""What calls have to end on a connection that has become too old; LeaseQueries may wait for 30 s."""

RECONNECT_FIRST_S = 0.1
RECONNECT_CAP_S = 2.0
"""gRPC's own cap is two minutes, far too long when a service is back within a second."""

REDIAL_CAP_S = 5.0
"""The longest wait before a lost stream is reopened: thousands of clients must not keep a peer from starting."""
