"""What a run's first process does between steps: write the folder, hear people, keep an eye on the clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from vaeexplorer.checkpoints import Header, save, write_atomically
from vaeexplorer.image_set import ImageSet
from vaeexplorer.observation import Diverged, Watch
from vaeexplorer.records import Observation
from vaeexplorer.run_clock import Clock
from vaeexplorer.run_control import Control, Meter, Signals, wait_until
from vaeexplorer.run_files import Status, append_metrics, cut_metrics, flush_metrics, read_status, write_status
from vaeexplorer.run_measure import figures
from vaeexplorer.run_rows import NotFinite, Rows
from vaeexplorer.run_snapshots import cut_snapshots, write_originals, write_snapshot
from vaeexplorer.run_state import FILE, State, checksum
from vaeexplorer.run_weights import cut_weights, planned, write_weights
from vaeexplorer.training import Training

SAVE_SECONDS = 30.0  # between two saves at most
SAVE_APART_SECONDS = 1.0  # and at least
SAVE_SHARE = 0.02  # of the time, at most, goes into saving
FLUSH_SECONDS = 0.5  # between two appends to metrics.jsonl
IDLE_SECONDS = 600.0  # that a paused worker waits before it leaves
SLOW_LOOK_SECONDS = 0.3  # between two observations in slow motion
LEAVE, FAR = 0, 2**31  # steps until the next look: none at all, or as many as one likes

Progress = Callable[[Status, float], None]  # told the status and the last row's ELBO, a few times a second


@dataclass(frozen=True)
class Outcome:
    """How a worker ended: the state that it wrote, the header of the last checkpoint, the signal that ended it or 0."""

    state: str
    step: int
    header: Header
    signal: int = 0


class Desk:
    """The folder of one run while it is trained. What it knows of time decides when to save, never what."""

    def __init__(
        self, training: Training, rows: Rows, data: ImageSet, folder: Path, header: Header, signals: Signals,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.training, self.rows, self.data, self.folder = training, rows, data, folder
        self.header, self.signals, self.progress = header, signals, progress
        self.watch = Watch(data.test, data.test_labels, training.vae, header.train.seed)
        self.checksum = checksum(data.train)
        self.control, self.meter = Control(folder, read_status(folder).order), Meter()
        self.weight_steps = planned(header, training.steps)
        self.clock = Clock(folder)
        self.lines: list[str] = []  # rows that are not in metrics.jsonl yet
        self.seen: Observation | None = None
        self.saved_step: int | None = None
        self.pause_at, self.leave_as = FAR, ""
        self.flushed = self.saved = self.looked = self.due = time.monotonic()
        self.save_seconds = 0.0

    def open(self, resumed: bool) -> None:
        """Begin: forget what was written after the saved step; look at the model as it stands; save the first state."""
        step = self.training.step
        cut_metrics(self.folder, step if resumed else 0)
        cut_snapshots(self.folder, step if resumed else 0)
        cut_weights(self.folder, step if resumed else -1)
        write_originals(self.folder, self.watch.originals)
        self.observe(keep=not resumed)
        if not resumed:
            self.keep_weights()
        if resumed:
            self.saved_step = step
        self.save()
        self._say("running")
        self.clock.begin(step)

    def decide(self) -> int:
        """How many steps to go until the next look, LEAVE to leave. Waits while the run is paused or in slow motion."""
        if time.monotonic() - self.flushed >= FLUSH_SECONDS:
            self._say("running")
        self._slow_down()
        self._take_up(self.control.fresh())
        if self.training.step >= self.pause_at and not self._over():
            self._pause()
        if self._over():
            return LEAVE
        if self._save_is_due():
            self.save()
        return 1 if self.control.pace else self.pause_at - self.training.step

    def observe(self, keep: bool = False) -> Observation:
        """See the model as it stands, for now.safetensors and, to keep, for the time line.   Raises NotFinite."""
        step = self.training.step
        with self.clock.aside():
            try:
                self.seen = self.watch.observe(self.training.vae, step)
            except Diverged:
                raise NotFinite(step, "its numbers on held-out images are not finite") from None
            write_snapshot(self.folder, None, self.seen)
            if keep:
                write_snapshot(self.folder, step, self.seen)
        self.looked = time.monotonic()
        return self.seen

    def end_row(self, line: str) -> None:
        """Take a row, and note its time."""
        self.lines.append(line)
        self.clock.mark(self.training.step)
        with self.clock.aside():
            self.keep_weights()

    def keep_weights(self) -> None:
        """For measuring later what the model was like at this step, if it is one of the few."""
        if self.training.step in self.weight_steps:
            write_weights(self.folder, self.training.step, self.training.vae, self.header)

    def save(self) -> None:
        """Rows, state, model, in this order: a state on the disk is never ahead of its rows.   Raises NotFinite."""
        began, step = time.monotonic(), self.training.step
        self.rows.settle()
        with self.clock.aside():
            self._append()
            if step != self.saved_step:
                self._save_state()
                self.saved_step = step
            kl = tuple(float(value) for value in self.seen.kl_per_dimension) if self.seen else ()
            self._save_model(self.header.model_copy(update={"kl_per_dimension": kl}))
        self.saved = time.monotonic()
        self.save_seconds = self.saved - began

    def close(self) -> Outcome:
        """The end of this worker: save, and measure the model unless the run shall go on later."""
        step, state = self.training.step, self.leave_as
        if step == self.training.steps:
            state = "finished"
        self.save()
        header = self.header
        if state in ("finished", "stopped"):
            self._say("measuring")
            header = self._measure()
            state = "interrupted" if header is self.header else state
        self._say(state or "interrupted")
        return Outcome(state or "interrupted", step, header, self.signals.number)

    def fail(self, state: str, text: str) -> None:
        """Say what went wrong, if even that can still be written."""
        try:
            write_status(self.folder, replace(self._status(state), error=text))
        except OSError:
            return  # the status stays what it was, and with nobody holding the lock it reads "interrupted"

    def _save_state(self) -> None:
        try:
            state = State.of(self.training, self.rows, self.checksum)
        except FloatingPointError:
            raise NotFinite(self.training.step, "its parameters are not finite") from None
        flush_metrics(self.folder)
        write_atomically(self.folder / FILE, state.to_bytes())

    def _save_model(self, header: Header, codes: dict | None = None) -> None:
        save(self.folder / "last.safetensors", self.training.vae, header, codes)

    def _measure(self) -> Header:
        """Figures of the complete test set into the last checkpoint; self.header again if a signal came meanwhile."""

        def heard(*_: object) -> None:
            if self.signals.number:
                raise InterruptedError

        try:
            update, codes = figures(self.training.vae, self.data, self.header.train.seed, heard)
        except InterruptedError:
            return self.header
        measured = self.header.model_copy(update=update)
        self._save_model(measured, codes)
        return measured

    def _append(self) -> None:
        self.clock.write()  # first: a row that is seen has its time
        append_metrics(self.folder, self.lines)
        self.lines.clear()

    def _say(self, state: str) -> None:
        self._append()
        status = self._status(state)
        write_status(self.folder, status)
        self.progress(status, self.rows.elbo)
        self.flushed = time.monotonic()

    def _status(self, state: str) -> Status:
        training, rate = self.training, self.meter.rate(self.training.step)
        images = rate and rate * len(training.images) / training.steps_per_epoch
        left = rate and (training.steps - training.step) / rate
        return Status(
            state, training.step, training.steps, training.epoch, training.config.epochs, images, left,
            pace=self.control.pace, order=self.control.taken_up,
        )  # fmt: skip

    def _over(self) -> bool:
        return bool(self.leave_as or self.signals.number) or self.training.step == self.training.steps

    def _take_up(self, wish: str | None) -> None:
        step, per_epoch = self.training.step, self.training.steps_per_epoch
        if wish == "stop":
            self.leave_as = "stopped"
        elif wish is not None:
            epoch_end = (step // per_epoch + 1) * per_epoch
            self.pause_at = {"run": FAR, "pause": step, "batch": step + 1, "epoch": epoch_end}[wish]

    def _pause(self) -> None:
        """Save, show where we are, and wait for people; after a while without any, leave."""
        step, since = self.training.step, time.monotonic()
        self._look_anew()
        self.save()
        self._say("paused")
        while self.pause_at <= step and not self._over():
            with self.clock.aside():
                wait_until(time.monotonic() + 1.0, self.control, self.signals)
            wish = self.control.fresh()
            if wish:
                self._take_up(wish)
                since = time.monotonic()
            if self.signals.number or time.monotonic() - since > IDLE_SECONDS:
                self.leave_as = "paused"
        self.meter.reset()
        if not self.leave_as:
            self._say("running")
        self.due = time.monotonic()

    def _slow_down(self) -> None:
        """In slow motion: show the model, and wait until the next step is due."""
        pace, now = self.control.pace, time.monotonic()
        if pace is None:
            return
        if now - self.looked > SLOW_LOOK_SECONDS:
            self._look_anew()
        self.due = max(self.due + 1 / pace, now - 1 / pace)
        with self.clock.aside():
            wait_until(self.due, self.control, self.signals)

    def _look_anew(self) -> None:
        if self.seen is None or self.seen.step != self.training.step:
            self.observe()

    def _save_is_due(self) -> bool:
        since = time.monotonic() - self.saved
        at_epoch_end = self.training.step % self.training.steps_per_epoch == 0
        apart = max(SAVE_APART_SECONDS, self.save_seconds / SAVE_SHARE) if at_epoch_end else SAVE_SECONDS
        return self.training.step != self.saved_step and since >= min(apart, SAVE_SECONDS)
