"""The Train page as a person uses it; no JavaScript runs here, and but for one test no worker either."""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.made_runs import make_run, names
from tests.ui.models import write_model
from vaeexplorer import checkpoints, datasets, runs
from vaeexplorer.__main__ import build_parser
from vaeexplorer.configs import TrainConfig, VaeConfig
from vaeexplorer.run_files import Status, write_status
from vaeexplorer.training_estimators import TRAINING_ESTIMATORS
from vaeexplorer.ui import (
    run_comparison,
    run_courses,
    run_picker,
    train_fields,
    train_forecast,
    train_form,
    train_settings,
    train_words,
)
from vaeexplorer.ui.train_presets import PRESETS
from vaeexplorer.ui.train_settings import SettingsError

PAGE = "../../pages/train.py"
MARKUP = "<script>alert(1)</script> *b* [c](https://example.org) :red[d] $e$"
STRANGE = ["../x", "<script>alert(1)</script>", "🙂👩‍🚀", MARKUP, "a/b\\c", "% s {0}"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that a worker was asked for; none is started."""
    asked: list[Path] = []
    monkeypatch.setattr(runs, "start", asked.append)
    monkeypatch.setattr(train_form, "DOUBLE_CLICK", 0.0)
    return asked


@pytest.fixture
def app(root: Path, started: list[Path]) -> AppTest:
    """The app; no run that it starts gets a worker."""
    return whole_app(root)


def whole_app(root: Path) -> AppTest:
    return AppTest.from_file(str(root / "vaeexplorer" / "ui" / "shell.py"), default_timeout=30)


def opened(app: AppTest, **link: str) -> AppTest:
    """The Train page, by a link with these parameters."""
    app.run()
    app.switch_page(PAGE)
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


def lines(app: AppTest) -> list[str]:
    """Every warning and error, unescaped; asserts that nothing crashed and that each is one line."""
    assert not app.exception, app.exception
    found = [element.value for element in [*app.warning, *app.error]]
    assert all("\n" not in line and "Traceback" not in line for line in found)
    return [line.replace("\\", "") for line in found]


def live(app: AppTest) -> str | None:
    """The run that the live component shows; None without one."""
    found = app.get("bidi_component")
    return json.loads(found[0].proto.json)["run"]["name"] if found else None


def texts(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption]).replace("\\", "")


def start(app: AppTest) -> AppTest:
    return app.button(key="new_start").click().run()


def parsed(words: list[str]) -> tuple[dict, dict]:
    """What the command line makes of a run's arguments: the fields of both configurations."""
    given = vars(build_parser().parse_args(["train", *words]))
    vae, train = ({k: v for k, v in given.items() if k in c.model_fields} for c in (VaeConfig, TrainConfig))
    return vae, train


# Nothing there yet


def test_an_empty_machine_shows_the_form_and_one_click_starts(app: AppTest, started: list[Path], monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "SHIPPED", Path("nowhere"))
    opened(app)
    assert lines(app) == []
    assert app.title[0].value == "Train"
    assert live(app) is None
    assert "Watch it learn" in texts(app)
    assert "Grey noise turns into" in texts(app)  # MNIST is not here, so the digits come first
    start(app)
    assert lines(app) == []
    assert names() == ["digits-1"]
    assert started == [runs.find("digits-1")]
    assert runs.title(started[0]) == "Digits 8x8, 2 dimensions"
    assert live(app) == "digits-1"
    assert not app.pills, "the form is folded away"
    vae, train = parsed(runs.arguments(started[0]))
    preset = PRESETS["First look: digits in two dimensions"].values
    assert VaeConfig(**vae).latent_dim == preset["latent_dim"]
    assert VaeConfig(**vae).hidden == preset["hidden"]
    assert (TrainConfig(**train).dataset, TrainConfig(**train).epochs) == ("digits", preset["epochs"])


def test_mnist_comes_first_where_it_is(app: AppTest, monkeypatch) -> None:
    monkeypatch.setattr(datasets, "available", lambda name, *_: True)
    assert opened(app).pills[0].value == "MNIST, 10 dimensions"
    assert app.selectbox(key="new_source").value == "mnist"


def test_explore_still_asks_for_a_model(app: AppTest, monkeypatch) -> None:
    monkeypatch.setattr(checkpoints, "SHIPPED", Path("nowhere"))
    (line,) = lines(app.run())
    assert "no model yet" in line


def test_torch_is_not_needed_for_the_page(root: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, vaeexplorer.ui.run_manager, vaeexplorer.ui.run_comparison, vaeexplorer.ui.components.trainer\n"
        "print(sorted({'torch', 'torchvision', 'pandas', 'sklearn'} & sys.modules.keys()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60, check=True
    )
    assert answer.stdout.strip() == "[]"


# The form


def test_every_field_of_the_configurations_is_asked_for() -> None:
    asked = [*train_fields.FIRST, *(name for group in train_fields.GROUPS.values() for name in group)]
    assert sorted(asked) == sorted(train_fields.fields()) == sorted(train_fields.ASKS)
    assert all(train_fields.help_of(name).endswith(".") for name in asked)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_the_form_and_starts_what_it_says(
    app: AppTest, started: list[Path], name: str, monkeypatch
) -> None:
    monkeypatch.setattr(datasets, "available", lambda *_: True)
    opened(app)
    app.pills[0].select(name).run()
    assert lines(app) == []
    assert PRESETS[name].sentence in texts(app)
    start(app)
    assert lines(app) == []
    wanted = PRESETS[name].all_values()
    shape = train_words.image_shape(wanted["dataset"], wanted["architecture"]) or (1, 8, 8)
    vae, train = parsed(runs.arguments(started[0]))
    assert train_settings.configs(wanted, shape) == (VaeConfig(**vae, image_shape=shape), TrainConfig(**train))


def test_a_changed_preset_promises_nothing(app: AppTest) -> None:
    opened(app)
    app.number_input(key="new_latent_dim").set_value(7).run()
    assert "Grey noise" not in texts(app)
    assert "changed as you like" in texts(app)
    app.number_input(key="new_latent_dim").set_value(2).run()
    assert "Grey noise" in texts(app)


def test_what_is_typed_is_what_is_trained(app: AppTest, started: list[Path]) -> None:
    opened(app)
    app.number_input(key="new_latent_dim").set_value(7)
    app.number_input(key="new_beta").set_value(2.5)
    app.text_input(key="new_hidden").set_value("64-32, 16")
    app.selectbox(key="new_beta_schedule").select("cyclical").run()
    app.number_input(key="new_beta_start").set_value(0.5)
    app.number_input(key="new_beta_cycles").set_value(3)
    app.selectbox(key="new_updates").select("alternating").run()
    app.number_input(key="new_encoder_steps").set_value(5)
    app.number_input(key="new_learning_rate").set_value(3e-4)
    app.text_input(key="new_title").set_value("Mine")
    start(app)
    assert lines(app) == []
    vae, train = parsed(runs.arguments(started[0]))
    made, how = VaeConfig(**vae), TrainConfig(**train)
    assert (made.latent_dim, made.hidden) == (7, (64, 32, 16))
    assert (how.beta, how.beta_schedule, how.beta_start, how.beta_cycles) == (2.5, "cyclical", 0.5, 3)
    assert (how.updates, how.encoder_steps, how.decoder_steps, how.learning_rate) == ("alternating", 5, 1, 3e-4)
    assert runs.title(started[0]) == "Mine"


def test_the_command_to_copy_is_what_is_started(app: AppTest, started: list[Path]) -> None:
    opened(app)
    command = shlex.split(app.code[-1].value)
    start(app)
    assert command == ["python", "-m", "vaeexplorer", "train", *runs.arguments(started[0])]


def test_a_field_that_plays_no_part_is_neither_shown_nor_passed_on(app: AppTest, started: list[Path]) -> None:
    opened(app)
    app.selectbox(key="new_updates").select("alternating").run()
    app.number_input(key="new_encoder_steps").set_value(5).run()
    app.selectbox(key="new_updates").select("joint").run()
    assert not [field for field in app.number_input if field.key == "new_encoder_steps"]
    start(app)
    assert lines(app) == []
    assert "--encoder-steps" not in runs.arguments(started[0])


def test_a_bernoulli_posterior_brings_its_own_prior(app: AppTest, started: list[Path]) -> None:
    opened(app)
    app.selectbox(key="new_posterior").select("bernoulli").run()
    assert lines(app) == []
    start(app)
    vae, _ = parsed(runs.arguments(started[0]))
    assert VaeConfig(**vae).prior == "fair_bits"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("new_hidden", "500, many", "Hidden layers, widths must be a whole number, not 'many'"),
        ("new_hidden", "0", "Hidden layers, widths must be at least 1, not '0'"),
        ("new_learning_rate", 0.0, "Learning rate must be more than 0"),
    ],
)
def test_an_answer_that_cannot_be_is_one_line_and_nothing_is_lost(
    app: AppTest, started: list[Path], key: str, value: Any, words: str
) -> None:
    opened(app)
    app.number_input(key="new_latent_dim").set_value(9)
    app.get_by_key(key).set_value(value).run()
    assert any(words in line for line in lines(app))
    start(app)
    assert len(lines(app)) == 1
    assert names() == []
    assert started == []
    assert app.number_input(key="new_latent_dim").value == 9
    good = {"new_hidden": "50", "new_learning_rate": 1e-3}[key]
    app.get_by_key(key).set_value(good).run()
    assert lines(app) == []
    start(app)
    assert len(started) == 1


def test_settings_that_do_not_go_together_say_so() -> None:
    values = train_fields.defaults() | {"posterior": "bernoulli", "prior": "learned_gaussian"}
    train_settings.configs(values, (1, 8, 8))  # the prior plays no part here
    with pytest.raises(SettingsError, match="multiples of 4"):
        train_settings.configs(train_fields.defaults() | {"architecture": "conv28"}, (1, 7, 7))


def test_the_estimators_on_offer_are_those_that_can_do_the_latents(app: AppTest, started: list[Path]) -> None:
    opened(app)
    field = "new_estimator"
    assert "DisARM" not in app.selectbox(key=field).options
    app.selectbox(key=field).select("doubly_reparameterized").run()
    assert TRAINING_ESTIMATORS["doubly_reparameterized"].words in texts(app)
    app.number_input(key="new_beta").set_value(2.0).run()
    assert any("it needs beta 1 all along and no free bits" in line for line in lines(app))
    app.number_input(key="new_beta").set_value(1.0)
    app.selectbox(key="new_posterior").select("bernoulli").run()
    assert lines(app) == []
    assert app.selectbox(key=field).value == "auto"  # it gave way
    assert {"DisARM", "REBAR"} < set(app.selectbox(key=field).options)
    assert "Pathwise" not in app.selectbox(key=field).options
    assert not [number for number in app.number_input if number.key == "new_temperature"]
    app.selectbox(key=field).select("rebar").run()
    app.number_input(key="new_temperature").set_value(0.0).run()
    assert any("Temperature of relaxed bits must be more than 0" in line for line in lines(app))
    app.number_input(key="new_temperature").set_value(0.25)
    start(app)
    _, train = parsed(runs.arguments(started[0]))
    assert (TrainConfig(**train).estimator, TrainConfig(**train).temperature) == ("rebar", 0.25)


def test_too_few_samples_for_an_estimator_say_so() -> None:
    for name in ("leave_one_out", "vimco"):
        with pytest.raises(SettingsError, match=f"{name} needs at least 2 samples for each image, got 1"):
            train_settings.configs(train_fields.defaults() | {"estimator": name}, (1, 8, 8))


def test_images_that_are_not_here_are_offered_and_not_trained_on(app: AppTest, started: list[Path]) -> None:
    opened(app)
    app.selectbox(key="new_source").select("kmnist").run()
    assert lines(app) == []
    assert "Kuzushiji-MNIST is not on this machine yet" in texts(app)
    (line,) = lines(start(app))
    assert "Kuzushiji-MNIST" in line
    assert names() == []


def test_a_download_shows_its_progress_and_its_failure(app: AppTest, monkeypatch) -> None:
    def load(name: str, *, download: bool, progress) -> None:
        progress(0.5, f"{name}: half")
        raise datasets.DataError("KMNIST could not be downloaded (no network): check the connection and try again")

    monkeypatch.setattr(datasets, "load", load)
    opened(app)
    app.selectbox(key="new_source").select("kmnist").run()
    app.button(key="download_kmnist").click().run()
    (line,) = lines(app)
    assert "no network" in line


def test_images_of_ones_own(app: AppTest, started: list[Path], tmp_path: Path) -> None:
    opened(app)
    app.selectbox(key="new_source").select("own").run()
    (line,) = lines(start(app))
    assert "Say where your images are" in line
    app.text_input(key="new_path").set_value(str(tmp_path / "nothing")).run()
    assert lines(app) == []
    (line,) = lines(start(app))
    assert "There is no folder of images" in line
    app.text_input(key="new_path").set_value(str(tmp_path)).run()
    start(app)
    assert lines(app) == []
    assert runs.arguments(started[0])[:2] == ["--dataset", str(tmp_path)]


@pytest.mark.parametrize("where", ["launch", "create"])
@pytest.mark.parametrize("others", [False, True])
def test_a_start_that_fails_is_one_line_and_leaves_no_folder(root: Path, monkeypatch, where: str, others: bool) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    if others:
        make_run("before")
    app = opened(whole_app(root))
    if others:
        app.button(key="panel_form").click().run()
    app.number_input(key="new_latent_dim").set_value(9)
    monkeypatch.setattr(runs, where, fail)
    (line,) = lines(start(app))
    assert "No space left" in line
    assert names() == (["digits-1"] if others else [])
    assert app.number_input(key="new_latent_dim").value == 9, "nothing is lost"
    app.number_input(key="new_epochs").set_value(3).run()
    assert lines(app) == [], "an edit is an answer"


def test_a_double_click_starts_one_run(app: AppTest, started: list[Path], monkeypatch) -> None:
    monkeypatch.setattr(train_form, "DOUBLE_CLICK", 60.0)
    make_run("before")
    opened(app)
    app.button(key="panel_form").click().run()
    start(app)
    app.button(key="panel_form").click().run()
    start(app)
    assert len(started) == 1


def test_the_forecast_is_in_words(app: AppTest) -> None:
    captions = [c.value for c in opened(app).caption]
    assert any(re.search(r"about .* (second|minute)s?.*on this machine.*parameters", c, re.I | re.S) for c in captions)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "about 5 seconds"), (22, "about 20 seconds"), (58, "about a minute"), (80, "about a minute"),
        (100, "about 2 minutes"), (3500, "about 58 minutes"), (6000, "about 2 hours"), (400_000, "about 5 days"),
    ],
)  # fmt: skip
def test_durations(seconds: float, words: str) -> None:
    assert train_words.duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(640, "640"), (9_040, "9 thousand"), (99_905, "100 thousand"), (999_700, "1 million"), (1_327_804, "1.3 million"),
     (22_000_000, "22 million")],
)  # fmt: skip
def test_numbers_of_parameters(number: int, words: str) -> None:
    assert train_words.large(number) == words


def test_a_forecast_learns_from_finished_runs(monkeypatch) -> None:
    made = make_run("quick")
    about = runs.config(made)
    monkeypatch.setattr(train_forecast, "_rate", lambda: 1e9)
    train_forecast._correction.clear()
    correction = train_forecast._correction()
    train_forecast._correction.clear()
    from vaeexplorer import costs

    forecast = costs.seconds(about.vae, about.train, 1437, 1e9) * correction
    assert forecast == pytest.approx(1437 * about.train.epochs / 20_000)


# Arguments and values


def test_arguments_and_values_are_each_others_inverse() -> None:
    values = train_fields.defaults() | {
        "dataset": "/my pictures/'a'", "hidden": (3, 2), "posterior": "bernoulli", "learning_rate": 1.5e-5,
        "beta_schedule": "linear", "beta_start": 0.25, "seed": 2**40,
    }  # fmt: skip
    made = train_settings.configs(values, (1, 8, 8))
    words = train_settings.arguments(*made)
    again = train_settings.configs(train_settings.from_arguments(words), (1, 8, 8))
    assert again == made == train_settings.configs(train_settings.from_configs(*made), (1, 8, 8))
    assert shlex.split(train_settings.command(words))[4:] == words


@pytest.mark.parametrize("words", [["--epochs"], ["--epochs", "x"], ["stray"], ["--unknown", "1"], ["--hidden"], []])
def test_arguments_of_others_are_read_without_failing(words: list[str]) -> None:
    assert train_settings.from_arguments(words).keys() == train_fields.defaults().keys()


# Choosing a run


def test_the_newest_run_opens_and_the_link_names_another(app: AppTest) -> None:
    make_run("old")
    time.sleep(0.01)
    make_run("new", state="paused")
    opened(app)
    assert lines(app) == []
    assert live(app) == "digits-2"
    assert app.selectbox(key="run").options == ["new · paused", "old · finished"]
    assert "run" not in app.query_params, "nobody has chosen"
    app.selectbox(key="run").select_index(1).run()
    assert live(app) == "digits-1"
    assert app.query_params["run"] == "digits-1"


def test_runs_of_one_title_are_two_entries(app: AppTest) -> None:
    make_run("same")
    time.sleep(0.01)
    make_run("same")
    assert opened(app).selectbox(key="run").options == ["same (digits-2) · finished", "same (digits-1) · finished"]
    app.selectbox(key="run").select_index(1).run()
    assert live(app) == "digits-1"


def test_a_run_stays_chosen_when_its_words_change(app: AppTest) -> None:
    path = make_run("old", state="paused")
    time.sleep(0.01)
    make_run("new")
    opened(app, run="digits-1")
    write_status(path, Status(state="finished", step=3, steps=3))
    app.run()
    picker = app.selectbox(key="run")
    assert (picker.value, picker.options[1]) == ("digits-1", "old · finished")
    assert picker.proto.set_value, "the browser knows an option by its words alone"
    assert live(app) == "digits-1"


def test_a_link_opens_its_run(app: AppTest) -> None:
    make_run("old")
    time.sleep(0.01)
    make_run("new")
    assert live(opened(app, run="digits-1")) == "digits-1"
    assert lines(app) == []


@pytest.mark.parametrize("name", ["nobody", "", "../digits-1", "<script>", "x" * 5000, "digits-1/../../etc"])
def test_a_link_to_an_unknown_run_says_so_and_opens_the_newest(app: AppTest, name: str) -> None:
    make_run("one")
    opened(app, run=name)
    (line,) = lines(app)
    assert "digits-1" in line
    assert len(line) < 600
    assert live(app) == "digits-1"


def test_a_link_to_a_run_where_there_is_none(app: AppTest) -> None:
    (line,) = lines(opened(app, run="gone"))
    assert "no run on this machine yet" in line
    assert app.pills


def test_the_form_is_folded_away_where_there_are_runs(app: AppTest) -> None:
    make_run("one")
    assert not opened(app).pills
    assert app.button(key="panel_form").click().run().pills
    assert not app.button(key="panel_form").click().run().pills


def test_a_run_folder_that_cannot_be_read_is_still_shown(app: AppTest) -> None:
    path = make_run("broken")
    (path / "config.json").write_text('{"format": 999}')
    (path / "status.json").write_text("not json")
    (path / "about.json").write_text("[")
    opened(app)
    assert lines(app) == []
    assert live(app) == "digits-1"
    assert "newer version" in texts(app)


def test_a_model_in_training_opens_in_explore(app: AppTest) -> None:
    path = make_run("young", state="paused", model=False)
    button = opened(app).button(key="explore_run")
    assert button.disabled
    assert "no model is saved" in button.help
    write_model(path / "last.safetensors")
    app.run().button(key="explore_run").click().run()
    assert lines(app) == []
    assert app.title[0].value == "Explore"
    assert app.selectbox(key="model").value == "run/digits-1"


# What may be done with a run


def rename(app: AppTest, title: str) -> AppTest:
    app.text_input(key="run_title_digits-1").set_value(title).run()
    return app.button(key="rename").click().run()


@pytest.mark.parametrize("title", STRANGE)
def test_a_title_is_data(app: AppTest, title: str) -> None:
    path = make_run("one")
    rename(opened(app), title)
    assert lines(app) == []
    assert runs.title(path) == title
    assert names() == ["digits-1"]
    assert app.selectbox(key="run").options == [f"{title} · finished"]
    shown = "\n".join(element.value for element in [*app.markdown, *app.caption])
    for markup in ("<script>", "*b*", "[c](", ":red[", "$e$"):
        assert markup not in shown


@pytest.mark.parametrize("title", ["", "   ", "x" * 300, "a\x00b"])
def test_a_title_that_cannot_be_is_one_line(app: AppTest, title: str) -> None:
    path = make_run("one")
    (line,) = lines(rename(opened(app), title))
    assert "title" in line
    assert runs.title(path) == "one"


@pytest.mark.parametrize("title", [*STRANGE, "x" * 100])
def test_a_run_may_begin_with_a_strange_title(app: AppTest, started: list[Path], title: str) -> None:
    opened(app)
    app.text_input(key="new_title").set_value(title)
    start(app)
    assert lines(app) == []
    assert names() == ["digits-1"]
    assert runs.title(started[0]) == title


def test_300_characters_become_a_title_of_100(app: AppTest, started: list[Path]) -> None:
    opened(app)
    assert app.text_input(key="new_title").proto.max_chars == 100
    app.text_input(key="new_title").set_value("x" * 300)  # a browser might not keep to it
    start(app)
    assert lines(app) == []
    assert runs.title(started[0]) == "x" * 100
    assert names() == ["digits-1"]


def test_deleting_takes_two_steps_and_then_shows_the_next_run(app: AppTest) -> None:
    make_run("keep")
    time.sleep(0.01)
    make_run(MARKUP)
    opened(app, run="digits-2")
    assert "Delete" in texts(app)
    app.button(key="delete").click().run()
    assert lines(app) == []
    assert names() == ["digits-1"]
    assert live(app) == "digits-1"
    app.button(key="delete").click().run()
    assert lines(app) == []
    assert names() == []
    assert app.pills, "the form is open again"


def test_a_run_that_is_being_trained_cannot_be_deleted(app: AppTest) -> None:
    path = make_run("one", state="running")
    with runs.held(path):
        opened(app)
        assert "Stop it first" in texts(app)
        assert not [button for button in app.button if button.key == "delete"]
        assert app.selectbox(key="run").options == ["one · training"]


def test_a_run_deleted_elsewhere_gives_way(app: AppTest) -> None:
    first = make_run("one")
    time.sleep(0.01)
    make_run("two")
    opened(app, run="digits-1")
    runs.delete(first)
    app.run()
    assert not app.exception
    assert live(app) == "digits-2"
    runs.delete(runs.find("digits-2"))
    app.run()
    assert not app.exception
    assert live(app) is None
    assert app.pills, "the form is open"


def test_again_with_fills_the_form(app: AppTest, started: list[Path]) -> None:
    make_run("one", beta=1.0, hidden=(20, 10), free_bits=0.25, updates="alternating", decoder_steps=3)
    opened(app)
    app.button(key="again").click().run()
    assert lines(app) == []
    assert app.text_input(key="new_title").value == "one (again)"
    app.number_input(key="new_beta").set_value(4.0)
    start(app)
    assert lines(app) == []
    old, new = runs.arguments(runs.find("digits-1")), runs.arguments(started[0])
    assert new == runs.with_option(old, "--beta", "4")
    assert live(app) == "digits-2"


def test_again_with_a_run_that_failed_before_it_began(app: AppTest, started: list[Path]) -> None:
    path = runs.create("failed", ["--dataset", "digits", "--latent-dim", "5", "--hidden", "9", "8", "--seed", "3"])
    opened(app)
    assert live(app) == path.name
    app.button(key="again").click().run()
    assert lines(app) == []
    assert app.text_input(key="new_hidden").value == "9, 8"
    assert (app.number_input(key="new_latent_dim").value, app.number_input(key="new_seed").value) == (5, 3)


def test_again_with_settings_that_the_form_cannot_show(app: AppTest) -> None:
    strange = ["--epochs", "0", "--likelihood", "none", "--seed", str(2**62), "--beta", "nan", "--updates"]
    runs.create("strange", ["--dataset", "digits", "--latent-dim", "5", *strange])
    opened(app)
    app.button(key="again").click().run()
    assert lines(app) == []
    assert app.number_input(key="new_latent_dim").value == 5
    assert app.number_input(key="new_epochs").value == TrainConfig().epochs


def test_the_form_keeps_its_answers_while_another_page_is_open(app: AppTest) -> None:
    opened(app)
    app.number_input(key="new_epochs").set_value(77).run()
    app.selectbox(key="new_updates").select("aggressive").run()
    app.switch_page("../../pages/explore.py").run()
    assert app.title[0].value == "Explore"
    app.switch_page(PAGE).run()
    assert lines(app) == []
    assert app.number_input(key="new_epochs").value == 77
    assert app.selectbox(key="new_updates").value == "aggressive"


def test_again_and_again_keeps_the_title_short() -> None:
    assert train_words.again("x" * 100) == "x" * 92 + " (again)"
    assert train_words.again(train_words.again("a")) == "a (again)"


# Comparing


def compare(app: AppTest) -> AppTest:
    return app.button(key="panel_compare").click().run()


def test_one_run_alone_is_not_compared(app: AppTest) -> None:
    make_run("one")
    assert opened(app).button(key="panel_compare").disabled


def test_the_form_and_the_comparison_take_turns(app: AppTest) -> None:
    make_run("one")
    make_run("two")
    opened(app).button(key="panel_form").click().run()
    assert app.pills
    compare(app)
    assert not app.pills
    assert app.multiselect(key="compared_runs").value
    compare(app)
    assert not app.multiselect


def test_nothing_is_read_before_the_comparison_is_opened(app: AppTest, monkeypatch) -> None:
    make_run("one")
    monkeypatch.setattr(run_comparison, "course", lambda *_: pytest.fail("read"))
    opened(app)
    assert lines(app) == []
    assert not app.get("plotly_chart")


def test_runs_are_compared_by_curves_figures_and_differences(app: AppTest) -> None:
    make_run("one", beta=1.0, seed=0)
    make_run("four", beta=4.0, hidden=(8, 4), seed=1)
    compare(opened(app))
    assert lines(app) == []
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    drawn = {trace["name"] for trace in figure["data"] if trace.get("showlegend") is not False}
    assert drawn == {"one", "four"}
    assert figure["layout"]["yaxis"]["title"]["text"] == "ELBO, nats per image"
    caption = texts(app)
    assert "n = 360 held-out images (lower bound)" in caption
    measured, differing = (table.value for table in app.dataframe)
    assert measured.to_dict("records") == [
        {"Figure": "ELBO", "Kind": "lower bound", "Mean over": "360 test images", "one": "−21.50 ± 0.25 nats",
         "four": "−21.50 ± 0.25 nats"}
    ]  # fmt: skip
    found = {row["Setting"]: (row["one"], row["four"]) for row in differing.to_dict("records")}
    assert found == {
        "β, weight of the KL term": ("1", "4"), "Hidden layers, widths": ("6", "8-4"), "Seed": ("0", "1"),
    }  # fmt: skip


def test_runs_are_compared_against_the_time_of_training(app: AppTest) -> None:
    """As far as it is known: the second run has no clock."""
    for title in ("timed", "timeless"):
        path = make_run(title, model=False)
    clock = "".join(f"{step} {step / 100:.3f}\n" for step in range(10, 201, 10))
    (path.with_name(names()[-1]) / "clock.txt").write_text(clock)
    compare(opened(app))
    app.selectbox(key="compared_against").select("Time").run()
    assert lines(app) == []
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert figure["layout"]["xaxis"]["title"]["text"] == "seconds of training"
    longest = {trace["name"]: max(decoded(trace["x"]), default=0) for trace in figure["data"] if trace.get("name")}
    assert sorted(longest.values()) == [0, 2.0]
    assert "Time is that of training alone" in texts(app)
    assert "Not drawn, as their time is not known" in texts(app)


def decoded(values: Any) -> list[float]:
    """Numbers of a trace, as plotly writes them."""
    if isinstance(values, dict):
        return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()
    return list(values)


@pytest.mark.parametrize("quantity", run_courses.QUANTITIES)
def test_every_quantity_is_drawn_or_said_to_be_missing(app: AppTest, quantity: str) -> None:
    make_run("one", model=False)
    make_run("two", model=False)
    compare(opened(app))
    app.selectbox(key="compared_quantity").select(quantity).run()
    assert lines(app) == []
    drawn = bool(app.get("plotly_chart"))
    assert drawn != (f"None of these runs has measured this yet: {quantity}" in texts(app))
    assert drawn == (quantity != "Gap"), "the made-up runs have no gap"


def test_a_run_in_training_is_judged_by_its_newest_observation() -> None:
    path = make_run("one", state="paused", step=200, model=False)
    estimates, when = run_courses.latest(path)
    assert [e.name for e in estimates] == ["elbo", "reconstruction", "kl"]
    assert when == "at step 200"
    rows = run_comparison.figures({"one": estimates, "other": []})
    assert [row["Kind"] for row in rows] == ["lower bound", "unbiased", "exact"]
    assert all(row["other"] == "" for row in rows)


def test_the_comparison_begins_with_runs_on_the_same_images(app: AppTest) -> None:
    make_run("one")
    other = make_run("other")
    config = json.loads((other / "config.json").read_text())
    config["dataset"]["name"] = "mnist"
    (other / "config.json").write_text(json.dumps(config))
    make_run("three")
    compare(opened(app, run="digits-1"))
    assert app.multiselect(key="compared_runs").value == ["digits-1", "digits-3"]


def test_runs_with_different_tasks_come_with_a_caution(app: AppTest) -> None:
    make_run("one")
    make_run("cut", binarization="threshold")
    (line,) = lines(compare(opened(app)))
    assert "grey to black and white" in line
    assert run_comparison.different_tasks({"a": train_fields.defaults() | {"image_shape": (1, 8, 8)}}) == ""


def test_values_are_in_words() -> None:
    settings = [train_fields.defaults() | {"encoder_learning_rate": rate} for rate in (None, 1e-5)]
    settings[1] |= {"likelihood": "gaussian_pixel", "hidden": (3, 2)}
    rows = run_comparison.differences(dict(zip("ab", settings, strict=True)))
    assert {tuple(row.values()) for row in rows} == {
        ("Encoder's own rate", "the same", "1e-05"),
        ("Likelihood p(x|z)", "Bernoulli", "Gaussian, variance per pixel"),
        ("Hidden layers, widths", "500-500", "3-2"),
    }


def test_runs_of_one_title_are_told_apart(app: AppTest) -> None:
    make_run("same", beta=1.0)
    make_run("same", beta=2.0)
    compare(opened(app))
    assert lines(app) == []
    assert {"same (digits-1)", "same (digits-2)"} <= set(app.dataframe[0].value.columns)


def test_equal_runs_say_that_nothing_differs(app: AppTest) -> None:
    make_run("one")
    make_run("two")
    compare(opened(app))
    assert "these runs have the same settings" in texts(app)


def test_a_young_and_a_broken_run_do_not_spoil_the_comparison(app: AppTest) -> None:
    make_run("one")
    runs.create("starting", ["--dataset", "digits"])
    torn = make_run("torn", model=False)
    text = (torn / "metrics.jsonl").read_text()
    (torn / "metrics.jsonl").write_text(text[:-30])
    (torn / "config.json").write_text("{")
    compare(opened(app))
    assert lines(app) == []
    assert "damaged config.json" in texts(app)


def test_a_long_run_is_thinned(app: AppTest) -> None:
    make_run("short")
    time.sleep(0.01)
    path = make_run("long")
    row = json.loads((path / "metrics.jsonl").read_text().splitlines()[-1])
    row.pop("held_out")
    many = "".join(json.dumps(row | {"step": step}) + "\n" for step in range(1, 20_601))
    (path / "metrics.jsonl").write_text(many)
    compare(opened(app))
    app.selectbox(key="compared_quantity").select("Training ELBO").run()
    trace, _ = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert trace["name"] == "long"
    assert len(json.dumps(trace)) < 100_000


# Following


def test_the_page_is_drawn_anew_only_when_a_run_changes(monkeypatch) -> None:
    path = make_run("one", state="paused")
    drawn: list[bool] = []
    state: dict[str, Any] = {}
    monkeypatch.setattr(run_picker.st, "rerun", lambda: drawn.append(True))
    monkeypatch.setattr(run_picker.st, "session_state", state)
    known = runs.listing()
    state[run_picker.SEEN] = run_picker._seen(known, {name: runs.status(p) for name, p in known.items()})
    run_picker.look()
    assert drawn == []
    (path / "last.safetensors").unlink()
    run_picker.look()
    assert drawn == [True]


def test_every_state_has_its_words() -> None:
    assert set(run_picker.STATE_WORDS) == set(runs.STATES)


def test_one_click_trains_to_the_end(root: Path) -> None:
    """The one test with a worker."""
    app = opened(whole_app(root))
    app.number_input(key="new_epochs").set_value(2)
    start(app)
    assert lines(app) == []
    (path,) = runs.listing().values()
    assert runs.status(path).live
    deadline = time.monotonic() + 120
    while runs.status(path).live and time.monotonic() < deadline:
        time.sleep(0.1)
    assert runs.status(path).state == "finished", (path / "worker.log").read_text()
    app.run()
    assert app.selectbox(key="run").options == ["Digits 8x8, 2 dimensions · finished"]
    estimates, when = run_courses.latest(path)
    assert when == "at its end"
    assert {e.name for e in estimates} >= {"elbo", "reconstruction", "kl"}
    for quantity in run_courses.QUANTITIES:
        steps, values, errors = run_courses.course(path, quantity)
        assert len(steps) == len(values) > 0, quantity
        assert (errors is None) == bool(run_courses.QUANTITIES[quantity].scalar)
