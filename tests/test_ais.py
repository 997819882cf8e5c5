"""Annealed importance sampling against the exact model: unbiased forth and back, whatever the path and its length."""

import math

import numpy as np
import pytest
import torch

from tests.exact import Q_MEAN, Q_STD, B, W, X
from vaeexplorer.bounds import ais, estimate_log_marginal, stages
from vaeexplorer.bounds.bidirectional import bidirectional
from vaeexplorer.bounds.slope import joint_and_slope
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.vae import VAE

POINT = X.reshape(1, 3)
COPIES = 2000  # of the point: each has chains of its own, so that one call is many repetitions


def poor_encoder(x):
    return DiagonalGaussian(Q_MEAN.expand(len(x), 2), Q_STD.log().expand(len(x), 2))


def exact_model():
    return LinearGaussian(W, B, 0.25, encoder=poor_encoder)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def z_score(values, truth):
    return (values.mean() - truth) / (values.std(ddof=1) / math.sqrt(values.size))


@pytest.fixture(autouse=True)
def short_pilot(monkeypatch):
    """The pilot run is no part of what most tests look at."""
    monkeypatch.setattr(ais, "PILOT_CHAINS", 1)
    monkeypatch.setattr(ais, "PILOT_STEPS", (8, 16))
    monkeypatch.setattr(ais, "WARM_UP", 10)


def weights_over_truth(start, steps):
    """w / p(x) of single chains, (COPIES,): its mean is 1."""
    model, x = exact_model(), POINT.expand(COPIES, 3)
    walk = ais.starting(ais.path_for(model, x, start), 1, seeded())
    list(ais.forward(walk, ais.temperatures(steps), torch.full((steps - 1, COPIES), 0.8, dtype=torch.float64)))
    return np.exp(walk.log_weights[0].numpy() - model.log_marginal(x).numpy())


def worst_score():
    """Over short and longer paths from both ends: the test below asks this, and so do the planted mistakes."""
    return max(abs(z_score(weights_over_truth(start, steps), 1.0)) for start in ("q", "prior") for steps in (2, 6))


def no_metropolis(self, place, b, size, noise, uniform):
    return HONEST_MOVE(self, place, b, size, noise, torch.zeros_like(uniform))


def no_kinetic_energy(self, place, b, size, noise, uniform):
    end, _ = HONEST_MOVE(self, place, b, size, noise, torch.zeros_like(uniform))
    gain = ais._height(end, b) - ais._height(place, b)
    accepted = uniform < gain.clamp(max=0).exp()
    wide = accepted[..., None]
    kept = [torch.where(wide if a.ndim == 3 else accepted, a, c) for a, c in zip(end, place, strict=True)]
    return ais.Place(*kept), gain.clamp(max=0).exp()


def weighed_after_the_move(walk, schedule, sizes):
    for t in range(1, len(schedule)):
        if t < len(schedule) - 1:
            walk.move(schedule[t], sizes[t - 1])
        walk.weigh(schedule[t] - schedule[t - 1])
        yield t


def one_temperature_left_out(walk, schedule, sizes):
    for t in range(1, len(schedule) - 1):
        walk.weigh(schedule[t] - schedule[t - 1])
        walk.move(schedule[t], sizes[t - 1])
        yield t


HONEST_MOVE, HONEST_PRIOR = ais.Path.move, ais.Prior.log_prob
PLANTED = {
    "every move accepted": (ais.Path, "move", no_metropolis),
    "no kinetic energy": (ais.Path, "move", no_kinetic_energy),
    "weighed after the move": (ais, "forward", weighed_after_the_move),
    "a temperature left out": (ais, "forward", one_temperature_left_out),
    "a constant of the start lost": (
        ais.Prior,
        "log_prob",
        lambda self, z: HONEST_PRIOR(self, z) + math.log(2 * math.pi),
    ),
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_planted_mistakes_are_seen(mistake, monkeypatch):
    owner, name, wrong = PLANTED[mistake]
    monkeypatch.setattr(owner, name, wrong)
    assert worst_score() > 5


def test_several_chains_are_averaged_before_the_log():
    # The mean of the logs would be low by half the variance of log w: with T = 2, far more than 5 standard errors.
    model, x = exact_model(), POINT.expand(COPIES, 3)
    record = estimate_log_marginal(model, x, "ais", samples=8, steps=2, generator=seeded(), keep_weights=True)
    truth = model.log_marginal(x).numpy()
    assert abs(z_score(np.exp(record.value - truth), 1.0)) < 5
    assert abs(z_score(np.exp(record.log_weights.mean(0) - truth), 1.0)) > 5
    assert record.log_weights.shape == (8, COPIES) and record.log_weights.dtype == np.float64
    # A lower bound in expectation, and the error that it states is the one it has.
    assert z_score(record.value, truth[0]) < 0
    assert np.sqrt((record.stderr**2).mean()) == pytest.approx(record.value.std(), rel=0.15)


def test_a_move_leaves_the_posterior_as_it_is():
    model, x = exact_model(), POINT.expand(4000, 3)
    path = ais.path_for(model, x, "q")
    posterior = model.true_posterior(x)
    generator = seeded(1)
    walk = ais.Walk(path, path.at(posterior.sample(posterior.noise((1, 4000, 2), generator))), generator)
    for _ in range(3):
        shares = walk.move(1.0, torch.full((4000,), 1.3, dtype=torch.float64))
    assert 0.2 < shares.mean() < 0.95  # else nothing is tested
    white = torch.linalg.solve(posterior.cholesky[0], (walk.place.z[0] - posterior.mean).T).numpy()
    for row in white:
        assert abs(z_score(row, 0.0)) < 5 and abs(z_score(row**2, 1.0)) < 5
    assert abs(z_score(white[0] * white[1], 0.0)) < 5


def test_temperatures_rise_from_0_to_1_and_are_close_at_both_ends():
    schedule = ais.temperatures(10)
    assert schedule[0] == 0 and schedule[-1] == 1 and ais.temperatures(1) == [0.0, 1.0]
    gaps = np.diff(schedule)
    assert (gaps > 0).all() and gaps[0] < gaps[5] / 5 and gaps == pytest.approx(gaps[::-1])


def test_one_step_is_importance_sampling():
    model, x = exact_model(), POINT.expand(3, 3)
    record = estimate_log_marginal(model, x, "ais", samples=5, steps=1, generator=seeded(), keep_weights=True)
    assert record.samples == 5 and record.details["acceptance"] is None
    path = ais.path_for(model, x, "q")
    walk = ais.starting(path, 5, seeded())
    plain = model.log_joint(x, walk.place.z) - poor_encoder(x).log_prob(walk.place.z)
    list(ais.forward(walk, ais.temperatures(1), torch.empty(0, 3)))
    assert torch.allclose(walk.log_weights, plain)


def test_step_sizes_are_found_before_the_scored_chains_and_stay(monkeypatch):
    moves = []
    honest = ais.Walk.move
    monkeypatch.setattr(ais.Walk, "move", lambda self, b, size: moves.append((self, size)) or honest(self, b, size))
    monkeypatch.setattr(ais, "ROWS", 6)  # two chains at a time for three images
    record = estimate_log_marginal(exact_model(), POINT.expand(3, 3), "ais", samples=4, steps=5, generator=seeded())
    walks = list(dict.fromkeys(id(walk) for walk, _ in moves))
    assert len(walks) == 3  # the pilot's, and two groups
    first, second = ([size for walk, size in moves if id(walk) == one] for one in walks[1:])
    assert len(first) == 4 and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert record.samples == 4


def test_acceptance_comes_near_its_aim(monkeypatch):
    monkeypatch.undo()
    record = estimate_log_marginal(exact_model(), POINT.expand(50, 3), "ais", steps=100, generator=seeded())
    assert record.details["acceptance"].mean() == pytest.approx(ais.ACCEPTANCE, abs=0.06)
    assert record.effective_sample_size is None and record.pareto_k is None and record.spread.shape == (50,)


def test_stopped_between_groups_of_chains_it_is_partial(monkeypatch):
    monkeypatch.setattr(ais, "ROWS", 4)
    found = stages(exact_model(), POINT.expand(2, 3), "ais", samples=5, steps=6, generator=seeded())
    partial = next(stage.record for stage in found if stage.record)
    assert (partial.samples, partial.asked, partial.complete) == (2, 5, False) and "partial" in partial.warnings(0)
    fractions = [stage.fraction for stage in found]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1)


# --- bidirectional


def mild_model():
    """Wide noise: else 1/p(x|z) of a draw of p(z|x) has no variance, and a z-score on few steps means nothing."""
    return LinearGaussian(W, B, 4.0)


def sandwich(start="prior", steps=8, count=1000):
    model = mild_model()
    *_, last = bidirectional(model, count, steps=steps, chains=2, generator=seeded(2), start=start)
    truth = model.log_marginal(torch.as_tensor(last.record.x)).numpy()
    return last.record, truth


@pytest.mark.parametrize("start", ["prior", "q"])
def test_both_sides_are_unbiased_and_the_truth_lies_between(start):
    record, truth = sandwich(start)
    # E w = p(x) forth, E 1/w = 1/p(x) back.
    assert abs(z_score(np.exp(record.lower - truth), 1.0)) < 5
    assert abs(z_score(np.exp(truth - record.upper), 1.0)) < 5
    assert z_score(truth - record.lower, 0.0) > -5 and z_score(record.upper - truth, 0.0) > -5
    assert record.low.kind == "lower bound" and record.high.kind == "upper bound"
    assert abs(record.low.value - record.lower.mean()) < 1e-12 and record.between.value > 0


def test_a_long_path_closes_the_sandwich():
    short, long = sandwich(steps=2, count=300)[0], sandwich(steps=40, count=300)[0]
    assert long.between.value < short.between.value / 3 and long.between.value < 0.05


def backward_score(begin):
    """Of p(x)/w of one chain back from `begin` (z -> where it starts), on 1500 simulated points."""
    model = mild_model()
    x, z = model.simulate(1500, seeded(2))
    path = ais.path_for(model, x, "prior")
    walk = ais.Walk(path, path.at(begin(z)[None]), seeded(4))
    list(ais.backward(walk, ais.temperatures(4), torch.full((3, 1500), 0.8, dtype=torch.float64)))
    return abs(z_score(np.exp(model.log_marginal(x).numpy() - walk.log_weights[0].numpy()), 1.0))


def test_chains_back_must_begin_at_the_posterior():
    assert backward_score(lambda z: z) < 5
    assert backward_score(torch.zeros_like) > 5
    assert backward_score(lambda z: 0.5 * z) > 5


def test_chains_back_that_move_before_they_are_weighed_are_seen(monkeypatch):
    def wrong(walk, schedule, sizes):
        for t in range(len(schedule) - 1, 0, -1):
            if t > 1:
                walk.move(schedule[t - 1], sizes[t - 2])
            walk.weigh(schedule[t] - schedule[t - 1])
            yield t

    monkeypatch.setattr(ais, "backward", wrong)
    assert backward_score(lambda z: z) > 5


# --- slopes and bad input


def test_slope_is_the_derivative_and_memory_is_bounded_by_rows():
    model, x = exact_model(), POINT.expand(5, 3)
    z = torch.randn(4, 5, 2, generator=seeded(), dtype=torch.float64)
    value, slope = joint_and_slope(model, x, z)
    few, same = joint_and_slope(model, x, z, rows=4)
    assert torch.equal(value, few) and torch.equal(slope, same) and not slope.requires_grad
    step = 1e-6 * torch.eye(2, dtype=torch.float64)
    for j in range(2):
        rise = (model.log_joint(x, z + step[j]) - model.log_joint(x, z - step[j])) / 2e-6
        assert torch.allclose(slope[..., j], rise, atol=1e-6)
    with torch.inference_mode():
        inside = joint_and_slope(model, x.clone(), z.clone())
    assert torch.equal(inside[1], slope)


def test_float32_agrees_with_float64():
    model, x = exact_model(), POINT.expand(5, 3)
    single = LinearGaussian(W.float(), B.float(), 0.25)
    z = torch.randn(4, 5, 2, generator=seeded(), dtype=torch.float64)
    for exact, rounded in zip(joint_and_slope(model, x, z), joint_and_slope(single, x.float(), z.float()), strict=True):
        assert torch.allclose(rounded.double(), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps"), ({"steps": 2.5}, "steps"), ({"start": "nowhere"}, "q, prior"),
        ({"leapfrog": 0}, "leapfrog"), ({"delta": 0}, "delta"), ({"samples": 0}, "samples"),
    ],
)  # fmt: skip
def test_settings_that_make_no_chain_are_refused(settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        estimate_log_marginal(exact_model(), POINT, "ais", generator=seeded(), **settings)
    assert "\n" not in str(caught.value)


def test_discrete_codes_are_refused():
    bits = VAE(VaeConfig(image_shape=(1, 2, 2), hidden=(4,), latent_dim=3, posterior="bernoulli"))
    with pytest.raises(ValueError, match="enumeration"):
        estimate_log_marginal(bits, torch.zeros(1, 1, 2, 2), "ais", generator=seeded())
    with pytest.raises(ValueError, match="enumeration"):
        list(bidirectional(bits, 2, generator=seeded()))
