"""Models of their own for the tests of the app: what is shipped or lies in a person's runs plays no part."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.models import write_model
from vaeexplorer import checkpoints


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models: one plain, one with bits, one with a learned prior, two whose data are not on this machine."""
    folder = tmp_path_factory.mktemp("shipped")
    write_model(folder / "tiny.safetensors")
    write_model(folder / "bits.safetensors", posterior="bernoulli", prior="fair_bits", codes=False)
    write_model(folder / "correlated.safetensors", prior="learned_gaussian", likelihood="gaussian_pixel")
    write_model(folder / "elsewhere.safetensors", dataset="mnist", image_shape=(1, 28, 28))
    write_model(folder / "foreign.safetensors", dataset="/etc")
    return folder


@pytest.fixture
def models(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app sees these models and no others."""
    monkeypatch.setattr(checkpoints, "SHIPPED", shipped)
    return shipped
