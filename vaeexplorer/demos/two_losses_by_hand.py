"""The scene in which one chooses who learns next. What was done is kept for a while, so that one more move costs no
more than itself.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from vaeexplorer.demos.demo import Moment, Outcome, Settings
from vaeexplorer.demos.two_losses_learner import CALM, TOGETHER, Learner, read
from vaeexplorer.demos.two_losses_scene import BEFORE, about, losses, moment_data, moved
from vaeexplorer.records import Estimate

BUTTONS = (
    ("E", "Encoder, 50 steps"), ("D", "Decoder, 50 steps"), ("B", "Both, 50 steps"),
    ("e", "Encoder, 250 steps"), ("d", "Decoder, 250 steps"),
)  # fmt: skip
PART = {"e": "encoder", "d": "decoder", "b": "both"}
SHORT, LONG = (25, 25), (50,) * 5  # steps between the moments of a move
MOST = 30  # moves
KEPT = 24  # states, of all seeds


@dataclass(frozen=True)
class State:
    """Where a row of moves has led: the learner, which nobody moves any more, and the moments on the way there."""

    learner: Learner
    moments: tuple[Moment, ...]


class Memory:
    """The states that were asked for last, by seed and moves. Several threads may ask at the same time."""

    def __init__(self, most: int = KEPT) -> None:
        self.most, self.lock = most, threading.Lock()
        self.states: OrderedDict[tuple[int, str], State] = OrderedDict()

    def longest(self, seed: int, moves: str) -> tuple[str, State] | None:
        """The state of the longest beginning of these moves that is kept."""
        with self.lock:
            for length in range(len(moves), -1, -1):
                if state := self.states.get((seed, moves[:length])):
                    self.states.move_to_end((seed, moves[:length]))
                    return moves[:length], state
        return None

    def keep(self, seed: int, moves: str, state: State) -> None:
        with self.lock:
            self.states[seed, moves] = state
            self.states.move_to_end((seed, moves))
            while len(self.states) > self.most:
                self.states.popitem(last=False)


MEMORY = Memory()


def by_hand(settings: Settings, seed: int, memory: Memory = MEMORY) -> Iterator[Moment]:
    """The film of all moves from the beginning; those that are kept are shown without computing them anew."""
    moves = str(settings["moves"])
    total = sum(TOGETHER) + sum(sum(_lengths(letter)) for letter in moves)
    found = memory.longest(seed, moves)
    known, state = found or ("", State(Learner(seed), ()))
    yield from (_placed(moment, total) for moment in state.moments[: -1 if known == moves and found else None])
    for letter in moves[len(known) :] if found else ("", *moves):
        learner, moments = state.learner.fork(), list(state.moments)
        known += letter
        for moment in _move(learner, letter):
            moments.append(moment)
            if learner.done < total:
                yield _placed(moment, total)
        state = State(learner, tuple(moments))
        memory.keep(seed, known, state)
    yield replace(_placed(state.moments[-1], total), outcomes=_outcomes(state))


def _placed(moment: Moment, total: int) -> Moment:
    """The moment with its share of all the work of this film."""
    return replace(moment, fraction=moment.data["step"] / total)


def _outcomes(state: State) -> tuple[Outcome, ...]:
    """Both losses where the moves have led, and how far S moved while the encoder alone learned."""
    data = [moment.data for moment in state.moments]
    moves = [abs(now["lanes"][0]["s"] - before["lanes"][0]["s"])
             for before, now in pairwise(data) if now["part"] == "encoder"]  # fmt: skip
    found = losses(read(state.learner.vae))
    if not moves:
        return found
    estimate = Estimate(max(moves), 0.0, len(moves), "exact", "moments of the encoder", "s_moved_by_encoder")
    words = "S belongs to the decoder alone: the encoder cannot move it."
    return (Outcome("s_moved_by_encoder", "Largest move of S while the encoder learned", estimate, 0.0, (0.0, 1e-6),
                    words), *found)  # fmt: skip


def _lengths(letter: str) -> tuple[int, ...]:
    """Steps between the moments of a move; "" stands for the beginning."""
    return TOGETHER if not letter else LONG if letter.islower() else SHORT


def _move(learner: Learner, letter: str) -> Iterator[Moment]:
    """The moments of one move, which moves the learner."""
    part = PART[letter.lower()] if letter else "both"
    first = read(learner.vae)
    if not letter:
        yield Moment(0.0, BEFORE, {"about": about(), **moment_data(learner.done, "", first, warm=True)})
    for steps in _lengths(letter):
        learner.steps(part, steps)
        reading = read(learner.vae)
        words = moved(part, first, reading)
        yield Moment(0.0, words if letter else f"First they learn together. {words}",
                     moment_data(learner.done, part, reading, warm=not letter))  # fmt: skip
    if not letter:
        learner.calm_down(CALM)
