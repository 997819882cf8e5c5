"""Results as plain numpy: what the pages show, the command line prints and a checkpoint remembers.

A number on a page always comes from an `Estimate`, which knows its error and what kind of statement it makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

Kind = Literal["exact", "unbiased", "lower bound", "upper bound"]
NORMAL_95 = 1.96  # standard errors on each side that hold 95 % of a normal distribution


@dataclass(frozen=True)
class Estimate:
    """One number with its random error.

    value, stderr: in nats unless `unit` says otherwise; stderr is that of the mean, random error only: the bias of a
        bound is not part of it, which is why `kind` stands beside it.
    n: how many things were averaged.  over: what they were ("test images", "samples of q").
    kind: "exact", "unbiased", "lower bound" or "upper bound" of the quantity in `name`.
    """

    value: float
    stderr: float
    n: int
    kind: Kind
    over: str
    name: str = ""
    unit: str = "nats"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}; got {self.kind!r}")
        if self.n < 1 or math.isnan(self.value) or not self.stderr >= 0:
            raise ValueError(f"an estimate needs n >= 1, a number and stderr >= 0; got {self!r}")

    @classmethod
    def mean_of(cls, values: np.ndarray, *, kind: Kind, over: str, name: str = "", unit: str = "nats") -> Estimate:
        """Mean of independent values (n,) with stderr = std / sqrt(n); a single value has no known error: stderr inf.

        Raises ValueError if there is no value or one of them is not a number.
        """
        values = np.asarray(values, dtype=np.float64).ravel()
        if values.size == 0:
            raise ValueError(f"{name or 'an estimate'} needs at least one value, got none")
        stderr = float(values.std(ddof=1) / math.sqrt(values.size)) if values.size > 1 else math.inf
        return cls(float(values.mean()), stderr, values.size, kind, over, name, unit)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; an unknown (infinite) error becomes null."""
        return {**self.__dict__, "stderr": self.stderr if math.isfinite(self.stderr) else None}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Estimate:
        return cls(**{**fields, "stderr": math.inf if fields["stderr"] is None else fields["stderr"]})

    def __str__(self) -> str:
        """For people: the digits that the error allows, for example '-94.52 ± 0.26 nats'."""
        if not math.isfinite(self.stderr) or self.stderr == 0:
            return f"{self.value:.4g} {self.unit}".rstrip()
        digits = max(0, 1 - math.floor(math.log10(self.stderr)))
        return f"{self.value:.{digits}f} ± {self.stderr:.{digits}f} {self.unit}".rstrip()


@dataclass(frozen=True)
class CodeRecord:
    """One image as the model sees it: q(z|x) and the two terms of its bound, in nats.

    mean, std: (D,) of q(z|x); for Bernoulli latents the probabilities and sqrt(p (1 - p)).
    kl_per_dimension: (D,), exact.  reconstruction averages samples of q; kl is exact; elbo = reconstruction - kl.
    """

    mean: np.ndarray
    std: np.ndarray
    kl_per_dimension: np.ndarray
    reconstruction: Estimate
    kl: Estimate
    elbo: Estimate


@dataclass(frozen=True)
class ReconstructionRecord:
    """N images beside what a model makes of them; pictures are float32 in [0, 1].

    seen (N, C, H, W): what the likelihood sees, binarised if it is Bernoulli.
    mean (N, C, H, W): E[x|z] at the mean of q(z|x); for Bernoulli latents at the bits nearest to it.
    draws (N, K, C, H, W): E[x|z] at the first K draws of q.
    spread (N, C, H, W): standard deviation of E[x|z] over all draws of q, in grey levels from 0 to 1: what not knowing
        z does to each pixel. The noise of p(x|z) itself is not part of it.
    codes: q(z|x) and the terms of each image, averaged over the same draws.
    """

    seen: np.ndarray
    mean: np.ndarray
    draws: np.ndarray
    spread: np.ndarray
    codes: tuple[CodeRecord, ...]


@dataclass(frozen=True)
class LogMarginal:
    """log p(x) of B images by one method, in nats, or as far as it got.

    method: its name in bounds.METHODS.   kind: what `value` is of log p(x), in expectation; a numerical grid or an
        enumeration is "exact" up to `stderr`, which then is its numerical error and not a random one.
    value, stderr (B,): float64; the error is random error only (the bias of a bound is not part of it), inf where it is
        not known, as from a single draw.
    samples: draws of z, chains, codes or points per axis behind each value; asked: how many were asked for.
    effective_sample_size, pareto_k (B,): of importance weights, None for methods without them (pareto_k NaN where
        there are too few draws to fit a tail).
    spread (B,): the largest minus the smallest of the method's values on four equal parts of its draws, None for fewer.
    log_weights (samples, B): where they were to be kept, else None.
    decodings: decoder evaluations per image, those for fitting and moving included.   seconds: they took, for all.
    details: what else a method has to say, JSON values and arrays by name (acceptance, steps, proposal, ...).
    """

    method: str
    kind: Kind
    value: np.ndarray
    stderr: np.ndarray
    samples: int
    asked: int
    effective_sample_size: np.ndarray | None = None
    pareto_k: np.ndarray | None = None
    spread: np.ndarray | None = None
    log_weights: np.ndarray | None = None
    decodings: float = 0.0
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.samples == self.asked

    def warnings(self, image: int) -> tuple[str, ...]:
        """Why the value of this image is not to be trusted: codes of WARNINGS, none where all is well."""
        found = [name for name, (measure, trouble, _) in WARNINGS.items() if trouble(_of(self, measure, image))]
        return (*found, *(() if self.complete else ("partial",)))


@dataclass(frozen=True)
class Gap:
    """Where the ELBO of B images loses against log p(x): inference_gap = approximation_gap + amortization_gap, nats.

    total (B,) = log p(x) - ELBO(q);  amortization = ELBO(best diagonal q) - ELBO(q);  approximation = log p(x) -
    ELBO(best diagonal q), of which `full` is what a full covariance gains: ELBO(best full q) - ELBO(best diagonal q).
    *_stderr (B,): random error, 0 where exact.   kind: of `total`.   log_marginal: the estimate of log p(x) that all
    but `amortization` and `full` rest on; elbo, elbo_diagonal, elbo_full (B,): the bounds.   proposals: fitted
    parameters by name, arrays (diagonal_mean, diagonal_std (B, D), full_mean (B, D), full_covariance (B, D, D)).
    """

    total: np.ndarray
    approximation: np.ndarray
    amortization: np.ndarray
    full: np.ndarray
    total_stderr: np.ndarray
    approximation_stderr: np.ndarray
    amortization_stderr: np.ndarray
    full_stderr: np.ndarray
    elbo: np.ndarray
    elbo_diagonal: np.ndarray
    elbo_full: np.ndarray
    kind: Kind
    log_marginal: LogMarginal
    proposals: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """What is seen of a model in training at one step, always on the same held-out images with the same noise.

    estimates: elbo, reconstruction and kl over the held-out images; subo, surprisal and gap over samples of q for a few
        of them (subo = surprisal + gap).   kl_per_dimension: (D,) nats, mean over the held-out images.
    reconstructions: (M, C, H, W) uint8, E[x|z] at the mean of q, of Originals.images.   decoded: (K, C, H, W) uint8,
        E[x|z] of the same K codes each time.   codes: (N, D) float16, means of q; their labels are Originals.labels.
    """

    step: int
    estimates: tuple[Estimate, ...]
    kl_per_dimension: np.ndarray
    reconstructions: np.ndarray
    decoded: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Originals:
    """What a run's observations are of, fixed for the run.

    images: (M, C, H, W) uint8, the shown ones.   labels: (N,) int16 of the codes; shown_labels: (M,) int16 of the
    images; both None without classes.
    """

    images: np.ndarray
    labels: np.ndarray | None
    shown_labels: np.ndarray | None


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class GradientDiagnostics:
    """What an estimator's gradient is like at a frozen model, by `replicates` of `samples` draws of q for each image.

    The gradient is of the estimator's objective in nats (going up), by what `target` names: "outputs" q's parameters of
    each image; "encoder", "decoder" their weights. asked: replicates that were asked for.
    mean (B, O): by q's parameters (mean | log_std, or logits), averaged over the replicates; None for the decoder.
    truth, truth_stderr (B, O): the exact gradient, its own error, and how it was found; None where not known.
    variance: of one replicate's gradient of one image, mean over the images, added up over the coordinates of a part
    (loc, log_scale; logits; each layer) and over all ("total").   resolution: the relative standard error of the total.
    largest_z, z_limit: the mean's largest distance to the truth in standard errors, and what only one estimator without
    bias in 1000 exceeds (Bonferroni over coordinates; more do with a few hundred replicates of heavy tails).
    unsettled: q's parameters, of B O, left out of that, as draws too rare for so few replicates decide them.
    signal_to_noise: |E g| / sqrt(trace of the covariance), of the B images together: stacked for their own parameters,
    added up for weights that they share; corrected for the noise of the mean.   None where there is no noise.
    cosine, cosine_of_one: of the mean, and of one replicate on average, to the truth.
    evaluations: of the decoder for one replicate of one image, a way back counted as two.   seconds: for all replicates
    of all images, without fitting a baseline, which is done once.   between_images: the trace of the covariance, over
    images, of the expected gradient: the part of a minibatch's variance that no number of samples takes away; beside it
    `variance` is the sampling part (law of total variance).   None for one image, or parameters that are not shared.
    """

    estimator: str
    title: str
    unbiased: bool
    target: str
    objective: str
    samples: int
    replicates: int
    asked: int
    images: int
    mean: np.ndarray | None
    variance: Mapping[str, Interval]
    resolution: float
    largest_share: float
    signal_to_noise: Interval | None
    evaluations: float
    seconds: float
    truth: np.ndarray | None = None
    truth_stderr: np.ndarray | None = None
    how: str | None = None
    reference_share: float = 0.0
    largest_z: float | None = None
    z_limit: float | None = None
    unsettled: int = 0
    cosine: float | None = None
    cosine_of_one: float | None = None
    between_images: float | None = None

    @property
    def biased(self) -> bool | None:
        """None where the truth is not known."""
        return None if self.largest_z is None or self.z_limit is None else self.largest_z > self.z_limit

    @property
    def variance_per_evaluation(self) -> float:
        """What is left of the variance when one decoder evaluation an image is spent: n replicates cost n times their
        evaluations and leave variance / n, so estimators compare by the product at an equal number of evaluations.
        """
        return self.variance["total"].value * self.evaluations

    @property
    def variance_per_second(self) -> float:
        """The same for one second of work on an image, on the machine that measured it."""
        return self.variance["total"].value * self.seconds / (self.replicates * self.images)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Codes of GRADIENT_WARNINGS, none where all is well."""
        return tuple(code for code, (trouble, _) in GRADIENT_WARNINGS.items() if trouble(self))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: a row of the table of estimators; what is not known, or not finite, is null."""
        return {
            **{name: getattr(self, name) for name in GRADIENT_FIELDS},
            "variance": {part: _interval(interval) for part, interval in self.variance.items()},
            "per_evaluation": _number(self.variance_per_evaluation),
            "per_second": _number(self.variance_per_second),
            "bias": {"largest_z": _number(self.largest_z), "limit": self.z_limit, "biased": self.biased},
            "snr": _interval(self.signal_to_noise),
            "cosine": _number(self.cosine),
            "cosine_of_one": _number(self.cosine_of_one),
            "minibatch": None
            if self.between_images is None
            else {"sampling": self.variance["total"].value, "images": self.between_images},
            "warnings": [GRADIENT_WARNINGS[code][1].format_map(self.__dict__) for code in self.warnings],
        }


def _interval(interval: Interval | None) -> dict[str, float | None] | None:
    return None if interval is None else {name: _number(value) for name, value in interval.__dict__.items()}


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _of(record: LogMarginal, measure: str, image: int) -> float:
    """A diagnostic of one image, NaN (which no limit is crossed by) where the method has none."""
    values = getattr(record, measure)
    return math.nan if values is None else float(values[image])


PARETO_LIMIT, FEWEST_EFFECTIVE, LARGEST_SPREAD = 0.7, 50.0, 0.2

# code -> the diagnostic, when it is a reason to doubt, and what to say.   Source: Vehtari et al. 2024 (Pareto k).
WARNINGS: dict[str, tuple[str, Callable[[float], bool], str]] = {
    "pareto": (
        "pareto_k",
        lambda k: k > PARETO_LIMIT,
        "Pareto k above 0.7: a few weights decide, the variance may be infinite and the error bar too small",
    ),
    "effective": (
        "effective_sample_size",
        lambda size: size < FEWEST_EFFECTIVE,
        "effective sample size below 50: the value rests on a handful of draws",
    ),
    "spread": (
        "spread",
        lambda width: width > LARGEST_SPREAD,
        "four parts of the draws differ by more than 0.2 nats: more draws are needed",
    ),
}
WORST_RESOLUTION, LARGEST_SHARE = 0.1, 0.1

# Of GradientDiagnostics.to_dict, as they are.
GRADIENT_FIELDS = (
    "estimator", "title", "unbiased", "objective", "samples", "replicates", "evaluations", "seconds", "how",
)  # fmt: skip

# code -> when there is a reason to doubt, and what to say; {field} is put in.
GRADIENT_WARNINGS: dict[str, tuple[Callable[[GradientDiagnostics], bool], str]] = {
    "resolution": (
        lambda record: record.resolution > WORST_RESOLUTION,
        "the variance is uncertain by a fifth or more: more replicates are needed",
    ),
    "tail": (
        lambda record: record.largest_share > LARGEST_SHARE,
        "a single replicate makes up more than a tenth of the variance: rarer and larger ones may be missing",
    ),
    "signal": (
        lambda record: record.signal_to_noise is not None and record.signal_to_noise.low == 0,
        "the mean cannot be told from zero with so few replicates",
    ),
    "reference": (
        lambda record: record.reference_share > 0.5,
        "the exact gradient is itself an estimate and less certain than this mean: a small bias stays unseen",
    ),
    "rare": (
        lambda record: record.unsettled > 0,
        "{unsettled} of q's parameters hang on draws too rare for so few replicates: no bias is looked for in them",
    ),
    "partial": (lambda record: record.replicates < record.asked, "stopped before it was done: fewer replicates"),
}
PARTIAL_WORDS = "stopped before it was done: fewer draws than asked for"


def nats_to_bits(nats: float) -> float:
    return nats / math.log(2)
