"""Work about one model as jobs: begun once for each question, listened to while it goes on.

A job's key holds all that its answer depends on; whoever asks the same again gets the same, to the last bit.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from vaeexplorer.ui import cached
from vaeexplorer.ui.encoded import JOBS
from vaeexplorer.ui.jobs import Job, Report
from vaeexplorer.ui.questions import Question

Document = dict[str, Any]
Answer = dict[str, Any] | list[Any] | bytes

KEPT_KEYS = 100
TOLD = 0.3  # seconds between two partial results: pages ask four times a second

_keys: OrderedDict[Hashable, Hashable] = OrderedDict()  # question -> key of the job that was begun for it last
_asking = threading.Lock()


def begin(question: Question, lane: str, what: tuple, work: Callable[[Report], Answer]) -> Job:
    """The job that answers a question about a model; `what` is all beside the model that the answer depends on.

    A run in training replaces its model's file every now and then: who waits for a job goes on waiting for that one.
    """
    name = question.model
    key = ("about", name, cached.header(name).digest, *what)
    with _asking:
        before = _keys.get((name, what))
        if before is not None and before != key and not question.again:
            job = JOBS.recent(before)
            if job is not None:
                return job
        _keys[name, what] = key
        _keys.move_to_end((name, what))
        while len(_keys) > KEPT_KEYS:
            _keys.popitem(last=False)
    return JOBS.ask(key, lane, work, _size, question.again)


def listened(
    stages: Iterable[tuple[float, str, Any]], report: Report, pack: Callable[[Any, bool], Document]
) -> Document:
    """Listen to work until it ends; what there is meanwhile is told now and then.

    Args: stages of fraction, words and what is known so far (None: nothing); pack(known, whole): the answer that this
    makes; `whole` where it is the last.
    """
    told, known = -math.inf, None
    for fraction, text, known in stages:
        report(fraction, text)
        if known is not None and time.monotonic() - told > TOLD:
            report.partial(pack(known, False))
            told = time.monotonic()
    return pack(known, True)


def _size(answer: Answer) -> int:
    return len(answer) if isinstance(answer, bytes) else len(json.dumps(answer))
