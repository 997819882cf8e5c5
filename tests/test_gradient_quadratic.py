"""The closed forms of quadratics, against numbers confirmed by quadrature."""

import pytest
import torch

from vaeexplorer.gradients.quadratic import Quadratic

# a, b, c, mu, s: E f, then (by mu, by log s): gradient, variance of pathwise, score function without a baseline, with
# the mean, the best baseline and the variance with it, leave-one-out for 2, 4 and 10 samples, sticking the landing
ROWS = [
    (
        (1.5, -0.7, 2.0, 0.4, 0.8), 2.92, (0.5, 1.92), (5.76, 7.5328), (45.7425, 115.1136), (14.9, 53.2096),
        (4.84, 6.76), (9.14, 23.7184), {2: (9.14, 30.4512), 4: (4.006667, 13.943467), 10: (1.527556, 5.406436)},
        (13.3225, 17.2128),
    ),
    (
        (-2.5, 1.0, -80.0, 0.3, 0.5), -80.55, (-0.5, -1.25), (6.25, 3.1875), (26774.835, 13804.605), (16.125, 22.5),
        (-81.8, -83.05), (9.875, 10.0), {2: (9.875, 12.875), 4: (4.333333, 5.895833), 10: (1.652778, 2.286111)},
        (0.25, 0.1875),
    ),
]  # fmt: skip


def moments(a, b, c, mu, s):
    f = Quadratic(torch.tensor([[a]], dtype=torch.float64), torch.tensor([b], dtype=torch.float64), c)
    return f.under(torch.tensor([mu], dtype=torch.float64), torch.tensor([s], dtype=torch.float64).log())


@pytest.mark.parametrize("row", ROWS, ids=["upward", "downward with -80"])
def test_one_dimension(row):
    numbers, mean, gradient, pathwise, bare, with_mean, best, with_best, others, landing = row
    m = moments(*numbers)

    def close(found, wanted):
        assert found.flatten().tolist() == pytest.approx(wanted, abs=6e-7, rel=1e-7)

    assert float(m.mean) == pytest.approx(mean, abs=1e-9)
    close(m.gradient, gradient)
    close(m.pathwise(), pathwise)
    close(m.score_function(), bare)
    close(m.score_function(m.mean), with_mean)
    close(m.optimal_baseline(), best)
    close(m.score_function(m.optimal_baseline()), with_best)
    for samples, wanted in others.items():
        close(m.leave_one_out(samples), wanted)
    close(m.sticking_the_landing(), landing)


def test_three_dimensions():
    f = Quadratic(
        torch.tensor([[1, 0.3, -0.2], [0.3, 0.5, 0.1], [-0.2, 0.1, -0.8]], dtype=torch.float64),
        torch.tensor([0.5, -1, 0.25], dtype=torch.float64), 1.0,
    )  # fmt: skip
    m = f.under(
        torch.tensor([0.2, -0.4, 0.6], dtype=torch.float64), torch.tensor([0.7, 1.1, 0.4], dtype=torch.float64).log()
    )

    def close(found, *wanted):
        torch.testing.assert_close(found, torch.tensor(wanted, dtype=torch.float64), atol=6e-7, rtol=0)

    assert float(m.mean) == pytest.approx(2.305, abs=1e-9)
    assert float(m.variance) == pytest.approx(3.314466, abs=6e-7)
    close(m.gradient, (0.42, -1.16, -0.87), (0.98, 1.21, -0.256))
    close(m.pathwise(), (2.4212, 1.3928, 0.5364), (2.233224, 4.777564, 0.272464))
    close(m.score_function(), (31.845924, 15.871358, 48.375519), (50.310774, 73.395594, 14.517446))
    close(m.score_function(m.optimal_baseline()), (9.823016, 5.660428, 22.135512), (13.930324, 28.744344, 8.087748))


def test_no_constant_is_better_than_the_best_one():
    m = moments(1.5, -0.7, 2.0, 0.4, 0.8)
    best = m.optimal_baseline()
    for step in (-0.1, 0.1):
        assert (m.score_function(best + step) > m.score_function(best)).all()


def test_the_pathwise_estimator_wins_for_every_quadratic():
    """score(C*) - pathwise = 2 m^2 + 2 a^2 s^2 and 9 m^2 s^2 + 16 a^2 s^4."""
    for a, b, mu, s in [(1.5, -0.7, 0.4, 0.8), (-2.0, 3.0, -1.0, 0.1), (0.01, 0.0, 5.0, 2.0)]:
        m, slope = moments(a, b, 7.0, mu, s), 2 * a * mu + b
        found = (m.score_function(m.optimal_baseline()) - m.pathwise()).flatten().tolist()
        wanted = [2 * slope**2 + 2 * a**2 * s**2, 9 * slope**2 * s**2 + 16 * a**2 * s**4]
        assert found == pytest.approx(wanted, rel=1e-9)


# x = 1.5 z + N(0, 0.5), x = 1.2: f is log p(x|z) or log p(x, z); q near the posterior and on it, by mu and log s
FORMS = [
    ((0.6, 0.25), (5.0625, 2.73375), (7.5625, 3.80375), (0.5625, 0.30375), (0.3, -0.375)),
    ((0.654545454545, 0.181818181818), (3.681818, 1.416739), (5.5, 2.0), (0.0, 0.0), (0.0, 0.0)),
]


@pytest.mark.parametrize("row", FORMS, ids=["near", "at the posterior"])
def test_the_three_forms_of_the_elbo(row):
    """Pathwise of log p(x|z) with the analytic KL, pathwise of the joint, and sticking the landing."""
    (mu, variance), analytic, joint, landing, gradient = row
    weight, noise, x, s = 1.5, 0.5, 1.2, variance**0.5
    likelihood = moments(-(weight**2) / (2 * noise), weight * x / noise, 0.0, mu, s)
    both = moments(-(weight**2) / (2 * noise) - 0.5, weight * x / noise, 0.0, mu, s)
    for found, wanted in (
        (likelihood.pathwise(), analytic), (both.pathwise(), joint), (both.sticking_the_landing(), landing),
        (both.gradient + torch.tensor([[0.0], [1.0]]), gradient),
    ):  # fmt: skip
        assert found.flatten().tolist() == pytest.approx(wanted, abs=6e-7)
