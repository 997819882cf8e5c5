"""The process that trains a run: steps, rows of metrics, observations, saves, and the wishes of people between steps.

One code path for one process and for several: all of them run this; the first one has the desk, where files are written
and people heard, and the others ask it (Processes.agree) how far to go until the next look. What is written depends on
the steps alone, so a run that was cut off and resumed leaves the same rows, snapshots and model as one that was not.
"""

from __future__ import annotations

import errno
import math
import time
from pathlib import Path

import torch
from torch import distributed

from vaeexplorer import costs
from vaeexplorer.checkpoints import Header
from vaeexplorer.devices import choose
from vaeexplorer.image_set import ImageSet
from vaeexplorer.processes import ALONE, Processes
from vaeexplorer.run_control import LOOK_SECONDS, Signals
from vaeexplorer.run_desk import Desk, Outcome, Progress
from vaeexplorer.run_files import RunError, one_line
from vaeexplorer.run_rows import NotFinite, Rows
from vaeexplorer.run_state import State, checksum
from vaeexplorer.training import StepRecord, Training, rehearse
from vaeexplorer.vae import VAE

NORM_APART = 10  # steps between two norms of the gradient: each reads all of it once more
NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


class Worker:
    """One process at its training. It looks up at the end of a row and of an epoch, and alone every LOOK_SECONDS."""

    def __init__(self, data: ImageSet, header: Header, processes: Processes, saved: State | None) -> None:
        self.processes = processes
        vae = fresh_model(header)
        images = torch.from_numpy(data.train).to(vae.device)
        steps = header.train.epochs * math.ceil(len(images) / header.train.batch_size)
        self.row_every = costs.row_every(header.vae, header.train, steps)
        self.observe_every = costs.observe_every(header.vae, header.train)
        norm_every = self.row_every * math.ceil(NORM_APART / self.row_every)
        self.training = Training(vae, images, header.train, processes=processes, norm_every=norm_every)
        self.rows = Rows(self.training)
        if saved is not None:
            saved.check_data(checksum(data.train))
            saved.restore(self.training, self.rows)
        self.desk: Desk | None = None
        self.next_row = self._row_after(self.training.step)
        self.next_look, self.next_time = 0, 0.0

    def run(self) -> None:
        """Go on until the end or until the desk says to leave."""
        if not self._look():
            return
        for record in self.training:
            self.rows.add(record)
            if record.step == self.next_row:
                self._end_row(record)
            if (record.step >= self.next_look or time.monotonic() >= self.next_time) and not self._look():
                return

    def _look(self) -> bool:
        """Whether to go on, as the first process decides; until which step, all of them know."""
        step, per_epoch = self.training.step, self.training.steps_per_epoch
        if self.processes.count > 1:
            self.rows.settle()
        ahead = self.processes.agree(self.desk.decide() if self.desk else 0)
        self.next_look = min(step + ahead, self.next_row, (step // per_epoch + 1) * per_epoch)
        self.next_time = time.monotonic() + LOOK_SECONDS if self.processes.count == 1 else math.inf
        return ahead > 0

    def _end_row(self, record: StepRecord) -> None:
        self.rows.settle()
        seen = self.desk.observe(keep=self._kept(record.step)) if self.desk and self._observed(record.step) else None
        line = self.rows.row(record, seen)
        if self.desk:
            self.desk.end_row(line)
        self.next_row = self._row_after(record.step)

    def _row_after(self, step: int) -> int:
        step += 1
        while step % self.row_every and not self._observed(step):
            step += 1
        return step

    def _observed(self, step: int) -> bool:
        return costs.observed(step, self.observe_every, self.training.steps)

    def _kept(self, step: int) -> bool:
        return costs.kept(step, self.observe_every, self.training.steps)


def execute(
    data: ImageSet, folder: Path | None, header: Header, processes: Processes = ALONE, saved: State | None = None,
    progress: Progress = lambda status, elbo: None,
) -> Outcome | None:  # fmt: skip
    """Train a run to its end or until it is told to leave, then measure it. The caller holds the folder's lock.

    Returns: how it ended; None in all processes but the first.   Raises RunError, one line, if the run diverges or its
    folder cannot be written: the status says so too, and the last good state stays. What is no fault of the run's goes
    on to the caller, and into the status.
    """
    worker = Worker(data, header, processes, saved)
    with Signals().noted() as signals:
        if not processes.first or folder is None:
            worker.run()
            return None
        desk = worker.desk = Desk(worker.training, worker.rows, data, folder, header, signals, progress)
        try:
            desk.open(resumed=saved is not None)
            worker.run()
            return desk.close()
        except BaseException as error:
            text = _explained(error, desk)
            desk.fail("interrupted" if isinstance(error, KeyboardInterrupt) else "failed", text)
            if isinstance(error, NotFinite | OSError | MemoryError | torch.OutOfMemoryError) or left_alone(error):
                raise RunError(text) from error
            raise


def rehearsal(header: Header, data: ImageSet) -> None:
    """One step of a run that does not exist yet.   Raises ValueError for settings that do not go together."""
    vae = fresh_model(header)
    rehearse(vae, torch.from_numpy(data.train[:2]).to(vae.device), header.train)


def share(processes: Processes, data: bytes) -> bytes:
    """The first process's bytes, everywhere: no other one needs to see its folder."""
    size = processes.agree(len(data))
    box = torch.zeros(size, dtype=torch.uint8, device=choose())
    if processes.count == 1 or not size:
        return data
    if processes.first:
        box.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
    return processes.sum_(box).cpu().numpy().tobytes()


def shared_state(processes: Processes, data: bytes) -> State | None:
    """The state in the first process's bytes, None where there are none.   Raises RunError if they are damaged."""
    data = share(processes, data)
    return State.from_bytes(data) if data else None


def left_alone(error: BaseException) -> bool:
    """Whether this is what the others notice when one of several processes has ended."""
    return isinstance(error, distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def fresh_model(header: Header) -> VAE:
    """The model before its first step: the seed fixes its weights."""
    torch.manual_seed(header.train.seed)
    return VAE(header.vae).to(choose())


def _explained(error: BaseException, desk: Desk) -> str:
    """What went wrong and what to do, in one line."""
    kept = "nothing was saved yet" if desk.saved_step is None else f"the state of step {desk.saved_step:,} is kept"
    if isinstance(error, NotFinite):
        return f"{error}; {kept}; try a smaller --learning-rate"
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return f"the disk is full ({error.strerror}); {kept}: make room, then go on with --resume"
    if isinstance(error, OSError):
        return f"cannot write the run's folder ({error}); {kept}: go on with --resume"
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return f"the memory is full; {kept}; try a smaller --batch-size or network"
    if left_alone(error):
        return f"another process of this run has ended; {kept}: go on with --resume"
    if isinstance(error, KeyboardInterrupt):
        return ""
    return one_line(f"{type(error).__name__}: {error}") if not isinstance(error, RunError) else str(error)
