"""From the form's answers to a run that is being trained."""

from __future__ import annotations

import contextlib
from pathlib import Path

from vaeexplorer import datasets, runs
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.datasets import DATASETS
from vaeexplorer.runs import RunError
from vaeexplorer.ui import train_settings, train_words
from vaeexplorer.ui.train_fields import Values
from vaeexplorer.ui.train_settings import SettingsError

ANY_SHAPE = (1, 32, 32)  # stands for images that nobody has looked at yet: every architecture takes it


def configs(values: Values) -> tuple[VaeConfig, TrainConfig]:
    """The two configurations.   Raises SettingsError with one line if the values do not go together."""
    shape = train_words.image_shape(values["dataset"], values["architecture"])
    return train_settings.configs(values, shape or ANY_SHAPE)


def create(values: Values, title: str) -> Path:
    """The folder of a run that has been started.   Raises SettingsError, RunError or OSError, and leaves no folder."""
    vae, train = configs(values)
    if not datasets.available(train.dataset):
        raise SettingsError(_missing(train.dataset))
    path = runs.create(title, train_settings.arguments(vae, train))
    try:
        runs.start(path)
    except (RunError, OSError):
        with contextlib.suppress(RunError, OSError):
            runs.delete(path)
        raise
    return path


def _missing(dataset: str) -> str:
    if dataset in DATASETS:
        return f"{DATASETS[dataset].title} is not on this machine: download it above, or choose other images"
    if not dataset:
        return "Say where your images are: a folder, or a .npz or .npy file"
    return f"There is no folder of images and no .npz or .npy file at {dataset}"
