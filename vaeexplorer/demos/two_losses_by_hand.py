"""The scene in which one chooses who learns next. What was done is kept for a while, so that one more move costs no
more than itself.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vaeexplorer.demos.demo import Moment, Outcome, Settings
from vaeexplorer.demos.two_losses_learner import Learner, read
from vaeexplorer.demos.two_losses_scene import about, lane_data, losses, moved
from vaeexplorer.records import Estimate

BUTTONS = (
    ("E", "Encoder, 20 steps"), ("D", "Decoder, 20 steps"), ("B", "Both, 20 steps"),
    ("e", "Encoder, 200 steps"), ("d", "Decoder, 200 steps"),
)  # fmt: skip
PART = {"e": "encoder", "d": "decoder", "b": "both"}
SHORT, LONG = (10, 10), (25,) * 8  # steps between the moments of a move
MOST = 20  # moves
BEGIN = (25,) * 16  # steps of both before the first move: then there is a map to move on
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
    total = sum(BEGIN) + sum(sum(_lengths(letter)) for letter in moves)
    found = memory.longest(seed, moves)
    known, state = found or ("", State(Learner(seed), ()))
    for moment in state.moments:
        yield _placed(moment, total, moves == known and moment is state.moments[-1])
    todo = moves[len(known) :] if found else ("", *moves)
    for letter in todo:
        learner, moments = state.learner.fork(), list(state.moments)
        known += letter
        for moment in _move(learner, letter):
            moments.append(moment)
            yield _placed(moment, total, known == moves and learner.done == total)
        state = State(learner, tuple(moments))
        memory.keep(seed, known, state)
