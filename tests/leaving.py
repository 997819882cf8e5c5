"""`train` that leaves at a step as if told to: `python leaving.py STEP train ...`, or `left_at(STEP)` here."""

from __future__ import annotations

import sys
from typing import Any

from vaeexplorer import costs, run_desk
from vaeexplorer.__main__ import run


def left_at(step: int) -> None:
    """From now on: leave at this step, save whenever it is possible, a row each four steps."""
    look = run_desk.Desk.decide

    def decide(self: Any) -> int:
        if self.training.step >= step:
            self.signals.number = 15
        return min(1, look(self))

    run_desk.SAVE_APART_SECONDS = 0
    run_desk.Desk.decide = decide  # type: ignore[method-assign]
    costs.row_every = lambda *_: 4  # type: ignore[assignment]


if __name__ == "__main__":
    left_at(int(sys.argv.pop(1)))
    run()
