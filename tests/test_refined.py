"""Fitted proposals against the exact posterior, their slopes against the exact bound, and peaks that are hidden."""

import math

import numpy as np
import pytest
import torch

from tests.exact import LOG_P, POSTERIOR_COVARIANCE, POSTERIOR_MEAN, Q_MEAN, Q_STD, B, W, X
from vaeexplorer.bounds import estimate_log_marginal, families, modes, refined, stages
from vaeexplorer.bounds.families import DiagonalParameters, FullParameters, paired_noise
from vaeexplorer.bounds.slope import joint_and_slope
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import DiagonalGaussian, FullGaussian, StandardNormal
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.vae import VAE

POINT = X.reshape(1, 3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def encoder_at(mean, std):
    return lambda x: DiagonalGaussian(mean.expand(len(x), -1), std.log().expand(len(x), -1))


def exact_model(mean=Q_MEAN, std=Q_STD):
    return LinearGaussian(W, B, 0.25, encoder=encoder_at(mean, std))


def fitted(model, x, family, **settings):
    *_, (fraction, q) = refined.fit(model, x, family, generator=seeded(), **settings)
    assert fraction == 1
    return q


def z_score(values, truth):
    return (values.mean(0) - truth) / (values.std(0) / math.sqrt(len(values)))


# --- fits


FAR = (torch.tensor([4.0, -5.0], dtype=torch.float64), torch.full((2,), 0.01, dtype=torch.float64))
WIDE = (torch.tensor([-2.0, 2.0], dtype=torch.float64), torch.full((2,), 3.0, dtype=torch.float64))


@pytest.mark.parametrize("start", [(Q_MEAN, Q_STD), FAR, WIDE], ids=["near", "far and narrow", "wide"])
def test_a_full_fit_is_the_posterior_and_a_diagonal_one_the_best_of_its_kind(start):
    model = exact_model(*start)
    full = fitted(model, POINT, "full", steps=400)
    assert model.gap(POINT, full).item() < 0.01
    if start is not WIDE:  # whose first slopes are so steep that 400 steps end a tenth of a standard deviation away
        assert torch.allclose(full.mean[0], POSTERIOR_MEAN, atol=2e-3)
        assert torch.allclose(full.covariance[0], POSTERIOR_COVARIANCE, atol=2e-3)
    diagonal, best = fitted(model, POINT, "diagonal", steps=400), model.best_diagonal(POINT)
    # The family misses the posterior, so the slopes keep noise and the last steps a little of it.
    assert (model.elbo(POINT, best) - model.elbo(POINT, diagonal)).item() < 2e-3
    assert torch.allclose(diagonal.mean, best.mean, atol=0.02) and torch.allclose(diagonal.std, best.std, rtol=0.05)


@pytest.mark.parametrize("dims", [60])
def test_a_fit_in_many_dimensions_stays_together(dims):
    # More entries in a row than draws: their noise must not drive the matrix apart.
    weight = torch.randn(40, dims, generator=seeded(3), dtype=torch.float64) / math.sqrt(dims)
    model = LinearGaussian(weight, torch.zeros(40, dtype=torch.float64), 0.1)
    x = model.simulate(2, seeded(4))[0]
    q = fitted(model, x, "full", steps=300)
    best, truth = model.elbo(x, model.best_diagonal(x)), model.log_marginal(x)
    assert (model.elbo(x, q) > best + 0.9 * (truth - best)).all()


def analytic(model, q):
    """The exact bound as a function of q's parameters, with its derivatives."""
    x, w = POINT[0], model.weight
    rest = x - model.bias - w @ q.mean[0]
    cholesky = q.cholesky[0]
    fit = -0.5 / model.variance * (rest @ rest + ((w @ cholesky) ** 2).sum())
    kl = 0.5 * ((cholesky**2).sum() + q.mean[0] @ q.mean[0]) - torch.log(torch.diagonal(cholesky)).sum()
    return fit - kl


def full_parameters():
    factor = torch.tensor([[[0.2, 0.0], [0.9, 0.5]]], dtype=torch.float64)
    return FullParameters(FullGaussian(torch.tensor([[0.3, -0.1]], dtype=torch.float64), factor))


def diagonal_parameters():
    return DiagonalParameters(DiagonalGaussian(Q_MEAN[None], Q_STD.log()[None]))


def slope_scores(parameters):
    """Standard errors between the averaged slopes and the derivatives of the exact bound, for every free number."""
    model = exact_model()
    tensors = parameters.tensors()
    for tensor in tensors:
        tensor.requires_grad_()
    # The shift counts in units of the widths that the mean is moved by.
    scale = tensors[1].detach().exp()
    q = parameters.distribution()
    moved = type(q)(q.mean + scale * tensors[0], *list(vars(q).values())[1:])
    wanted = torch.autograd.grad(analytic(model, moved), tensors)
    for tensor in tensors:
        tensor.requires_grad_(False)
    noise = torch.randn(4000, 1, 2, generator=seeded(), dtype=torch.float64)
    _, slope = joint_and_slope(model, POINT, parameters.distribution().sample(noise))
    each = [parameters.slopes(noise[k : k + 1], slope[k : k + 1]) for k in range(len(noise))]
    found = [torch.stack(values) for values in zip(*each, strict=True)]
    scores = [z_score(values, truth) for values, truth in zip(found, wanted, strict=True)]
    free = [torch.ones(1, 2), torch.ones(1, 2), torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])]
    return torch.cat([s[f.bool()] for s, f in zip(scores, free, strict=False)]).abs().max().item()


@pytest.mark.parametrize("make", [full_parameters, diagonal_parameters])
def test_slopes_are_those_of_the_exact_bound(make):
    assert slope_scores(make()) < 5


def without_the_score(self, noise, slope):
    path = slope * self.log_std.exp()
    return [path.mean(0), (path * noise).mean(0)]


def without_its_own_scale(self, noise, slope):
    path = slope + noise
    return [path.mean(0), (path * noise).mean(0)]


def turned(self, noise, slope):
    columns = noise.permute(1, 2, 0)
    score = torch.linalg.solve_triangular(self.below.mT, columns, upper=True, unitriangular=True)
    path = slope.permute(1, 2, 0) * self.log_scale.exp()[..., None] + score
    by_factor = columns @ path.mT / noise.shape[0]
    by_scale = torch.diagonal(by_factor, dim1=-2, dim2=-1) + (by_factor * self.below).sum(-1)
    return [path.mean(-1), by_scale, torch.tril(by_factor, -1)]


def only_the_diagonal_counts(self, noise, slope):
    shift, _, below = HONEST_FULL(self, noise, slope)
    columns = noise.permute(1, 2, 0)
    score = torch.linalg.solve_triangular(self.below.mT, columns, upper=True, unitriangular=True)
    path = slope.permute(1, 2, 0) * self.log_scale.exp()[..., None] + score
    return [shift, torch.diagonal(path @ columns.mT / noise.shape[0], dim1=-2, dim2=-1), below]


HONEST_FULL = FullParameters.slopes


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (diagonal_parameters, without_the_score), (diagonal_parameters, without_its_own_scale),
        (full_parameters, turned), (full_parameters, only_the_diagonal_counts),
    ],
)  # fmt: skip
def test_planted_mistakes_in_the_slopes_are_seen(make, wrong, monkeypatch):
    parameters = make()
    monkeypatch.setattr(type(parameters), "slopes", wrong)
    assert slope_scores(parameters) > 5


def test_noise_comes_in_pairs():
    q = DiagonalGaussian(torch.zeros(3, 2), torch.zeros(3, 2))
    even, odd = paired_noise(q, 4, seeded()), paired_noise(q, 5, seeded())
    assert torch.equal(even[:2], -even[2:]) and even.shape == (4, 3, 2) and odd.shape == (5, 3, 2)


# --- the estimate


def estimates(copies=500, **settings):
    how = {"samples": 10, "steps": 40, **settings}
    return estimate_log_marginal(exact_model(), POINT.expand(copies, 3), "refined", generator=seeded(2), **how)


def test_it_is_unbiased_for_p_and_a_lower_bound_of_its_log():
    record = estimates()
    ratio = torch.as_tensor(np.exp(record.value - LOG_P))
    assert abs(z_score(ratio, 1.0)) < 5 and ratio.std() / math.sqrt(500) < 0.01
    assert record.kind == "lower bound" and record.method == "refined" and record.value.mean() < LOG_P + 0.02


def narrower_than_it_says(self, noise):
    return self.mean + torch.einsum("bij,sbj->sbi", self.cholesky, 0.7 * noise.to(self.cholesky.dtype))


def test_draws_of_another_q_than_the_weights_are_seen(monkeypatch):
    monkeypatch.setattr(FullGaussian, "sample", narrower_than_it_says)
    assert abs(z_score(torch.as_tensor(np.exp(estimates().value - LOG_P)), 1.0)) > 5


def test_the_record_says_how_it_was_made():
    record = estimates(2, samples=1000, proposal="diagonal", widen=1.2, keep_weights=True)
    assert record.details["proposal"] == "diagonal" and record.details["widen"] == 1.2 and record.details["steps"] == 40
    assert record.details["std"].shape == (2, 2) and (record.details["peaks"] == 1).all()
    assert record.log_weights.shape == (1000, 2) and record.samples == 1000
    assert record.decodings == 1000 + refined.METHOD.decodings(None, 0, {"steps": 40})
    assert record.pareto_k.shape == record.effective_sample_size.shape == (2,)


def test_widening_makes_the_variance_finite():
    model = exact_model()
    narrow = DiagonalGaussian(model.best_diagonal(POINT).mean, model.best_diagonal(POINT).std.mul(0.7).log())
    assert model.relative_variance(POINT, narrow).isinf().all()
    assert model.relative_variance(POINT, refined.widened(narrow, 1.5)).isfinite().all()
    posterior = model.true_posterior(POINT)
    wider = refined.widened(posterior, 1.1)
    assert torch.allclose(wider.covariance, 1.21 * posterior.covariance) and torch.equal(wider.mean, posterior.mean)
    # The method does what `widened` says.
    record = estimates(1, samples=2000, widen=1.5, steps=200)
    expected = 1 / (1 + model.relative_variance(POINT, refined.widened(posterior, 1.5)).item())
    assert record.effective_sample_size[0] / 2000 == pytest.approx(expected, rel=0.1)


def test_a_q_that_is_too_narrow_is_marked():
    model = exact_model(POSTERIOR_MEAN, torch.full((2,), 0.08, dtype=torch.float64))
    record = estimate_log_marginal(model, POINT, "iwae", samples=2000, generator=seeded())
    assert "pareto" in record.warnings(0)
    assert record.value[0] < LOG_P - 0.2  # and rightly so, as the refined one shows
    again = estimate_log_marginal(model, POINT, "refined", samples=2000, generator=seeded())
    assert again.warnings(0) == () and abs(again.value[0] - LOG_P) < 5 * again.stderr[0]


# --- more than one peak


class TwoPeaks:
    """x = z^2 + noise: z and -z explain x alike, and the encoder knows only one of them."""

    latent_dim, device, dtype = 1, torch.device("cpu"), torch.float64

    def __init__(self, tilt=0.0):
        self.prior, self.tilt = StandardNormal(1), tilt

    def check(self, x):
        pass

    def posterior(self, x):
        return DiagonalGaussian(x.sqrt(), torch.full_like(x, math.log(0.05)))

    def log_likelihood(self, x, z):
        return (-0.5 * ((x - z**2) / 0.2) ** 2 + self.tilt * (z < 0) - math.log(0.2) - 0.5 * math.log(2 * math.pi)).sum(
            -1
        )

    def log_joint(self, x, z):
        return self.log_likelihood(x, z) + self.prior.log_prob(z)

    def log_likelihood_table(self, x, z):
        return self.log_likelihood(x, z[:, None])

    def truth(self, x):
        z = torch.linspace(-8, 8, 20001, dtype=torch.float64)[:, None, None]
        return torch.logsumexp(self.log_joint(x, z), 0) + math.log(16 / 20000)


TWO = torch.tensor([[1.0], [2.0]], dtype=torch.float64)


def two_peaks(tilt, **settings):
    model = TwoPeaks(tilt)
    *_, last = stages(model, TWO, "refined", samples=2000, steps=150, generator=seeded(), **settings)
    return model, last.record


@pytest.mark.parametrize("tilt", [0.0, 3.0])
@pytest.mark.parametrize("proposal", ["full", "diagonal"])
def test_a_peak_that_the_encoder_does_not_know_is_found(tilt, proposal):
    model, record = two_peaks(tilt, proposal=proposal)
    assert np.abs(record.value - model.truth(TWO).numpy()).max() < 0.05
    assert (record.details["peaks"] == 2).all()
    if tilt:
        assert (record.details["mean"] < 0).all()  # the best q stands on the higher peak


def test_without_the_search_half_the_mass_is_missed(monkeypatch):
    # The mistake that no diagnostic of the weights can see: it is why the search is there.
    monkeypatch.setattr(refined, "further_peaks", lambda *_: [])
    model, record = two_peaks(0.0)
    assert model.truth(TWO).numpy() - record.value == pytest.approx([math.log(2)] * 2, abs=0.1)


def test_the_better_of_two_fits_is_the_best_q():
    q = fitted(TwoPeaks(3.0), TWO, "full", steps=100)
    assert (q.mean < 0).all()


def test_only_images_with_another_peak_get_another_fit():
    model = TwoPeaks()
    x = torch.tensor([[1.5], [0.0]], dtype=torch.float64).clamp_min(1e-4)  # z = 0 is alone
    found = modes.further_peaks(model, x, DiagonalGaussian(x.sqrt(), torch.full_like(x, math.log(0.2))), seeded())
    assert [peak.images.tolist() for peak in found] == [[0]]
    assert found[0].z.item() == pytest.approx(-math.sqrt(1.5), abs=0.05)


def test_a_mixture_draws_and_weighs_the_same_distribution():
    parts = [
        DiagonalGaussian(torch.tensor([[0.0, 1.0], [2.0, 2.0]]).double(), torch.zeros(2, 2).double()),
        DiagonalGaussian(torch.tensor([[3.0, -1.0], [9.0, 9.0]]).double(), torch.full((2, 2), -0.5).double()),
    ]
    shares = torch.tensor([[0.3, 1.0], [0.7, 0.0]], dtype=torch.float64)
    q = refined.Mixture(parts, shares)
    noise = q.noise((6000, 2, 2), seeded()).double()
    z = q.sample(noise)
    wide = DiagonalGaussian(torch.tensor([[1.5, 0.0], [2.0, 2.0]]).double(), torch.full((2, 2), 0.1).double())
    for image in range(2):  # E_q[p / q] = 1 for any density p that q covers
        ratio = torch.exp(wide.log_prob(z) - q.log_prob(z))[:, image].clamp_max(1e6)
        assert abs(z_score(ratio, 1.0)) < 5
    assert abs(z_score(z[:, 0, 0], 0.7 * 3.0)) < 5
    assert torch.allclose(q.log_prob(z)[:, 1], parts[0].log_prob(z)[:, 1])


# --- the way there, and bad input


def test_stages_rise_and_the_draws_are_exactly_as_many_as_asked():
    found = list(stages(exact_model(), POINT, "refined", samples=1234, steps=30, generator=seeded()))
    fractions = [stage.fraction for stage in found]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)
    assert found[0].record is None and found[-1].record.samples == 1234 and found[-1].record.complete


def test_the_model_keeps_its_weights_and_gets_no_gradients():
    torch.manual_seed(0)
    vae = VAE(VaeConfig(image_shape=(1, 3, 3), hidden=(4,), latent_dim=3)).train()
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    x = torch.bernoulli(torch.full((2, 1, 3, 3), 0.5), generator=seeded())
    with torch.inference_mode():
        fitted(vae, x.clone(), "full", steps=20)
        estimate_log_marginal(vae, x.clone(), "refined", samples=20, steps=20, generator=seeded())
    assert all(torch.equal(value, before[name]) for name, value in vae.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in vae.parameters()) and vae.training


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"proposal": "round"}, "diagonal, full"), ({"widen": 0}, "widen"), ({"widen": math.nan}, "widen"),
        ({"steps": 0}, "steps"), ({"steps": 1.5}, "steps"), ({"samples": 0}, "samples"), ({"speed": 1}, "speed"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_in_one_line(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        estimate_log_marginal(exact_model(), POINT, "refined", generator=seeded(), **settings)
    assert "\n" not in str(caught.value)


def test_discrete_codes_are_refused():
    bits = VAE(VaeConfig(image_shape=(1, 3, 3), hidden=(4,), latent_dim=3, posterior="bernoulli"))
    with pytest.raises(ValueError, match="enumeration"):
        fitted(bits, torch.zeros(1, 1, 3, 3), "full")


def test_families_are_the_registry():
    assert list(families.FAMILIES) == ["diagonal", "full"]
