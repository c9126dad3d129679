"""The largest values of settings on which the command line and a service must agree.

Each is far above what anyone needs and below what would break: integers on the wire and in the database end at 2**63, and
a few settings allocate what they say.
"""

from __future__ import annotations

__all__ = [
    "MAX_ACTION",
    "MAX_ENVIRONMENTS",
    "MAX_EPISODES",
    "MAX_LABELS",
    "MAX_LOG_PROB",
    "MAX_NUMBER",
    "MAX_PORT",
    "MAX_SECONDS",
    "MAX_SEED",
    "MAX_SEQUENCE",
    "MAX_STEPS",
    "MAX_TEXT",
    "MAX_THREADS",
    "MAX_VERSION",
]

MAX_PORT = 65_535

MAX_SEED = 2**63 - 1
"""Seeds are sent as int64, and torch is given twice the seed plus one as uint64."""

MAX_STEPS = 10**12
"""Environment steps of a run: a thousand years at 30 a second, and sums of them stay within int64."""

MAX_LABELS = 1_000_000
"""Labels of a run."""

MAX_ENVIRONMENTS = 4096
"""Environments that a simulator steps side by side."""

MAX_THREADS = 1024

MAX_EPISODES = 100_000
"""Fresh episodes of one evaluation."""

MAX_VERSION = 10**9
"""Versions of a policy or of a reward model."""

MAX_NUMBER = 1e12
"""Magnitude of a number that an environment shows or of a true reward. MuJoCo gives up a simulation at 1e10 (mjMAXVAL), and the
square of this is still far inside float32."""

MAX_ACTION = 1e6
"""Magnitude of an action's component as the policy drew it; what is executed is within 1."""

MAX_LOG_PROB = 110.0
"""Magnitude of the log-probability of a choice, or of the log-density of a component of a vector. The least positive float32 is
exp(-103), and a normal draw is never 14 standard deviations out."""

MAX_SEQUENCE = 10**12
"""Rollouts of a simulator's life: each has at least one step."""

MAX_SECONDS = 86_400.0
"""A day: the longest that anything waits."""

MAX_TEXT = 4096
"""Characters of a setting: the longest path on Linux."""
