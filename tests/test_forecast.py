"""A forecast is a rough number said early: of the right size, and never a surprise for the memory."""

from __future__ import annotations

import math
import time

import pytest
import torch

from vaeexplorer import bounds, checkpoints, forecast
from vaeexplorer.forecast import Pace, Work


@pytest.fixture(scope="module")
def model():
    return checkpoints.load(checkpoints.SHIPPED / "mnist-10d.safetensors")


@pytest.fixture(scope="module")
def image(model):
    return torch.zeros(1, *model.config.image_shape)


@pytest.mark.parametrize(("name", "samples", "options"), [("iwae", 400, {}), ("ais", 2, {"steps": 10})])
def test_a_forecast_has_the_size_of_the_truth(model, image, name, samples, options):
    x = image.expand(10, -1, -1, -1).clone()
    work = forecast.work_of(model, name, 10, samples=samples, **options)
    ratios = []
    for attempt in range(3):  # another test may take the machine away for a moment
        ahead = forecast.pace(model, image).forecast(work)
        begin = time.perf_counter()
        bounds.estimate_log_marginal(
            model, x, name, samples=samples, generator=torch.Generator().manual_seed(attempt), **options
        )
        ratios.append(ahead.seconds / (time.perf_counter() - begin))
        if 0.2 < ratios[-1] < 5:
            return
    pytest.fail(f"forecast / truth: {ratios}")


def test_the_probe_leaves_the_model_as_it_was_and_is_quick(model, image):
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    begin = time.perf_counter()
    pace = forecast.pace(model, image)
    assert time.perf_counter() - begin < 3
    assert pace.call >= 0 and pace.row > 0
    assert all(torch.equal(p, weights[name]) and p.grad is None for name, p in model.named_parameters())
    # Of one code at least what the likelihood is taken of, and nowhere near the weights.
    assert 784 * 4 < pace.bytes < 100 * 784 * 4


def test_time_grows_with_the_work_and_memory_does_not(model):
    pace = Pace(1e-4, 1e-5, 1e4)
    one, many = (pace.forecast(forecast.work_of(model, "iwae", 20, samples=k)) for k in (1000, 10**9))
    assert many.seconds == pytest.approx(1e6 * one.seconds)
    assert many.bytes < 1e8  # the largest weights of each image are kept, and nothing else
    chains = [pace.forecast(forecast.work_of(model, "ais", 20, samples=k)).bytes for k in (10**6, 10**7)]
    assert chains[1] == pytest.approx(10 * chains[0], rel=0.01)
    assert Work(5.0, 10, 7.0).times(3) == Work(15.0, 10, 7.0)


def test_gradients_steps_and_shared_codes_count(model):
    def decodings(name, images=1, **given):
        return forecast.work_of(model, name, images, **given).decodings

    assert decodings("iwae", 20, samples=100) == 2000
    assert decodings("refined", samples=100, steps=20) > decodings("refined", samples=100, steps=10) > 100
    assert decodings("ais", samples=8, steps=200) == pytest.approx(2 * decodings("ais", samples=8, steps=100), rel=0.3)
    rows = {name: forecast.work_of(model, name, 20, samples=8).rows for name in ("iwae", "refined", "ais")}
    assert rows == {"iwae": 1000, "refined": 200, "ais": 160}  # the calls count where there are few codes in each
    two = checkpoints.load(checkpoints.SHIPPED / "digits-2d.safetensors")
    work = [forecast.work_of(two, "grid", images).decodings for images in (1, 101)]
    assert work[0] >= 161**2 and work[1] == pytest.approx(7 * work[0])  # 6 % more for each further image


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "about 1 second"), (40, "about 40 seconds"), (100, "about 2 minutes"), (3600, "about 60 minutes"),
        (7200, "about 2 hours"), (3 * 86400, "about 3 days"), (70 * forecast.YEAR, "about 70 years"),
        (1e300, "longer than a million years"), (math.inf, "longer than a million years"),
    ],
)  # fmt: skip
def test_durations_in_words(seconds, words):
    assert forecast.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 MB"),
        (2e7, "20 MB"),
        (1.5e9, "1.5 GB"),
        (2e10, "20 GB"),
        (3e12, "3.0 TB"),
        (1e40, "more than a billion TB"),
    ],
)
def test_sizes_in_words(count, words):
    assert forecast.size(count) == words


def test_the_machine_has_memory():
    assert forecast.machine_memory() > 1e8
