"""The true posterior of one image beside q, as the document that the Bounds page draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaeexplorer.portable import Buffers, document
from vaeexplorer.records import Estimate, LogMarginal
from vaeexplorer.ui import bounds_images, cached, model_jobs
from vaeexplorer.ui.bounds_images import Chosen
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question, number

DEEPEST = 200.0  # nats below the highest place: further down nothing is to be seen
NOTES = {
    True: "Exact: p(x, z) added up over a grid of codes.",
    False: "Smoothed from weighted draws of the refined proposal: noisy where the effective sample size is small.",
}
BITS = "Exact: the probability of each bit, by going through all codes."


def posterior(question: Question) -> Job:
    """The job that pictures the posterior of one image; its result is a binary document."""
    name, seed, key = question.model, question.seed, question.text("image")
    config, dims = cached.header(name).vae, None
    if question.asked.get("dims") is not None:
        count = min(2, config.latent_dim)
        dims = question.wholes("dims", (count, count), 0, config.latent_dim - 1)
        if len(set(dims)) != count:
            raise ValueError("dims must be two different dimensions")
    (chosen,) = bounds_images.choose(name, [key], seed)
    make = {"bernoulli": _bits, "gaussian": _picture}[config.posterior]
    what = ("posterior", key, seed, dims)
    return model_jobs.begin(question, "posteriors", what, lambda report: make(name, chosen, seed, dims, report))


def _bits(name: str, chosen: Chosen, seed: int, dims: tuple[int, ...] | None, report: Report) -> bytes:
    from vaeexplorer.evaluation.posterior_picture import posterior_bits

    report(0, "going through all codes")
    vae = cached.network(name)
    exact, encoder = posterior_bits(vae, bounds_images.as_seen(vae, [chosen]))
    bits = [{"posterior": number(p), "q": number(q)} for p, q in zip(exact, encoder, strict=True)]
    header = {
        "latent_dim": len(bits), "key": chosen.key, "title": chosen.taken.title, "dims": None, "why": "all bits",
        "window": None, "size": None, "density": None, "kind": "exact", "note": BITS, "q": None, "diagonal": None,
        "full": None, "prior": None, "truth": None, "points": None, "count": 0, "ess": None, "pareto_k": None,
        "log_marginal": None, "bits": bits,
    }  # fmt: skip
    return document(header, Buffers())


def _picture(name: str, chosen: Chosen, seed: int, dims: tuple[int, ...] | None, report: Report) -> bytes:
    import torch

    from vaeexplorer.evaluation.posterior_picture import posterior_picture

    report(0, "getting ready")
    vae = cached.network(name)
    generator = torch.Generator(vae.device).manual_seed(seed)
    found = None
    for fraction, text, picture in posterior_picture(vae, bounds_images.as_seen(vae, [chosen]), generator, dims):
        report(fraction, text)
        found = picture
    assert found is not None  # the last stage
    height, width = found.log_density.shape
    density = np.maximum(found.log_density, found.log_density.max() - DEEPEST)
    buffers, marginal = Buffers(), found.log_marginal
    kind = "exact" if found.exact else "estimate"
    header: dict[str, Any] = {
        "latent_dim": vae.latent_dim, "key": chosen.key, "title": chosen.taken.title, "dims": list(found.dims),
        "why": found.why, "window": list(found.window), "size": [width, height], "kind": kind,
        "note": NOTES[found.exact], "q": _gaussian(found.q), "diagonal": _gaussian(found.diagonal),
        "full": _gaussian(found.full), "prior": _gaussian(found.prior), "truth": _gaussian(found.truth),
        "marginal_kl": [number(value) for value in found.marginal_kl], "bits": None,
        "ess": _first(marginal.effective_sample_size), "pareto_k": _first(marginal.pareto_k),
        "log_marginal": _estimate(marginal), "density": buffers.add(density),
        "points": None if found.points is None else buffers.add(found.points),
        "count": 0 if found.points is None else len(found.points),
    }  # fmt: skip
    return document(header, buffers)


def _gaussian(moments: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    mean, covariance = moments
    std = np.sqrt(np.diagonal(covariance))
    return {"mean": mean.tolist(), "std": std.tolist(), "covariance": covariance.tolist()}


def _estimate(found: LogMarginal) -> dict[str, Any]:
    over = f"{found.samples:,} draws" if found.kind != "exact" else "codes of a grid"
    return Estimate(
        float(found.value[0]), float(found.stderr[0]), max(1, found.samples), found.kind, over, "log_marginal"
    ).to_dict()


def _first(values: np.ndarray | None) -> float | None:
    return None if values is None else number(values[0])
