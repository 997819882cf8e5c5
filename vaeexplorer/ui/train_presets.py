"""Starting points for a first run: each shows something that the narrator has a sentence for."""

from __future__ import annotations

from dataclasses import dataclass

from vaeexplorer.ui.train_fields import Values, defaults


@dataclass(frozen=True)
class Preset:
    """A starting point: what will be seen, in a sentence, and what differs from the defaults."""

    sentence: str
    values: Values

    def all_values(self) -> Values:
        return defaults() | self.values


PRESETS: dict[str, Preset] = {
    "First look: digits in two dimensions": Preset(
        "Grey noise turns into handwritten digits before your eyes, while the ten digits drift apart on a map.",
        {"dataset": "digits", "latent_dim": 2, "hidden": (256, 128), "batch_size": 64, "epochs": 300},
    ),
    "MNIST, 10 dimensions": Preset(
        "Ten numbers learn to describe 60,000 handwritten digits: first blots, then outlines, then single strokes.",
        {"dataset": "mnist", "latent_dim": 10, "epochs": 20},
    ),
    "Beta-VAE, β = 4": Preset(
        "What the code says costs four times as much: the model says less, gives dimensions up, and the pictures blur.",
        {"dataset": "mnist", "latent_dim": 10, "beta": 4.0, "epochs": 10},
    ),
    "Posterior collapse": Preset(
        "The code costs so much that the model stops using it: every picture becomes the same grey average.",
        {"dataset": "digits", "latent_dim": 10, "hidden": (64, 64), "beta": 8.0, "batch_size": 64, "epochs": 200},
    ),
    "Overfitting encoder": Preset(
        "A large encoder learns the training images by heart: on images it has not seen, the gap to the truth grows.",
        {
            "dataset": "digits", "latent_dim": 16, "hidden": (512, 512), "binarization": "threshold", "batch_size": 64,
            "schedule": "constant", "epochs": 300,
        },
    ),
    "Lagging encoder": Preset(
        "The encoder learns 200 times more slowly than the decoder: at first the code goes unused, then a gap stays.",
        {
            "dataset": "digits", "latent_dim": 2, "hidden": (256, 128), "batch_size": 64, "epochs": 300,
            "learning_rate": 2e-3, "encoder_learning_rate": 1e-5,
        },
    ),
}  # fmt: skip
