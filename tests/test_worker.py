"""A training that is cut off and resumed leaves what an uninterrupted one leaves; what a worker writes on the way."""

import json
import signal
import threading
import time

import numpy as np
import pytest
import torch

from tests.run_folders import SMALL, cut_at, differences, rows, train, wait_for
from vaeexplorer import checkpoints, costs, run_desk, run_files, run_state, runs, training
from vaeexplorer.run_files import Order

EPOCHS = ["--epochs", "6"]  # 30 steps

KINDS = {
    "plain": [],
    "alternating": ["--updates", "alternating", "--encoder-steps", "2"],
    "aggressive": ["--updates", "aggressive", "--aggressive-epochs", "3"],
    "free bits, cyclical": ["--free-bits", "0.2", "--beta-schedule", "cyclical", "--encoder-learning-rate", "1e-4"],
    "discrete": ["--posterior", "bernoulli", "--likelihood", "gaussian"],
    "convolutions": ["--architecture", "conv28", "--channels", "4", "--likelihood", "gaussian_learned"],
    "learned prior, half": ["--prior", "learned_gaussian", "--precision", "bfloat16", "--schedule", "stages"],
}


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(run_desk, "SAVE_APART_SECONDS", 0.0)
    monkeypatch.setattr(run_desk, "FLUSH_SECONDS", 0.01)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted runs, by kind."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp("whole") / "run"
            assert train(made[kind], *SMALL, *EPOCHS, *KINDS[kind]) == 0
        return made[kind]

    return get


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_equals_an_uninterrupted_one(kind, whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    cut_at(monkeypatch, 9, path, *SMALL, *EPOCHS, *KINDS[kind])
    assert runs.status(path).state == "interrupted"
    cut_at(monkeypatch, 25, path, "--resume")
    assert train(path, "--resume") == 0
    assert differences(path, whole(kind)) == []


@pytest.mark.parametrize("step", [0, 1, 2, 4, 5, 7, 8, 10, 29, 30])
def test_wherever_it_is_cut(step, whole, tmp_path, monkeypatch):
    path = tmp_path / "run"
    cut_at(monkeypatch, step, path, *SMALL, *EPOCHS)
    assert train(path, "--resume", *SMALL, *EPOCHS) == 0
    assert differences(path, whole("plain")) == []


def test_in_the_middle_of_a_row(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "row_every", lambda *_: 4)
    one, two = tmp_path / "one", tmp_path / "two"
    train(one, *SMALL, *EPOCHS)
    monkeypatch.setattr(run_desk, "SAVE_SECONDS", 0.0)
    cut_at(monkeypatch, 23, two, *SMALL, *EPOCHS)  # saved at step 21
    assert run_state.State.from_bytes(run_state.read(two)).step == 21
    train(two, "--resume")
    assert differences(one, two) == []
    steps = [row["step"] for row in rows(one)]
    assert 24 in steps and 23 not in steps and 22 not in steps


@pytest.mark.parametrize("lost", ["generator", "epoch_state", "adam.0.exp_avg", "rows.values", "encoder.1.bias"])
def test_the_comparison_notices_what_is_not_restored(lost, whole, tmp_path, monkeypatch):
    """Planted mistakes: one part of the state is put to what a fresh training has."""
    monkeypatch.setattr(costs, "row_every", lambda *_: 4)
    one, two = tmp_path / "one", tmp_path / "two"
    train(one, *SMALL, *EPOCHS)
    cut_at(monkeypatch, 23, two, *SMALL, *EPOCHS)
    before = run_state.State.restore

    def forgetful(self, fresh, gathered):
        kept = {**self.tensors}
        name = next(name for name in kept if name.endswith(lost))
        if lost == "rows.values":
            kept[name] = kept[name][:0]
        elif lost in ("generator", "epoch_state"):
            kept[name] = torch.Generator().manual_seed(1).get_state()
        else:
            kept[name] = torch.zeros_like(kept[name])
        before(run_state.State(self.step, self.data, kept), fresh, gathered)

    monkeypatch.setattr(run_state.State, "restore", forgetful)
    train(two, "--resume")
    assert "metrics.jsonl" in differences(one, two)


# --- what is written


def test_rows_are_means_over_the_images_since_the_last_row(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "row_every", lambda *_: 5)
    monkeypatch.setattr(costs, "observe_every", lambda *_: 15)
    seen = []
    before = training.Training._advance

    def noted(self):
        record = before(self)
        seen.append((float(record.reconstruction), record.kl_per_dimension.tolist()))
        return record

    monkeypatch.setattr(training.Training, "_advance", noted)
    train(tmp_path / "run", *SMALL, *EPOCHS)
    seen = seen[-30:]  # the first one was the rehearsal
    found = rows(tmp_path / "run")
    assert [row["step"] for row in found][-3:] == [20, 25, 30]
    last = found[-1]
    weights = np.array([300, 300, 300, 300, 237])
    reconstruction = np.average([value for value, _ in seen[25:]], weights=weights)
    kl = np.average([value for _, value in seen[25:]], axis=0, weights=weights)
    assert last["reconstruction"] == pytest.approx(reconstruction, rel=1e-6)
    assert last["kl_per_dimension"] == pytest.approx(list(kl), rel=1e-6)
    assert last["elbo"] == pytest.approx(last["reconstruction"] - last["kl"], rel=1e-6)
    assert (last["images"], last["epoch"]) == (1437, 6)
    assert last["gradient_norm"] > 0 and last["beta"] == 1
    assert sum(row["images"] for row in found) == 6 * 1437
    assert all({"step", "epoch", "elbo", "reconstruction", "kl"} <= row.keys() for row in found)
    assert [e["name"] for e in last["held_out"]] == ["elbo", "reconstruction", "kl", "subo", "surprisal", "gap"]
    assert len(last["held_out_kl"]) == 2
    assert [row["step"] for row in found if "held_out" in row] == [s for s in range(1, 31) if costs.observed(s, 15, 30)]


def test_snapshots_begin_with_the_untrained_model_and_end_with_the_last(tmp_path):
    train(tmp_path / "run", *SMALL, *EPOCHS)
    steps = runs.snapshots(tmp_path / "run")
    assert steps[0] == 0 and steps[-1] == 30 and len(steps) > 5
    assert [runs.snapshot(tmp_path / "run", step).step for step in steps] == steps
    assert runs.snapshot(tmp_path / "run", None).step == 30
    assert runs.originals(tmp_path / "run").images.shape == (10, 1, 8, 8)


def test_the_first_state_and_model_are_there_before_the_first_step(tmp_path, monkeypatch):
    cut_at(monkeypatch, 0, tmp_path / "run", *SMALL, *EPOCHS)
    assert run_state.State.from_bytes(run_state.read(tmp_path / "run")).step == 0
    header = checkpoints.read_header(tmp_path / "run" / "last.safetensors")
    assert len(header.kl_per_dimension) == 2 and header.estimates == ()
    assert list(header.kl_per_dimension) == list(runs.snapshot(tmp_path / "run", 0).kl_per_dimension)


def test_saves_come_at_epoch_ends_and_not_too_often(tmp_path, monkeypatch):
    saved = []
    before = run_desk.Desk.save
    monkeypatch.setattr(run_desk.Desk, "save", lambda self: (saved.append(self.training.step), before(self)))
    train(tmp_path / "one", *SMALL, *EPOCHS)
    assert {0, 30} <= set(saved) and all(step % 5 == 0 for step in saved)
    saved.clear()
    monkeypatch.setattr(run_desk, "SAVE_APART_SECONDS", 1000.0)
    train(tmp_path / "two", *SMALL, *EPOCHS)
    assert saved == [0, 30]
    saved.clear()
    monkeypatch.setattr(run_desk, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr("vaeexplorer.worker.LOOK_SECONDS", 0.0)
    train(tmp_path / "three", *SMALL, *EPOCHS)
    assert saved == [*range(30), 30]


def test_the_whole_run_asks_little_of_the_device(tmp_path, monkeypatch):
    """No value is read between two rows: reading waits for the device."""
    monkeypatch.setattr(costs, "row_every", lambda *_: 10)
    monkeypatch.setattr(costs, "observe_every", lambda *_: 10**6)
    read = []
    before = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: (read.append(1), before(self))[1])
    for name in ("item", "tolist", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, counted(read, getattr(torch.Tensor, name)))
    steps = []
    advance = training.Training._advance

    def noted(self):
        before = len(read)
        record = advance(self)
        steps.append(len(read) - before)
        return record

    monkeypatch.setattr(training.Training, "_advance", noted)
    train(tmp_path / "run", *SMALL, "--epochs", "20")
    assert sum(steps) == 0


def counted(read, method):
    return lambda self, *rest, **more: (read.append(1), method(self, *rest, **more))[1]


# --- orders


@pytest.fixture
def background(tmp_path, monkeypatch):
    """A training in a thread of this process that is slow enough to talk to; it is stopped at the end."""
    monkeypatch.setattr(run_desk, "FLUSH_SECONDS", 0.02)
    path = tmp_path / "run"
    threads = []

    def start(*arguments, before=None):
        path.mkdir(exist_ok=True)
        if before:
            run_files.write_order(path, before)
        thread = threading.Thread(target=train, args=(path, *arguments))
        threads.append(thread)
        thread.start()
        return path

    yield start
    if threads[-1].is_alive():
        runs.order(path, "stop")
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def is_at(path, state, step=None):
    return lambda: (lambda s: s.state == state and step in (None, s.step))(runs.status(path))


LONG = [*SMALL, "--epochs", "2000"]


def test_pause_step_run_and_stop(background):
    path = background(*LONG)
    wait_for(is_at(path, "running"))
    runs.order(path, "pause")
    wait_for(is_at(path, "paused"))
    step = runs.status(path).step
    assert run_state.State.from_bytes(run_state.read(path)).step == step  # saved, so that nothing is lost
    assert runs.snapshot(path, None).step == step
    time.sleep(0.3)
    assert runs.status(path).step == step
    for more in (1, 2):
        runs.order(path, "batch")
        wait_for(is_at(path, "paused", step + more))
    assert runs.snapshot(path, None).step == step + 2
    runs.order(path, "epoch")
    wait_for(is_at(path, "paused", (step + 2) // 5 * 5 + 5))
    runs.order(path, "run")
    wait_for(lambda: runs.status(path).step > step + 20)
    wait_for(lambda: (runs.status(path).images_per_second or 0) > 0 and (runs.status(path).seconds_left or 0) > 0)
    runs.order(path, "stop")
    wait_for(is_at(path, "stopped"))
    header = checkpoints.read_header(path / "last.safetensors")
    assert {e.name for e in header.estimates} == {"elbo", "reconstruction", "kl"}


def test_a_stopped_run_can_go_on(background):
    path = background(*LONG, before=Order("stop"))
    wait_for(is_at(path, "stopped", 0))
    wait_for(lambda: not runs.status(path).live)
    background("--resume")
    wait_for(lambda: runs.status(path).step > 20)  # the old order counts no more
    assert checkpoints.read_header(path / "last.safetensors").estimates == () or runs.status(path).step > 20


def test_an_order_that_was_given_before_the_worker_came_is_followed(background):
    path = background(*LONG, before=Order("batch", pace=500.0))
    wait_for(is_at(path, "paused", 1))
    assert runs.status(path).pace == 500
    runs.order(path, "epoch")
    wait_for(is_at(path, "paused", 5))


@pytest.mark.alone
def test_slow_motion_keeps_its_pace_and_shows_each_step(background):
    path = background(*LONG, before=Order("run", pace=5.0))
    wait_for(lambda: runs.status(path).step >= 2)
    start, since = runs.status(path).step, time.monotonic()
    wait_for(lambda: runs.status(path).step >= start + 6)
    assert 0.8 < (time.monotonic() - since) * 5 / 6 < 1.6
    assert runs.status(path).step - runs.snapshot(path, None).step <= 3
    since = time.monotonic()
    runs.order(path, None, pace=None)  # full speed at once, without waiting for the next step to be due
    wait_for(lambda: runs.status(path).step > start + 100)
    assert time.monotonic() - since < 10
    assert [row["step"] for row in rows(path)] == sorted({row["step"] for row in rows(path)})


def test_a_paused_worker_leaves_after_a_while_and_stays_paused(background, monkeypatch):
    monkeypatch.setattr(run_desk, "IDLE_SECONDS", 0.3)
    path = background(*LONG, before=Order("batch"))
    wait_for(is_at(path, "paused", 1))
    wait_for(lambda: not runs.status(path).live)
    assert (runs.status(path).state, runs.status(path).step) == ("paused", 1)
    assert runs.status(path).error == ""


def test_pausing_stepping_and_slow_motion_leave_no_trace(background, whole, tmp_path):
    path = background(*SMALL, *EPOCHS, before=Order("batch"))
    wait_for(is_at(path, "paused", 1))
    runs.order(path, "epoch", pace=50.0)
    wait_for(is_at(path, "paused", 5))
    runs.order(path, "batch")
    wait_for(is_at(path, "paused", 6))
    runs.order(path, "run", pace=None)
    wait_for(is_at(path, "finished"))
    assert differences(path, whole("plain")) == []


# --- leaving


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_between_two_steps_with_everything_saved(number, tmp_path, whole, monkeypatch, capsys):
    decide = run_desk.Desk.decide

    def look(self):
        if self.training.step == 7:
            signal.raise_signal(number)
        return min(decide(self), 1)

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(run_desk.Desk, "decide", look)
        if number == signal.SIGINT:
            assert train(path, *SMALL, *EPOCHS) == 130
        else:
            with pytest.raises(SystemExit) as left:
                train(path, *SMALL, *EPOCHS)
            assert left.value.code == 128 + number
    assert "interrupted at step 7, which is saved" in capsys.readouterr().err
    assert (runs.status(path).state, runs.status(path).step) == ("interrupted", 7)
    assert run_state.State.from_bytes(run_state.read(path)).step == 7
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert train(path, "--resume") == 0
    assert differences(path, whole("plain")) == []


def test_cut_off_while_measuring_measures_again(tmp_path, whole, monkeypatch):
    path = tmp_path / "run"

    def interrupted(self):
        self.signals.number = signal.SIGTERM
        return self.header

    with monkeypatch.context() as patch:
        patch.setattr(run_desk.Desk, "_measure", interrupted)
        with pytest.raises(SystemExit):
            train(path, *SMALL, *EPOCHS)
    assert runs.status(path).state == "interrupted"
    assert train(path, "--resume") == 0
    assert differences(path, whole("plain")) == []


def test_a_finished_run_is_not_trained_again(whole, capsys, monkeypatch):
    monkeypatch.setattr("vaeexplorer.worker.execute", None)
    capsys.readouterr()
    assert train(whole("plain"), "--resume", "--json") == 0
    out, err = capsys.readouterr()
    assert "is finished already" in err
    document = json.loads(out)
    assert (document["state"], document["step"]) == ("finished", 30)
    assert [e["name"] for e in document["estimates"]] == ["elbo", "reconstruction", "kl"]
