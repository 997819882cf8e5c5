"""Diagnoses against closed forms, loops over single gradients, and intervals' own promises; planted mistakes are seen.

Resolution: intervals are repeated 400 times, so that a coverage of 95 % is known to 1.1 %, cut at 5 standard errors.
"""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.exact import linear_vae
from tests.test_gradient_at_model import MODEL, Q, X, bits, elbo_gradient, generator, moments  # noqa: F401
from vaeexplorer.configs import VaeConfig
from vaeexplorer.gradients import ESTIMATORS, decoder_weights, expectations
from vaeexplorer.gradients.at_model import draws_of, frozen, local_gradients, q_of, value_of
from vaeexplorer.gradients.diagnostics import TARGETS, diagnose
from vaeexplorer.gradients.exact import Truth
from vaeexplorer.gradients.many_samples import log_weights
from vaeexplorer.gradients.spread import (
    Compared,
    Coordinates,
    Kernel,
    bias,
    limit_of_z,
    mean_and_variance,
    settled,
    skewness,
    spread,
)
from vaeexplorer.gradients.weights import encoder_kernels, encoder_moments, through_encoder
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.mixture_of_gaussians import MixtureOfGaussians
from vaeexplorer.records import GRADIENT_WARNINGS
from vaeexplorer.vae import VAE

CUT = 5.0


class Fixed(LinearGaussian):
    """The example, whose encoder gives a q that fits badly."""

    def posterior(self, x):
        return Q


BAD = Fixed(MODEL.weight, MODEL.bias, MODEL.variance)
TRUTH = {"elbo": Truth(elbo_gradient(), torch.zeros(2, 4), "closed form")}


def records(names, model=BAD, x=X, replicates=2000, **more):
    stages = list(diagnose(model, x, names, replicates=replicates, generator=generator(), **more))
    fractions = [stage.fraction for stage in stages]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1) and all(s.text for s in stages)
    return {record.estimator: record for record in stages[-1].records}


def normals(*shape, seed=0):
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


# --- what replicates say -------------------------------------------------------------------------------------------


def test_the_error_of_a_variance_is_its_formula():
    """(mu4 - s^4 (R - 3)/(R - 1)) / R for one coordinate; its last part, of order 1/R^2, is itself estimated."""
    values = normals(500, 1, 1) ** 3
    found = spread(values, Coordinates(torch.ones(1).double()))
    sample, count = values.numpy().ravel(), 500
    square, fourth = sample.var(), ((sample - sample.mean()) ** 4).mean()
    assert found.variance == pytest.approx(sample.var(ddof=1), rel=1e-12)
    truth = math.sqrt((fourth - square**2 * (count - 3) / (count - 1)) / count)
    assert found.error == pytest.approx(truth, rel=0.01)


def test_intervals_hold_what_they_promise(monkeypatch):
    """Three outputs of two images under a kernel: variance, signal and signal to noise, 400 times of 200 replicates."""
    half, root = normals(2, 3, 4), normals(2, 3, 3, seed=1)
    table = torch.einsum("bok,cpk->bocp", half, half)
    mean = 0.3 * normals(2, 3, seed=2)
    product = Kernel(table)
    covariance = root @ root.mT
    variance = torch.einsum("bobp,bpo->b", table, covariance).mean().item()
    signal = torch.einsum("bo,bocp,cp->", mean, table, mean).item()
    means = torch.einsum("bok,bo->bk", half, mean)
    between = ((means - means.mean(0)) ** 2).sum().item()
    found = []
    for seed in range(400):
        values = mean + torch.einsum("bop,rbp->rbo", root, normals(200, 2, 3, seed=seed + 10))
        found.append(spread(values, product))
    monkeypatch.setattr("vaeexplorer.gradients.spread.NUMBERS", 60)  # ten replicates at a time
    other = spread(values, product)
    assert other.variance == pytest.approx(found[-1].variance) and other.signal == pytest.approx(found[-1].signal)
    assert other.signal_error == pytest.approx(found[-1].signal_error, rel=0.05)

    def inside(intervals, truth):
        held = np.mean([interval.low <= truth <= interval.high for interval in intervals])
        return abs(held - 0.95) < CUT * math.sqrt(0.95 * 0.05 / 400)

    assert inside([f.interval() for f in found], variance)
    assert inside([f.signal_to_noise() for f in found], math.sqrt(signal / (2 * variance)))
    for measured, truth in (("variance", variance), ("signal", signal)):
        column = np.array([getattr(f, measured) for f in found])
        assert abs(column.mean() - truth) < CUT * column.std() / 20
    error = np.array([f.signal for f in found]).std()
    assert 0.9 * error < np.mean([f.signal_error for f in found]) < math.sqrt(3) * error
    # not clamped here, as it is well above 0
    column = np.array([f.between_images() for f in found])
    assert abs(column.mean() - between) < CUT * column.std() / 20


@pytest.mark.parametrize(("replicates", "quantile"), [(10_000, 3.7205), (31, 4.2340), (11, 5.6938)])
def test_the_limit_is_student_s(replicates, quantile):
    """0.9999 of t with R - 1 degrees of freedom, for 5 coordinates."""
    assert limit_of_z(5, replicates) == pytest.approx(quantile, rel=0.01)


def test_lopsided_replicates_are_not_called_biased():
    """Squares of normal numbers, 100 of each of 20: hardly an alarm, several times as many without the correction, and
    means that are off by 10 standard errors are still seen.
    """

    def alarms(skew, shift):
        found = 0
        for seed in range(300):
            values = normals(100, 1, 20, seed=seed) ** 2 + shift
            mean, variance = mean_and_variance(values)
            compared = Compared(mean, torch.ones_like(mean), variance / 100, skew * skewness(values))
            found += bias([compared], 1.0, torch.float64, 100).biased
        return found

    assert alarms(1, 0.0) <= 3 < 8 < alarms(0, 0.0)
    assert alarms(1, 1.4) == 300


def test_a_mean_that_hangs_on_one_replicate_is_not_settled():
    values = normals(2000, 1, 3)
    values[7, 0, 1] = 100.0
    values[:, 0, 2] = 0.0
    assert settled(values).tolist() == [[True, False, True]]


# --- weights of the encoder -----------------------------------------------------------------------------------------


def dense():
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 4))


def convolutional():
    return nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(36, 4))


@pytest.mark.parametrize("make", [dense, convolutional])
def test_what_kernels_say_of_the_weights_is_what_the_weights_say(make):
    torch.manual_seed(0)
    encoder = make().double()
    x, gradients = torch.rand(3, 1, 3, 4).double(), normals(9, 3, 4)
    weights = encoder_moments(encoder, x, gradients)
    for number, (name, table) in enumerate(encoder_kernels(encoder, x).items(), 1):
        assert name == f"layer {number}"
        module = [str(n) for n, m in enumerate(encoder) if list(m.parameters())][number - 1]
        of_layer = [m for m in weights if m.name.split(".")[0] == module]
        assert len(of_layer) == 2
        found = spread(gradients, Kernel(table))
        assert found.variance == pytest.approx(sum(m.variance.sum().item() for m in of_layer) / 3)
        assert found.raw == pytest.approx(sum((m.mean**2).sum().item() for m in of_layer))
        alone = [
            through_encoder(encoder, x[b : b + 1], gradients.mean(0)[b : b + 1], gradients[:1, :1]) for b in range(3)
        ]
        lengths = [sum((m.mean**2).sum().item() for m in one if m.name.split(".")[0] == module) for one in alone]
        assert found.alone == pytest.approx(sum(lengths) / 3)


def test_the_law_of_total_variance():
    """Gradients by all weights of the encoder, formed one by one: of a random image and draw they scatter by the
    sampling part and the images' part together.
    """
    torch.manual_seed(0)
    config = VaeConfig(image_shape=(1, 2, 3), architecture="mlp", hidden=(4,), latent_dim=2)
    vae, x = VAE(config).double(), (torch.rand(4, 1, 2, 3, generator=generator(1)) < 0.5).double()
    record = records(["pathwise"], vae, x, target="encoder")["pathwise"]
    values = torch.cat(list(local_gradients(vae, x, "pathwise", replicates=2000, generator=generator(7))))
    rows = []
    for image in range(4):
        outputs = vae.encoder(x[image : image + 1])[0]
        products = torch.autograd.grad(outputs, list(vae.encoder.parameters()), values[:, image], is_grads_batched=True)
        rows.append(torch.cat([p.flatten(1) for p in products], 1))
    table = torch.stack(rows)  # (image, replicate, weight)
    sampling, images = table.var(1).sum(-1).mean().item(), table.mean(1).var(0).sum().item()
    error = 3 * record.resolution * sampling
    assert record.variance["total"].value == pytest.approx(sampling, abs=2 * error)
    assert record.between_images == pytest.approx(images - sampling / 2000, abs=0.2 * images)
    assert list(record.variance) == ["layer 1", "layer 2", "total"]
    parts = record.variance["layer 1"].value + record.variance["layer 2"].value
    assert record.variance["total"].value == pytest.approx(parts)
    assert not record.biased


# --- weights of the decoder -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("objective", "samples"), [("expectation", 1), ("elbo", 3), ("iwae", 3)])
def test_the_decoder_s_weights_are_those_of_a_loop(monkeypatch, objective, samples):
    monkeypatch.setattr(decoder_weights, "BATCHES", 1)
    torch.manual_seed(0)
    config = VaeConfig(image_shape=(1, 2, 3), architecture="mlp", hidden=(4,), latent_dim=2)
    vae, x = VAE(config).double(), (torch.rand(2, 1, 2, 3, generator=generator(1)) < 0.5).double()
    q = q_of(vae, x)
    (look,) = decoder_weights.looks(vae, x, q, objective, replicates=9, samples=samples, generator=generator(4))
    draws = draws_of(q, value_of(vae, x, objective), 9, samples, generator(4))
    rows = []
    for replicate in range(9):
        for image in range(2):
            value = vae.log_likelihood(x[image : image + 1], draws.z[replicate, :, image : image + 1])[:, 0]
            with frozen(vae):
                logs = log_weights(draws)[replicate, :, image]
            weight = torch.softmax(logs, 0) if objective == "iwae" else torch.full_like(logs, 1 / samples)
            found = torch.autograd.grad((weight * value).sum(), list(vae.decoder.parameters()))
            rows.append(torch.cat([part.flatten() for part in found]))
    table = torch.stack(rows).unflatten(0, (9, 2))
    total = look.spreads["total"]
    assert total.variance == pytest.approx(table.var(0).sum(-1).mean().item())
    assert total.raw == pytest.approx((table.mean(0).sum(0) ** 2).sum().item())
    assert total.alone == pytest.approx((table.mean(0) ** 2).sum(-1).mean().item())
    assert total.largest == pytest.approx(((table**2).sum(-1).max() / (table**2).sum()).item(), rel=0.5)


def test_the_decoder_s_batches_agree_with_one_another():
    """Signal and variance of 2000 replicates within 5 errors of those of 20,000, which batches have not seen."""
    vae, x = linear_vae(), X.reshape(2, 1, 1, 3)
    few = records(["pathwise"], vae, x, target="decoder")["pathwise"]
    *_, look = decoder_weights.looks(vae, x, q_of(vae, x), "elbo", replicates=20_000, samples=1, generator=generator(9))
    total = look.spreads["total"]
    assert few.variance["total"].value == pytest.approx(total.variance, rel=CUT * few.resolution + 0.02)
    ratio = total.signal_to_noise()
    assert few.signal_to_noise.low < ratio.high and ratio.low < few.signal_to_noise.high
    assert few.mean is None and few.biased is None and few.largest_z is None
    assert few.evaluations == 3


def test_the_jackknife_knows_the_error_of_a_signal():
    """Of 16 batches' means in ten dimensions, 300 times: unbiased, and as uncertain as it says to 20 %."""
    means = [0.5 + normals(16, 10, seed=seed) for seed in range(300)]
    found = np.array([decoder_weights._signal(list(batch), 10 / 16) for batch in means])
    _, signals, errors = found.T
    assert abs(signals.mean() - 2.5) < CUT * signals.std() / math.sqrt(300)
    assert errors.mean() == pytest.approx(signals.std(), rel=0.2)


# --- diagnoses ------------------------------------------------------------------------------------------------------


def test_variances_beside_their_closed_forms():
    found = records(
        ["pathwise", "score_function", "leave_one_out"],
        samples={"pathwise": 1, "score_function": 1, "leave_one_out": 2},
        replicates=20_000,
        truth=TRUTH,
    )
    closed = {
        "pathwise": [moments(image).pathwise() for image in range(2)],
        "score_function": [moments(image).score_function() for image in range(2)],
        "leave_one_out": [moments(image).leave_one_out(2) for image in range(2)],
    }
    for name, record in found.items():
        truth = torch.stack(closed[name]).mean(0).sum(-1)  # loc and log_scale, of an image
        for part, value in {"loc": truth[0], "log_scale": truth[1], "total": truth.sum()}.items():
            interval = record.variance[part]
            error = math.log(interval.high / interval.low) / (2 * 1.96)
            assert abs(math.log(interval.value / value)) < CUT * error, (name, part)
        assert not record.biased and record.how == "closed form"
        assert record.cosine > 0.99 > record.cosine_of_one
        signal = math.sqrt((elbo_gradient() ** 2).sum() / (2 * truth.sum()))
        assert record.signal_to_noise.low * 0.95 < signal < record.signal_to_noise.high * 1.05
    assert found["leave_one_out"].variance_per_evaluation == 2 * found["leave_one_out"].variance["total"].value
    assert found["pathwise"].evaluations == 3
    assert found["pathwise"].variance_per_second > 0 and found["pathwise"].between_images is None


@pytest.mark.parametrize("target", ["outputs", "encoder"])
def test_only_biased_estimators_of_bits_are_called_biased(bits, target):  # noqa: F811
    vae, x, truth = bits
    names = [name for name, e in ESTIMATORS.items() if "bernoulli" in e.latents and name != "vimco"]
    found = records(
        names, vae, x, samples={name: ESTIMATORS[name].fewest for name in names}, replicates=4000, target=target
    )
    assert {name for name, record in found.items() if record.biased} == {"gumbel_softmax", "straight_through"}
    for name in names:
        assert found[name].biased != ESTIMATORS[name].unbiased and found[name].how == "enumeration"
        np.testing.assert_allclose(found[name].truth, truth.numpy(), atol=1e-9)


@pytest.mark.parametrize("target", ["outputs", "encoder"])
def test_bits_that_hardly_ever_turn_have_no_say(bits, target):  # noqa: F811
    vae, x, _ = bits
    twin = VAE(vae.config).double()
    twin.load_state_dict(vae.state_dict())
    with torch.no_grad():
        twin.encoder[-1].bias[1] = 12.0
    record = records(["disarm"], twin, x, target=target)["disarm"]
    assert record.unsettled == 2 and not record.biased and "rare" in record.warnings
    assert "2 of q's parameters hang on draws too rare" in record.to_dict()["warnings"][0]


# Each planted mistake must be called biased, at the outputs and through the weights.
MISTAKES = {
    "a baseline that knows the sample": lambda d, pilot: expectations.weighted(0.1 * d.values(), d.scores()).mean(1),
    "a learned baseline that leaks": lambda d, pilot: expectations.weighted(
        d.values() - (d.values() + pilot) / 2, d.scores()
    ).mean(1),
    "a slope of 5 % too much": lambda d, pilot: d.carried(1.05 * expectations.slope_of(d.f, d.z)).mean(1),
    "scores of the wrong mean": lambda d, pilot: expectations.weighted(d.values(), d.scores() + 0.2).mean(1),
    "a sample in its own mean": lambda d, pilot: expectations.weighted(
        d.values() - d.values().mean(1, keepdim=True), d.scores()
    ).mean(1),
    "the KL's gradient left out": lambda d, pilot: (
        d.carried(expectations.slope_of(d.f, d.z)).mean(1) + torch.stack([d.loc, torch.exp(2 * d.log_scale) - 1], -2)
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_planted_mistake_is_called_biased(monkeypatch, mistake):
    wrong = dataclasses.replace(ESTIMATORS["score_function_learned_baseline"], run=MISTAKES[mistake])
    monkeypatch.setitem(ESTIMATORS, "score_function_learned_baseline", wrong)
    record = records(["score_function_learned_baseline"], samples=2, replicates=20_000, truth=TRUTH)
    assert record["score_function_learned_baseline"].biased


def test_no_variance_where_q_is_the_posterior():
    """Sticking the landing where the posterior is a product: nothing scatters, and that is no division by zero."""
    square = torch.tensor([[1.0, 0.5], [-0.5, 1.0], [0.0, 0.0]], dtype=torch.float64)  # columns at right angles
    model = LinearGaussian(square, MODEL.bias, 0.25)
    record = records(["sticking_the_landing"], model)["sticking_the_landing"]
    assert record.variance["total"].value < 1e-10
    assert not record.biased
    json.dumps(record.to_dict(), allow_nan=False)
    worse = records(["pathwise"], model)["pathwise"]
    assert worse.variance["total"].value > 1 and not worse.biased


def test_partial_records_grow_and_whoever_leaves_leaves_the_model_as_it_was():
    vae, x = linear_vae().train(), X.reshape(2, 1, 1, 3)
    stages = diagnose(vae, x, ["pathwise", "score_function"], replicates=20_000, generator=generator())
    for stage in stages:
        if stage.records:
            break
    (record,) = stage.records
    assert 2 <= record.replicates < record.asked and "partial" in record.warnings and 0 < stage.fraction < 1
    assert vae.training
    stages.close()
    assert vae.training and all(parameter.grad is None for parameter in vae.parameters())


def test_truths_that_are_given_or_left_out():
    given = records(["pathwise"], truth=TRUTH)["pathwise"]
    none = records(["pathwise"], truth={})["pathwise"]
    np.testing.assert_allclose(given.truth, elbo_gradient().numpy())
    assert none.truth is None and none.biased is None and none.cosine is None and none.how is None
    assert none.to_dict()["bias"] == {"largest_z": None, "limit": None, "biased": None}
    many = records(["doubly_reparameterized"], samples=3, truth=TRUTH)["doubly_reparameterized"]
    assert many.truth is None  # of another bound, which was not given


def test_options_go_to_whom_they_belong():
    found = records(["pathwise", "score_function"], options={"baseline": -80.0, "temperature": 0.1}, truth=TRUTH)
    plain = records(["pathwise", "score_function"], truth=TRUTH)
    assert found["score_function"].variance["total"].value > 50 * plain["score_function"].variance["total"].value
    assert found["pathwise"].variance == plain["pathwise"].variance


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("replicates", [2, 3, 20])
def test_a_row_is_json_however_few_replicates(target, replicates):
    vae, x = linear_vae(), X.reshape(2, 1, 1, 3)[:1]
    names = ["pathwise", "score_function_learned_baseline", "iwae"]
    truth = {} if target == "decoder" else TRUTH | {"elbo": Truth(torch.zeros(1, 4), torch.zeros(1, 4), "reference")}
    for record in records(names, vae, x, replicates=replicates, target=target, truth=truth).values():
        row = json.loads(json.dumps(record.to_dict(), allow_nan=False))
        assert row["replicates"] == replicates and row["variance"]["total"]["value"] > 0
        assert row["minibatch"] is None and all(row["warnings"])
    assert all(words for _, words in GRADIENT_WARNINGS.values())


MIXTURE = MixtureOfGaussians(torch.tensor([0.3, 0.7]), torch.tensor([-1.0, 2.0]), torch.tensor([0.5, 1.0]))


def convolutional_vae():
    config = VaeConfig(image_shape=(1, 8, 8), architecture="conv28", hidden=(8,), channels=2, latent_dim=2)
    return VAE(config)


@pytest.mark.parametrize(
    ("model", "x", "change", "words"),
    [
        (BAD, X, {"replicates": 1}, "replicates as a whole number of 2 or more, got 1"),
        (BAD, X, {"replicates": 0}, "replicates as a whole number"),
        (BAD, X, {"estimators": []}, "expected estimators, got none"),
        (BAD, X, {"estimators": ["arm"]}, "arm needs bernoulli latents, these are gaussian"),
        (
            BAD,
            X,
            {"estimators": ["leave_one_out"]},
            "leave_one_out needs samples as a whole number of 2 or more, got 1",
        ),
        (BAD, X, {"estimators": ["vimco"]}, "vimco needs samples as a whole number of 2 or more, got 1"),
        (BAD, X, {"target": "image"}, "expected target to be one of outputs, encoder, decoder; got 'image'"),
        (BAD, X, {"target": "encoder"}, "this model has no encoder network"),
        (BAD, X, {"target": "decoder"}, "this model has no decoder network"),
        (convolutional_vae(), torch.zeros(1, 1, 8, 8), {"target": "decoder"}, "known for dense layers only"),
        (linear_vae(), X.reshape(2, 1, 1, 3).repeat(300, 1, 1, 1), {"target": "encoder"}, "at most 512 images"),
        (MIXTURE, torch.zeros(2, 1), {}, "need Gaussian or Bernoulli latents"),
        (BAD, X * math.nan, {}, "expected finite values of x"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(model, x, change, words):
    settings = {"estimators": ["pathwise"], "replicates": 5, "generator": generator()} | change
    with pytest.raises(ValueError, match=words) as caught:
        diagnose(model, x, **settings)
    assert "\n" not in str(caught.value)


def test_a_convolutional_encoder():
    torch.manual_seed(0)
    vae, x = convolutional_vae(), (torch.rand(2, 1, 8, 8, generator=generator()) < 0.5).float()
    record = records(["pathwise"], vae, x, replicates=200, target="encoder")["pathwise"]
    assert list(record.variance) == ["layer 1", "layer 2", "layer 3", "layer 4", "total"]
    assert not record.biased and record.between_images > 0
