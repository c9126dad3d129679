"""Heights of legs are those of MuJoCo's kinematics."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from services.simulator.environments.mujoco.model import load_model
from services.simulator.true_rewards.limbs import (
    CHEETAH_FRONT_LEG,
    WALKER_LEFT_LEG,
    WALKER_RIGHT_LEG,
    PlanarLeg,
)
from somersault.tasks import get_task


@pytest.mark.parametrize(
    ("name", "leg", "joints", "foot"),
    [
        ("cheetah", CHEETAH_FRONT_LEG, ("fshin", "ffoot"), "ffoot"),
        ("walker", WALKER_RIGHT_LEG, ("leg_joint", "foot_joint"), "foot_geom"),
        ("walker", WALKER_LEFT_LEG, ("leg_left_joint", "foot_left_joint"), "foot_left_geom"),
    ],
)
def test_heights_are_those_of_the_model(
    name: str, leg: PlanarLeg, joints: tuple[str, str], foot: str
) -> None:
    """Of knee, ankle and the foot's far end, less the flesh, in 20 random poses."""
    model = load_model(get_task(name))
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    for _ in range(20):
        data.qpos[:] = rng.uniform(-2, 2, model.nq)
        mujoco.mj_kinematics(model, data)
        state = np.concatenate(([0.0], data.qpos, np.zeros(model.nv)))
        knee, ankle = (data.joint(joint).xanchor[2] for joint in joints)
        capsule = data.geom(foot)
        half_length = model.geom(foot).size[1] * capsule.xmat.reshape(3, 3)[:, 2]
        ends = np.array([capsule.xpos + half_length, capsule.xpos - half_length])
        far = ends[np.argmax(np.linalg.norm(ends - data.joint(joints[1]).xanchor, axis=1))]
        expected = np.array([knee, ankle, far[2]]) - leg.radius
        np.testing.assert_allclose(leg.heights(state), expected, atol=1e-9)
