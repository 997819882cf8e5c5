"""The Lab's addresses: films as they are computed, shared by who watches, ended when nobody does; bad questions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.ui.client import Answer, get, post
from vaeexplorer import demos
from vaeexplorer.demos import Choice, Demo, Moment, Outcome, Slider
from vaeexplorer.records import Estimate
from vaeexplorer.ui import encoded, jobs, lab_films, lab_routes
from vaeexplorer.ui.lab_films import Film

LONG = 20.0  # seconds that a test waits at most
COUNT = 5


class Hand:
    """A demonstration whose moments come when they are let: `go` for each; `ended` when its work is over."""

    def __init__(self) -> None:
        self.begun, self.go, self.ended = 0, threading.Semaphore(0), threading.Event()

    def __call__(self, settings: Any, seed: int) -> Iterator[Moment]:
        self.begun += 1
        try:
            for i in range(COUNT):
                outcomes = (Outcome("sum", "A sum", Estimate(1.0, 0.1, 5, "unbiased", "draws", "sum")),)
                yield Moment((i + 1) / COUNT, f"Moment {i}.", {"i": i, "size": settings["size"], "seed": seed},
                             outcomes if i == COUNT - 1 else ())  # fmt: skip
                assert self.go.acquire(timeout=LONG)
        finally:
            self.ended.set()


def made(run: Callable[..., Iterator[Moment]]) -> Demo:
    controls = (Slider("size", "Size", 1, 9, 1, 5), Choice("scene", "Scene", (("a", "A"), ("b", "B")), "a"))
    return Demo("Title", "Question?", ("Story.",), ("Notice.",), controls, run, "Source", 1.0)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(lab_routes, "PATIENCE", 0.02)
    encoded.JOBS._jobs.clear()
    yield
    encoded.JOBS._jobs.clear()


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hand]:
    """The demonstration "hand"; whatever a test leaves running is let go at its end."""
    hand = Hand()
    monkeypatch.setitem(demos.DEMOS, "hand", made(hand))
    yield hand
    hand.go.release(1000)
    for thread in threading.enumerate():
        if thread.name.startswith("demos "):
            thread.join(LONG)


def lend(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Iterator[Moment]], name: str = "hand") -> None:
    monkeypatch.setitem(demos.DEMOS, name, made(run))


def ask(have: int = 0, route: str = "play", **question: Any) -> Answer:
    body = {"demo": "hand", "settings": {}, "seed": 0, "have": have, "who": "me", **question}
    return post(f"/vaex/lab/{route}", json.dumps(body).encode())


def until(count: int, **question: Any) -> Answer:
    """The answer in which `count` moments are there."""
    end = time.monotonic() + LONG
    while len((answer := ask(**question)).json["partial"]["moments"]) < count:
        assert answer.status == 202, answer.content
        assert time.monotonic() < end
    return answer


def to_the_end(have: int = 0, **question: Any) -> Answer:
    end = time.monotonic() + LONG
    while (answer := ask(have, **question)).status == 202:
        assert time.monotonic() < end
    return answer


def quick(settings: Any, seed: int) -> Iterator[Moment]:
    for i in range(3):
        yield Moment((i + 1) / 3, f"{i}", {"i": i, "seed": seed})


def test_the_demonstrations_are_told_in_their_order() -> None:
    told = get("/vaex/lab/demos").json
    assert [demo["name"] for demo in told] == list(demos.DEMOS)
    for demo in told:
        assert demo["title"] and demo["question"] and demo["story"] and demo["notice"] and demo["seconds"] > 0
        for control in demo["controls"]:
            assert control["kind"] in ("choice", "slider", "steps")


def test_a_slider_says_whether_it_takes_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = Demo("T", "Q?", (), (), (Slider("n", "N", 1, 9, 1, 5), Slider("x", "X", 1, 9, 1.0, 5)), quick, "", 1.0)
    monkeypatch.setitem(demos.DEMOS, "hand", demo)
    told = next(one for one in get("/vaex/lab/demos").json if one["name"] == "hand")
    assert [control["whole"] for control in told["controls"]] == [True, False]


def test_moments_come_as_they_are_made(hand: Hand) -> None:
    first = until(1)
    assert set(first.json) == {"job", "fraction", "text", "partial"}
    assert first.json["partial"]["start"] == 0
    assert first.json["partial"]["moments"][0]["data"] == {"i": 0, "size": 5, "seed": 0}
    assert ask(1).json["partial"] == {"start": 1, "moments": []}
    hand.go.release(2)
    assert until(2, have=1).json["partial"]["start"] == 1
    assert hand.begun == 1
    hand.go.release(COUNT)
    last = to_the_end()
    assert last.status == 200 and last.json["complete"] is True and last.json["start"] == 0
    assert [moment["data"]["i"] for moment in last.json["moments"]] == list(range(COUNT))
    (outcome,) = last.json["moments"][-1]["outcomes"]
    assert (outcome["name"], outcome["value"], outcome["inside"]) == ("sum", 1.0, None)
    assert ask(COUNT - 1).json["moments"] == last.json["moments"][-1:]
    assert ask(COUNT + 3).json == {"start": COUNT, "moments": [], "complete": True}
    assert hand.begun == 1, "what is known is kept"


def test_who_asks_for_more_waits_for_it_and_no_longer(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    until(1)
    monkeypatch.setattr(lab_routes, "PATIENCE", LONG)
    found: list[Answer] = []
    asking = threading.Thread(target=lambda: found.append(ask(1)))
    asking.start()
    hand.go.release()
    asking.join(LONG / 2)
    assert not asking.is_alive(), "it waits for the next moment, not for its time to be over"
    assert len(found[0].json["partial"]["moments"]) == 1


def test_settings_and_seed_make_films_of_their_own(hand: Hand) -> None:
    hand.go.release(100)
    films = [to_the_end(settings=settings, seed=seed) for settings, seed in (({}, 0), ({"size": 7}, 0), ({}, 3))]
    data = [film.json["moments"][0]["data"] for film in films]
    assert [(one["size"], one["seed"]) for one in data] == [(5, 0), (7, 0), (5, 3)]
    assert to_the_end(settings={"size": 5, "scene": "a"}).content == films[0].content, "defaults are the same wish"
    assert hand.begun == 3


def test_two_tabs_share_a_film_until_the_last_one_leaves(hand: Hand) -> None:
    job = until(1, who="one").json["job"]
    assert until(1, who="two").json["job"] == job
    assert ask(route="leave", who="one").json == {}
    hand.go.release()
    assert until(2, who="two").json["job"] == job
    ask(route="leave", who="two")
    hand.go.release()
    assert hand.ended.wait(LONG), "its work is over"
    assert hand.begun == 1
    assert until(1, who="two").json["job"] != job, "who comes back gets it anew, without waiting"


def test_who_left_and_asks_no_more_is_not_waited_for(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    until(1)
    monkeypatch.setattr(lab_films, "SILENCE", -1.0)
    hand.go.release()
    assert hand.ended.wait(LONG)


def test_a_film_knows_who_watches() -> None:
    now = 0.0
    film = Film(clock=lambda: now)
    film.watched_by("one")
    now = lab_films.SILENCE - 1
    film.watched_by("two")
    assert not film.deserted
    now += 2
    film.left_by("two")
    assert film.deserted, "the first one has asked nothing for too long"
    film.watched_by("one")
    assert not film.deserted
    film.left_by("nobody")
    assert not film.deserted


def test_leaving_what_nobody_watches_harms_nothing(hand: Hand) -> None:
    assert ask(route="leave").json == {}
    assert hand.begun == 0
    hand.go.release(100)
    film = to_the_end()
    ask(route="leave")
    assert ask().content == film.content


def test_two_demonstrations_run_side_by_side(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    until(1)
    other = Hand()
    monkeypatch.setitem(demos.DEMOS, "other", made(other))
    assert until(1, demo="other").json["job"] != ask().json["job"]
    other.go.release(100)
    assert to_the_end(demo="other").status == 200
    assert ask().json["fraction"] == pytest.approx(1 / COUNT)


def test_a_film_that_waits_for_room_is_never_begun_once_it_is_left(hand: Hand) -> None:
    for seed in (0, 1):
        until(1, seed=seed)
    waiting = ask(seed=2)
    assert (waiting.status, waiting.json["text"]) == (202, jobs.WAITING)
    ask(route="leave", seed=2)
    hand.go.release(100)
    for seed in (0, 1):
        assert to_the_end(seed=seed).status == 200
    assert to_the_end(seed=3).status == 200
    assert hand.begun == 3


def test_what_diverges_is_told_and_can_be_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def diverges(settings: Any, seed: int) -> Iterator[Moment]:
        runs.append(seed)
        yield Moment(0.1, "All is well.", {"value": 1.0})
        yield Moment(0.2, "The loss is huge.", {"value": [[1.0], [float("inf")]]})

    lend(monkeypatch, diverges)
    failed = to_the_end()
    assert failed.status == 422
    assert failed.error.startswith("the numbers left all bounds: The loss is huge.")
    assert ask(1).status == 422
    assert len(runs) == 1, "asking on does not begin it again"
    ask(again=True)
    assert to_the_end().status == 422
    assert len(runs) == 2


def test_faults_are_one_line_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(settings: Any, seed: int) -> Iterator[Moment]:
        yield Moment(0.1, "Well.", {})
        raise KeyError("secret")

    lend(monkeypatch, broken)
    assert to_the_end().error == jobs.UNFORESEEN

    def said(settings: Any, seed: int) -> Iterator[Moment]:
        yield Moment(0.1, "Well.", {})
        raise ValueError("the variance became\nzero: take a smaller step")

    lend(monkeypatch, said, "said")
    assert to_the_end(demo="said").error == "the variance became zero: take a smaller step"


@pytest.mark.parametrize(
    ("question", "status", "words"),
    [
        ({"demo": "nonsense"}, 404, "there is no demonstration 'nonsense'; there are first_tour, "),
        ({"demo": "x" * 4000}, 404, "there is no demonstration"),
        ({"demo": 3}, 400, "demo must be a text"),
        ({"settings": {"size": 77}}, 422, "size is a whole number from 1 to 9; got 77"),
        ({"settings": {"size": "<b>"}}, 422, "size is a whole number from 1 to 9; got '<b>'"),
        ({"settings": {"wrong": 1}}, 422, "there is no setting 'wrong': there are size, scene"),
        ({"settings": {"scene": "c"}}, 422, "scene is one of a, b; got 'c'"),
        ({"settings": [1]}, 400, "settings must be a JSON object"),
        ({"settings": None}, 400, "settings must be a JSON object"),
        ({"seed": -1}, 400, "seed must be a whole number from 0 to 2,147,483,647, got -1"),
        ({"seed": 1.5}, 400, "seed must be a whole number"),
        ({"seed": True}, 400, "seed must be a whole number"),
        ({"have": -1}, 400, "have must be a whole number"),
        ({"have": 10**9}, 400, "have must be a whole number"),
        ({"who": 7}, 400, "who must be a text"),
        ({"who": "x" * 41}, 400, "who must be a text of at most 40 characters"),
    ],
)
def test_bad_questions_are_one_line(hand: Hand, question: dict[str, Any], status: int, words: str) -> None:
    for route in ("play", "leave") if "have" not in question else ("play",):
        answer = ask(**{"route": route, **question})
        assert answer.status == status, answer.content
        assert answer.error.startswith(words) and len(answer.error) < 400
    assert hand.begun == 0


def test_no_json_and_too_much_of_it() -> None:
    for body in (b"", b"[]", b"null", b'{"settings": {}}', b"[" * 5000):
        assert post("/vaex/lab/play", body).error.startswith("expected a JSON object")
    assert post("/vaex/lab/play", b"x" * 20_000).status == 413


def test_a_real_demonstration_begins_at_once_and_ends_when_it_is_left() -> None:
    first = until(1, demo="kl_directions")
    ask(route="leave", demo="kl_directions")
    for thread in threading.enumerate():
        if thread.name == f"demos {first.json['job']}":
            thread.join(LONG)
            assert not thread.is_alive()
    assert until(1, demo="kl_directions").json["job"] != first.json["job"]
    ask(route="leave", demo="kl_directions")
