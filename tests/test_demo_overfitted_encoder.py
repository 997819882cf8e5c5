"""The encoder that overfits: the search for the best q against closed forms, the film, and its figures."""

import base64

import numpy as np
import pytest
import torch

from vaeexplorer.configs import VaeConfig
from vaeexplorer.demos import overfitted_encoder as demo
from vaeexplorer.demos.demo import all_finite, play
from vaeexplorer.demos.pixels import packed
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.linear_gaussian import LinearGaussian
from vaeexplorer.vae import VAE


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def settings(**given):
    return demo.DEMO.settings({}) | given


def ended(stages):
    """The moments of a generator and what it returns."""
    moments = []
    while True:
        try:
            moments.append(next(stages))
        except StopIteration as end:
            return moments, end.value


@pytest.fixture(scope="module")
def linear():
    """A linear VAE, whose best diagonal q is known, with an encoder that nobody has trained."""
    torch.manual_seed(0)
    config = VaeConfig(image_shape=(1, 8, 8), architecture="linear", latent_dim=3, likelihood="gaussian",
                       likelihood_std=0.7, output="identity")  # fmt: skip
    vae = VAE(config)
    with torch.no_grad():
        vae.encoder[1].weight[3:] = 0
        vae.encoder[1].bias[3:] = -1
    exact = LinearGaussian(vae.decoder[0].weight.detach().double(), vae.decoder[0].bias.detach().double(), 0.49)
    return vae, exact


# ---- the search


def test_the_search_finds_the_best_diagonal_q(linear, monkeypatch):
    monkeypatch.setattr(demo, "FIT_STEPS", 200)
    monkeypatch.setattr(demo, "DRAWS", 1000)
    vae, exact = linear
    x = torch.rand(7, 1, 8, 8, generator=generator())
    flat = x.flatten(1).double()
    with torch.no_grad():
        q = vae.posterior(x)
    far = DiagonalGaussian(q.mean + 3, q.log_std)
    watched = demo.Watched(x, far, 4)
    moments, found = ended(demo.searching(vae, watched, 10, 20, generator()))
    assert len(moments) >= 3 and all(moment.data["searching"] for moment in moments)
    best = exact.elbo(flat, exact.best_diagonal(flat)).numpy()
    assert exact.elbo(flat, watched.best).numpy() == pytest.approx(best, abs=0.02)
    assert found.best == pytest.approx(best, abs=0.08)  # five standard errors of 1000 draws
    assert found.encoder == pytest.approx(exact.elbo(flat, q).detach().numpy(), abs=0.5)
    gaps = demo.gap_of(found.best - found.encoder)
    assert gaps.value > 0.5 and gaps.n == 7 and gaps.kind == "lower bound" and gaps.unit == "nats"


def test_where_the_encoder_is_best_there_is_no_gap(linear):
    """The true posterior's mean is a linear function of the image: an encoder can be made to give the best q."""
    vae, exact = linear
    precision = torch.eye(3).double() + exact.weight.T @ exact.weight / 0.49
    back = torch.linalg.solve(precision, exact.weight.T) / 0.49
    best = VAE(vae.config)
    best.load_state_dict(vae.state_dict())
    with torch.no_grad():
        dense = best.encoder[1]
        dense.weight.copy_(torch.cat([back, torch.zeros(3, 64)]))
        dense.bias.copy_(torch.cat([-back @ exact.bias, -0.5 * torch.diagonal(precision).log()]))
    x = torch.rand(6, 1, 8, 8, generator=generator())
    with torch.no_grad():
        q = best.posterior(x)
    _, found = ended(demo.searching(best, demo.Watched(x, q, 3), 10, 20, generator()))
    assert found.best - found.encoder == pytest.approx(np.zeros(6), abs=0.01)


def test_of_two_codes_the_better_one_is_kept(linear):
    vae, _ = linear
    x = torch.rand(4, 1, 8, 8, generator=generator())
    with torch.no_grad():
        q = vae.posterior(x)
        swapped = torch.tensor([True, False, True, False])[:, None]
        far = DiagonalGaussian(q.mean + 5, q.log_std)
        a = DiagonalGaussian(torch.where(swapped, far.mean, q.mean), q.log_std)
        b = DiagonalGaussian(torch.where(swapped, q.mean, far.mean), q.log_std)
        kept = demo.better(vae, x, a, b, torch.randn(50, 4, 3, generator=generator()))
    assert torch.equal(kept.mean, q.mean)


def test_the_classes_that_are_seen_come_first():
    chosen, labels = np.array([5, 2, 4, 0, 1]), np.array([3, 9, 7, 3, 0, 9])
    assert demo.seen_first(chosen, labels).tolist() == [4, 0, 2, 5, 1]  # a 0, a 3, a 7, then as they were
    assert demo.seen_first(np.array([1, 5]), labels).tolist() == [1, 5]


# ---- the film


@pytest.fixture(scope="module")
def film():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "MEASURED", (100, 250))
        patch.setattr(demo, "FIT_STEPS", 60)
        return list(demo.run(settings(steps=250), 0))


def test_the_film(film):
    first, last = film[0], film[-1]
    assert len(film) >= 12 and last.fraction == 1
    assert {"originals", "steps"} <= first.data.keys() and "originals" not in film[1].data
    steps = [moment.data["step"] for moment in film]
    assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == 250
    for name in ("originals", "by_encoder", "by_search"):
        assert len(base64.b64decode(first.data[name])) == 2 * len(demo.SHOWN) * 64
    bounds = [moment.data["bound"] for moment in film if "bound" in moment.data]
    assert bounds[-1][0] > bounds[0][0] + 10, "it learns"
    assert all(all_finite(moment.data) for moment in film)
    assert [moment.data["step"] for moment in film if "gap" in moment.data] == [100, 250]
    last_gap, (encoder, best) = last.data["gap"], zip(last.data["bound"], last.data["best"], strict=True)
    assert [gap for gap, _ in last_gap] == pytest.approx([b - e for e, b in (encoder, best)], abs=2e-3)


def test_the_figures_of_the_recipe_at_step_250(film):
    found = {outcome.name: outcome for outcome in film[-1].outcomes}
    assert set(found) == {"new_gap_250", "practised_gap_250"}
    assert found["new_gap_250"].inside and found["practised_gap_250"].inside
    assert found["new_gap_250"].estimate.n == demo.NEW and found["practised_gap_250"].estimate.n == demo.OLD
    assert not any(moment.outcomes for moment in film[:-1])


def test_each_row_shows_its_own_code(linear):
    vae, _ = linear
    x = torch.rand(6, 1, 8, 8, generator=generator()).round()
    q, best = demo.read(vae, x), DiagonalGaussian(torch.zeros(6, 3), torch.zeros(6, 3))
    with torch.no_grad():
        found = demo.pictures(vae, demo.Watched(x, best, 3), q)
        expected = {name: vae.decode(z[None])[0] for name, z in (("by_encoder", q.mean), ("by_search", best.mean))}
    for row, (name, images) in enumerate(expected.items()):
        assert found[name] == packed(images.numpy())
        wrong = ((images > 0.5) != (x > 0.5)).flatten(1).sum(1).float()
        assert found["wrong"][row] == pytest.approx([wrong[:3].mean().item(), wrong[3:].mean().item()], abs=0.01)
    assert found["by_encoder"] != found["by_search"]


def test_the_same_seed_gives_the_same_bits():
    def begin():
        film = demo.run(settings(hidden=32), 7)
        return [next(film).to_dict() for _ in range(5)]

    assert begin() == begin()


@pytest.mark.parametrize(("images", "hidden"), [(50, 32), (1400, 256)])
def test_the_corners_of_the_settings(images, hidden, monkeypatch):
    monkeypatch.setattr(demo, "MEASURED", (20,))
    monkeypatch.setattr(demo, "FIT_STEPS", 10)
    *_, last = demo.run(settings(images=images, hidden=hidden, steps=20), 0)
    assert all_finite(last.data)
    assert all(outcome.band is None for outcome in last.outcomes), "promised at the defaults only"


def test_settings_and_source():
    with pytest.raises(ValueError, match="steps"):
        play(demo.DEMO, {"steps": 3}, 0)
    assert demo.DEMO.source and len(demo.DEMO.controls) == 3
