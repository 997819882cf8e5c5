"""How large a new run's model is and how long it may take on this machine, before it is started."""

from __future__ import annotations

import contextlib
import statistics

import streamlit as st

from vaeexplorer import costs, runs
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.datasets import DATASETS
from vaeexplorer.runs import RunError
from vaeexplorer.ui import train_words

REMEMBERED = 8  # finished runs that an estimate of time learns from


def forecast(vae: VaeConfig, train: TrainConfig) -> str:
    """How large the model is and how long this will take, in words."""
    size = f"{train_words.large(costs.parameters(vae))} parameters"
    entry = DATASETS.get(train.dataset)
    if entry is None:
        return f"{size}; how long it takes depends on your images"
    seconds = costs.seconds(vae, train, entry.train_images, _rate()) * _correction()
    words = train_words.duration(seconds)
    return f"**{words[0].upper()}{words[1:]}** on this machine  \n{entry.train_images:,} images, {size}"


@st.cache_resource(ttl=600, show_spinner=False)
def _rate() -> float:
    """Multiply-adds a second of this machine, as it is now."""
    return costs.machine_rate()


@st.cache_resource(ttl=60, show_spinner=False)
def _correction() -> float:
    """How much longer than forecast the newest finished runs took on this machine: the median; 1 if there is none."""
    ratios: list[float] = []
    for path in runs.listing().values():
        if len(ratios) == REMEMBERED:
            break
        with contextlib.suppress(RunError, OSError):
            status = runs.status(path)
            if status.state == "finished" and status.images_per_second:
                about = runs.config(path)
                images = DATASETS[about.train.dataset].train_images if about.train.dataset in DATASETS else 0
                forecast = costs.seconds(about.vae, about.train, images, _rate())
                ratios += [images * about.train.epochs / status.images_per_second / forecast] if images else []
    return statistics.median(ratios) if ratios else 1.0
