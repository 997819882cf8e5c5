"""`train`: from a line of options to a run's folder and the worker in it, for a first start and for --resume."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, TypeAdapter
from tqdm import tqdm

from vaeexplorer import checkpoints, run_files, runs
from vaeexplorer.architectures import ARCHITECTURES
from vaeexplorer.checkpoints import Header, write_atomically
from vaeexplorer.commands import load_data
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.image_set import DataError, ImageSet
from vaeexplorer.run_files import one_line
from vaeexplorer.run_launch import ENTRY
from vaeexplorer.runs import RunError

if TYPE_CHECKING:
    from vaeexplorer.run_desk import Outcome, Progress


@dataclass(frozen=True)
class Source:
    """Where images come from, beside the name of their data set."""

    data_dir: str | None
    image_size: int | None
    download: bool

    @classmethod
    def of(cls, options: argparse.Namespace) -> Source:
        return cls(options.data_dir, options.image_size, options.download)


def train(options: argparse.Namespace) -> None:
    """Train a model, measure it on the complete test set, and keep it all in the run's folder."""
    if int(os.environ.get("RANK", "0")) > 0:
        return _follow()
    if options.resume and not options.run_dir:
        raise RunError("--resume needs --run-dir, the folder of the run to go on with")
    path = Path(options.run_dir) if options.run_dir else None
    if options.resume and path and path.is_dir():
        with runs.held(path), _failures_noted(path):
            return _go_on(path, options)
    if path:
        _refuse_a_run(path)
    if options.resume:
        print(f"nothing has begun in {path} yet: starting", file=sys.stderr)
    header, data = _begin(options)
    path = _made(path or runs.new_folder(data.name))
    with runs.held(path), _failures_noted(path):
        _refuse_a_run(path)
        _work(path, options, header, data, None)


def _go_on(path: Path, options: argparse.Namespace) -> None:
    """With the run in a folder that is locked already; options that are not given are those it was begun with."""
    before = run_files.read_status(path)
    if before.state == "finished" and (path / "last.safetensors").exists():
        print(f"the run in {path} is finished already", file=sys.stderr)
        return _report(path, "finished", before.step, checkpoints.read_header(path / "last.safetensors"), options)
    run_files.write_status(path, replace(before, state="starting", error="", taken=True))
    run_files.sweep(path)
    given, options = options, options.reparse(runs.arguments(path))
    if not (path / "config.json").exists():
        print(f"nothing has begun in {path} yet: starting", file=sys.stderr)
        return _work(path, options, *_begin(options), None)
    header = runs.config(path)
    _refuse_differences(header, given)
    _work(path, options, header, _same_data(header, options), _saved(path))


def _begin(options: argparse.Namespace) -> tuple[Header, ImageSet]:
    """The header and the images of a new run: everything is refused here that can be refused before it has a folder."""
    from vaeexplorer.worker import rehearsal

    config = TrainConfig(**_given(options, TrainConfig))
    wanted = _given(options, VaeConfig)
    architecture = wanted.get("architecture", "mlp")
    multiple = ARCHITECTURES[architecture].multiple if architecture in ARCHITECTURES else 1
    data = load_data(config.dataset, Source.of(options), multiple)
    note = checkpoints.DatasetNote(
        name=config.dataset, title=data.title, licence=data.licence, preprocessing=data.preprocessing, multiple=multiple
    )
    header = Header(
        name="", vae=VaeConfig(**{**wanted, "image_shape": data.image_shape}), train=config, dataset=note,
        class_names=data.class_names, factor_names=data.factor_names,
        command=shlex.join([*ENTRY.split(), *(part for part in options.raw if part != "--resume")]),
        **checkpoints.now_and_versions(),
    )  # fmt: skip
    rehearsal(header, data)
    return header, data


def _work(path: Path, options: argparse.Namespace, header: Header, data: ImageSet, saved: bytes | None) -> None:
    """Train in a folder that is locked, together with the other processes if there are any, and say how it went."""
    from vaeexplorer import processes, worker

    if saved is None:
        header = header.model_copy(update={"name": path.resolve().name})
        if not (path / "command.json").exists():
            runs.write_command(path, options.raw[1:])
        write_atomically(path / "config.json", header.model_dump_json(exclude={"digest"}, indent=1).encode())
        if data.preprocessing:
            print(f"{data.title}: {data.preprocessing}", file=sys.stderr)
    together = processes.join()
    plan = {"header": header.model_dump_json(exclude={"digest"}), "source": asdict(Source.of(options))}
    worker.share(together, json.dumps(plan).encode())
    state = worker.shared_state(together, saved or b"")
    with _bar() as progress:
        outcome = worker.execute(data, path, header, together, state, progress)
    together.leave()
    assert outcome is not None  # this is the first process
    _finish(path, outcome, options)


def _follow() -> None:
    """What the other processes of a run do: load the images that the first one names, and train beside it."""
    from vaeexplorer import processes, worker
    from vaeexplorer.run_rows import NotFinite

    together = processes.join()
    plan = json.loads(worker.share(together, b""))
    header = Header.model_validate_json(plan["header"])
    state = worker.shared_state(together, b"")
    data = load_data(header.train.dataset, Source(**plan["source"]), header.dataset.multiple)
    try:
        worker.execute(data, None, header, together, state)
    except (NotFinite, RuntimeError) as error:
        if isinstance(error, NotFinite) or worker.left_alone(error):
            sys.exit(2)  # the first one says what happened
        raise
    together.leave()


def _finish(path: Path, outcome: Outcome, options: argparse.Namespace) -> None:
    if outcome.signal:
        text = f"interrupted at step {outcome.step:,}, which is saved: go on with --resume --run-dir {path}"
        if outcome.signal == signal.SIGINT:
            raise KeyboardInterrupt(text)
        print(text, file=sys.stderr)
        sys.exit(128 + outcome.signal)
    if outcome.state == "paused":
        print(f"paused at step {outcome.step:,}: go on with --resume --run-dir {path}", file=sys.stderr)
    _report(path, outcome.state, outcome.step, outcome.header, options)


def _report(path: Path, state: str, step: int, header: Header, options: argparse.Namespace) -> None:
    """The figures of the test set and where the model is, for people or as one JSON document."""
    if options.json:
        figures = [estimate.to_dict() for estimate in header.estimates]
        return print(json.dumps({"run": str(path), "state": state, "step": step, "estimates": figures}, indent=1))
    for estimate in header.estimates:
        print(f"{estimate.name:24}{estimate}  ({estimate.kind}, n = {estimate.n:,} {estimate.over})")
    print(path / "last.safetensors")


@contextmanager
def _failures_noted(path: Path) -> Iterator[None]:
    """An error before the first step goes into the run's status, for those who are not looking at this terminal."""
    try:
        yield
    except (ValueError, OSError) as error:
        now = run_files.read_status(path)
        with suppress(OSError):  # of a folder that is gone, or a disk that is full
            if now.state == "starting":
                run_files.write_status(path, replace(now, state="failed", error=str(error)))
        raise


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on stderr, where somebody can see it."""
    with tqdm(unit=" steps", file=sys.stderr, dynamic_ncols=True, leave=True, disable=None) as bar:

        def show(status: runs.Status, elbo: float) -> None:
            if bar.total is None:
                bar.total, bar.initial, bar.n = status.steps, status.step, status.step
            bar.set_postfix_str(f"epoch {status.epoch}, ELBO {elbo:.2f} nats, {status.state}", refresh=False)
            bar.update(status.step - bar.n)

        yield show


def _given(options: argparse.Namespace, config: type[BaseModel]) -> dict[str, Any]:
    return {name: value for name, value in vars(options).items() if name in config.model_fields}


def _refuse_differences(header: Header, options: argparse.Namespace) -> None:
    """Options that are given again beside --resume must be those of the run."""
    for config in (header.train, header.vae):
        for name, text in _given(options, type(config)).items():
            field, theirs = type(config).model_fields[name], getattr(config, name)
            kind: Any = Annotated[field.annotation, name, *field.metadata]  # type: ignore[valid-type]
            asked = TypeAdapter(kind).validate_python(text)
            if asked != theirs:
                option = f"--{name.replace('_', '-')}"
                raise RunError(
                    f"{option} {_shown(asked)} does not agree with this run, which has {_shown(theirs)}: "
                    f"leave {option} out beside --resume, or start a new run"
                )


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _refuse_a_run(path: Path) -> None:
    try:
        holds = (path / "config.json").exists()
    except OSError as error:  # a name that no folder can have
        raise RunError(f"cannot create the run folder {one_line(str(path), 120)}: {error.strerror}") from None
    if holds:
        raise RunError(f"{path} already holds a run: choose another --run-dir, go on with --resume, or delete it first")


def _made(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot create the run folder {one_line(str(path), 120)}: {error.strerror}") from None
    return path


def _same_data(header: Header, options: argparse.Namespace) -> ImageSet:
    """The images of a run that goes on.   Raises RunError if they are gone or changed their shape."""
    try:
        data = load_data(header.train.dataset, Source.of(options), header.dataset.multiple)
    except DataError as error:
        raise RunError(f"the images of this run cannot be loaded any more: {error}") from None
    if data.image_shape != header.vae.image_shape:
        raise RunError(
            f"the images of this run had the shape {header.vae.image_shape} and now have {data.image_shape}: "
            "bring them back, or start a new run"
        )
    return data


def _saved(path: Path) -> bytes | None:
    from vaeexplorer import run_state

    return run_state.read(path) or None
