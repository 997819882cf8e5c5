"""The gap and its parts: closed forms to 6 digits, sums over all codes, and fits within their errors."""

import itertools
import math

import numpy as np
import pytest
import torch

from tests.exact import ELBO, GAP, LOG_P, Q_MEAN, Q_STD, B, W, X
from vaeexplorer import gaps
from vaeexplorer.bounds import factorised, refined
from vaeexplorer.bounds.factorised import best_factorised
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import BernoulliLatent, DiagonalGaussian
from vaeexplorer.gaps import gap_stages, inference_gap
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.vae import VAE

POINT = X.reshape(1, 3)
APPROXIMATION, AMORTIZATION = 0.004757, 0.779374


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def exact_model():
    return LinearGaussian(
        W, B, 0.25, encoder=lambda x: DiagonalGaussian(Q_MEAN.expand(len(x), 2), Q_STD.log().expand(len(x), 2))
    )


def bits_vae(bits=4, seed=3):
    """Far from symmetric, so that bits in the wrong order give other numbers."""
    torch.manual_seed(seed)
    vae = VAE(VaeConfig(image_shape=(1, 3, 3), hidden=(6,), latent_dim=bits, posterior="bernoulli")).double()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(4)
    return vae.eval()


def pictures(count=3):
    return torch.bernoulli(torch.full((count, 1, 3, 3), 0.5, dtype=torch.float64), generator=seeded(5))


def adds_up(gap):
    return np.array_equal(gap.total, gap.approximation + gap.amortization)


# --- the exact model


def test_closed_forms_of_the_exact_model():
    gap = inference_gap(exact_model(), POINT, generator=seeded())
    assert gap.kind == "exact" and gap.log_marginal.method == "exact"
    for value, truth in (
        (gap.total, GAP), (gap.approximation, APPROXIMATION), (gap.amortization, AMORTIZATION),
        (gap.full, APPROXIMATION), (gap.elbo, ELBO), (gap.elbo_full, LOG_P), (gap.log_marginal.value, LOG_P),
    ):  # fmt: skip
        assert value == pytest.approx([truth], abs=1e-6)
    for error in (gap.total_stderr, gap.approximation_stderr, gap.amortization_stderr, gap.full_stderr):
        assert (error == 0).all()
    assert adds_up(gap)


def by_fits(copies=30):
    """One split per copy of the point, by the way that real models go."""
    return inference_gap(
        exact_model(), POINT.expand(copies, 3), generator=seeded(1), method="refined", samples=300, draws=400, steps=100
    )


def scores(gap):
    """How many of its own standard errors each part's mean is away from the truth."""
    parts = {"total": GAP, "approximation": APPROXIMATION, "amortization": AMORTIZATION, "full": APPROXIMATION}
    found = {}
    for name, truth in parts.items():
        values, errors = getattr(gap, name), getattr(gap, f"{name}_stderr")
        found[name] = abs(values.mean() - truth) / (math.sqrt((errors**2).sum()) / len(values))
    return found


def test_the_split_by_fits_meets_the_closed_forms():
    gap = by_fits()
    assert max(scores(gap).values()) < 5, scores(gap)
    # What this can see: a hundredth of a nat, a third of that in what is compared draw by draw.
    assert np.sqrt((gap.total_stderr**2).sum()) / 30 < 0.015 and np.sqrt((gap.full_stderr**2).sum()) / 30 < 0.005
    assert adds_up(gap) and gap.kind == "lower bound" and gap.log_marginal.method == "refined"
    # The errors that are stated are those between the copies.
    assert gap.total.std() == pytest.approx(np.sqrt((gap.total_stderr**2).mean()), rel=0.5)
    assert gap.proposals["diagonal_std"].shape == (30, 2) and gap.proposals["full_covariance"].shape == (30, 2, 2)


HONEST_WEIGHTS = gaps.importance.log_weights


def without_the_entropy(model, x, q, noise):
    return model.log_joint(x, q.sample(noise))


def without_the_prior(model, x, q, noise):
    z = q.sample(noise)
    return model.log_likelihood(x, z) - q.log_prob(z)


def with_half_the_noise(model, x, q, noise):
    return HONEST_WEIGHTS(model, x, q, noise / 2)


@pytest.mark.parametrize("wrong", [without_the_entropy, without_the_prior, with_half_the_noise])
def test_planted_mistakes_in_the_bounds_are_seen(wrong, monkeypatch):
    monkeypatch.setattr(gaps.importance, "log_weights", wrong)
    assert max(scores(by_fits(10)).values()) > 5


def test_errors_take_pairs_for_one_draw():
    # Pairs of opposite noise are not independent: their means are.
    log_weights = torch.tensor([[1.0], [2.0], [3.0], [6.0]])
    assert gaps._pairs(log_weights).tolist() == [[2.0], [4.0]]


def test_any_named_estimator_can_carry_the_gap():
    gap = inference_gap(exact_model(), POINT, generator=seeded(), method="grid", draws=200, steps=50)
    assert gap.log_marginal.method == "grid" and gap.kind == "unbiased" and adds_up(gap)
    assert gap.total_stderr[0] > 0 and abs(gap.total[0] - GAP) < 5 * gap.total_stderr[0]


def test_a_mixture_has_no_gap():
    model = MixtureOfGaussians(torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 2.0]), torch.tensor([0.5, 1.0]))
    gap = inference_gap(model, torch.tensor([[-1.0], [0.0], [2.5]]), generator=seeded())
    assert gap.kind == "exact" and gap.total == pytest.approx(np.zeros(3), abs=1e-6)
    with pytest.raises(ValueError, match="discrete"):
        gap_stages(model, torch.tensor([[0.0]]), generator=seeded(), method="prior")


# --- Bernoulli latents


def brute(vae, x):
    """log p(x), and the ELBO of any q, by a plain loop over all codes."""
    codes = torch.tensor(list(itertools.product([0.0, 1.0], repeat=vae.config.latent_dim)), dtype=torch.float64)
    with torch.no_grad():
        joint = torch.stack([vae.log_joint(x, z.expand(1, len(x), -1))[0] for z in codes])

    def elbo(q):
        log_q = torch.stack([q.log_prob(z.expand(1, len(x), -1))[0] for z in codes])
        return (log_q.exp() * (joint - log_q)).sum(0)

    return joint.logsumexp(0), elbo


def test_bits_are_summed_exactly():
    vae, x = bits_vae(), pictures()
    truth, elbo = brute(vae, x)
    gap = inference_gap(vae, x, generator=seeded())
    assert gap.kind == "exact" and gap.log_marginal.method == "enumeration" and adds_up(gap)
    with torch.no_grad():
        assert gap.elbo == pytest.approx(elbo(vae.posterior(x)).numpy(), abs=1e-9)
    assert gap.total == pytest.approx(truth.numpy() - gap.elbo, abs=1e-9)
    best = BernoulliLatent(torch.logit(torch.as_tensor(gap.proposals["diagonal_mean"]), eps=1e-15))
    assert gap.elbo_diagonal == pytest.approx(elbo(best).numpy(), abs=1e-6)
    assert (gap.amortization > 0).all() and (gap.approximation > 0).all()
    assert gap.full == pytest.approx(gap.approximation, abs=1e-9)


def test_no_other_bits_are_better():
    # Gradient ascent from six places, another way to the same optimum.
    vae, x = bits_vae(), pictures()
    _, elbo = brute(vae, x)
    found = best_factorised(vae, x)
    best = torch.full((len(x),), -math.inf, dtype=torch.float64)
    for k in range(6):
        logits = (6 * torch.rand(len(x), 4, generator=seeded(k), dtype=torch.float64) - 3).requires_grad_()
        adam = torch.optim.Adam([logits], lr=0.3)
        for _ in range(50):
            adam.zero_grad()
            (-elbo(BernoulliLatent(logits)).sum()).backward()
            adam.step()
        best = torch.maximum(best, elbo(BernoulliLatent(logits)).detach())
    assert (found.elbo_best > best - 1e-6).all() and (found.elbo_best < best + 0.05).all()


def test_bits_in_the_wrong_order_are_seen(monkeypatch):
    honest = factorised.codes
    monkeypatch.setattr(factorised, "codes", lambda dims: honest(dims).flip(1))
    vae, x = bits_vae(), pictures()
    _, elbo = brute(vae, x)
    with torch.no_grad():
        truth = elbo(vae.posterior(x))
    assert (best_factorised(vae, x).elbo - truth).abs().max() > 0.1


def test_a_sweep_never_lowers_the_bound():
    joint = 3 * torch.randn(32, 6, generator=seeded(), dtype=torch.float64)
    logits = torch.randn(6, 5, generator=seeded(1), dtype=torch.float64)
    before = factorised.elbo(joint, logits)
    for _ in range(10):
        logits = factorised._sweep(joint, logits)
        now = factorised.elbo(joint, logits)
        assert (now >= before - 1e-12).all()
        before = now


def test_too_many_bits_are_refused_in_one_line():
    vae = VAE(VaeConfig(image_shape=(1, 3, 3), hidden=(4,), latent_dim=17, posterior="bernoulli"))
    for method in (None, "iwae"):
        with pytest.raises(ValueError) as caught:
            list(gap_stages(vae, pictures().float(), generator=seeded(), method=method))
        assert "\n" not in str(caught.value) and "16" in str(caught.value)


# --- the way there


def test_stages_rise_to_the_record_and_can_be_left():
    found = list(gap_stages(exact_model(), POINT, generator=seeded(), method="refined", samples=50, draws=20, steps=20))
    fractions = [stage.fraction for stage in found]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and found[-1].record is not None
    assert all(stage.record is None and stage.text for stage in found[:-1])
    left = gap_stages(exact_model(), POINT, generator=seeded(), method="refined")
    next(left)
    left.close()
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_it_works_in_inference_mode():
    with torch.inference_mode():
        gap = inference_gap(
            exact_model(), POINT.clone(), generator=seeded(), method="refined", samples=50, draws=20, steps=20
        )
    assert np.isfinite(gap.total).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "magic"}, "prior, iwae"), ({"method": "enumeration"}, "Bernoulli"), ({"draws": 1}, "draws"),
        ({"steps": 0}, "steps"), ({"method": "iwae", "samples": 0}, "samples"), ({"draws": True}, "draws"),
        ({"method": "refined", "samples": 2.5}, "samples"), ({"method": "refined", "samples": 0}, "samples"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_at_once(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        gap_stages(exact_model(), POINT, generator=seeded(), **settings)
    assert "\n" not in str(caught.value)


def test_bad_images_are_refused_at_once():
    with pytest.raises(ValueError, match="finite"):
        gap_stages(exact_model(), POINT * math.nan, generator=seeded())


def test_surest_names_what_the_gap_rests_on():
    assert gaps.surest(exact_model()) == "exact" and gaps.surest(bits_vae()) == "enumeration"
    wide = VAE(VaeConfig(image_shape=(1, 3, 3), hidden=(4,), latent_dim=5))
    assert gaps.surest(wide) == "refined" and refined.METHOD.problem(wide) is None
