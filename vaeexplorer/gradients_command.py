"""`gradients`: what the estimators of the gradient are worth at a model, and what their variance depends on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from vaeexplorer.commands import find_checkpoint, objection, print_binarization, progress_bar
from vaeexplorer.gradients_printed import print_diagnosis, print_list, print_sweep
from vaeexplorer.gradients_question import (
    DEMO,
    OF_ESTIMATORS,
    Axis,
    Subject,
    axis_of,
    chosen,
    demo,
    names_of,
    own_options,
    subject_of,
    vae_of,
    weights_of,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    import torch

    from vaeexplorer.forecast import Work
    from vaeexplorer.gradients.sweep_results import SweepResult
    from vaeexplorer.latent_model import LatentModel
    from vaeexplorer.records import GradientDiagnostics

REPLICATES = 2000
OF_SAMPLES = ("samples", "k")  # axes that are the number of samples
LISTED = ("title", "words", "objective", "latents", "unbiased", "fewest", "cost", "source")  # by --list

Found = tuple[dict[str, Any], bool]  # what the document says, and whether it is complete


def gradients(options: argparse.Namespace) -> None:
    """Measure the estimators at a model on test images, or let something change that their variance depends on."""
    if options.list:
        return _list(options)
    axis = axis_of(options.sweep)
    subject = subject_of(options, axis)
    if axis:
        found, complete = _swept(subject, axis, options)
    else:
        assert subject is not None
        found, complete = _diagnosed(subject, options)
    document = {**(subject.about if subject else {"seed": options.seed}), **found, "complete": complete}
    if options.json:
        print(json.dumps(document, indent=1, allow_nan=False))
    else:
        print_binarization(document.get("binarization"))
        (print_sweep if axis else print_diagnosis)(document)
    if not complete:
        raise KeyboardInterrupt("interrupted: what is printed is a part of what was asked for")


def _list(options: argparse.Namespace) -> None:
    """The estimators; for a model, whether each of them applies."""
    from vaeexplorer.gradients.at_model import problem
    from vaeexplorer.gradients.registry import ESTIMATORS

    model: LatentModel | None = None
    if options.checkpoint:
        model = demo()[0] if options.checkpoint == DEMO else vae_of(find_checkpoint(options.checkpoint))
    rows: list[dict[str, Any]] = []
    for name, entry in ESTIMATORS.items():
        row = {"name": name, **{key: getattr(entry, key) for key in LISTED}, "options": dict(entry.options)}
        rows.append(row if model is None else {**row, "why_not": problem(model, name)})
    if options.json:
        return print(json.dumps(rows, indent=1))
    print_list(rows)


def _diagnosed(subject: Subject, options: argparse.Namespace) -> Found:
    """The table of estimators."""
    from vaeexplorer import forecast
    from vaeexplorer.gradients.diagnostics import TARGETS, diagnose

    if options.target not in TARGETS:
        raise ValueError(f"--target is one of {', '.join(TARGETS)}; got {options.target!r}")
    if why := TARGETS[options.target].problem(subject.model):
        raise ValueError(why)
    choice, replicates = chosen(subject.model, options), options.replicates or REPLICATES
    own = own_options(choice.samples, options)
    work = forecast.gradient_work(subject.model, choice.samples.items(), len(subject.x), replicates)
    _foretell(subject, work, options)
    records: list[GradientDiagnostics] = []

    going = diagnose(
        subject.model, subject.x, list(choice.samples), replicates=replicates, samples=choice.samples,
        generator=_generator(subject.model, options.seed), target=options.target, options=own,
    )  # fmt: skip

    def stages() -> Generator[tuple[float, str]]:
        for stage in going:
            records[:] = stage.records
            yield stage.fraction, stage.text

    complete = _listened(stages())
    found = {
        "target": options.target, "replicates": replicates, "options": own, "left_out": dict(choice.left_out),
        "rows": [record.to_dict() for record in records],
    }  # fmt: skip
    return found, complete


def _swept(subject: Subject | None, axis: Axis, options: argparse.Namespace) -> Found:
    """One axis of SWEEPS."""
    from vaeexplorer.gradients import sweeps

    for key in ("target", *OF_ESTIMATORS):
        if getattr(options, key) not in (None, "outputs"):
            raise ValueError(f"--sweep goes without --{key}: it looks at the encoder's outputs and sets options itself")
    model, x = (subject.model, subject.x) if subject and sweeps.SWEEPS[axis.over].needs_model else (None, None)
    names = names_of(options.estimators) or _fitting(axis, model)
    replicates, samples = options.replicates or REPLICATES, options.samples or 1
    weights = weights_of(subject, axis) if axis.over == "step" else ()
    values = None if weights else axis.values
    found: list[SweepResult] = []
    going = sweeps.sweep(
        model, x, names, axis.over, values, replicates=replicates, samples=samples,
        generator=_generator(model, options.seed), weights=weights,
    )  # fmt: skip
    if subject and model is not None:
        _foretell(subject, _work_of_sweep(subject, axis, names, replicates, samples, len(weights)), options)

    def stages() -> Generator[tuple[float, str]]:
        for fraction, text, result in going:
            found[:] = [result]
            yield fraction, text

    complete = _listened(stages())
    answer = found[0].to_dict() if found else {"over": axis.over, "series": []}
    return {"replicates": replicates, "samples": samples, **answer}, complete


def _fitting(axis: Axis, model: LatentModel | None) -> tuple[str, ...]:
    """What `all` means for a sweep: those that apply, and somewhere on the axis have samples enough."""
    from vaeexplorer.gradients.registry import ESTIMATORS
    from vaeexplorer.gradients.sweeps import fitting

    names = fitting(axis.over, model)
    if axis.over not in OF_SAMPLES or not axis.values:
        return names
    return tuple(name for name in names if ESTIMATORS[name].fewest <= max(axis.values))


def _work_of_sweep(
    subject: Subject, axis: Axis, names: Sequence[str], replicates: int, samples: int, steps: int
) -> Work:
    """Of all its places; what a sweep finds out before is little beside."""
    from vaeexplorer import forecast
    from vaeexplorer.gradients.registry import ESTIMATORS
    from vaeexplorer.gradients.sweeps import SWEEPS

    values = SWEEPS[axis.over].values if axis.values is None else axis.values
    places = values if axis.over in OF_SAMPLES else (samples,) * (steps or len(values))
    pairs = [(name, max(int(count), ESTIMATORS[name].fewest)) for count in places for name in names]
    return forecast.gradient_work(subject.model, pairs, len(subject.x), replicates, compared=False)


def _foretell(subject: Subject, work: Work, options: argparse.Namespace) -> None:
    """Say how long it will take, if long.   Raises ValueError if too long, or too large for this machine."""
    from vaeexplorer import forecast

    if text := objection(forecast.pace(subject.model, subject.x[:1]).forecast(work), options.patient):
        raise ValueError(text)


def _listened(stages: Generator[tuple[float, str]]) -> bool:
    """Show how far it is; whether it came to its end, and was not interrupted."""
    with progress_bar() as show, closing(stages):
        try:
            for fraction, text in stages:
                show(fraction, text)
        except KeyboardInterrupt:
            return False
    return True


def _generator(model: LatentModel | None, seed: int) -> torch.Generator:
    import torch

    return torch.Generator("cpu" if model is None else model.device).manual_seed(seed)
