import math

import numpy as np
import pytest
import torch

from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.elbo import elbo_terms
from vaeexplorer.training import Training, drawn, estimator_for, parts_of, rehearse, samples_for, steps_in, train, unit
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
    spy = Spy(CONFIG.model_copy(update={"binarization": "threshold"}))
    list(train(spy, data, TrainConfig(epochs=2, batch_size=6), torch.Generator().manual_seed(0)))
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


def test_images_become_floats_in_the_unit_interval():
    assert unit(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0, 1]
    assert unit(torch.tensor([0.25], dtype=torch.float64)).dtype == torch.float32


VARIANTS = {
    "plain": {},
    "free bits": {"free_bits": 0.5},
    "alternating": {"updates": "alternating", "encoder_steps": 2},
    "aggressive": {"updates": "aggressive", "aggressive_epochs": 1},
    "own rate": {"encoder_learning_rate": 1e-4, "beta_schedule": "cyclical"},
    "bfloat16": {"precision": "bfloat16"},
    "mean baseline": {"estimator": "score_function_mean_baseline"},
    "best baseline": {"estimator": "score_function_optimal_baseline"},
    "learned baseline": {"estimator": "score_function_learned_baseline"},
    "several samples": {"estimator": "doubly_reparameterized", "samples": 2},
}
CONV = VaeConfig(image_shape=(1, 8, 8), architecture="conv28", channels=2, hidden=(8,), latent_dim=2)
BITS = VaeConfig(image_shape=(1, 8, 8), hidden=(8,), latent_dim=2, posterior="bernoulli")


def start(settings, config=CONFIG):
    torch.manual_seed(settings.seed)
    return Training(VAE(config), images(50), settings, norm_every=3)


def numbers(record):
    norm = None if record.gradient_norm is None else float(record.gradient_norm)
    kl = record.kl_per_dimension.tolist()
    return (record.step, record.epoch, float(record.reconstruction), *kl, norm, record.beta, record.part)


@pytest.mark.parametrize(
    ("config", "fields"),
    [(CONFIG, fields) for fields in VARIANTS.values()]
    + [(CONV, {}), (BITS, {"samples": 3}), (BITS, {"estimator": "rebar"})],
    ids=[*VARIANTS, "convolution", "bits", "relaxed bits"],
)
def test_a_resumed_training_equals_an_uninterrupted_one_to_the_last_bit(config, fields):
    settings = TrainConfig(epochs=3, batch_size=16, **fields)
    whole = start(settings, config)
    expected = [numbers(record) for record in whole]
    assert len(expected) == 12
    # Left in the middle of an epoch, at its end, after the first step, and before any.
    for cut in (0, 1, 4, 6):
        first = start(settings, config)
        records = [numbers(next(iter(first))) for _ in range(cut)]
        state = first.state()
        weights = {name: value.clone() for name, value in first.vae.state_dict().items()}
        del first
        torch.manual_seed(99)
        vae = VAE(config)
        vae.load_state_dict({name: value.contiguous() for name, value in weights.items()})
        second = Training(vae, images(50), settings, norm_every=3)
        second.load_state({name: value.contiguous() for name, value in state.items()})
        assert records + [numbers(record) for record in second] == expected
        for name, value in second.state().items():
            assert torch.equal(value, whole.state()[name]), name
        assert all(torch.equal(a, b) for a, b in zip(vae.parameters(), whole.vae.parameters(), strict=True))


def test_a_state_that_does_not_fit_is_refused():
    training = start(TrainConfig(epochs=3, batch_size=16))
    list(training)
    state = training.state()
    with pytest.raises(ValueError, match="at step 12 of a run of 4 steps"):
        start(TrainConfig(epochs=1, batch_size=16)).load_state(state)
    with pytest.raises(ValueError, match="another shape"):
        start(TrainConfig(epochs=3, batch_size=16), CONFIG.model_copy(update={"hidden": (9,)})).load_state(state)
    with pytest.raises(ValueError, match="lacks generator"):
        start(TrainConfig()).load_state({name: v for name, v in state.items() if name != "generator"})


def moved(training):
    """Which parts a step changes."""
    before = {name: [p.detach().clone() for p in part] for name, part in parts_of(training.vae).items()}
    record = next(iter(training))
    after = parts_of(training.vae)
    changed = {n for n in before if any(not torch.equal(a, b) for a, b in zip(before[n], after[n], strict=True))}
    return record.part, changed


def test_alternating_steps_move_one_part_at_a_time():
    settings = TrainConfig(epochs=3, batch_size=16, updates="alternating", encoder_steps=2, decoder_steps=1)
    learned = {"likelihood": "gaussian_learned", "prior": "learned_gaussian"}
    training = start(settings, CONFIG.model_copy(update=learned))
    for part in ("encoder", "encoder", "decoder", "encoder", "encoder", "decoder"):
        assert moved(training) == (part, {part})
    assert all(p.requires_grad for p in training.vae.parameters())
    assert len(parts_of(training.vae)["decoder"]) == len(list(training.vae.decoder.parameters())) + 4


def test_aggressive_training_steps_the_decoder_when_the_encoder_gains_no_more():
    settings = TrainConfig(epochs=60, batch_size=25, updates="aggressive", aggressive_epochs=40, learning_rate=1e-2)
    torch.manual_seed(0)
    parts = [record.part for record in Training(VAE(CONFIG), images(50), settings)]
    assert set(parts[80:]) == {"both"}
    runs = "".join(part[0] for part in parts[:80]).split("d")
    assert len(runs) > 2
    # Two windows of ten at least, whole windows always; the last one is cut off by the end of the phase.
    assert all(len(run) >= 20 and len(run) % 10 == 0 for run in runs[:-1])


def test_the_encoder_may_learn_at_a_rate_of_its_own():
    training = start(TrainConfig(epochs=3, batch_size=16, encoder_learning_rate=1e-12, learning_rate=1e-2))
    encoder, decoder = ([p.detach().clone() for p in part] for part in parts_of(training.vae).values())
    list(training)
    shift = [
        max((a - b).abs().max().item() for a, b in zip(before, after, strict=True))
        for before, after in zip((encoder, decoder), parts_of(training.vae).values(), strict=True)
    ]
    assert shift[0] < 1e-9
    assert shift[1] > 1e-3


def test_free_bits_keep_dimensions_alive_that_beta_would_switch_off():
    data = torch.zeros(128, 1, 8, 8, dtype=torch.uint8)
    data[:64, :, :4] = 255
    for nats, alive in ((0.0, 0), (0.3, 2)):
        _, records = trained(data=data, epochs=60, beta=60.0, learning_rate=1e-2, free_bits=nats)
        kl = np.mean([record.kl_per_dimension.numpy() for record in records[-40:]], axis=0)
        assert (kl > 0.1).sum() == alive
    assert kl == pytest.approx([0.3, 0.3], abs=0.1)


def test_the_gradient_norm_is_that_of_the_mean_loss():
    settings = TrainConfig(epochs=1, batch_size=50)
    config = CONFIG.model_copy(update={"binarization": "threshold"})
    torch.manual_seed(0)
    vae = VAE(config)
    training = Training(vae, images(50), settings, norm_every=1)
    order = training.order.clone()
    noise_state = torch.Generator().manual_seed(0)
    noise_state.set_state(training.generator.get_state())
    noise = torch.randn(1, 50, 2, generator=noise_state)
    x = vae.binarized(unit(images(50)[order]), noise_state)
    loss = -elbo_terms(vae, x, noise).elbo.mean()
    expected = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(vae.parameters()))]).norm()
    assert float(next(iter(training)).gradient_norm) == pytest.approx(float(expected), rel=1e-5)


def test_rehearsing_changes_nothing():
    torch.manual_seed(0)
    vae = VAE(CONFIG)
    before = [p.detach().clone() for p in vae.parameters()]
    rehearse(vae, images(50), TrainConfig())
    assert all(torch.equal(a, b) for a, b in zip(before, vae.parameters(), strict=True))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_drawn_pixels_have_their_grey_value_as_probability(dtype):
    grey = torch.arange(256)
    data = (grey.to(torch.uint8) if dtype == torch.uint8 else grey / 255).repeat(20_000, 1)
    share = drawn(data, torch.Generator().manual_seed(0)).double().mean(0)
    error = (grey[1:-1] / 255 * (1 - grey[1:-1] / 255) / 20_000).sqrt()  # resolution: 0.0035 at medium grey
    assert ((share[1:-1] - grey[1:-1] / 255) / error).abs().max() < 5
    assert (share[0], share[-1]) == (0, 1)
    odd = drawn(data[:1, :7], torch.Generator().manual_seed(0))
    assert (odd.shape, odd.dtype) == ((1, 7), torch.float32)


def test_aggressive_training_resumes_in_the_middle_of_a_window():
    settings = TrainConfig(epochs=20, batch_size=16, updates="aggressive", aggressive_epochs=20, learning_rate=1e-2)
    whole = start(settings)
    expected = [record.part for record in whole]
    assert "decoder" in expected
    first = start(settings)
    for cut in (15, 12):  # two resumptions, neither at a window's edge
        for _ in range(cut):
            next(iter(first))
        second = start(settings)
        second.vae.load_state_dict(first.vae.state_dict())
        second.load_state(first.state())
        first = second
    assert [record.part for record in first] == expected[27:]
    assert all(torch.equal(a, b) for a, b in zip(first.vae.parameters(), whole.vae.parameters(), strict=True))
