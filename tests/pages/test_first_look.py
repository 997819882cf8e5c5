"""A small run begins by itself where there is none: once, never when unwanted, and its failure is nobody's fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.made_runs import make_run
from tests.pages.test_train import opened, whole_app
from vaeexplorer import runs
from vaeexplorer.runs import RunError
from vaeexplorer.ui import first_look


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that a worker was asked for; none is started. A new server each time, where it is wanted."""
    asked: list[Path] = []
    monkeypatch.setattr(runs, "start", asked.append)
    monkeypatch.setenv(first_look.SWITCH, "1")
    first_look._memory.clear()
    return asked


@pytest.fixture
def app(root: Path) -> AppTest:
    return whole_app(root)


def said(app: AppTest) -> bool:
    assert not app.exception, app.exception
    return any(element.value == first_look.WORDS for element in app.caption)


def test_it_begins_once_and_says_so(app: AppTest, started: list[Path], root: Path) -> None:
    opened(app)
    (path,) = started
    assert runs.listing() == {path.name: path} and runs.title(path) == first_look.TITLE
    assert said(app) and app.selectbox(key="run").value == path.name
    app.run()
    other = opened(whole_app(root))  # a second visitor
    assert said(other) and len(started) == 1
    runs.delete(path)
    assert not said(other.run())
    assert len(started) == 1  # deleted is deleted
    assert any(button.label == "Start training" for button in other.button)


def test_it_leaves_runs_that_are_there_alone(app: AppTest, started: list[Path]) -> None:
    make_run("mine")
    assert not said(opened(app))
    assert not started and len(runs.listing()) == 1


def test_it_can_be_switched_off(app: AppTest, started: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(first_look.SWITCH, "0")
    assert not said(opened(app))
    assert not started


def test_where_it_cannot_begin_there_is_the_form(
    app: AppTest, started: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise RunError("no room")

    monkeypatch.setattr(runs, "start", refuse)
    opened(app)
    assert not said(app) and not runs.listing() and not app.error
    assert any(button.label == "Start training" for button in app.button)
