"""Questions to the addresses of the Bounds page, asked as it does, and models and images to ask about."""

from __future__ import annotations

import json
import math
import struct
import time
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from tests.ui.client import Answer, get, post
from tests.ui.models import write_model
from vaeexplorer import bounds, checkpoints, datasets, gaps
from vaeexplorer.evaluation import posterior_picture
from vaeexplorer.image_set import image_seed
from vaeexplorer.ui import (
    cached,
    encoded,
    image_store,
)
from vaeexplorer.vae import VAE

LONG = 60.0  # seconds that a job may take here
QUICK: dict[str, Any] = {"method": "iwae", "samples": 40, "images": ["test:3"]}
PROGRESS = {"job", "fraction", "text", "partial"}
BAD_WHOLES = (0, -1, 2.5, True, "10", None, 10**9, 10**400, [1])
QUESTIONS = ("terms", "estimate", "gap", "posterior", "dataset", "roads")
FEW = {"steps": 40, "draws": 100}


def forget() -> None:
    """Nothing that another test computed or brought along is known."""
    encoded.JOBS._jobs.clear()
    image_store.PICTURES._pictures.clear()


def fit_in_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposals are fitted in a few steps: what they are is looked at elsewhere."""
    monkeypatch.setattr(gaps, "gap_stages", partial(gaps.gap_stages, **FEW))
    monkeypatch.setattr(posterior_picture, "STEPS", FEW["steps"])
    monkeypatch.setattr(posterior_picture, "FEW_STEPS", FEW["steps"])


def ask(path: str, again: bool = True, **question: Any) -> Answer:
    """The answer once it is there; 202 is asked again, as the page does."""
    return asked_until_done(f"/vaex/bounds/{path}", again, **question)


def asked_until_done(address: str, again: bool = True, **question: Any) -> Answer:
    body, end = json.dumps({"model": "tiny", **question, "again": again}).encode(), time.monotonic() + LONG
    while (answer := post(address, body)).status == 202:
        assert set(answer.json) == PROGRESS
        assert 0 <= answer.json["fraction"] <= 1
        assert time.monotonic() < end, answer.json
        time.sleep(0.02)
        body = json.dumps({"model": "tiny", **question}).encode()
    return answer


def found(path: str, **question: Any) -> Any:
    answer = ask(path, **question)
    assert answer.status == 200, answer.content[:300]
    return answer.json


def unpack(answer: Answer) -> tuple[dict[str, Any], bytes]:
    assert answer.status == 200, answer.content[:300]
    (length,) = struct.unpack("<I", answer.content[:4])
    return json.loads(answer.content[4 : 4 + length]), answer.content[4 + length :]


def array(document: tuple[dict[str, Any], bytes], key: str, shape: tuple[int, ...], dtype: str = "<f4") -> np.ndarray:
    offset = document[0][key]
    assert offset % 8 == 0
    return np.frombuffer(document[1], dtype, math.prod(shape), offset).reshape(shape)


def about(model: str = "tiny") -> dict[str, Any]:
    answer = get("/vaex/bounds/about", model=model)
    assert answer.status == 200, answer.content
    return answer.json


def model_of(name: str) -> VAE:
    return checkpoints.load(cached.path_of(name)).eval()


def seen(vae: VAE, indices: list[int], seed: int = 0) -> torch.Tensor:
    """Held-out digits as the model sees them everywhere: each drawn from its own seed."""
    images = datasets.load("digits").test
    drawn = [
        vae.binarized(torch.from_numpy(images[i : i + 1]), torch.Generator().manual_seed(image_seed(seed, i)))
        for i in indices
    ]
    return torch.cat(drawn)


def pixels(seed: int = 0, side: int = 8) -> bytes:
    return np.random.default_rng(seed).random((1, side, side), np.float32).tobytes()


def bring(body: bytes, kind: str = "pixels", model: str = "tiny") -> Answer:
    return post("/vaex/bounds/pictures", body, model=model, kind=kind)


def plane(name: str = "plane", **config: Any) -> str:
    """A model with a latent space of two dimensions."""
    write_model(checkpoints.runs_folder() / name / "last.safetensors", codes=False, **{"latent_dim": 2} | config)
    return f"run/{name}"


def direct(name: str, indices: list[int], method: str, seed: int = 0, **how: Any) -> Any:
    vae = model_of(name)
    generator = torch.Generator().manual_seed(seed)
    return bounds.estimate_log_marginal(vae, seen(vae, indices, seed), method, generator=generator, **how)
