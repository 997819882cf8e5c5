"""The two configurations: what a model is (VaeConfig) and how it is trained (TrainConfig).

The same objects serve command line, pages, a run's folder and a checkpoint's header. Nothing here imports torch.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vaeexplorer.architectures import ACTIVATIONS, ARCHITECTURES, Layers, Sizes
from vaeexplorer.training_estimators import AUTO, TRAINING_ESTIMATORS, fitting

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class VaeConfig(BaseModel):
    """What the model is: everything needed to build it and to read its weights.

    likelihood "bernoulli" needs binary images: `binarization` says how grey ones become binary. "dynamic" draws each
    pixel anew every time with its grey value as the probability, "threshold" cuts at 1/2, "none" takes them as they
    are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_shape: tuple[Count, Count, Count] = Field((1, 28, 28), description="channels, height, width")
    architecture: str = Field("mlp", description=f"one of {', '.join(ARCHITECTURES)}")
    hidden: tuple[Count, ...] = Field((500, 500), description="widths of the dense hidden layers, encoder order")
    activation: str = Field("tanh", description=f"one of {', '.join(ACTIVATIONS)}")
    channels: Count = Field(32, description="channels of the first convolution")
    latent_dim: Annotated[int, Field(ge=1, le=4096)] = Field(10, description="number of latent dimensions")
    posterior: Literal["gaussian", "bernoulli"] = Field("gaussian", description="family of q(z|x)")
    prior: Literal["standard_normal", "learned_gaussian", "fair_bits"] = Field(
        "standard_normal", description="p(z); fair_bits goes with a Bernoulli posterior"
    )
    likelihood: Literal["bernoulli", "continuous_bernoulli", "gaussian", "gaussian_learned", "gaussian_pixel"] = Field(
        "bernoulli", description="p(x|z); Gaussian with fixed, one learned, or per-pixel learned variance"
    )
    likelihood_std: Positive = Field(
        0.1, description="standard deviation of a Gaussian likelihood (its start if learned)"
    )
    output: Literal["sigmoid", "identity"] = Field("sigmoid", description="link of a Gaussian likelihood's mean")
    binarization: Literal["dynamic", "threshold", "none"] = Field(
        "dynamic", description="how grey images become binary; read by the Bernoulli likelihood only"
    )

    @model_validator(mode="before")
    @classmethod
    def _prior_follows_posterior(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("posterior") == "bernoulli":
            return {"prior": "fair_bits", **fields}
        return fields

    @model_validator(mode="after")
    def _fits_together(self) -> VaeConfig:
        _known("architecture", self.architecture, tuple(ARCHITECTURES))
        _known("activation", self.activation, ACTIVATIONS)
        if (self.posterior == "bernoulli") != (self.prior == "fair_bits"):
            raise ValueError(
                f"posterior {self.posterior!r} and prior {self.prior!r} do not go together: "
                "a Bernoulli posterior needs the prior fair_bits, a Gaussian one standard_normal or learned_gaussian"
            )
        channels, height, width = self.image_shape
        if channels not in (1, 3):
            raise ValueError(f"image_shape must have 1 or 3 channels, got {channels}")
        multiple = ARCHITECTURES[self.architecture].multiple
        if height % multiple or width % multiple:
            raise ValueError(
                f"{self.architecture} needs a height and width that are multiples of {multiple}, got {height}x{width}: "
                "pad the images or choose another architecture"
            )
        return self

    @property
    def sizes(self) -> Sizes:
        return Sizes(
            self.image_shape, self.latent_dim, self.hidden, self.activation, self.channels,
            encoder_outputs=1 if self.posterior == "bernoulli" else 2,
            decoder_channels=2 if self.likelihood == "gaussian_pixel" else 1,
        )  # fmt: skip

    @property
    def encoder_layers(self) -> Layers:
        return ARCHITECTURES[self.architecture].encoder(self.sizes)

    @property
    def decoder_layers(self) -> Layers:
        return ARCHITECTURES[self.architecture].decoder(self.sizes)


class TrainConfig(BaseModel):
    """How it is trained; together with a VaeConfig and the seed it fixes a run on the CPU to the last bit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field("digits", description="name of a data set, a folder of images, or an .npz/.npy file")
    epochs: Count = Field(50, description="passes over the training images")
    batch_size: Count = Field(128, description="images per step")
    learning_rate: Positive = Field(1e-3, description="Adam's step size at the start")
    schedule: Literal["constant", "cosine", "stages"] = Field(
        "cosine", description="learning rate: constant, cosine to 0, or eight stages of 3^i passes times 10^(-i/7)"
    )
    beta: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(1.0, description="weight of the KL term")
    beta_schedule: Literal["constant", "linear", "cyclical"] = Field(
        "constant", description="beta over the run: constant, linear from beta_start over the first half, or in cycles"
    )
    beta_start: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="weight of the KL term where a linear or cyclical schedule begins; none means 0"
    )
    beta_cycles: Count = Field(4, description="cycles of a cyclical schedule; beta rises over the first half of each")
    free_bits: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="nats that each latent dimension may use without being charged for them"
    )
    updates: Literal["joint", "alternating", "aggressive"] = Field(
        "joint",
        description="what a step moves: both networks; the encoder, then the decoder in turn; or first the encoder "
        "alone until it stops gaining, then both",
    )
    encoder_steps: Count = Field(1, description="steps in a row on the encoder alone, when alternating")
    decoder_steps: Count = Field(1, description="steps in a row on the decoder alone, when alternating")
    aggressive_epochs: Count = Field(5, description="epochs of aggressive encoder training before joint steps follow")
    encoder_learning_rate: Positive | None = Field(
        None, description="the encoder's own learning rate; none means the same as the decoder's"
    )
    estimator: str = Field(
        "auto",
        description="gradient estimator; auto takes pathwise, and leave_one_out for Bernoulli latents; or one of "
        f"{', '.join(TRAINING_ESTIMATORS)}",
    )
    temperature: Positive = Field(
        0.5, description="of relaxed bits, for gumbel_softmax and rebar: the lower the harder"
    )
    samples: Count = Field(1, description="samples of q per image and step")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="arithmetic of the network while training; weights and sums stay float32"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(0, description="fixes weights, order of the images and noise")

    @model_validator(mode="before")
    @classmethod
    def _schedule_follows_start(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("beta_start") is not None:
            return {"beta_schedule": "linear", **fields}
        return fields

    @model_validator(mode="after")
    def _fits_together(self) -> TrainConfig:
        _known("estimator", self.estimator, ("auto", *TRAINING_ESTIMATORS))
        if self.beta_start is not None and self.beta_schedule == "constant":
            raise ValueError("beta_start belongs to a linear or cyclical beta_schedule, and this one is constant")
        if self.updates != "alternating" and (self.encoder_steps, self.decoder_steps) != (1, 1):
            raise ValueError(
                f"encoder_steps and decoder_steps belong to updates alternating, and these are {self.updates}"
            )
        return self


def fit_together(vae: VaeConfig, train: TrainConfig) -> None:
    """Raises ValueError, one line, for a model and a training of which each is fine but not both together."""
    name = train.estimator
    if name == "auto":
        return
    about = TRAINING_ESTIMATORS[name]
    if vae.posterior not in about.latents:
        needed, others = (kind.capitalize() for kind in (about.latents[0], vae.posterior))
        best = AUTO[vae.posterior]
        rest = ", ".join(other for other in fitting(vae.posterior) if other != best)
        raise ValueError(f"{name} needs {needed} latents and these are {others}: use {best}, or one of {rest}")
    if train.samples < about.fewest:
        raise ValueError(
            f"{name} needs at least {about.fewest} samples for each image, got {train.samples}: "
            f"set samples to {about.fewest} or more"
        )
    if about.whole_bound and (train.beta != 1 or train.beta_schedule != "constant" or train.free_bits):
        raise ValueError(
            f"{name} follows a bound as a whole, in which the KL is not apart: it needs beta 1 all along and no free "
            "bits; set these so, or choose another estimator"
        )


def _known(field: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise ValueError(f"{field} must be one of {', '.join(names)}; got {name!r}")


def one_line(error: ValidationError) -> str:
    """A pydantic error as one line for people: field, what is wrong, what came."""
    parts = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"].removeprefix("Value error, ")
        parts.append(f"{where}: {text}, got {problem['input']!r}" if where else text)
    return "; ".join(parts)
