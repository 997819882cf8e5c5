"""Weights that a run keeps for looking back: of which steps, how exact, the same after a resumption, or why none."""

import numpy as np
import pytest
import torch

from tests.run_folders import SMALL, cut_at, train
from vaeexplorer import checkpoints, run_desk, run_weights, runs
from vaeexplorer.checkpoints import DatasetNote, Header
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.run_files import RunError, Status, write_status
from vaeexplorer.run_weights import load_at, most_steps, planned, weights_at, why_no_weights

EPOCHS = ["--epochs", "6"]  # 30 steps


def header(**vae):
    return Header(name="", vae=VaeConfig(**vae), train=TrainConfig(), dataset=DatasetNote(name="d", title="D"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    assert train(path, *SMALL, *EPOCHS) == 0
    return path


def test_weights_are_those_of_their_step_in_half_precision(whole):
    steps = weights_at(whole)
    assert steps == [0, 1, 2, 3, 4, 6, 8, 12, 18, 26, 30]
    assert set(steps) <= set(runs.snapshots(whole))
    assert why_no_weights(whole) == ""
    last, kept = checkpoints.load(whole / "last.safetensors"), load_at(whole, 30)
    for name, value in last.state_dict().items():
        assert torch.equal(value.half().float(), kept.state_dict()[name]), name
    assert not torch.equal(load_at(whole, 26).encoder[1].weight, kept.encoder[1].weight)
    with pytest.raises(RunError, match="keeps no weights of step 5"):
        load_at(whole, 5)


def test_a_resumed_run_keeps_the_same_weights(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(run_desk, "SAVE_APART_SECONDS", 0.0)
    path = tmp_path / "run"
    cut_at(monkeypatch, 20, path, *SMALL, *EPOCHS)
    assert 18 in weights_at(path)  # written after the save of step 14, and again
    for step in (18, 19):
        (path / "weights" / f"{step:08}.safetensors").write_bytes(b"of another life")
    assert train(path, "--resume") == 0
    assert weights_at(path) == weights_at(whole)
    for step in weights_at(path):
        name = f"weights/{step:08}.safetensors"
        assert (path / name).read_bytes() == (whole / name).read_bytes(), step


def test_how_many_are_kept_has_bounds():
    for vae, steps in (({}, 23_450), ({"hidden": (200, 200)}, 10**6), ({"hidden": (16,)}, 30), ({}, 1), ({}, 3)):
        about = header(**vae)
        kept = sorted(planned(about, steps))
        assert kept[0] == 0 and kept[-1] == steps
        assert len(kept) <= min(run_weights.MOST_STEPS, most_steps(about))
        size = 2 * sum(np.prod(shape) for shape in checkpoints.expected_shapes(about.vae).values())
        assert len(kept) * size <= run_weights.MOST_BYTES
    assert planned(header(hidden=(4000, 4000)), 1000) == frozenset()


def test_a_run_without_weights_says_why(tmp_path, whole):
    empty, old, large = (tmp_path / name for name in ("empty", "old", "large"))
    for path in (empty, old, large):
        path.mkdir()
    assert "has not begun" in why_no_weights(empty)
    for path, vae in ((old, {}), (large, {"hidden": (4000, 4000)})):
        (path / "config.json").write_text(header(**vae).model_dump_json())
        write_status(path, Status(state="finished", step=10))
    assert "before they were kept: train it again" in why_no_weights(old)
    assert "its model is too large, 73 MB each time" in why_no_weights(large)
    with pytest.raises(RunError, match="train it again"):
        load_at(old, 10)
    write_status(old, Status())
    assert "let it train a little" in why_no_weights(old)
    (old / "weights").mkdir()
    (old / "weights" / "00000001.safetensors").write_bytes(b"damaged")
    with pytest.raises(RunError, match="weights of step 1 of the run old cannot be read"):
        load_at(old, 1)
