"""What every question about gradients holds: a model, images, estimators, samples and replicates, within limits."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from vaeexplorer.ui import bounds_images, cached, patience
from vaeexplorer.ui.bounds_images import Chosen
from vaeexplorer.ui.questions import Question

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from vaeexplorer import forecast
    from vaeexplorer.vae import VAE

LANE = "gradients"
MOST_IMAGES, MOST_ESTIMATORS = 8, 32
MOST_SAMPLES, MOST_REPLICATES = 1000, 100_000
SAMPLES, REPLICATES = 2, 2000  # two samples: estimators that compare samples apply, too
MOST_NUMBERS = 2**22  # of one estimator's replicates that are kept at a time, and copied a few times: 32 MB each

Options = dict[str, float]
Document = dict[str, Any]
Made = TypeVar("Made")
Work = Generator[tuple[float, str, Any], None, Made]  # how far it is, in words, what is known; returns what it makes


@dataclass(frozen=True)
class Asked:
    """A question to one model about the same images with every one of the estimators.

    options: values such as temperature, for those of the estimators that have an option of that name.
    """

    name: str
    seed: int
    chosen: tuple[Chosen, ...]
    estimators: tuple[str, ...]
    samples: int
    replicates: int
    options: Options

    @property
    def what(self) -> tuple:
        """All beside the model that an answer depends on."""
        keys = tuple(image.key for image in self.chosen)
        options = tuple(sorted(self.options.items()))
        return keys, self.seed, self.estimators, self.samples, self.replicates, options

    def options_of(self, estimator: str) -> Options:
        from vaeexplorer.gradients import ESTIMATORS

        return {key: value for key, value in self.options.items() if key in ESTIMATORS[estimator].options}

    def load(self) -> tuple[VAE, Tensor]:
        """The model for a job's thread, and the images (B, C, H, W) as its likelihood wants them."""
        model = cached.network(self.name)
        return model, bounds_images.as_seen(model, self.chosen)

    def generator(self, model: VAE | None) -> torch.Generator:
        """Where all draws of a question begin, on the model's device."""
        import torch

        return torch.Generator("cpu" if model is None else model.device).manual_seed(self.seed)


def parts(name: str) -> tuple[str, ...]:
    """The kinds of q's parameters of this model, one of each for each dimension, in the order of a gradient."""
    from vaeexplorer.gradients.measurement import PARTS

    return PARTS[cached.header(name).vae.posterior]


def read(
    question: Question, *, images: tuple[int, int] = (1, MOST_IMAGES), most_estimators: int = MOST_ESTIMATORS,
    most_replicates: int = MOST_REPLICATES,
) -> Asked:  # fmt: skip
    """The question, checked; images: the fewest and the most.

    Raises: HTTPException 400 for a field of another form; ValueError, one line, for unknown estimators and options;
    Unanswerable for images that are not here.
    """
    name, seed = question.model, question.seed
    cached.path_of(name)
    keys, estimators = question.keys(images), question.names("estimators", most_estimators)
    samples = question.whole("samples", SAMPLES, 1, MOST_SAMPLES)
    replicates = question.whole("replicates", min(REPLICATES, most_replicates), 2, most_replicates)
    _refuse_unknown(estimators)
    options = _options(question, estimators)
    return Asked(name, seed, tuple(bounds_images.choose(name, keys, seed)), estimators, samples, replicates, options)


def refuse_unfit(asked: Asked) -> None:
    """Raises ValueError, one line, for an estimator that does not apply to the model, or to so many samples."""
    from vaeexplorer.gradients import at_model
    from vaeexplorer.gradients.samples import checked

    latents = at_model.latents_of(cached.network(asked.name))
    for key in asked.estimators:
        checked(key, latents, asked.replicates, asked.samples, asked.options_of(key))


def refuse_large(asked: Asked) -> None:
    """Raises ValueError, one line, for more replicates of more numbers than may lie in memory here."""
    outputs = cached.header(asked.name).vae.latent_dim * len(parts(asked.name))
    numbers = asked.replicates * len(asked.chosen) * outputs
    if numbers > MOST_NUMBERS:
        raise ValueError(
            f"this would keep {numbers:,} numbers of each estimator in memory, and {MOST_NUMBERS:,} is the most here: "
            "ask for fewer replicates or images, or use the command line"
        )


def work(asked: Asked, samples: int | None = None, compared: bool = True) -> forecast.Work:
    """The decoder's work for all replicates of all estimators, and for the exact gradients if they are `compared`."""
    from vaeexplorer import forecast

    pairs = [(name, samples or asked.samples) for name in asked.estimators]
    model, images = cached.network(asked.name), len(asked.chosen)
    return forecast.gradient_work(model, pairs, images, asked.replicates, compared=compared)


def refuse_long(asked: Asked, *parts: forecast.Work) -> None:
    """Raises ValueError, one line, for so much work that nobody would wait for it before a page."""
    patience.refuse_long(sum(patience.seconds(asked.name, part) for part in parts))


def _refuse_unknown(estimators: tuple[str, ...]) -> None:
    from vaeexplorer.gradients import ESTIMATORS

    for key in estimators:
        if key not in ESTIMATORS:
            raise ValueError(f"there is no estimator {key[:40]!r}; there are: {', '.join(ESTIMATORS)}")


def _options(question: Question, estimators: tuple[str, ...]) -> Options:
    """Raises ValueError, one line, for an option that none of the estimators has, or one that is no number."""
    from vaeexplorer.gradients import ESTIMATORS

    known = {option for name in estimators for option in ESTIMATORS[name].options}
    given = question.options()
    for option, value in given.items():
        if option not in known:
            raise ValueError(f"none of these estimators has an option {option!r}; theirs: {_listed(known)}")
        if isinstance(value, str):
            raise ValueError(f"the option {option} must be a number, got {value!r}")
    return {option: float(value) for option, value in given.items()}


def between(low: float, high: float, work: Work[Made], known: Any = None) -> Work[Made]:
    """The same work as a part of a longer one: it says how far it is, and returns what it makes.

    known: what was known before, told along.
    """
    while True:
        try:
            fraction, text, _ = next(work)
        except StopIteration as done:
            made: Made = done.value
            return made
        yield low + (high - low) * fraction, text, known


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
