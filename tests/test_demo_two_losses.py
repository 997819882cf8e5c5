"""The demonstration "Two losses in one": both losses as they are, who moves which, and going on by hand."""

from __future__ import annotations

import json
import math
import threading

import numpy as np
import pytest
import torch

from vaeexplorer import datasets
from vaeexplorer.bounds import METHODS
from vaeexplorer.demos import DEMOS, play, two_losses_by_hand, two_losses_race, two_losses_turns
from vaeexplorer.demos.two_losses_by_hand import Memory, by_hand
from vaeexplorer.demos.two_losses_learner import SHOWN, SPACING, Learner, lattice, read, test_images
from vaeexplorer.demos.two_losses_scene import ALPHABET, CELLS, TOP, cloud, moved
from vaeexplorer.elbo import elbo_terms

test_images.__test__ = False  # no test: pytest would take it for one
DEMO = DEMOS["two_losses"]


@pytest.fixture(scope="module")
def trained():
    learner = Learner(0)
    learner.steps("both", 400)
    return learner


@pytest.fixture
def short(monkeypatch):
    """A few steps in place of many; nobody's kept moves."""
    monkeypatch.setattr(two_losses_turns, "TOGETHER", (5,))
    monkeypatch.setattr(two_losses_turns, "STEPS", 40)
    monkeypatch.setattr(two_losses_by_hand, "TOGETHER", (5, 5))
    monkeypatch.setattr(two_losses_by_hand, "SHORT", (3, 3))
    monkeypatch.setattr(two_losses_by_hand, "LONG", (4, 4, 4))
    monkeypatch.setattr(two_losses_by_hand, "MEMORY", Memory())
    monkeypatch.setattr(two_losses_race, "STOPS", (0, 4, 8))
    monkeypatch.setattr(two_losses_race, "STEPS", 8)


# ---- both losses


@torch.no_grad()
def test_both_losses_are_right(trained):
    vae, x = trained.vae, test_images()[0][:40]
    reading = read(vae)
    *_, stage = METHODS["grid"].run(vae, x, samples=161)
    finer = stage.record
    assert np.abs(-finer.value - reading.s[:40]).max() < 5e-3
    assert abs((-finer.value - reading.s[:40]).mean()) < 1e-3
    noise = torch.randn((3000, 40, 2), generator=torch.Generator().manual_seed(1))
    terms = elbo_terms(vae, x, noise)
    draws = vae.log_likelihood(x, vae.posterior(x).sample(noise)).double()
    error = float(draws.mean(1).std()) / math.sqrt(3000)  # 0.01 nats; the rule's own error is a tenth of that
    assert abs(float(-terms.elbo.double().mean()) - reading.u[:40].mean()) < 5 * error + 1e-3
    assert reading.gap.min() > -0.02, "a KL is not negative: the rule's error for one image"
    assert 0.02 < reading.gap.mean() < 0.5


def test_the_gap_is_the_kl_from_the_guess_to_the_right_answer(trained):
    reading, codes = read(trained.vae), lattice()[0].numpy().astype(float)
    for k, image in enumerate(test_images()[1]):
        log_q = -0.5 * (((codes - reading.mean[k]) / reading.std[k]) ** 2).sum(1)
        log_q -= math.log(2 * math.pi) + np.log(reading.std[k]).sum()
        kl = (np.exp(log_q) * (log_q - reading.log_posterior[:, k])).sum() * SPACING**2
        assert kl == pytest.approx(reading.gap[image], abs=0.02)
        assert np.exp(reading.log_posterior[:, k]).sum() * SPACING**2 == pytest.approx(1, abs=1e-6)


def test_the_encoder_moves_the_gap_alone(trained):
    learner, before = trained.fork(), read(trained.vae)
    decoder = [p.clone() for p in learner.parts["decoder"]]
    learner.steps("encoder", 20)
    after = read(learner.vae)
    assert all(torch.equal(a, b) for a, b in zip(decoder, learner.parts["decoder"], strict=True))
    assert (after.s == before.s).all() and (after.log_posterior == before.log_posterior).all()
    assert (after.u != before.u).all() and (after.mean != before.mean).all()


def test_the_decoder_moves_both_and_no_guess(trained):
    learner, before = trained.fork(), read(trained.vae)
    learner.steps("decoder", 20)
    after = read(learner.vae)
    assert (after.s != before.s).all() and (after.gap != before.gap).all()
    assert (after.mean == before.mean).all() and (after.std == before.std).all()
    assert after.s.mean() < before.s.mean()


def test_training_makes_both_smaller_than_a_map_that_is_not_used():
    start = read(Learner(0).vae)
    assert start.s.mean() == pytest.approx(64 * math.log(2), abs=0.5), "each pixel a coin"


def test_a_fork_goes_on_to_the_same_bits(trained):
    first, second, before = trained.fork(), trained.fork(), read(trained.vae)
    for learner in (first, second):
        for part in ("both", "encoder", "decoder"):
            learner.steps(part, 5)  # over the end of an epoch of eleven steps
    assert first.done == trained.done + 15
    assert all(torch.equal(a, b) for a, b in zip(first.vae.parameters(), second.vae.parameters(), strict=True))
    assert (read(trained.vae).u == before.u).all(), "nobody moves the one that was left"
    assert (read(first.vae).u != before.u).all()


def test_learners_of_a_seed_begin_alike_and_follow_their_rates():
    one, slow, other = Learner(3), Learner(3, 1e-5), Learner(4)
    starts = [[p.clone() for p in learner.vae.parameters()] for learner in (one, slow, other)]
    assert all(torch.equal(a, b) for a, b in zip(starts[0], starts[1], strict=True))
    assert not torch.equal(starts[0][0], starts[2][0])
    for learner in (one, slow):
        learner.steps("both", 3)
    encoders = [max(float((p - q).detach().abs().max()) for p, q in zip(learner.parts["encoder"], start, strict=False))
                for learner, start in zip((one, slow), starts, strict=False)]  # fmt: skip
    assert encoders[0] == pytest.approx(3 * 2e-3, rel=0.1), "Adam's first steps are as long as its rate"
    assert encoders[1] == pytest.approx(3e-5, rel=0.1)
    one.calm_down(5e-4)
    assert [group["lr"] for group in one.fork().optimizer.param_groups] == [5e-4, 5e-4]


def test_what_left_all_bounds_is_told():
    learner = Learner(0)
    learner.vae.encoder[-1].bias.data.fill_(1e4)
    with pytest.raises(ValueError, match="left all bounds"):
        read(learner.vae)


def test_the_shown_images_are_what_they_are_called():
    labels = datasets.load("digits").test_labels
    assert {int(labels[image]): image for image in SHOWN.values()} == SHOWN


# ---- the film


def test_a_cloud_can_be_read_back():
    codes = lattice()[0].numpy()
    for std, stride in ((0.2, 1), (1.0, 2)):
        log = -0.5 * (((codes - (0.6, -1.4)) / (std, std / 2)) ** 2).sum(1) - 7
        left, low, distance, columns, text = cloud(log)
        share = (np.array([ALPHABET.index(letter) for letter in text]).reshape(-1, columns) / TOP) ** 2
        assert distance == pytest.approx(stride * SPACING) and len(text) <= CELLS
        rows, across = np.unravel_index(share.argmax(), share.shape)
        assert left + across * distance == pytest.approx(0.6, abs=distance)
        assert low + rows * distance == pytest.approx(-1.4, abs=distance)
        u, v = np.meshgrid(left + np.arange(columns) * distance, low + np.arange(len(share)) * distance)
        expected = np.exp(-0.5 * (((u - 0.6) / std) ** 2 + ((v + 1.4) / (std / 2)) ** 2))
        assert np.abs(share - expected).max() < 0.04


@pytest.fixture
def done(monkeypatch):
    """What every learner was told: (number of the learner, what moved, both learning rates)."""
    calls, known, real = [], [], Learner.step

    def step(self, part):
        if not any(self is other for other in known):
            known.append(self)
        number = next(i for i, other in enumerate(known) if other is self)
        calls.append((number, part, *[group["lr"] for group in self.optimizer.param_groups]))
        real(self, part)

    monkeypatch.setattr(Learner, "step", step)
    return calls


def test_taking_turns(short, done):
    moments = list(play(DEMO, {"phase": 10}, 0))
    turn = [(0, part, 5e-4, 5e-4) for part in ("decoder", "encoder") for _ in range(10)]
    assert done == [(0, "both", 2e-3, 2e-3)] * 5 + turn * 4
    assert [moment.data["warm"] for moment in moments] == [True] * 2 + [False] * 8
    parts = [moment.data["part"] for moment in moments]
    assert parts == ["", "both", *["decoder", "encoder"] * 4]
    assert [moment.data["step"] for moment in moments] == [0, 5, *range(15, 95, 10)]
    assert [moment.fraction for moment in moments] == sorted(moment.fraction for moment in moments)
    assert (moments[0].fraction, moments[-1].fraction) == (0, 1)
    assert all(not moment.outcomes for moment in moments[:-1])
    lanes = [moment.data["lanes"][0] for moment in moments]
    for before, now, part, moment in zip(lanes[1:], lanes[2:], parts[2:], moments[2:], strict=False):
        assert (now["s"] == before["s"]) == (part == "encoder"), moment.text
        assert ("S does not move at all" in moment.text) == (part == "encoder")
        assert now["u"] == pytest.approx(now["s"] + now["e"], abs=1e-9)
    found = {outcome.name: outcome for outcome in moments[-1].outcomes}
    assert found["s_moved_by_encoder"].theory == 0 and found["s_moved_by_encoder"].inside
    assert found["e_moved_by_encoder"].band is None, "only the usual settings promise something"
    expected = np.mean([lanes[i]["e"] - lanes[i - 1]["e"] for i in (3, 5, 7, 9)])
    assert found["e_moved_by_encoder"].estimate.value == pytest.approx(expected, abs=2e-5)
    assert found["u"].estimate.value == pytest.approx(lanes[-1]["u"], abs=1e-5) and found["u"].estimate.n == 360
    assert max(len(json.dumps(moment.to_dict())) for moment in moments) < 5000


def test_a_race(short, done):
    moments = list(play(DEMO, {"scene": "race"}, 1))
    assert done[:7] == [(0, "both", 2e-3, 2e-3), *[(1, "encoder", 2e-3, 2e-3)] * 4, (1, "both", 2e-3, 2e-3),
                        (2, "both", 1e-5, 2e-3)]  # fmt: skip
    assert done == done[:7] * 8
    assert [moment.data["step"] for moment in moments] == [0, 4, 8]
    assert moments[0].data["about"]["lanes"][1].startswith("Eager encoder: 5 steps")
    start, *_, last = moments
    one, eager, slow = last.data["lanes"]
    assert start.data["lanes"][0] == start.data["lanes"][1] == start.data["lanes"][2]
    assert one != eager and one != slow
    walked = [math.dist(lane["q"][0], start.data["lanes"][0]["q"][0]) for lane in (one, eager, slow)]
    assert walked[2] < walked[0] / 20, "the slow encoder has hardly begun"
    found = {outcome.name: outcome for outcome in last.outcomes}
    assert found.keys() == two_losses_race.BANDS.keys() and all(outcome.band for outcome in last.outcomes)
    assert found["slow_costs"].estimate.value == pytest.approx(slow["s"] - one["s"], abs=2e-5)
    lead = np.mean([m.data["lanes"][0]["s"] - m.data["lanes"][1]["s"] for m in moments[1:]])
    assert found["eager_lead"].estimate.value == pytest.approx(lead, abs=2e-5)
    *_, other = play(DEMO, {"scene": "race", "eager": 2, "slow": 20}, 1)
    assert all(outcome.band is None for outcome in other.outcomes)
    assert other.data["lanes"][0] == one and other.data["lanes"][1] != eager


def by_letters(moves, memory, seed=0):
    return [moment.to_dict() for moment in by_hand({"moves": moves}, seed, memory)]


def test_by_hand_goes_on_to_the_same_bits_without_doing_it_again(short, monkeypatch):
    steps = []
    real = Learner.step
    monkeypatch.setattr(Learner, "step", lambda self, part: (steps.append(part), real(self, part)))
    memory = Memory()
    by_letters("", memory)
    assert steps == ["both"] * 10
    steps.clear()
    grown = by_letters("De", memory)
    assert steps == ["decoder"] * 6 + ["encoder"] * 12
    steps.clear()
    again, at_once = by_letters("De", memory), by_letters("De", Memory())
    assert steps == ["both"] * 10 + ["decoder"] * 6 + ["encoder"] * 12, "the kept film needs none"
    assert grown == again == at_once
    assert [m["data"]["part"] for m in grown] == ["", *["both"] * 2, *["decoder"] * 2, *["encoder"] * 3]
    assert [round(m["fraction"] * 28) for m in grown] == [0, 5, 10, 13, 16, 20, 24, 28]
    assert grown[-1]["outcomes"][0]["name"] == "s_moved_by_encoder" and grown[-1]["outcomes"][0]["value"] == 0
    assert not any(m["outcomes"] for m in grown[:-1])
    other = by_letters("DE", memory)
    assert other[:5] == [{**m, "fraction": o["fraction"]} for m, o in zip(grown[:5], other, strict=False)]
    assert by_letters("", memory, seed=1)[-1]["data"] != grown[2]["data"]


def test_a_move_that_was_left_halfway_is_not_kept(short):
    memory = Memory()
    film = by_hand({"moves": "e"}, 0, memory)
    for _ in range(5):  # three of the beginning, two of three of the move
        next(film)
    film.close()
    assert list(memory.states) == [(0, "")]
    assert by_letters("e", memory) == by_letters("e", Memory())


def test_memory_has_an_end_and_several_may_ask(short):
    memory, found = Memory(most=2), {}
    films = ["E", "ED"]
    threads = [threading.Thread(target=lambda m=m: found.update({m: by_letters(m, memory)})) for m in films]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memory.states) == 2
    assert all(found[moves] == by_letters(moves, Memory()) for moves in films)


@pytest.mark.parametrize("given", [{"phase": 10}, {"phase": 200}, {"scene": "by_hand", "moves": "dEdBedEedE" * 3}])
def test_extremes_have_films_of_a_bearable_length(given, monkeypatch):
    monkeypatch.setattr(Learner, "step", lambda self, part: setattr(self, "done", self.done + 1))
    monkeypatch.setattr(two_losses_by_hand, "MEMORY", Memory())
    still = read(Learner(0).vae)
    for module in (two_losses_turns, two_losses_by_hand):
        monkeypatch.setattr(module, "read", lambda vae: still)
    moments = list(play(DEMO, given, 0))
    assert 20 <= len(moments) <= 200 and moments[-1].outcomes
    assert "stays where it is" in moved("decoder", still, still)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"phase": 5}, "phase is a whole number from 10 to 200"),
        ({"phase": 15.5}, "phase is a whole number"),
        ({"scene": "race", "eager": 99}, "eager is a whole number from 2 to 8"),
        ({"scene": "race", "slow": 3}, "slow is one of 200, 20, 5"),
        ({"scene": "by_hand", "moves": "EDX"}, "letters out of EDBed"),
        ({"scene": "by_hand", "moves": "E" * 31}, "at most 30 letters"),
    ],
)
def test_bad_settings_get_a_line(given, words):
    with pytest.raises(ValueError, match=words):
        play(DEMO, given, 0)
