"""A run whose objects are in S3 is read from there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import somersault
from somersault.errors import ConfigError
from somersault.storage import open_store
from tests.somersault.storage.conftest import ACCESS_KEY, SECRET_KEY, StoreServer
from tests.somersault.synthetic_runs import make_run


def test_run_is_read_from_its_bucket(
    moto: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policy, reward model and segments; without the keys it says which are missing."""
    made = make_run(tmp_path / "made" / "one", "hopper-backflip")
    expected = somersault.load_policy(made).arrays
    url = moto.url("runs", create="true")
    store = open_store(url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    for key in list(made.store.list("one/")):
        if key.endswith(".safetensors"):
            store.put(key, made.store.get(key))
    folder = tmp_path / "here" / "another name"
    folder.mkdir(parents=True)
    settings = json.loads((made.path / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"storage_url": url}))

    with pytest.raises(ConfigError, match="needs both an access key and a secret key"):
        somersault.load_policy(folder)

    monkeypatch.setenv("SOMERSAULT_STORAGE_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("SOMERSAULT_STORAGE_SECRET_KEY", SECRET_KEY)
    run = somersault.load_run(folder)
    assert run.policy_versions() == [7]
    assert (run.policy().arrays["mean.weight"] == expected["mean.weight"]).all()
    assert run.reward_model().version == 3
    assert len(run.segment_keys()) == 2
    assert somersault.load_reward_model(run).arrays["member_std"].shape == (3, 1)
