"""The models that ship: complete, small, as good as the README says; what needs no download is measured again here."""

import numpy as np
import pytest
import torch

from vaeexplorer import checkpoints, datasets, evaluation
from vaeexplorer.metrics import mutual_information_gap

TEST_IMAGES = {
    "digits-2d": 360,
    "digits-bernoulli": 360,
    "fashion-10d": 10_000,
    "mnist-10d": 10_000,
    "mnist-2d": 10_000,
    "mnist-50d": 10_000,
    "shapes-10d": 4_860,
}
EMBEDDED = ["digits-2d", "digits-bernoulli", "shapes-10d"]


def path_of(name):
    return checkpoints.SHIPPED / f"{name}.safetensors"


def figures(name):
    return {e.name: e for e in checkpoints.read_header(path_of(name)).estimates}


def test_exactly_these_ship():
    assert {path.stem for path in checkpoints.SHIPPED.iterdir()} == TEST_IMAGES.keys()


@pytest.mark.parametrize("name", TEST_IMAGES)
def test_each_file_is_complete_and_small(name):
    header = checkpoints.read_header(path_of(name))
    assert path_of(name).stat().st_size <= 8e6
    assert header.name == name
    assert header.command.startswith("python -m vaeexplorer train ")
    assert len(header.kl_per_dimension) == header.vae.latent_dim
    assert {"elbo", "reconstruction", "kl"} <= figures(name).keys()
    assert all(e.n == TEST_IMAGES[name] for e in header.estimates)  # the complete test set, never a sample
    assert len(header.code_quantiles) == 101
    assert "codes.mean" in checkpoints.read_tensors(path_of(name))


@pytest.mark.parametrize("name", TEST_IMAGES)
def test_different_codes_give_different_pictures(name):
    vae = checkpoints.load(path_of(name))
    noise = vae.prior.posterior.noise((1, 20, vae.config.latent_dim), torch.Generator().manual_seed(0))
    images = evaluation.decode(vae, vae.prior.sample(noise)[0].numpy())
    assert images.min() >= 0
    assert images.max() <= 1
    assert np.ptp(images, axis=0).max() > 0.5


@pytest.mark.parametrize("name", TEST_IMAGES)
def test_the_readme_quotes_the_figures_and_the_command(name, root):
    text = (root / "README.md").read_text(encoding="utf-8").replace("−", "-")
    header = checkpoints.read_header(path_of(name))
    row = next(line for line in text.splitlines() if line.startswith(f"| `{name}`"))
    for estimate in header.estimates:
        if estimate.name in ("elbo", "kl", "iwae_5000", "mutual information gap"):
            assert str(estimate).removesuffix(" nats") in row, estimate.name
    assert header.command in text


@pytest.mark.parametrize("name", EMBEDDED)
def test_figures_of_the_embedded_sets_can_be_measured_again(name):
    header = checkpoints.read_header(path_of(name))
    images = datasets.load(header.dataset.name).test
    vae = checkpoints.load(path_of(name))
    found = evaluation.evaluate(vae, images, ("elbo",), {}, header.train.seed, lambda *_: None)
    # The same seed draws the same noise; another processor may round differently.
    for estimate in found:
        if estimate.name in figures(name):
            assert estimate.value == pytest.approx(figures(name)[estimate.name].value, abs=0.01)


def test_quality_on_the_complete_test_sets():
    assert figures("mnist-50d")["iwae_5000"].value >= -88.0
    assert figures("mnist-10d")["elbo"].value >= -96.0
    assert figures("shapes-10d")["mutual information gap"].value >= 0.2


def test_three_factors_of_the_shapes_are_each_carried_by_mainly_one_dimension():
    data = datasets.load("shapes")
    mean, _ = evaluation.posterior_parameters(checkpoints.load(path_of("shapes-10d")), data.test, seed=0)
    assert sum(mutual_information_gap(mean, data.test_factors).carried) >= 3
