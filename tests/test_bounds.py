"""Importance sampling and the common loop around every estimator, against models whose log p(x) is known."""

import itertools
import math
import re

import numpy as np
import pytest
import torch

from tests.exact import ESS_SHARE, IWAE_GAP, LOG_P, RELATIVE_VARIANCE, X, linear_vae
from vaeexplorer import bounds
from vaeexplorer.bounds import METHODS, estimate_log_marginal, importance, stages
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.records import LogMarginal
from vaeexplorer.vae import VAE

PRIOR_RELATIVE_VARIANCE = 3.478453


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def model_with(widen=1.0):
    """The example with its q, made wider: the same for every x."""
    model, x, q = example()

    def encoder(x):
        return DiagonalGaussian(q.mean.expand(len(x), -1), (q.log_std + math.log(widen)).expand(len(x), -1))

    return LinearGaussian(model.weight, model.bias, model.variance, encoder=encoder), x


def bits(seed=0, dims=4):
    """A small VAE with Bernoulli latents, and images for it."""
    torch.manual_seed(seed)
    config = VaeConfig(
        architecture="mlp", image_shape=(1, 4, 4), hidden=(8,), latent_dim=dims, posterior="bernoulli",
        prior="fair_bits",
    )  # fmt: skip
    return VAE(config), torch.rand(3, 1, 4, 4, generator=generator(seed)).round()


def gaussian(seed=0, dims=2, **fields):
    torch.manual_seed(seed)
    config = VaeConfig(architecture="mlp", image_shape=(1, 4, 4), hidden=(8,), latent_dim=dims, **fields)
    return VAE(config), torch.rand(3, 1, 4, 4, generator=generator(seed)).round()


class Watched:
    """A model that notes how many codes it decodes at a time, and under which switches."""

    def __init__(self, model):
        self.model, self.rows, self.gradients, self.modes = model, [], [], []

    def __getattr__(self, name):
        return getattr(self.model, name)

    def log_likelihood(self, x, z):
        self.rows.append(z.shape[:2])
        self.gradients.append(torch.is_grad_enabled())
        return self.model.log_likelihood(x, z)


# the values


def check_importance_sampling():
    """Unbiased in p(x), its error as predicted, with 300 x 1000 draws: E p_hat / p is seen to about 0.4 %."""
    model, x = model_with()
    images, draws = 300, 1000
    for method, variance in (("iwae", RELATIVE_VARIANCE), ("prior", PRIOR_RELATIVE_VARIANCE)):
        record = estimate_log_marginal(
            model, x.expand(images, -1), method, samples=draws, generator=generator(3), keep_weights=True
        )
        ratios = np.exp(record.value - LOG_P)
        assert ratios.std() > 0, method
        z = (ratios.mean() - 1) / (ratios.std(ddof=1) / math.sqrt(images))
        assert abs(z) < 5, method
        assert record.stderr.mean() == pytest.approx(math.sqrt(variance / draws), rel=0.05), method
        assert record.effective_sample_size.mean() == pytest.approx(draws / (1 + variance), rel=0.05), method
        assert record.value.std() == pytest.approx(record.stderr.mean(), rel=0.15), method
        assert record.spread.mean() == pytest.approx(2.06 * math.sqrt(variance / draws * 4), rel=0.15), method
        assert record.log_weights.shape == (draws, images)
        by_hand = np.logaddexp.reduce(record.log_weights) - math.log(draws)
        assert record.value == pytest.approx(by_hand, abs=1e-10)
        assert record.kind == "lower bound" and record.complete and record.decodings == draws


def test_importance_sampling_is_unbiased_and_knows_its_error():
    check_importance_sampling()


def without_constant(monkeypatch):
    """The Gaussian constant of the likelihood is dropped."""
    kept = LinearGaussian._log_normal
    monkeypatch.setattr(LinearGaussian, "_log_normal", lambda self, d: kept(self, d) - kept(self, 0 * d))


def mean_of_logs(monkeypatch):
    """The ELBO in the place of the bound."""

    def sums(self, weights):
        kept(self, weights.mean(0, keepdim=True).expand_as(weights))

    kept = importance.Sums.add
    monkeypatch.setattr(importance.Sums, "add", sums)


def wrong_axis(monkeypatch):
    """Averaged over images as well as draws: all get the same value."""

    def add(self, weights):
        kept(self, (torch.logsumexp(weights, 1, keepdim=True) - math.log(weights.shape[1])).expand_as(weights))

    kept = importance.Sums.add
    monkeypatch.setattr(importance.Sums, "add", add)


def without_q(monkeypatch):
    """p(x, z) without the correction for where z was drawn."""
    monkeypatch.setattr(DiagonalGaussian, "log_prob", lambda self, z: 0 * z[..., 0])


def shared_draws(monkeypatch):
    """All images get the same draws: values that look right and are not independent."""
    kept = DiagonalGaussian.noise
    alike = staticmethod(lambda shape, *more: kept((shape[0], 1, shape[2]), *more).expand(shape))
    monkeypatch.setattr(DiagonalGaussian, "noise", alike)


def error_of_one_draw(monkeypatch):
    """std where the stderr belongs."""
    kept = importance.Sums.statistics
    monkeypatch.setattr(
        importance.Sums, "statistics", lambda self: kept(self) | {"stderr": kept(self)["stderr"] * self.drawn**0.5}
    )


def first_part_only(monkeypatch):
    """A quarter of the draws is lost."""
    kept = importance.Sums.add
    monkeypatch.setattr(importance.Sums, "add", lambda self, weights: kept(self, weights[: len(weights) * 3 // 4 or 1]))


@pytest.mark.parametrize(
    "plant",
    [without_constant, mean_of_logs, wrong_axis, without_q, shared_draws, error_of_one_draw, first_part_only],
)
def test_a_planted_mistake_is_found(monkeypatch, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        check_importance_sampling()


@pytest.mark.parametrize("draws", IWAE_GAP)
def test_the_bound_is_low_by_what_it_should_be(draws):
    model, x = model_with()
    record = estimate_log_marginal(model, x.expand(20_000, -1), "iwae", samples=draws, generator=generator(1))
    low = LOG_P - record.value
    stderr = low.std(ddof=1) / math.sqrt(len(low))
    assert abs(low.mean() - IWAE_GAP[draws]) < 5 * stderr + 5e-5  # the last printed digit
    assert low.mean() > 5 * stderr


def test_error_bars_cover_the_truth_where_they_claim_to():
    """1000 repetitions with K = 1000: 95 % of the intervals of 1.96 stderr hold the truth, give or take 2 %."""
    repetitions = 1000
    for (model, x), method in ((model_with(), "iwae"), (model_with(1.5), "iwae"), (model_with(), "prior")):
        record = estimate_log_marginal(model, x.expand(repetitions, -1), method, samples=1000, generator=generator(5))
        assert covered(record, model.log_marginal(x).item()) == pytest.approx(0.95, abs=0.02)
        assert np.mean(["pareto" in record.warnings(i) for i in range(repetitions)]) < 0.01


def test_error_bars_do_not_cover_with_heavy_tails_and_the_badges_say_so():
    """A q of half the posterior's width has weights of infinite variance, the prior in ten dimensions nearly."""
    model, x = model_with(0.45)
    assert model.relative_variance(x, model.posterior(x)).item() == math.inf
    narrow = estimate_log_marginal(model, x.expand(1000, -1), "iwae", samples=1000, generator=generator(5))
    assert covered(narrow, LOG_P) < 0.6
    assert np.mean(["pareto" in narrow.warnings(i) for i in range(1000)]) > 0.7
    assert np.mean([bool(narrow.warnings(i)) for i in range(1000)]) > 0.95
    wide = LinearGaussian(torch.eye(10, dtype=torch.float64), torch.zeros(10), 0.1)
    ones = torch.ones(300, 10, dtype=torch.float64)
    record = estimate_log_marginal(wide, ones, "prior", samples=1000, generator=generator(5))
    assert covered(record, wide.log_marginal(ones[:1]).item()) < 0.8
    assert all("effective" in record.warnings(i) for i in range(300))


def covered(record, truth):
    return float(np.mean(np.abs(record.value - truth) < 1.96 * record.stderr))


def test_float32_decoding_and_float64_sums_agree_with_float64_throughout():
    vae, x = gaussian(dims=3)
    single = estimate_log_marginal(vae, x, "iwae", samples=5000, generator=generator())
    double = estimate_log_marginal(vae.double(), x.double(), "iwae", samples=5000, generator=generator())
    assert single.value.dtype == np.float64
    assert single.value == pytest.approx(double.value, abs=2e-6)
    assert single.stderr == pytest.approx(double.stderr, rel=1e-4)


def test_discrete_codes_are_sampled_and_counted_alike():
    vae, x = bits()
    truth = estimate_log_marginal(vae, x, "enumeration", generator=generator())
    for method in ("iwae", "prior"):
        record = estimate_log_marginal(vae, x, method, samples=20_000, generator=generator())
        assert np.all(np.abs(record.value - truth.value) < 5 * record.stderr)
    by_hand = torch.logsumexp(
        torch.stack([vae.log_joint(x, torch.tensor(z).float().expand(1, 3, 4))[0] for z in all_bits(4)]), 0
    )
    assert truth.value == pytest.approx(by_hand.detach().numpy(), abs=1e-5)
    assert truth.kind == "exact" and not truth.stderr.any() and truth.samples == truth.asked == truth.decodings == 16


def all_bits(dims):
    return list(itertools.product((0.0, 1.0), repeat=dims))


def test_the_true_posterior_of_bits():
    vae, x = bits()
    joint = torch.stack([vae.log_joint(x, torch.tensor(z).float().expand(1, 3, 4))[0] for z in all_bits(4)])
    by_hand = torch.softmax(joint.double(), 0).T @ torch.tensor(all_bits(4)).double()
    found = bounds.enumeration.posterior_marginals(vae, x)
    assert found == pytest.approx(by_hand.detach().numpy(), abs=1e-6)


def test_a_mixture_knows_its_likelihood():
    tensor = torch.tensor([[0.3, 0.7], [-1.0, 2.0], [0.5, 1.0]], dtype=torch.float64)
    model, x = MixtureOfGaussians(*tensor), torch.tensor([[-1.0], [0.0], [2.5]], dtype=torch.float64)
    exact = estimate_log_marginal(model, x, "exact", generator=generator())
    assert exact.value == pytest.approx([-1.416887, -2.656574, -1.400613], abs=6e-7)
    prior = estimate_log_marginal(model, x, "prior", samples=20_000, generator=generator())
    assert np.all(np.abs(prior.value - exact.value) < 5 * prior.stderr)
    own = estimate_log_marginal(model, x, "iwae", samples=100, generator=generator())  # q is the posterior
    assert own.value == pytest.approx(exact.value, abs=1e-12) and np.all(own.stderr < 1e-6)
    assert own.effective_sample_size == pytest.approx(100) and not any(own.warnings(i) for i in range(3))


# the loop


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_contract(name):
    method, tried = METHODS[name], 0
    for model, x in (model_with(), (linear_vae(), X), gaussian(), bits()):
        if method.problem(model) is not None:
            assert method.problem(model).count("\n") == 0
            with pytest.raises(ValueError, match=re.escape(method.problem(model))):
                stages(model, x, name, generator=generator())
            continue
        tried += 1
        samples = None if method.samples is None else max(method.least, 9)
        shown = list(stages(model, x, name, samples=samples, generator=generator(), **quick(name)))
        assert [stage.fraction for stage in shown] == sorted(stage.fraction for stage in shown)
        record = shown[-1].record
        assert shown[-1].fraction == 1 and record.complete and record.method == name and record.kind == method.kind
        for values in (record.value, record.stderr):
            assert values.shape == (len(x),) and values.dtype == np.float64 and not np.isnan(values).any()
        assert samples in (None, record.samples) and record.seconds > 0
        assert method.decodings(model, samples or 1, {**method.options, **quick(name)}) >= 0
    assert tried and method.source and method.words.endswith(".")


def quick(name):
    return {"refined": {"steps": 5}, "ais": {"steps": 5}}.get(name, {})


@pytest.mark.parametrize("method", ["prior", "iwae"])
@pytest.mark.parametrize("samples", [1, 3, 4, 999, 1000, 1003])
@pytest.mark.parametrize("images", [1, 7])
def test_exactly_so_many_draws_a_few_rows_at_a_time(method, samples, images):
    model, x = model_with()
    watched = Watched(model)
    record = estimate_log_marginal(watched, x.expand(images, -1), method, samples=samples, generator=generator())
    assert sum(draws for draws, _ in watched.rows) == samples == record.samples == record.asked
    assert all(size == images and draws * size <= importance.ROWS for draws, size in watched.rows)
    assert not any(watched.gradients)
    assert (record.spread is None) == (samples < 4)
    assert np.isinf(record.stderr).all() == (samples == 1)


def test_more_images_than_rows_are_decoded_in_parts():
    model, x = model_with()
    watched = Watched(model)
    run = importance.run(
        watched, x.expand(25, -1), model.posterior(x.expand(25, -1)), samples=7, generator=generator(), rows=10
    )
    *_, last = run
    assert [tuple(rows) for rows in watched.rows] == [(1, 10), (1, 10), (1, 5)] * 7
    assert last.record.value.shape == (25,)


@pytest.mark.parametrize("chunks", [[100], [1] * 100, [3, 50, 2, 45], [99, 1]])
def test_what_is_kept_of_the_weights_does_not_depend_on_the_chunks(chunks):
    weights = torch.randn(100, 3, generator=generator(), dtype=torch.float64) * 3 - 500
    sums = importance.Sums(3, 100, weights.device)
    for chunk in weights.split(chunks):
        sums.add(chunk)
    found = sums.statistics()
    w = torch.exp(weights + 500)
    assert found["value"] == pytest.approx((w.mean(0).log() - 500).numpy(), abs=1e-10)
    assert found["stderr"] == pytest.approx((w.std(0) / w.mean(0) / 10).numpy(), rel=1e-9)
    assert found["effective_sample_size"] == pytest.approx((w.sum(0) ** 2 / (w**2).sum(0)).numpy(), rel=1e-9)
    parts = torch.stack([w[i::4].mean(0).log() for i in range(4)])
    assert found["spread"] == pytest.approx((parts.amax(0) - parts.amin(0)).numpy(), abs=1e-10)
    assert torch.equal(sums.largest, weights.topk(21, 0).values)


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    model, x = model_with()
    first, again, other = (
        estimate_log_marginal(model, x, "iwae", samples=100, generator=generator(seed)).value for seed in (0, 0, 1)
    )
    assert first == again != other


def test_who_stops_listening_has_a_marked_partial_result():
    vae, x = gaussian()
    vae.train()
    running = stages(vae, x, "iwae", samples=10**6, generator=generator())
    stage = next(running)
    assert not vae.training  # a batch normalisation or a dropout would change the model meanwhile
    running.close()
    assert vae.training
    record = stage.record
    assert 0 < record.samples < record.asked == 10**6 and not record.complete
    assert all("partial" in record.warnings(i) for i in range(len(x)))
    assert stage.fraction == record.samples / record.asked and "of 1,000,000 draws" in stage.text


def test_listeners_keep_their_own_gradient_mode():
    vae, x = gaussian()
    for _ in stages(vae, x, "iwae", samples=5000, generator=generator()):
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        inside = x * 1
        for _ in stages(vae, inside, "refined", samples=10, steps=2, generator=generator()):
            assert torch.is_inference_mode_enabled()
    assert all(parameter.grad is None for parameter in vae.parameters())


def test_seconds_are_those_of_the_method_and_not_of_the_listener(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(bounds.time, "perf_counter", lambda: float(next(clock)))
    model, x = model_with()
    count = 0
    for stage in stages(model, x, "iwae", samples=5000, generator=generator()):
        next(clock)  # a slow listener
        count += 1
        record = stage.record
    assert record.seconds == count


REFUSED = {
    "K = 0": ({"samples": 0}, "whole number from 1 to"),
    "K = -1": ({"samples": -1}, "whole number"),
    "K = 2.5": ({"samples": 2.5}, "got 2.5"),
    "K = True": ({"samples": True}, "got True"),
    "K = '10'": ({"samples": "10"}, "got '10'"),
    "K beyond all": ({"samples": 10**9 + 1}, "whole number from 1 to 1,000,000,000"),
    "method": ({"method": "annealing"}, "expected one of the methods prior, iwae, refined"),
    "option": ({"steps": 3}, "the method iwae has no option steps; its options: none"),
    "generator": ({"generator": 0}, "expected a generator, got int: give torch.Generator"),
    "too many dimensions": ({"method": "grid"}, "goes up to 2 latent dimensions and this model has 3"),
    "no bits": ({"method": "enumeration"}, "needs Bernoulli latents"),
    "no closed form": ({"method": "exact"}, "no closed form"),
    "NaN": ({"x": torch.full((1, 1, 4, 4), math.nan)}, "NaN"),
    "grey": ({"x": torch.full((1, 1, 4, 4), 0.5)}, "binar"),
    "shape": ({"x": torch.zeros(1, 1, 4, 5)}, "expected"),
    "none": ({"x": torch.zeros(0, 1, 4, 4)}, "expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line_before_anything_runs(case):
    changes, message = REFUSED[case]
    vae, x = gaussian(dims=3)
    how = {"x": x, "method": "iwae", "samples": 10, "generator": generator(), **changes}
    with pytest.raises(ValueError, match=message) as caught:
        stages(vae, how.pop("x"), how.pop("method"), **how)
    assert "\n" not in str(caught.value)


def test_a_grid_needs_a_few_points():
    model, x = model_with()
    with pytest.raises(
        ValueError, match=r"whole number from 5 to 1,001 for samples \(points along each axis\) of grid"
    ):
        stages(model, x, "grid", samples=4, generator=generator())


def test_seventeen_bits_are_too_many():
    vae, x = bits(dims=17)
    with pytest.raises(ValueError, match="up to 16 Bernoulli latents and this model has 17"):
        stages(vae, x, "enumeration", generator=generator())


@pytest.mark.parametrize("method", ["iwae", "prior", "grid"])
def test_a_model_that_gives_no_numbers_is_named(method):
    vae, x = gaussian()
    with torch.no_grad():
        vae.decoder[0].weight.fill_(math.nan)
    with pytest.raises(ValueError, match="NaN or infini"):
        estimate_log_marginal(vae, x, method, samples=10, generator=generator())


def test_a_stopped_enumeration_is_a_lower_bound(monkeypatch):
    vae, x = bits()
    monkeypatch.setattr(bounds.enumeration, "PAUSE", 0)
    monkeypatch.setattr(bounds.enumeration, "codes_at_a_time", lambda images: 5)
    records = [stage.record for stage in stages(vae, x, "enumeration", generator=generator())]
    assert [record.samples for record in records] == [5, 10, 15, 16]
    assert [record.kind for record in records] == ["lower bound"] * 3 + ["exact"]
    assert all(np.all(a.value < b.value) for a, b in itertools.pairwise(records))


def test_iwae_as_the_data_set_uses_it_is_the_same_bound():
    model, x = model_with()
    *_, bound = bounds.iwae(model, x.expand(3, -1), 1003, generator())
    record = estimate_log_marginal(model, x.expand(3, -1), "iwae", samples=1003, generator=generator())
    assert bound.numpy() == pytest.approx(record.value, abs=1e-12)
    assert pytest.approx(ESS_SHARE, abs=1e-6) == 1 / (1 + RELATIVE_VARIANCE)
    assert isinstance(record, LogMarginal)
