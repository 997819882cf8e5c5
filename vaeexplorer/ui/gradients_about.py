"""What can be asked about a model on the Gradients page: estimators, sweeps and targets, and why some do not apply."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaeexplorer import run_weights
from vaeexplorer.ui import bounds_about, cached, gradients_asked

if TYPE_CHECKING:
    from vaeexplorer.gradients.sweeps import Sweep
    from vaeexplorer.vae import VAE

IMAGES = 4
DEFAULTS = {"images": IMAGES, "replicates": gradients_asked.REPLICATES, "samples": gradients_asked.SAMPLES}
LATENTS = {"gaussian": "Gaussian", "bernoulli": "Bernoulli"}
NONE_FITS = "no estimator that it compares applies to this model's latents"
NO_STEPS = "only a run has weights of its training's steps: choose one of your runs, or train a model"


def about(name: str) -> dict[str, Any]:
    """The model, what there is to ask about it, and whether images of its data set are here."""
    from vaeexplorer.gradients import ESTIMATORS
    from vaeexplorer.gradients.exact import how_exact
    from vaeexplorer.gradients.sweeps import SWEEPS

    held, why = bounds_about.data(name)
    config, model = cached.header(name).vae, cached.network(name)
    return {
        "model": name, "latent_dim": config.latent_dim, "posterior": config.posterior,
        "run": name.startswith("run/"), "data": held, "why": why, "defaults": DEFAULTS,
        "most_images": gradients_asked.MOST_IMAGES, "truth": how_exact(model),
        "estimators": [_estimator(model, key) for key in ESTIMATORS],
        "sweeps": [_sweep(name, model, key, sweep) for key, sweep in SWEEPS.items()],
        "targets": _targets(model),
    }  # fmt: skip


def refuse_sweep(name: str, over: str) -> None:
    """Raises ValueError, one line, for a sweep that does not apply to the model."""
    from vaeexplorer.gradients.sweeps import SWEEPS

    problem = _sweep_problem(name, cached.network(name), over)
    if problem is not None:
        raise ValueError(f"{SWEEPS[over].title}: {problem}")


def _sweep_problem(name: str, model: VAE, over: str) -> str | None:
    from vaeexplorer.gradients.sweeps import SWEEPS, fitting

    problem = SWEEPS[over].problem(model)
    if problem is not None or over != "step":
        return problem or (None if fitting(over, _model(model, over)) else NONE_FITS)
    if not name.startswith("run/"):
        return NO_STEPS
    return run_weights.why_no_weights(run_folder(name)) or None


def _estimator(model: VAE, key: str) -> dict[str, Any]:
    from vaeexplorer.gradients import ESTIMATORS

    one, latents = ESTIMATORS[key], model.config.posterior
    wanted = " or ".join(LATENTS[kind] for kind in one.latents)
    problem = None if latents in one.latents else f"it is for {wanted} latents, and this model's are {LATENTS[latents]}"
    return {
        "name": key, "title": one.title, "words": one.words, "source": one.source, "objective": one.objective,
        "unbiased": one.unbiased, "fewest": one.fewest, "cost": one.cost, "options": dict(one.options),
    } | _applies(problem)  # fmt: skip


def _sweep(name: str, model: VAE, over: str, sweep: Sweep) -> dict[str, Any]:
    from vaeexplorer.gradients.sweeps import fitting

    estimators = list(fitting(over, _model(model, over)))
    values = run_weights.weights_at(run_folder(name)) if over == "step" and name.startswith("run/") else sweep.values
    return {
        "over": over, "title": sweep.title, "x_title": sweep.x_title, "words": sweep.words, "log_x": sweep.log_x,
        "measure": sweep.measure, "values": list(values), "whole": sweep.whole, "positive": sweep.positive,
        "needs_images": sweep.needs_model, "estimators": estimators, "begin_with": estimators[: sweep.defaults],
    } | _applies(_sweep_problem(name, model, over))  # fmt: skip


def _model(model: VAE, over: str) -> VAE | None:
    """None for a sweep on functions of its own."""
    from vaeexplorer.gradients.sweeps import SWEEPS

    return model if SWEEPS[over].needs_model else None


def run_folder(name: str) -> Path:
    """Where a run's model lies."""
    return cached.path_of(name).parent


def _targets(model: VAE) -> list[dict[str, Any]]:
    from vaeexplorer.gradients.diagnostics import TARGETS

    return [
        {"name": name, "title": target.title, "words": target.words} | _applies(target.problem(model))
        for name, target in TARGETS.items()
    ]


def _applies(problem: str | None) -> dict[str, Any]:
    return {"applies": problem is None, "why": problem or ""}
