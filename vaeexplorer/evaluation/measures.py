"""What can be measured of a model batch by batch: ELBO, log p(x) by every method, the gap, a two-sided certificate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaeexplorer import bounds, gaps
from vaeexplorer.bounds.bidirectional import bidirectional
from vaeexplorer.evaluation.batches import Batch, Part, Run, Steps
from vaeexplorer.forecast import Work, work_of
from vaeexplorer.records import Estimate, Kind
from vaeexplorer.vae import VAE

ROWS = 2000  # codes through the decoder at a time
BATCH = 20  # images at a time; part of what the results are, since each batch has its generator
MANY, SHARING = 500, 200  # images at a time where each needs but a draw or so, and where all of them share their codes
SIMULATED, CERTIFICATE_STEPS, CERTIFICATE_CHAINS = 50, 500, 8


@dataclass(frozen=True)
class Settings:
    """How much work to do; None is each method's own default.

    samples: draws for each image where they are drawn from p(z), q(z|x) or a proposal.   chains, ais_steps: of annealed
    importance sampling, per image.   grid_points: per axis.   simulated: images that the model draws for "bdmc".
    fit_steps: of a proposal that is fitted to each image.
    """

    samples: int | None = None
    chains: int | None = None
    ais_steps: int | None = None
    grid_points: int | None = None
    simulated: int | None = None
    fit_steps: int | None = None

    def __post_init__(self) -> None:
        for name, value in self.__dict__.items():
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and value >= 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")


@dataclass(frozen=True)
class Measure:
    """One line of what `evaluate` offers.

    run(vae, batch, options): the work on one batch, step by step.   batch: images in one.
    options(vae, settings): arguments of the run, with the draws behind each value as "samples".
    estimates(part, options): means over images, the one that stands for the measure first.
    work(vae, images, options): of a batch of so many, for a forecast.
    problem(vae): why it does not apply, one line, or None.
    images: whether it is about images of the data; else it draws its own, options["count"] of them.
    """

    title: str
    run: Run
    batch: int
    options: Callable[[VAE, Settings], dict[str, Any]]
    estimates: Callable[[Part, Mapping[str, Any]], list[Estimate]]
    work: Callable[[VAE, int, Mapping[str, Any]], Work]
    problem: Callable[[VAE], str | None] = lambda vae: None
    images: bool = True


def mean_of(
    values: np.ndarray, errors: np.ndarray | None, name: str, kind: Kind, over: str = "test images"
) -> Estimate:
    """The mean over images with the error over images; of one image alone, its error over draws or, if
    exact, its numerical one.

    Raises ValueError if a value is not finite.
    """
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise ValueError(f"{name}: {bad:,} of {len(values):,} images have no finite value: choose another checkpoint")
    if len(values) > 1 or errors is None:
        return Estimate.mean_of(values, kind=kind, over=over, name=name)
    error = "numerical error" if kind == "exact" else "error over draws"
    return Estimate(float(values[0]), float(errors[0]), 1, kind, f"{over}, {error}", name)


def _elbo(vae: VAE, batch: Batch, options: Mapping[str, Any]) -> Steps:
    """The ELBO by `samples` draws of q with the KL exact, about ROWS codes at a time."""
    with torch.no_grad():
        x = batch.seen(vae)
        q, generator = vae.posterior(x), batch.generator(vae.device)
        kl = vae.prior.kl_per_dimension(q).double()
    total = torch.zeros((2, len(x)), dtype=torch.float64, device=x.device)
    asked, done = options["samples"], 0
    shift = torch.zeros(())
    while done < asked:
        with torch.no_grad():
            size = min(max(1, ROWS // len(x)), asked - done)
            z = q.sample(q.noise((size, *q.mean.shape), generator, vae.device))
            logs = vae.log_likelihood(x, z).double()
            shift = logs[0] if done == 0 else shift  # squares of small differences, not of large values
            total += torch.stack([(logs - shift).sum(0), ((logs - shift) ** 2).sum(0)])
        done += size
        yield done / asked, f"{done:,} of {asked:,} draws", _elbo_part(shift, total, kl, done, asked)


def _elbo_part(shift: Any, total: Tensor, kl: Tensor, done: int, asked: int) -> Part:
    """The terms of each image from sums over `done` draws of log p(x|z) - shift and of its square."""
    away = total[0] / done
    spread = (total[1] / done - away**2).clamp_min(0)
    stderr = torch.sqrt(spread / (done - 1)) if done > 1 else torch.full_like(away, torch.inf)
    reconstruction = shift + away
    arrays = {
        "elbo": reconstruction - kl.sum(1), "stderr": stderr, "reconstruction": reconstruction,
        "kl_per_dimension": kl, "kl": kl.sum(1),
    }  # fmt: skip
    numbers = {name: values.cpu().numpy() for name, values in arrays.items()}
    return Part(numbers, ((),) * len(kl), done, asked, "lower bound", float(done * len(kl)))


def _elbo_estimates(part: Part, options: Mapping[str, Any]) -> list[Estimate]:
    """The ELBO, its two terms, and the KL of each dimension."""
    a = part.arrays
    exact = np.zeros(len(part))
    named = [
        mean_of(a["elbo"], a["stderr"], "elbo", "lower bound"),
        mean_of(a["reconstruction"], a["stderr"], "reconstruction", "unbiased"),
        mean_of(a["kl"], exact, "kl", "unbiased"),
    ]
    columns = enumerate(a["kl_per_dimension"].T, 1)
    return named + [mean_of(column, exact, f"kl_{j}", "unbiased") for j, column in columns]


def _log_marginal(name: str) -> Measure:
    """log p(x) by one of bounds.METHODS."""
    method = bounds.METHODS[name]

    def run(vae: VAE, batch: Batch, options: Mapping[str, Any]) -> Steps:
        x, generator = batch.seen(vae), batch.generator(vae.device)
        for stage in bounds.stages(vae, x, name, generator=generator, **options):
            yield stage.fraction, stage.text, None if stage.record is None else Part.of(stage.record)

    def estimates(part: Part, options: Mapping[str, Any]) -> list[Estimate]:
        labelled = f"{name}_{options['samples']}" if options.get("samples") else name
        return [mean_of(part.arrays["value"], part.arrays["stderr"], labelled, part.kind)]

    size = SHARING if method.shared else BATCH
    return Measure(
        method.title, run, size, lambda vae, settings: _drawn(name, settings), estimates,
        lambda vae, images, options: work_of(vae, name, images, **options), method.problem,
    )  # fmt: skip


def _drawn(name: str, settings: Settings) -> dict[str, Any]:
    """Arguments of one of bounds.METHODS: --samples is of draws, and other things have options of their own."""
    if name in OPTIONS:
        return OPTIONS[name](settings)
    return {"samples": settings.samples or bounds.METHODS[name].samples}


def out_of_range(name: str, settings: Settings) -> str | None:
    """Why one of bounds.METHODS cannot take as many draws, chains or points as asked for; one line, or None."""
    method = bounds.METHODS.get(name)
    count = _drawn(name, settings).get("samples") if method else None
    if method is None or count is None or method.least <= count <= method.most:
        return None
    return f"expected {method.least:,} to {method.most:,} {method.counted}, got {count:,}"


def _gap(vae: VAE, batch: Batch, options: Mapping[str, Any]) -> Steps:
    x, generator = batch.seen(vae), batch.generator(vae.device)
    for stage in gaps.gap_stages(vae, x, generator=generator, **options):
        gap = stage.record
        if gap is None:
            yield stage.fraction, stage.text, None
            continue
        names = ("total", "approximation", "amortization", "full")
        arrays = {n: getattr(gap, n) for n in (*names, *(f"{n}_stderr" for n in names), "elbo")}
        arrays |= {"log_marginal": gap.log_marginal.value, "log_marginal_stderr": gap.log_marginal.stderr}
        base = Part.of(gap.log_marginal)
        details = {"log_marginal_method": gap.log_marginal.method, "log_marginal_kind": gap.log_marginal.kind}
        yield stage.fraction, stage.text, Part(
            arrays, base.warnings, base.samples, base.asked, gap.kind, base.decodings, details
        )  # fmt: skip


def _gap_estimates(part: Part, options: Mapping[str, Any]) -> list[Estimate]:
    """The total and its parts, and the log p(x) that they rest on."""
    between: Kind = "unbiased" if part.arrays["amortization_stderr"].any() else "exact"
    kinds: dict[str, Kind] = {"total": part.kind, "approximation": part.kind, "amortization": between, "full": between}
    kinds["log_marginal"] = part.details["log_marginal_kind"]
    return [mean_of(part.arrays[n], part.arrays[f"{n}_stderr"], f"gap_{n}", kind) for n, kind in kinds.items()]


def _bdmc(vae: VAE, batch: Batch, options: Mapping[str, Any]) -> Steps:
    """Annealed importance sampling forwards and backwards on images that the model draws itself."""
    given = {name: value for name, value in options.items() if name not in ("samples", "count")}
    chains, generator = options["samples"], batch.generator(vae.device)
    for stage in bidirectional(vae, len(batch), chains=chains, generator=generator, **given):
        found = stage.record
        part = None
        if found is not None:
            arrays = {"lower": found.lower, "upper": found.upper}
            about = {"steps": found.steps, "start": found.start}
            decodings = found.decodings * len(batch)
            part = Part(arrays, ((),) * len(batch), chains, chains, "lower bound", decodings, about)
        yield stage.fraction, stage.text, part


def _bdmc_estimates(part: Part, options: Mapping[str, Any]) -> list[Estimate]:
    over = "images drawn from the model"
    sides: dict[str, Kind] = {"lower": "lower bound", "upper": "upper bound"}
    return [mean_of(part.arrays[side], None, f"bdmc_{side}", kind, over) for side, kind in sides.items()]


def _bdmc_options(vae: VAE, settings: Settings) -> dict[str, Any]:
    steps = settings.ais_steps or CERTIFICATE_STEPS
    return {"samples": settings.chains or CERTIFICATE_CHAINS, "steps": steps, "count": settings.simulated or SIMULATED}


def _bdmc_work(vae: VAE, images: int, options: Mapping[str, Any]) -> Work:
    one_way = work_of(vae, "ais", images, samples=options["samples"], steps=options["steps"])
    return replace(one_way, decodings=2 * one_way.decodings)


def _ais_options(settings: Settings) -> dict[str, Any]:
    steps = {} if settings.ais_steps is None else {"steps": settings.ais_steps}
    return {"samples": settings.chains or bounds.METHODS["ais"].samples, **steps}


def _refined_options(settings: Settings) -> dict[str, Any]:
    return {"samples": settings.samples or bounds.METHODS["refined"].samples, **_fit(settings)}


def _fit(settings: Settings) -> dict[str, Any]:
    return {} if settings.fit_steps is None else {"steps": settings.fit_steps}


def _gap_options(vae: VAE, settings: Settings) -> dict[str, Any]:
    method = gaps.surest(vae)
    return {"method": method, **_drawn(method, settings), **_fit(settings)}


def _gap_problem(vae: VAE) -> str | None:
    try:
        gaps.surest(vae)
    except ValueError as error:
        return str(error)
    return None


def _gap_work(vae: VAE, images: int, options: Mapping[str, Any]) -> Work:
    """The estimate of log p(x), and two fitted proposals."""
    marginal = work_of(vae, options["method"], images, samples=options.get("samples"))
    if "refined" not in bounds.METHODS or bounds.METHODS["refined"].problem(vae):
        return marginal
    fit = {name: value for name, value in options.items() if name == "steps"}
    fits = work_of(vae, "refined", images, samples=gaps.DRAWS, **fit)
    return replace(fits, decodings=marginal.decodings + 2 * fits.decodings, numbers=marginal.numbers + fits.numbers)


# What is done for one image, where --samples does not say all of it.
OPTIONS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "refined": _refined_options,
    "ais": _ais_options,
    "grid": lambda settings: {"samples": settings.grid_points} if settings.grid_points else {},
    "enumeration": lambda settings: {},
    "exact": lambda settings: {},
}

MEASURES: dict[str, Measure] = {
    "elbo": Measure(
        "ELBO", _elbo, MANY, lambda vae, settings: {"samples": settings.samples or 1}, _elbo_estimates,
        lambda vae, images, options: Work(float(images * options["samples"]), ROWS),
    ),
    **{name: _log_marginal(name) for name in bounds.METHODS},
    "bdmc": Measure(
        "Bidirectional Monte Carlo", _bdmc, BATCH, _bdmc_options, _bdmc_estimates, _bdmc_work,
        lambda vae: bounds.METHODS["ais"].problem(vae), images=False,
    ),
    "gap": Measure("KL gap", _gap, BATCH, _gap_options, _gap_estimates, _gap_work, _gap_problem),
}  # fmt: skip
