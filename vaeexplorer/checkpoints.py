"""A model is one safetensors file: weights, and in its header all that is known about it. Loading never unpickles.

Only `save` and `load` need torch; a page can read headers and weights without it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError, field_validator

from vaeexplorer.architectures import Layers, parameter_shapes
from vaeexplorer.configs import TrainConfig, VaeConfig, one_line
from vaeexplorer.records import Estimate

if TYPE_CHECKING:
    from vaeexplorer.vae import VAE

FORMAT = 1
ACTIVE_NATS = 0.01
SHIPPED = Path(__file__).resolve().parent.parent / "checkpoints"
MAX_HEADER_BYTES = 4 * 2**20
MAX_UPLOAD_BYTES = 200 * 2**20
WEIGHT_TYPES = ("F32", "F16")
CODE_SIGNATURES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # pickles, torch.save
CODE_TYPES = {"codes.mean": ("F32",), "codes.std": ("F32",), "codes.label": ("I16",)}


class CheckpointError(ValueError):
    """A file that is not a model of ours; the text is one line: what was expected, what came, what to do."""


class DatasetNote(BaseModel):
    """What the model was trained on, and what was done to the images."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    licence: str = ""
    preprocessing: str = ""
    multiple: int = 1


class Header(BaseModel):
    """All that is known about a model. kl_per_dimension: nats, averaged over held-out images; estimates: of the test
    set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    name: str
    vae: VaeConfig
    train: TrainConfig
    dataset: DatasetNote
    estimates: tuple[Estimate, ...] = ()
    class_names: tuple[str, ...] = ()
    factor_names: tuple[str, ...] = ()
    kl_per_dimension: tuple[FiniteFloat, ...] = ()
    code_quantiles: tuple[FiniteFloat, ...] = ()
    versions: dict[str, str] = {}
    created: str = ""
    command: str = ""
    digest: str = ""  # of the whole file, filled in when it is read

    @field_validator("estimates", mode="before")
    @classmethod
    def _unknown_errors(cls, values: Any) -> Any:
        """JSON has no infinity: the unknown error of a single value is written as null (Estimate.to_dict)."""
        if not isinstance(values, list):
            return values
        return [{**e, "stderr": math.inf} if isinstance(e, dict) and e.get("stderr", 0) is None else e for e in values]

    @property
    def active(self) -> tuple[bool, ...]:
        """Which latent dimensions say something about the image: KL above ACTIVE_NATS (posterior collapse below)."""
        return tuple(kl > ACTIVE_NATS for kl in self.kl_per_dimension) or (True,) * self.vae.latent_dim


def now_and_versions() -> dict[str, Any]:
    """The fields of a header that say when and with what."""
    names = ("torch", "numpy", "safetensors")
    return {"created": datetime.now(UTC).isoformat(timespec="seconds"), "versions": {n: version(n) for n in names}}


def save(path: Path, vae: VAE, header: Header, codes: dict[str, np.ndarray] | None = None) -> None:
    """Write a checkpoint so that a reader sees the old file or the new one, never a part.

    codes: optional "mean", "std" (M, D) float32 and "label" (M,) int16 of held-out images (the aggregate posterior).
    """
    from safetensors.numpy import save as to_bytes

    tensors = {name: value.detach().cpu().float().numpy() for name, value in vae.state_dict().items()}
    tensors |= {f"codes.{name}": value for name, value in (codes or {}).items()}
    text = header.model_dump_json(exclude={"digest"})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, to_bytes({k: np.asarray(v, order="C") for k, v in tensors.items()}, {"vaeexplorer": text}))


def write_atomically(path: Path, data: bytes, durable: bool = True) -> None:
    """Write beside the target, flush to the disk, rename: a reader sees the old file or the new one, never a part.

    durable=False leaves the flushing to the system: for what is written many times a second and can be lost.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        _replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _replace(temporary: str, path: Path) -> None:
    """Rename over the target; Windows refuses while somebody reads it, which is over in a moment."""
    for _ in range(20 if os.name == "nt" else 0):
        try:
            return os.replace(temporary, path)
        except PermissionError:
            time.sleep(0.01)
    os.replace(temporary, path)


def read_header(path: Path) -> Header:
    """The header of a checkpoint, checked against the shapes in the file; weights are not read.

    Raises CheckpointError with one line if the file is not a checkpoint of ours.
    """
    return _parse(_read(path))[0]


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a checkpoint by name, weights as float32; checked for shape, type and finite values.

    Raises CheckpointError with one line if the file is not a checkpoint of ours.
    """
    return _tensors(_read(path))


def load(path: str | Path) -> VAE:
    """The model in eval mode on the CPU.   Raises CheckpointError, one line, if the file is not a checkpoint of
    ours.
    """
    import torch

    from vaeexplorer.vae import VAE

    data = _read(Path(path))
    header, _ = _parse(data)
    weights = {name: value for name, value in _tensors(data).items() if not name.startswith("codes.")}
    # Without this, building would draw from the caller's global generator.
    with torch.random.fork_rng(devices=[]):
        vae = VAE(header.vae)
    vae.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return vae.eval()


def runs_folder() -> Path:
    return Path(os.environ.get("VAEEXPLORER_RUNS") or "runs")


def listing() -> dict[str, Path]:
    """Model name -> file: shipped ones, then "run/NAME", then "upload/DIGEST". Names are looked up here, never
    joined.
    """
    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.safetensors"))}
    runs = {f"run/{path.parent.name}": path for path in sorted(runs_folder().glob("*/last.safetensors"))}
    uploads = {f"upload/{path.stem}": path for path in sorted((runs_folder() / "uploads").glob("*.safetensors"))}
    return shipped | runs | uploads


def adopt(data: bytes, filename: str) -> str:
    """Check an uploaded checkpoint completely and keep it under the runs folder; returns its name in `listing`.

    The file is named by its digest: what the user called it is never a path.   Raises CheckpointError with one line.
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise CheckpointError(
            f"{_shown(filename)}: a checkpoint may have {MAX_UPLOAD_BYTES >> 20} MB, this has {len(data) >> 20}"
        )
    try:
        header, _ = _parse(data)
        _tensors(data)
    except CheckpointError as error:
        raise CheckpointError(f"{_shown(filename)}: {error}") from None
    folder = runs_folder() / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{header.digest}.safetensors", data)
    return f"upload/{header.digest}"


def _read(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}; give the path of a .safetensors file") from None


def _parse(data: bytes) -> tuple[Header, dict[str, Any]]:
    """Our header and safetensors' own table of arrays, checked against each other before anything is built."""
    table = _table(data)
    text = (table.pop("__metadata__", None) or {}).get("vaeexplorer")
    if text is None:
        raise CheckpointError(
            "this safetensors file is not a VAE Explorer checkpoint: its header has no 'vaeexplorer' entry"
        )
    try:
        header = Header.model_validate_json(text)
    except ValidationError as error:
        raise CheckpointError(f"the checkpoint's header does not fit: {_shown(one_line(error), 300)}") from None
    if header.format != FORMAT:
        raise CheckpointError(
            f"the checkpoint has format {header.format}, this version reads {FORMAT}: update VAE Explorer"
        )
    _check_shapes(header, table)
    return header.model_copy(update={"digest": hashlib.sha256(data).hexdigest()[:16]}), table


def _table(data: bytes) -> dict[str, Any]:
    # A safetensors header begins with "{" at byte 8; its length may well begin with the same bytes as a pickle does.
    if data[8:9] != b"{" and data.startswith(CODE_SIGNATURES):
        raise CheckpointError("this is a pickle or a torch.save file, which could run code: only safetensors are read")
    if len(data) < 8:
        raise CheckpointError(
            f"the file has {len(data)} bytes, too few for a safetensors file: it is cut short or empty"
        )
    (length,) = struct.unpack("<Q", data[:8])
    if length > MAX_HEADER_BYTES:
        raise CheckpointError(
            f"the header claims {length:,} bytes, at most {MAX_HEADER_BYTES:,} are read: not a checkpoint"
        )
    if 8 + length > len(data):
        raise CheckpointError(
            f"the file ends inside its header ({len(data):,} of {8 + length:,} bytes): it is cut short"
        )
    try:
        table = json.loads(data[8 : 8 + length])
        arrays = [entry for name, entry in table.items() if name != "__metadata__"]
        ends = [int(entry["data_offsets"][1]) for entry in arrays]
        for entry in arrays:
            entry["shape"] = tuple(int(size) for size in entry["shape"])
        missing = 8 + length + max(ends, default=0) - len(data)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise CheckpointError(
            "the file does not begin with a safetensors header: it is damaged or of another kind"
        ) from None
    if missing > 0:
        raise CheckpointError(f"the file is cut short: {missing:,} bytes are missing; copy or download it again")
    return table


def _check_shapes(header: Header, table: dict[str, Any]) -> None:
    expected = expected_shapes(header.vae)
    weights = {name for name in table if not name.startswith("codes.")}
    if weights != expected.keys():
        odd = ", ".join(sorted(weights ^ expected.keys())[:3])
        raise CheckpointError(
            f"the weights do not belong to the model in the header; missing or too many: {_shown(odd)}"
        )
    for name, entry in table.items():
        shape, kind = entry["shape"], entry.get("dtype")
        types = CODE_TYPES.get(name, WEIGHT_TYPES)
        if kind not in types:
            raise CheckpointError(f"{_shown(name)} has type {_shown(str(kind))}, expected {' or '.join(types)}")
        if name in expected and shape != expected[name]:
            raise CheckpointError(f"{name} has shape {shape}, the model in the header needs {expected[name]}")
    _check_codes(header, {name: table[name]["shape"] for name in table if name.startswith("codes.")})
    dims = header.vae.latent_dim
    if header.kl_per_dimension and len(header.kl_per_dimension) != dims:
        raise CheckpointError(f"the header has {len(header.kl_per_dimension)} KL values for {dims} latent dimensions")


def _check_codes(header: Header, shapes: dict[str, tuple[int, ...]]) -> None:
    if not shapes:
        return
    count = shapes.get("codes.mean", (0,))[0]
    expected: dict[str, tuple[int, ...]] = {
        "codes.mean": (count, header.vae.latent_dim),
        "codes.std": (count, header.vae.latent_dim),
    }
    expected |= {"codes.label": (count,)} if "codes.label" in shapes else {}
    if shapes != expected or count < 1:
        raise CheckpointError(
            f"the stored codes have shapes {shapes}, expected {expected}: leave them out or mend them"
        )


def expected_shapes(config: VaeConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every parameter of VAE(config), without building it."""
    dims = config.latent_dim
    shapes = _named("encoder", config.encoder_layers) | _named("decoder", config.decoder_layers)
    if config.prior == "learned_gaussian":
        shapes |= {"prior.mean": (dims,), "prior.log_diagonal": (dims,), "prior.below": (dims, dims)}
    if config.likelihood == "gaussian_learned":
        shapes |= {"likelihood.log_std": ()}
    return shapes


def _named(part: str, layers: Layers) -> dict[str, tuple[int, ...]]:
    return {f"{part}.{name}": shape for name, shape in parameter_shapes(layers).items()}


def _tensors(data: bytes) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    _parse(data)
    try:
        tensors = from_bytes(data)
    except SafetensorError as error:
        raise CheckpointError(f"the safetensors file is damaged: {_shown(str(error))}") from None
    for name, values in tensors.items():
        if not np.isfinite(values).all():
            raise CheckpointError(f"{name} holds NaN or infinite values: the model diverged or the file is damaged")
    return {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in tensors.items()}


def _shown(text: str, limit: int = 120) -> str:
    """Foreign text for a message: one line, printable, short."""
    text = re.sub(r"[^\x20-\x7e]+", " ", text)
    return text if len(text) <= limit else text[: limit - 3] + "..."
