import math

import numpy as np
import pytest
import torch

from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.training import SCHEDULES, beta_at, estimator_for, samples_for, steps_in, train, unit
from vaeexplorer.vae import VAE

CONFIG = VaeConfig(image_shape=(1, 8, 8), hidden=(16,), latent_dim=2)


def images(count=64):
    return torch.randint(0, 256, (count, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def trained(config=CONFIG, data=None, **fields):
    settings = TrainConfig(**{"epochs": 2, "batch_size": 16, **fields})
    torch.manual_seed(settings.seed)
    vae = VAE(config)
    records = list(
        train(vae, images() if data is None else data, settings, torch.Generator().manual_seed(settings.seed))
    )
    return vae, records


def test_same_seed_same_bits_and_another_seed_another_model():
    (first, records), (second, again), (third, _) = trained(), trained(), trained(seed=1)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [r.elbo() for r in records] == [r.elbo() for r in again]
    assert not torch.equal(next(first.parameters()), next(third.parameters()))


def test_records_count_steps_and_epochs_and_use_every_image():
    _, records = trained(data=images(50))
    assert [r.step for r in records] == list(range(1, 9))
    assert [r.epoch for r in records] == [1] * 4 + [2] * 4
    assert steps_in(TrainConfig(epochs=2, batch_size=16), 50) == 8


def test_every_image_is_seen_once_per_epoch():
    # Images that are one constant each: the batches' means must add up to all of them.
    seen = []

    class Spy(VAE):
        def binarized(self, x, generator):
            seen.extend(x[:, 0, 0, 0].tolist())
            return x

    torch.manual_seed(0)
    data = torch.linspace(0, 1, 20).reshape(20, 1, 1, 1).expand(20, 1, 8, 8)
    list(train(Spy(CONFIG), data, TrainConfig(epochs=2, batch_size=6), torch.Generator().manual_seed(0)))
    assert sorted(seen[:20]) == sorted(seen[20:]) == pytest.approx(sorted(data[:, 0, 0, 0].tolist()))
    assert seen[:20] != seen[20:]  # a fresh order


def test_learning_improves_the_bound():
    data = torch.zeros(128, 1, 8, 8, dtype=torch.uint8)
    data[:64, :, :4] = 255
    for fields in ({}, {"precision": "bfloat16"}):
        _, records = trained(data=data, epochs=60, learning_rate=1e-2, **fields)
        assert records[0].elbo() < -40
        assert records[-1].elbo() > -3  # one bit says which half: the best is -log 2


def test_bernoulli_latents_learn_too():
    data = torch.zeros(128, 1, 8, 8, dtype=torch.uint8)
    data[:64, :, :4] = 255
    config = CONFIG.model_copy(update={"posterior": "bernoulli", "prior": "fair_bits"})
    vae, records = trained(config, data, epochs=80, learning_rate=1e-2)
    assert records[-1].elbo() > -3
    assert records[-1].kl_per_dimension.max().item() == pytest.approx(math.log(2), abs=0.1)
    settings = TrainConfig()
    assert (estimator_for(vae, settings), samples_for(vae, settings)) == ("leave_one_out", 4)
    assert samples_for(vae, TrainConfig(samples=7)) == 7


def test_beta_presses_the_code_to_nothing():
    _, records = trained(epochs=60, beta=50.0, learning_rate=1e-2)
    assert records[-1].kl_per_dimension.sum().item() < 0.01


def test_beta_moves_evenly_over_the_first_half():
    config = TrainConfig(beta=2, beta_start=10)
    assert [beta_at(p, config) for p in (0, 0.25, 0.5, 1)] == [10, 6, 2, 2]
    assert beta_at(0.1, TrainConfig(beta=3)) == 3
    assert beta_at(0.25, TrainConfig(beta=1, beta_start=0)) == 0.5


def test_linear_vae_finds_the_active_dimensions_that_theory_predicts():
    # Optimum with weight beta: active dimensions = number of eigenvalues of the data's covariance above beta s2,
    # rate = 1/2 sum log(eigenvalue / (beta s2)). Source: Lucas et al. 2019; a rank-4 data set with known eigenvalues.
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([2.0, 0.8, 0.05, 0.03]).sqrt()
    data = torch.randn(2000, 4, generator=generator) * scale
    data = (data - data.mean(0)).reshape(-1, 1, 2, 2)
    eigenvalues = torch.linalg.eigvalsh(data.flatten(1).T.cov(correction=0)).numpy()
    config = VaeConfig(
        image_shape=(1, 2, 2), architecture="linear", latent_dim=4, likelihood="gaussian",
        likelihood_std=math.sqrt(0.1), output="identity",
    )  # fmt: skip
    for beta, active in ((1.0, 2), (12.0, 1), (60.0, 0)):
        _, records = trained(config, data, epochs=160, batch_size=400, learning_rate=2e-2, beta=beta)
        kl = np.mean([r.kl_per_dimension.numpy() for r in records[-20:]], axis=0)
        kept = eigenvalues[eigenvalues > beta * 0.1]
        assert len(kept) == active
        assert (kl > 0.01).sum() == active
        assert kl.sum() == pytest.approx(0.5 * np.log(kept / (beta * 0.1)).sum(), abs=0.05)


def test_only_the_networks_compute_in_bfloat16():
    # 16,384 pixels: summed in bfloat16 the log-likelihood would be off by whole nats.
    config = VaeConfig(image_shape=(1, 128, 128), hidden=(4,), latent_dim=2)
    torch.manual_seed(0)
    vae = VAE(config)
    x = torch.rand(2, 1, 128, 128).round()
    noise = torch.randn(1, 2, 2)
    exact = elbo_terms(vae, x, noise)
    with torch.autocast("cpu", torch.bfloat16):
        terms = elbo_terms(vae, x, noise)
    assert terms.reconstruction.dtype == terms.kl_per_dimension.dtype == torch.float32
    assert torch.allclose(terms.reconstruction, exact.reconstruction, atol=0.5)


def test_schedules_start_at_one_and_end_low():
    assert {name: rate(0.0) for name, rate in SCHEDULES.items()} == dict.fromkeys(SCHEDULES, 1.0)
    assert SCHEDULES["cosine"](1.0) == pytest.approx(0)
    stages = [SCHEDULES["stages"](passes / 3280) for passes in (0.5, 1, 3.9, 4, 13, 1093, 3279)]
    expected = [0, 1, 1, 2, 3, 7, 7]
    assert stages == pytest.approx([10 ** (-stage / 7) for stage in expected])


def test_images_become_floats_in_the_unit_interval():
    assert unit(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0, 1]
    assert unit(torch.tensor([0.25], dtype=torch.float64)).dtype == torch.float32
