"""Weights of a run at a few of its steps, so that what a gradient was like early in training can be measured later.

Each is a checkpoint with float16 weights, weights/STEP.safetensors in the run's folder. Which steps they are depends on
the configuration alone. Nothing here imports torch but for loading a model.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaeexplorer import checkpoints, costs
from vaeexplorer.checkpoints import CheckpointError, Header, write_atomically
from vaeexplorer.run_files import RunError, read_json, read_status

if TYPE_CHECKING:
    from vaeexplorer.vae import VAE

MOST_STEPS, FEWEST_STEPS = 24, 4  # of which weights are kept; a model too large for the fewest keeps none
MOST_BYTES = 40 * 2**20  # of all of them
LARGEST = float(np.finfo(np.float16).max)


def weights_at(path: Path) -> list[int]:
    """The steps whose weights this run keeps so far, in order; none for a run that keeps none (see why_no_weights)."""
    return sorted(int(file.stem) for file in (path / "weights").glob("[0-9]*.safetensors") if file.stem.isdigit())


def load_at(path: Path, step: int) -> VAE:
    """The model as it was after this step, in eval mode on the CPU, its weights rounded to float16.

    Raises RunError, one line, if the run keeps no weights of this step or the file is damaged.
    """
    file = _file(path, step)
    if not file.is_file():
        raise RunError(why_no_weights(path) or f"the run {path.name} keeps no weights of step {step:,}")
    try:
        return checkpoints.load(file)
    except CheckpointError as error:
        raise RunError(f"the weights of step {step:,} of the run {path.name} cannot be read: {error}") from None


def why_no_weights(path: Path) -> str:
    """Why the run keeps no weights of its steps, one line for people; "" if it keeps some."""
    if weights_at(path):
        return ""
    try:
        header = Header.model_validate(read_json(path / "config.json"))
    except ValueError:
        return f"the run {path.name} has not begun, so there are no weights of its steps"
    if most_steps(header) < FEWEST_STEPS:
        size = _bytes(header) / 2**20
        return f"the run {path.name} keeps no weights of its steps: its model is too large, {size:,.0f} MB each time"
    if read_status(path).step == 0:
        return f"the run {path.name} has no weights yet: let it train a little"
    return f"the run {path.name} keeps no weights of its steps, as it was trained before they were kept: train it again"


def most_steps(header: Header) -> int:
    """Of how many steps weights of this model may be kept."""
    return min(MOST_STEPS, MOST_BYTES // _bytes(header))


def planned(header: Header, steps: int) -> frozenset[int]:
    """The steps of a run of so many whose weights are kept: of its snapshots, those nearest to a geometric series."""
    most = most_steps(header)
    if most < FEWEST_STEPS:
        return frozenset()
    every = costs.observe_every(header.vae, header.train)
    looks = [*range(min(every, steps)), *range(every, steps, every), steps]
    seen = [s for s in looks if costs.observed(s, every, steps) and costs.kept(s, every, steps)]
    wanted = np.geomspace(1, max(steps, 1), most - 1)
    logs = np.log(np.maximum(seen[1:], 1))
    return frozenset({0, *(seen[1 + int(np.abs(logs - math.log(step)).argmin())] for step in wanted)})


def write_weights(path: Path, step: int, vae: VAE, header: Header) -> None:
    """Keep the weights after this step, rounded to float16 and, beyond its range of 65,504, to its ends.

    The bytes depend on the run's configuration and its steps alone.
    """
    from safetensors.numpy import save

    arrays = {name: value.detach().cpu().float().numpy() for name, value in vae.state_dict().items()}
    half = {k: np.asarray(v.clip(-LARGEST, LARGEST), np.float16, order="C") for k, v in arrays.items()}
    plain = {"name": "", "created": "", "command": "", "versions": {}, "estimates": (), "kl_per_dimension": ()}
    text = header.model_copy(update=plain).model_dump_json(exclude={"digest"})
    file = _file(path, step)
    file.parent.mkdir(exist_ok=True)
    write_atomically(file, save(half, {"vaeexplorer": text}))


def cut_weights(path: Path, step: int) -> None:
    """Forget the weights after this step: a resumed run makes them again."""
    for later in weights_at(path):
        if later > step:
            _file(path, later).unlink()


def _file(path: Path, step: int) -> Path:
    return path / "weights" / f"{step:08}.safetensors"


def _bytes(header: Header) -> int:
    """Of the weights of one step; beside them the few kilobytes of the header do not count."""
    return 2 * sum(math.prod(shape) for shape in checkpoints.expected_shapes(header.vae).values())
