"""Mutual information and KL of the aggregate posterior against closed forms and enumeration."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from tests.exact import Q_STD, B, W, z_score
from vaeexplorer import latents
from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian, FairBits, LearnedGaussian, StandardNormal
from vaeexplorer.latents import (
    active_units,
    log_aggregate_posterior,
    log_map_density,
    split_kl,
    squared_deviations,
)

CODES = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
BITS = BernoulliLatent(torch.tensor([[2.0, -1.0], [-0.5, 1.5]]))  # of two images


def linear_gaussian(images: int, seed: int) -> tuple[DiagonalGaussian, torch.Tensor, float, float]:
    """q of images from x ~ N(b, W W' + I / 4) by a linear encoder, draws of it, and the exact I and KL(q(z) || p(z)).

    q(z|x) = N(A (x - b), S) makes q(z) = N(0, C + S) with C = A (W W' + I / 4) A': I = 1/2 log det(C + S) / det S.
    """
    generator = torch.Generator().manual_seed(seed)
    data = MultivariateNormal(B, W @ W.T + torch.eye(3) / 4)
    x = B + torch.randn(images, 3, generator=generator, dtype=torch.float64) @ data.scale_tril.T
    encoder = torch.linalg.inv(torch.eye(2) + 4 * W.T @ W) @ (4 * W.T)
    q = DiagonalGaussian((x - B) @ encoder.T, Q_STD.log().expand(images, 2))
    spread = encoder @ data.covariance_matrix @ encoder.T + torch.diag(Q_STD**2)
    information = 0.5 * (torch.logdet(spread) - 2 * Q_STD.log().sum())
    marginal = kl_divergence(
        MultivariateNormal(torch.zeros(2).double(), spread), MultivariateNormal(torch.zeros(2).double(), torch.eye(2))
    )
    noise = torch.randn(1, images, 2, generator=generator, dtype=torch.float64)
    return q, q.sample(noise), float(information), float(marginal)


def test_aggregate_posterior_is_the_mixture(monkeypatch):
    monkeypatch.setattr(latents, "PAIRS", 4)  # two codes at a time
    q = DiagonalGaussian(torch.tensor([[0.0, 0.0], [3.0, -1.0]]), torch.tensor([[0.0, 0.1], [-0.5, 0.3]]))
    z = torch.tensor([[0.2, 0.1], [2.5, -1.0], [50.0, 0.0]])
    density = sum(
        0.5 * MultivariateNormal(m, torch.diag(s**2)).log_prob(z).double().exp()
        for m, s in zip(q.mean, q.std, strict=True)
    )
    found = log_aggregate_posterior(q, z)
    assert torch.allclose(found[:2], density[:2].log(), atol=1e-5)
    assert found[2] < -500  # finite where the density itself underflows
    bits = BernoulliLatent(torch.tensor([[0.0, 2.0], [1.0, -1.0]]))
    assert log_aggregate_posterior(bits, CODES).exp().sum().item() == pytest.approx(1)


@pytest.mark.parametrize("std", [1.0, 1e-2, 1e-4])
def test_a_matrix_product_gives_the_density_that_the_distribution_has(std):
    generator = torch.Generator().manual_seed(0)
    mean = 3 + torch.randn(300, 20, generator=generator).double()
    gaussian = DiagonalGaussian(mean, math.log(std) + 0.3 * torch.randn(300, 20, generator=generator).double())
    z = gaussian.sample(gaussian.noise((1, 300, 20), generator))[0, :50]
    bernoulli = BernoulliLatent(8 * mean)
    for q, codes in ((gaussian, z), (bernoulli, (z > 3).double())):
        expected = q.log_prob(codes.unsqueeze(1))
        assert torch.allclose(latents._pairs(q).log_prob(codes), expected, rtol=1e-9, atol=1e-5)


def test_information_and_marginal_kl_of_the_linear_gaussian_model():
    """Resolution: standard errors of 0.02 nats at most; the two bounds are 0.002 apart."""
    q, z, information, marginal = linear_gaussian(6000, seed=0)
    split = split_kl(StandardNormal(2), q, z)
    for values, truth in (
        (split.information, information), (split.information_upper, information),
        (split.marginal, marginal), (split.marginal_lower, marginal), (split.kl, information + marginal),
    ):  # fmt: skip
        assert values.std() / math.sqrt(6000) < 0.02
        assert abs(z_score(values, truth)) < 5
    assert 0 < (split.information_upper - split.information).mean() < 0.004
    assert torch.allclose(split.information + split.marginal, split.kl, atol=1e-12)
    assert torch.allclose(split.information_upper + split.marginal_lower, split.kl, atol=1e-12)


def test_the_standard_error_is_that_of_repeated_data_and_few_images_bound_from_both_sides():
    found = [linear_gaussian(200, seed) for seed in range(300)]
    splits = [split_kl(StandardNormal(2), q, z) for q, z, *_ in found]
    lower = torch.stack([s.information.mean() for s in splits])
    upper = torch.stack([s.information_upper.mean() for s in splits])
    claimed = torch.stack([s.information.std() / math.sqrt(200) for s in splits]).mean()
    assert 0.85 < lower.std() / claimed < 1.15  # the spread of 300 repeats is known to 4 %
    assert z_score(lower, found[0][2]) < -5
    assert z_score(upper, found[0][2]) > 5


@pytest.mark.parametrize("draws", [1, 4])
def test_known_noise_is_taken_out(draws):
    """The draws' noise of I + KL is gone altogether, and that of I is not larger than without."""
    q, _, _, _ = linear_gaussian(500, seed=1)
    z = q.sample(q.noise((draws, 500, 2), torch.Generator().manual_seed(0)))
    plain = (q.log_prob(z) - log_aggregate_posterior(q, z.flatten(0, 1)).view(draws, 500)).mean(0)
    split = split_kl(StandardNormal(2), q, z)
    assert abs(split.information.mean() - plain.mean()) < 5 * plain.std() / math.sqrt(500)
    assert split.information.std() < plain.std()


def test_two_images_with_bernoulli_codes_by_enumeration():
    """Data sets of two images, each a or b with probability 1/2: aa, ab, ba, bb. All four codes are enumerated."""
    log_q = BITS.log_prob(CODES.unsqueeze(1)).double()  # (4 codes, 2 images)
    weight = log_q.exp()
    index_code = 0.5 * (weight * (log_q - (weight.mean(1, keepdim=True)).log())).sum()  # of a, b: also I(x; z)
    divergence = 0.5 * (weight * (log_q - log_q.flip(1))).sum()
    prior = FairBits(2)
    generator = torch.Generator().manual_seed(0)
    lower, upper = [], []
    for pick in ([0, 0], [0, 1], [1, 0], [1, 1]):
        q = BernoulliLatent(BITS.logits[pick])
        repeats = [split_kl(prior, q, q.sample(q.noise((500, 2, 2), generator))) for _ in range(40)]
        lower.append(torch.stack([s.information.mean() for s in repeats]))
        upper.append(torch.stack([s.information_upper.mean() for s in repeats]))
        assert repeats[0].kl.mean().item() == pytest.approx(float(prior.kl_per_dimension(q).sum() / 2), abs=1e-6)
    assert abs(z_score(lower[1], float(index_code))) < 5  # which of the two made z: unbiased
    assert abs(z_score(upper[1], float(divergence))) < 5
    assert lower[1].std() / math.sqrt(40) < 0.003
    for same in (0, 3):
        assert lower[same].abs().max() < 1e-6
        assert upper[same].abs().max() < 1e-6
    expected_lower, expected_upper = index_code / 2, divergence / 2  # half of the data sets tell nothing
    assert expected_lower < index_code < expected_upper


def test_codes_that_do_not_overlap_tell_which_image_it_was_and_stay_finite():
    mean = 100 * torch.arange(8.0)[:, None]
    q = DiagonalGaussian(mean, torch.full((8, 1), -3.0))
    split = split_kl(StandardNormal(1), q, q.sample(torch.zeros(1, 8, 1)))
    assert split.information.mean().item() == pytest.approx(math.log(8), abs=1e-6)
    assert split.information_upper.mean() > 1e5
    assert torch.isfinite(split.information_upper).all()


def test_a_learned_prior_and_a_collapsed_posterior():
    prior = LearnedGaussian(2)
    q = DiagonalGaussian(torch.zeros(30, 2), torch.zeros(30, 2))
    split = split_kl(prior, q, q.sample(q.noise((2, 30, 2), torch.Generator().manual_seed(0))))
    for values in (split.kl, split.information, split.information_upper, split.marginal):
        assert values.detach().abs().max() < 1e-5


def test_one_image_and_wrong_shapes_are_refused():
    one = DiagonalGaussian(torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="2 images or more"):
        split_kl(StandardNormal(2), one, torch.zeros(1, 1, 2))
    with pytest.raises(ValueError, match="expected q"):
        split_kl(StandardNormal(2), DiagonalGaussian(torch.zeros(3, 2), torch.zeros(3, 2)), torch.zeros(1, 4, 2))


def test_progress_can_cancel(monkeypatch):
    monkeypatch.setattr(latents, "PAIRS", 300)

    def stop(fraction, text):
        if fraction > 0.5:
            raise InterruptedError(text)

    q, z, *_ = linear_gaussian(100, seed=0)
    with pytest.raises(InterruptedError, match="code 51 of 100"):
        split_kl(StandardNormal(2), q, z, stop)


def test_density_on_the_map_is_that_of_projected_codes():
    generator = torch.Generator().manual_seed(0)
    q = DiagonalGaussian(torch.randn(3, 5, generator=generator), 0.3 * torch.randn(3, 5, generator=generator) - 0.5)
    axes, centre = torch.randn(2, 5, generator=generator), torch.randn(5, generator=generator)
    side = torch.linspace(-25, 25, 251)
    y = torch.cartesian_prod(side, side)
    density = log_map_density(q, axes, centre, y).exp()
    cell = 0.2**2
    assert (density.sum() * cell).item() == pytest.approx(1, abs=1e-4)
    found = (density[:, None] * y).sum(0) * cell
    assert torch.allclose(found, ((q.mean - centre) @ axes.T).mean(0).double(), atol=1e-3)
    z = q.sample(q.noise((60_000, 3, 5), generator)).flatten(0, 1)
    codes = (z - centre) @ axes.T
    second = (density[:, None, None] * y[:, :, None] * y[:, None, :]).sum(0) * cell
    assert torch.allclose(second.float(), codes.T @ codes / len(codes), rtol=0.03, atol=0.1)
    flat = log_map_density(q, torch.eye(5)[[1, 3]], torch.zeros(5), y[:100])
    only = DiagonalGaussian(q.mean[:, [1, 3]], q.log_std[:, [1, 3]])
    assert torch.allclose(flat, log_aggregate_posterior(only, y[:100]), atol=1e-6)
    with pytest.raises(ValueError, match="Gaussian latents"):
        log_map_density(BITS, axes, centre, y)


def test_active_units_by_kl_and_by_covariance():
    generator = torch.Generator().manual_seed(0)
    kl = torch.tensor([2.0, 0.02, 0.0101, 0.0]) * (1 + 0.5 * torch.randn(400, 4, generator=generator))
    count, stderr = active_units(kl, 0.01)
    assert count == int((kl.mean(0) > 0.01).sum())
    assert 0.3 < stderr <= 0.5  # one dimension could be on either side, the others not
    mean = torch.tensor([1.0, 0.2, 0.05, 0.0]) * torch.randn(2000, 4, generator=generator) + 5
    deviations = squared_deviations(mean)
    assert torch.allclose(deviations.mean(0), mean.double().var(0))
    assert active_units(deviations, 0.01) == (2, pytest.approx(0, abs=1e-6))
    assert active_units(torch.zeros(5, 3), 0.01) == (0, 0)
    assert active_units(torch.ones(1, 3), 0.01)[0] == 3
