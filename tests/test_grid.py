"""The grid against models whose log p(x) and posterior are known, however narrow, wide or far away."""

import math

import numpy as np
import pytest
import torch

from tests.exact import LOG_P, X, linear_vae
from vaeexplorer import checkpoints
from vaeexplorer.bounds import estimate_log_marginal, grid, stages
from vaeexplorer.configs import VaeConfig
from vaeexplorer.distributions import DiagonalGaussian
from vaeexplorer.linear_gaussian import LinearGaussian, example
from vaeexplorer.vae import VAE


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def by_grid(model, x, **how):
    return estimate_log_marginal(model, x, "grid", generator=generator(), **how)


def learned_prior():
    """A linear VAE with the prior N(m, L L'), in float64, and the same model in closed form with the prior N(0, I)."""
    config = VaeConfig(
        image_shape=(1, 1, 3), architecture="linear", latent_dim=2, prior="learned_gaussian",
        likelihood="gaussian", likelihood_std=0.5, output="identity",
    )  # fmt: skip
    vae = VAE(config).double()
    vae.load_state_dict(linear_vae().state_dict(), strict=False)
    vae.likelihood.log_std.fill_(math.log(0.5))
    with torch.no_grad():
        vae.prior.mean.copy_(torch.tensor([2.0, -30.0]))
        vae.prior.log_diagonal.copy_(torch.tensor([1.0, -1.5]))
        vae.prior.below.copy_(torch.tensor([[0.0, 0.0], [-1.7, 0.0]]))
    model, _, _ = example()
    axes = vae.prior.cholesky.detach()
    return vae, LinearGaussian(model.weight @ axes, model.bias + model.weight @ vae.prior.mean.detach(), 0.25)


def cases():
    """Models in closed form with points: wide, narrow to 0.001, far outside of the window, with other priors."""
    model, x, _ = example()
    for variance in (0.25, 1e-3, 1e-6):
        narrow = LinearGaussian(model.weight, model.bias, variance)
        yield narrow, narrow, narrow.simulate(4, generator(1))[0]
    yield model, model, torch.cat([x, x + 40, x])  # the posterior of the second lies 30 standard deviations away
    mad = LinearGaussian(model.weight, model.bias, 0.25, encoder=lambda x: nonsense(len(x)))
    yield mad, mad, x
    line = LinearGaussian(model.weight[:, :1], model.bias, 1e-4)
    yield line, line, line.simulate(5, generator(2))[0]
    vae, same = learned_prior()
    points = same.simulate(3, generator(3))[0]
    yield vae, same, points


def nonsense(images):
    return DiagonalGaussian(torch.full((images, 2), 1e12).double(), torch.full((images, 2), -30.0).double())


def check_grid():
    """To 1e-6 nats, or what float64 leaves of a large number, and never further off than the stated error."""
    for number, (model, exact, x) in enumerate(cases()):
        images = x.view(-1, 1, 1, 3) if isinstance(model, VAE) else x
        record, truth = by_grid(model, images), exact.log_marginal(x).numpy()
        off = np.abs(record.value - truth)
        assert np.all(off < 1e-6 + 1e-12 * np.abs(truth)), number
        assert np.all(off <= record.stderr + 1e-8 + 1e-12 * np.abs(truth)), number
        assert np.all(record.stderr < grid.SETTLED), number


def test_the_grid_is_exact_however_narrow_wide_or_far():
    check_grid()


def wrong_spacing(monkeypatch):
    kept = grid.Sweep.__init__

    def spoiled(self, model, x, points, keep=False):
        kept(self, model, x, points, keep)
        self.spacing = 2 * grid.REACH / points

    monkeypatch.setattr(grid.Sweep, "__init__", spoiled)


class HalfOfMath:
    def log(self, value):
        return math.log(value) / 2


PLANTS = {
    "spacing": wrong_spacing,
    "volume of the prior's axes": lambda patch: patch.setattr(grid.Frame, "log_volume", 0.0),
    "one axis forgotten": lambda patch: patch.setattr(grid, "math", HalfOfMath()),
    "no halving": lambda patch: patch.setattr(grid, "HALVINGS", 0),
    "cut too close": lambda patch: patch.setattr(grid, "DEPTH", 4.0),
    "mass thrown away": lambda patch: patch.setattr(grid, "NEGLIGIBLE", 1e-3),
    "does not grow": lambda patch: patch.setattr(grid.torch, "isin", lambda new, seen: torch.ones_like(new).bool()),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_mistake_is_found(monkeypatch, plant):
    PLANTS[plant](monkeypatch)
    with pytest.raises(AssertionError):
        check_grid()


def tanh_line():
    """Logits 3 tanh(w z + b) of three pixels, the quadrature example of the reference."""
    config = VaeConfig(architecture="mlp", image_shape=(1, 1, 3), hidden=(3,), activation="tanh", latent_dim=1)
    vae = VAE(config).double()
    first, last = (layer for layer in vae.decoder if isinstance(layer, torch.nn.Linear))
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0], [-2.0], [0.5]]))
        first.bias.copy_(torch.tensor([0.0, 0.5, -1.0]))
        last.weight.copy_(3 * torch.eye(3))
        last.bias.zero_()
    return vae, torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64).view(1, 1, 1, 3)


@pytest.mark.parametrize("points", [41, 161, 401])
def test_the_quadrature_example_of_the_reference(points):
    vae, x = tanh_line()
    record = by_grid(vae, x, samples=points)
    assert record.value == pytest.approx(-2.584877, abs=6e-7)
    assert record.stderr < 1e-4 and record.samples == record.asked == points


def test_a_model_in_float32_is_added_up_in_float64():
    vae, x = tanh_line()
    single = by_grid(vae.float(), x.float())
    assert single.value == pytest.approx(by_grid(vae.double(), x).value, abs=1e-7)
    assert next(vae.float().parameters()).dtype == torch.float32
    assert by_grid(linear_vae(), X).value == pytest.approx(LOG_P, abs=6e-7)


def test_images_do_not_disturb_each_other(monkeypatch):
    model, _, _ = example()
    narrow = LinearGaussian(model.weight, model.bias, 1e-4)
    x, _ = narrow.simulate(5, generator())
    together = by_grid(narrow, x)
    alone = [by_grid(narrow, x[i : i + 1]).value.item() for i in range(5)]
    assert together.value == pytest.approx(alone, abs=1e-7)
    monkeypatch.setattr(grid, "IMAGES", 2)
    shown = list(stages(narrow, x, "grid", generator=generator()))
    assert shown[-1].record.value == pytest.approx(alone, abs=1e-7)
    assert shown[-1].record.stderr.shape == (5,) and shown[-1].text == "5 images in 3 sweeps"
    assert [stage.record for stage in shown[:-1]] == [None] * (len(shown) - 1)


def test_a_code_is_decoded_once_for_all_images():
    model, x, _ = example()
    seen = []

    class Counted(LinearGaussian):
        def log_likelihood_table(self, x, z):
            seen.append(z)
            return super().log_likelihood_table(x, z)

    counted = Counted(model.weight, model.bias, 1e-2)
    record = by_grid(counted, x.expand(7, -1))
    codes = torch.cat(seen)
    assert len(codes.unique(dim=0)) == len(codes) == record.decodings == record.details["codes"]
    assert max(map(len, seen)) <= 2000


def test_a_sweep_that_may_not_go_on_says_how_far_off_it_is(monkeypatch):
    model, _, _ = example()
    narrow = LinearGaussian(model.weight, model.bias, 1e-4)
    x, _ = narrow.simulate(3, generator())
    monkeypatch.setattr(grid, "MOST_CODES", 26_500)
    record = by_grid(narrow, x)
    off = np.abs(record.value - narrow.log_marginal(x).numpy())
    assert record.details["unsettled"] == 3 and record.decodings < 30_000
    assert np.all(record.stderr > 1e-3) and np.all(off < 3 * record.stderr)


def test_progress_is_told_and_each_stage_has_the_values_so_far(monkeypatch):
    monkeypatch.setattr(grid, "PAUSE", 0)
    model, _, _ = example()
    narrow = LinearGaussian(model.weight, model.bias, 1e-4)
    x, _ = narrow.simulate(3, generator())
    shown = list(stages(narrow, x, "grid", generator=generator()))
    fractions = [stage.fraction for stage in shown]
    assert fractions == sorted(fractions) and fractions[-1] == 1 and len(fractions) > 10
    assert shown[0].text == "2,000 codes of the first lattice" and shown[0].record is None
    assert "for 3 of 3 images" in shown[-2].text
    errors = [stage.record.stderr.max() for stage in shown if stage.record]
    assert errors[-1] < 1e-4 < errors[0]


def test_a_shipped_model_by_two_roads(root):
    vae = checkpoints.load(root / "checkpoints" / "digits-2d.safetensors")
    with torch.no_grad():
        x, _ = vae.simulate(6, generator(1))
    record = by_grid(vae, x)
    drawn = estimate_log_marginal(vae, x, "prior", samples=20_000, generator=generator(2))
    assert np.all(np.abs(drawn.value - record.value) < 5 * drawn.stderr + drawn.stderr**2)
    finer = by_grid(vae, x, samples=241)
    assert np.all(np.abs(finer.value - record.value) < 1e-6)


# the picture of the posterior


def check_density(model, x, **how):
    found = grid.density(model, x, **how)
    truth = model.true_posterior(x)
    assert found.mean == pytest.approx(truth.mean[0].numpy(), abs=1e-6)
    assert found.covariance == pytest.approx(truth.covariance[0].numpy(), abs=1e-6)
    height, width = found.log_density.shape
    sides = [np.linspace(*found.window[:2], width)]
    if len(found.window) == 4:
        sides.append(np.linspace(*found.window[2:], height))
    codes = np.stack(np.meshgrid(*sides), -1).reshape(-1, len(sides))
    expected = truth.log_prob(torch.from_numpy(codes)[:, None])[:, 0].view(height, width)
    assert np.abs(found.log_density - expected.numpy()).max() < 1e-6
    return found, math.prod(side[1] - side[0] for side in sides)


def test_the_density_is_the_true_posterior_and_the_window_holds_it():
    model, x, q = example()
    found, area = check_density(model, x)
    assert np.exp(found.log_density).sum() * area == pytest.approx(1, abs=0.002)
    assert found.log_density.shape == (grid.PICTURE, grid.PICTURE)
    assert found.log_marginal.value == pytest.approx(LOG_P, abs=6e-7)
    far = LinearGaussian(
        model.weight, model.bias, 0.25, encoder=lambda x: DiagonalGaussian(q.mean - torch.tensor([9, 0]), q.log_std)
    )
    window = check_density(far, x)[0].window
    assert window[0] < 0.3 - 9 - 3 * 0.2**0.5 and window[1] > 2  # q and the posterior


def test_rows_go_up_and_columns_to_the_right():
    model, x, _ = example()
    found, _ = check_density(model, x, window=(0.0, 2.0, -1.0, 0.5), size=(41, 31))
    assert found.log_density.shape == (31, 41) and found.window == (0.0, 2.0, -1.0, 0.5)
    row, column = np.unravel_index(found.log_density.argmax(), (31, 41))
    assert (column * 2 / 40, -1 + row * 1.5 / 30) == pytest.approx((0.794, -0.114), abs=0.05)


def test_a_density_in_one_dimension_is_a_curve():
    model, x, _ = example()
    line = LinearGaussian(model.weight[:, :1], model.bias, 1e-2)
    found, step = check_density(line, x)
    assert found.log_density.shape == (1, grid.CURVE) and len(found.window) == 2
    assert np.exp(found.log_density).sum() * step == pytest.approx(1, abs=0.002)


def test_what_a_density_cannot_show_is_refused():
    model, x, _ = example()
    with pytest.raises(ValueError, match="expected one image, got 2"):
        grid.density(model, x.expand(2, -1))
    wide = LinearGaussian(torch.eye(3, dtype=torch.float64), torch.zeros(3), 1.0)
    with pytest.raises(ValueError, match="up to 2 latent dimensions and this model has 3"):
        grid.density(wide, x)
