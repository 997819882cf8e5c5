"""The live part of the Train page as a visitor uses it, on run folders written by numpy: nothing is trained here."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.browser.driver import VIEWPORT, AppServer, hand, settled
from tests.ui.run_folders import CODES, KEPT, SHAPE, SHOWN, STEPS, add_rows, kl_at, observation, write_run
from vaeexplorer import run_files, run_snapshots, runs
from vaeexplorer.run_files import Status
from vaeexplorer.ui.components.trainer import trainer

TITLE = "<img src=x onerror=alert(1)> 😀"
CANVASES = ("elbo-curve", "kl-heatmap", "reconstructions", "decoded", "train-map")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of this file lie."""
    return tmp_path_factory.mktemp("trainer") / "runs"


@pytest.fixture(scope="module")
def url(start_app: Callable[..., AppServer], folder: Path) -> Iterator[str]:
    """An app that sees these runs and no others."""
    write_run(folder, "digits-1", title=TITLE)
    write_run(folder, "paused-1", title="waiting", state="paused", last=80)
    with start_app(VAEEXPLORER_RUNS=str(folder)) as server:
        yield server.url


def visit(page: Any, url: str, name: str = "digits-1", wait: str = "[data-testid=reconstructions]") -> Any:
    """Open a run and wait until its pictures are there."""
    page.goto(f"{url}/train?run={name}")
    settled(page)
    page.locator(wait).first.wait_for()
    page.wait_for_timeout(300)
    return page


@pytest.fixture
def page(page: Any, console_errors: list[str]) -> Iterator[Any]:
    """Streamlit asks for its health below the page's own address first, and not in vain later: no fault of ours."""
    yield page
    console_errors[:] = [line for line in console_errors if "/train/_stcore/" not in line]


@pytest.fixture(scope="module")
def looked_at(browser: Any, url: str) -> Iterator[Any]:
    """One page for all tests that only look at the run that is over."""
    context = browser.new_context(viewport=VIEWPORT)
    opened = context.new_page()
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("console", lambda message: opened.faults.append(message.text) if message.type == "error" else None)
    opened.faults = []
    visit(opened, url)
    opened.wait_for_timeout(1000)
    opened.faults.clear()
    yield opened
    context.close()


@pytest.fixture
def over(looked_at: Any) -> Iterator[Any]:
    """A finished run as it is now, the mouse out of the way."""
    if button(looked_at, "Back to now").is_visible():
        button(looked_at, "Back to now").click()
    looked_at.mouse.move(5, 5)
    looked_at.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    looked_at.wait_for_timeout(300)
    yield looked_at
    assert looked_at.faults == []


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def pixels(page: Any, testid: str) -> np.ndarray:
    """What a canvas shows: (H, W, 4)."""
    address = page.get_by_test_id(testid).evaluate("c => c.toDataURL('image/png')")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("RGBA"))


def same(page: Any, testid: str, before: np.ndarray) -> bool:
    now = pixels(page, testid)
    return now.shape == before.shape and np.array_equal(now, before)


def figure(page: Any, testid: str) -> str:
    return page.get_by_test_id(testid).inner_text()


def reconstructions(page: Any) -> np.ndarray:
    """Grey values (SHOWN, H, W) of the lower row."""
    sheet, (_, height, width) = pixels(page, "reconstructions")[..., 0], SHAPE
    gap = (sheet.shape[1] - SHOWN * width) // (SHOWN - 1)
    return np.stack([sheet[height + gap :, k * (width + gap) :][:, :width] for k in range(SHOWN)])


class Strip:
    """The time line under the mouse: places are parts of its width."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.slider = page.get_by_role("slider", name="time line")
        self.box = self.slider.bounding_box()

    def at(self, part: float) -> tuple[float, float]:
        return self.box["x"] + part * self.box["width"], self.box["y"] + 20

    def press(self, part: float) -> None:
        self.page.mouse.move(*self.at(part))
        self.page.mouse.down()

    def move(self, part: float) -> None:
        self.page.mouse.move(*self.at(part), steps=4)

    def release(self) -> None:
        self.page.mouse.up()
        self.page.wait_for_timeout(500)

    @property
    def step(self) -> int:
        return int(self.slider.get_attribute("aria-valuenow"))


# ---- what is shown


def test_a_run_that_is_over(over: Any, folder: Path) -> None:
    for testid in CANVASES:
        shown = pixels(over, testid)
        assert len(np.unique(shown.reshape(-1, 4), axis=0)) > 10, testid
    assert figure(over, "run-step") == "600"
    assert figure(over, "run-elbo") == "−20.33"
    assert over.get_by_text("± 0.25", exact=True).is_visible()
    assert figure(over, "run-active") == "2 / 3"
    assert over.locator(".state").inner_text() == "finished"
    assert over.get_by_test_id("train-play").is_disabled()
    np.testing.assert_array_equal(reconstructions(over), observation(STEPS).reconstructions[:, 0])
    originals = pixels(over, "reconstructions")[: SHAPE[1], : SHAPE[2], 0]
    np.testing.assert_array_equal(originals, run_snapshots.originals(folder / "digits-1").images[0, 0])


def test_foreign_text_is_text(over: Any) -> None:
    assert over.locator(".runline strong").inner_text() == TITLE
    assert over.locator(".trainer img").count() == 0
    assert "Digits 8x8 · 64-6-3, Bernoulli · β = 1 · batches of 64 · seed 0" in over.locator(".runline").inner_text()


def test_captions_say_n_error_kind_and_unit(over: Any) -> None:
    card = over.locator(".card", has=over.get_by_test_id("elbo-curve"))
    assert "n = 500 held-out images, band and bars ± 1 standard error, lower bound of log p(x)" in card.inner_text()
    assert "nats per image" in card.inner_text()
    assert "at step 600" in over.get_by_test_id("elbo-curve").get_attribute("aria-label")
    card.get_by_text("Show the formula").click()
    assert "ICLR 2014, eq. 3" in card.inner_text()
    other = over.locator(".card", has=over.get_by_test_id("split-curve"))
    other.get_by_text("Show the formula").click()
    assert "ICLR 2016, eq. 8" in other.inner_text()
    plan = over.locator(".card", has=over.get_by_test_id("train-map"))
    assert f"{CODES} held-out images, coloured by class" in plan.inner_text()
    assert over.locator(".legend li").all_inner_texts() == list("0123456789")


def test_the_numbers_as_a_table(over: Any) -> None:
    over.get_by_text("The numbers of this step").click()
    over.locator(".numbers tbody tr").first.wait_for()
    lines = [row.inner_text().split("\t") for row in over.locator(".numbers tbody tr").all()]
    assert [line[0] for line in lines] == ["ELBO", "reconstruction", "KL", "U = −ELBO", "S surprisal", "E KL gap"]
    assert lines[0][1:] == ["−20.33", "0.25", "nats", "500 held-out images", "lower bound", "600"]
    assert "z3 0.001" in over.locator(".numbers").inner_text()


def test_the_narrator_names_its_rule(over: Any) -> None:
    box = over.get_by_test_id("narration")
    rule = box.get_by_role("button")
    assert re.fullmatch(r"rule “.+”", rule.inner_text())
    statement = box.locator(".statement")
    assert statement.is_hidden()
    rule.click()
    assert rule.get_attribute("aria-expanded") == "true"
    assert len(statement.inner_text()) > 10


def test_the_heat_map_is_dark_where_a_dimension_is_unused(over: Any) -> None:
    shown = pixels(over, "kl-heatmap").astype(int)
    ratio = shown.shape[1] / over.get_by_test_id("kl-heatmap").evaluate("c => c.clientWidth")
    height = shown.shape[0] / ratio - 30
    column = round((shown.shape[1] / ratio - 20) * ratio)
    first, second, dead = (shown[round((8 + height * (k + 0.5) / 3) * ratio), column, :3].sum() for k in range(3))
    assert first > second > 200
    assert dead < 120
    early = shown[round((8 + height / 6) * ratio), round(70 * ratio) + round(60 * ratio), :3].sum()
    assert early < first


def test_the_pointer_reads_the_curves(over: Any) -> None:
    curve = over.get_by_test_id("elbo-curve")
    box = curve.bounding_box()
    over.mouse.move(box["x"] + box["width"] - 12, box["y"] + 40)
    tip = over.locator(".tip:visible")
    assert re.split(r"\n", tip.inner_text()) == [
        "step 600", "train: −19.83 nats per image", "held out: −20.33 ± 0.25 nats per image",
    ]  # fmt: skip
    marks = over.locator(".mark.pointer:visible")
    assert marks.count() >= 2  # every plot in sight has the line
    over.mouse.move(box["x"] + box["width"] / 2, box["y"] - 60)
    assert marks.count() == 0
    over.mouse.click(box["x"] + box["width"] / 2, box["y"] + 60)
    over.wait_for_timeout(500)
    assert Strip(over).step in KEPT[1:-1]
    assert button(over, "Back to now").is_visible()


def test_the_axis_of_the_steps(over: Any) -> None:
    before = pixels(over, "elbo-curve")
    button(over, "linear").click()
    over.wait_for_timeout(300)
    assert not same(over, "elbo-curve", before)
    assert button(over, "linear").get_attribute("aria-pressed") == "true"
    button(over, "log").click()
    over.wait_for_timeout(300)
    assert same(over, "elbo-curve", before)


# ---- looking back


def test_dragging_back_shows_everything_as_it_was(over: Any) -> None:
    now = {testid: pixels(over, testid) for testid in CANVASES}
    strip = Strip(over)
    strip.press(0.9)
    strip.move(0.5)
    over.wait_for_timeout(100)
    halfway = {testid: pixels(over, testid) for testid in ("reconstructions", "decoded", "train-map")}
    for testid, shown in halfway.items():
        assert not np.array_equal(shown, now[testid]), testid
    assert 2 < strip.step < 300
    strip.move(0.3)
    over.wait_for_timeout(100)
    for testid, shown in halfway.items():
        assert not same(over, testid, shown), testid
    strip.release()
    assert strip.step in KEPT  # what stands still is what was seen
    np.testing.assert_array_equal(reconstructions(over), observation(strip.step).reconstructions[:, 0])
    elbo = next(e.value for e in observation(strip.step).estimates if e.name == "elbo")
    assert figure(over, "run-elbo") == f"{elbo:.2f}".replace("-", "−")
    assert figure(over, "run-step") == f"{strip.step}"
    assert over.locator(".mark.place:visible").count() >= 2
    assert same(over, "elbo-curve", now["elbo-curve"])  # the curve stays; a mark stands in it
    button(over, "Back to now").click()
    over.wait_for_timeout(300)
    for testid in CANVASES:
        assert same(over, testid, now[testid]), testid
    assert over.locator(".mark.place:visible").count() == 0


@pytest.mark.alone
def test_a_drag_shows_fifty_pictures_a_second(over: Any) -> None:
    over.wait_for_timeout(1500)
    over.evaluate(
        """() => {
            const prototype = CanvasRenderingContext2D.prototype, put = prototype.putImageData;
            window.seen = new Set();
            prototype.putImageData = function (image, ...rest) {
                put.call(this, image, ...rest);
                if (this.canvas.dataset.testid !== "reconstructions") return;
                const words = new Uint32Array(image.data.buffer);
                window.seen.add(words.reduce((h, v) => Math.imul(h ^ v, 16777619) >>> 0, 1));
            };
        }"""
    )
    strip = Strip(over)

    def pictures() -> float:
        strip.press(0.95)
        over.evaluate("window.seen.clear()")
        with hand(over) as move:
            begin = time.perf_counter()
            for k in range(90):
                time.sleep(max(0.0, begin + k / 60 - time.perf_counter()))
                move(*strip.at(0.95 - 0.55 * k / 90))
            over.mouse.move(*strip.at(0.4))
            seconds = time.perf_counter() - begin
        seen = over.evaluate("window.seen.size")
        strip.release()
        return seen / seconds

    assert max(pictures() for _ in range(3)) >= 50


def test_the_time_line_by_keys(over: Any) -> None:
    strip = Strip(over)
    strip.slider.focus()

    def after(key: str) -> int:
        strip.slider.press(key)
        over.wait_for_timeout(400)
        return strip.step

    assert strip.slider.get_attribute("aria-valuetext") == "step 600 of 600, now"
    assert after("ArrowLeft") == 480
    assert after("ArrowLeft") == 360
    assert after("ArrowRight") == 480
    assert after("PageDown") == 80
    assert after("Home") == 0
    assert figure(over, "run-elbo") == "−40.00"
    assert strip.slider.get_attribute("aria-valuetext") == "step 0 of 600"
    assert after("End") == 600
    assert button(over, "Back to now").is_hidden()


def test_a_replay_runs_to_now(over: Any) -> None:
    before = pixels(over, "reconstructions")
    button(over, "Replay").click()
    over.wait_for_timeout(700)
    first = Strip(over).step
    over.wait_for_timeout(700)
    assert 0 <= first < Strip(over).step < 600
    assert not same(over, "reconstructions", before)
    button(over, "Halt").click()
    over.wait_for_timeout(500)
    assert Strip(over).step in KEPT


def test_streamlit_hears_of_the_step_on_release_only(page: Any, url: str) -> None:
    sent: list[float] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append(time.monotonic())))
    visit(page, url)
    page.wait_for_timeout(1500)
    strip = Strip(page)
    page.wait_for_timeout(3500 - int(1000 * (time.monotonic() - sent[-1])) % 3000)  # the page itself looks every 3 s
    strip.press(0.9)
    before = len(sent)
    for k in range(20):
        page.mouse.move(*strip.at(0.9 - 0.02 * k))
        page.wait_for_timeout(20)
    assert len(sent) <= before + 1
    strip.release()
    page.wait_for_timeout(700)
    assert len(sent) > before


def test_stillness_is_respected(page: Any, url: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    visit(page, url)
    page.wait_for_timeout(1000)
    strip = Strip(page)
    strip.press(0.9)
    known = {observation(step).reconstructions.tobytes() for step in KEPT}
    for k in range(30):
        page.mouse.move(*strip.at(0.9 - 0.02 * k))
        page.wait_for_timeout(40)
        assert reconstructions(page).tobytes() in known
    strip.release()


# ---- orders


@pytest.fixture
def orders(page: Any) -> list[dict[str, Any]]:
    """What is ordered of a paused run; a worker is never started."""
    heard: list[dict[str, Any]] = []

    def answer(route: Any) -> None:
        heard.append(json.loads(route.request.post_data))
        status = Status("paused", 80, STEPS, 1, 7, live=True)
        route.fulfill(json={"status": status.__dict__})

    page.route("**/vaex/run/order*", answer)
    return heard


def test_orders(page: Any, url: str, orders: list[dict[str, Any]]) -> None:
    visit(page, url, "paused-1")
    assert page.locator(".state").inner_text() == "paused"
    play = page.get_by_test_id("train-play")
    assert play.get_attribute("aria-label") == "go on"
    for testid in ("train-play", "step-batch", "step-epoch"):
        page.get_by_test_id(testid).click()
        page.wait_for_timeout(200)
    assert orders == [{"wish": "run"}, {"wish": "batch"}, {"wish": "epoch"}]


def test_stopping_is_asked_twice(page: Any, url: str, folder: Path, orders: list[dict[str, Any]]) -> None:
    with runs.held(folder / "paused-1"):
        visit(page, url, "paused-1")
        page.get_by_test_id("stop-run").click()
        assert orders == []
        button(page, "Keep going").click()
        assert page.get_by_test_id("stop-run").is_visible()
        page.get_by_test_id("stop-run").click()
        page.keyboard.press("Escape")
        assert page.get_by_test_id("stop-yes").is_hidden()
        page.get_by_test_id("stop-run").click()
        page.get_by_test_id("stop-yes").click()
        page.wait_for_timeout(200)
        assert orders == [{"wish": "stop"}]


def test_slow_motion(page: Any, url: str, folder: Path) -> None:
    path = folder / "paused-1"
    with runs.held(path):
        visit(page, url, "paused-1")
        full, ten, two = (page.get_by_role("radio", name=name, exact=True) for name in ("full", "10", "2"))
        assert full.get_attribute("aria-checked") == "true"
        ten.click()
        page.wait_for_timeout(500)
        assert (run_files.read_order(path).pace, ten.get_attribute("aria-checked")) == (10, "true")
        ten.press("ArrowRight")
        page.wait_for_timeout(500)
        assert (run_files.read_order(path).pace, two.get_attribute("aria-checked")) == (2, "true")
        assert two.evaluate("b => b === b.getRootNode().activeElement")
        full.click()
        page.wait_for_timeout(500)
        assert run_files.read_order(path).pace is None


def test_a_refusal_is_shown(page: Any, url: str, console_errors: list[str]) -> None:
    refusal = {"error": "this run is <b>finished</b>"}
    page.route("**/vaex/run/order*", lambda route: route.fulfill(status=409, json=refusal))
    visit(page, url, "paused-1")
    page.get_by_test_id("train-play").click()
    alert = page.locator(".orders [role=alert]")
    alert.wait_for()
    assert alert.inner_text() == "The order: this run is <b>finished</b>"
    console_errors[:] = [line for line in console_errors if "409" not in line]


def test_a_worker_takes_an_order_from_the_page(page: Any, url: str, folder: Path) -> None:
    """Through the real route: the wish lies in the folder, where a living worker finds it."""
    with runs.held(folder / "paused-1"):
        visit(page, url, "paused-1")
        page.get_by_test_id("step-batch").click()
        deadline = time.monotonic() + 5
        while run_files.read_order(folder / "paused-1").wish != "batch":
            assert time.monotonic() < deadline
            page.wait_for_timeout(50)


# ---- a run under way, and what can go wrong


def test_curves_grow_while_one_looks_back(page: Any, url: str, folder: Path) -> None:
    path = write_run(folder, "live-1", title="live", state="running", last=120)
    with runs.held(path):
        visit(page, url, "live-1")
        assert page.locator(".state").inner_text() == "training"
        assert page.get_by_test_id("train-play").get_attribute("aria-label") == "pause"
        assert "1,234" in page.locator(".figures").inner_text()
        assert "56 s left" in page.locator(".figures").inner_text()
        strip = Strip(page)
        strip.press(0.7)
        strip.move(0.4)
        strip.release()
        curve, pictures, step = pixels(page, "elbo-curve"), pixels(page, "reconstructions"), strip.step
        add_rows(path, range(122, 400, 2))
        for kept in (180, 260, 360):
            run_snapshots.write_snapshot(path, kept, observation(kept))
        run_snapshots.write_snapshot(path, None, observation(398))
        run_files.write_status(path, Status("running", 398, STEPS, 4, 7, 1234.0, 33.0))
        page.wait_for_function("() => true")
        page.wait_for_timeout(2500)
        assert not same(page, "elbo-curve", curve)
        assert same(page, "reconstructions", pictures)
        assert strip.step == step
        button(page, "Back to now").click()
        page.wait_for_timeout(800)
        assert figure(page, "run-step") == "398"
        np.testing.assert_array_equal(reconstructions(page), observation(398).reconstructions[:, 0])
        strip.slider.press("ArrowLeft")
        page.wait_for_timeout(500)
        assert strip.step == 360


def go_back(path: Path) -> None:
    """Put a run back to step 50, as a worker does that starts from its last save."""
    run_files.cut_metrics(path, 50)
    run_snapshots.cut_snapshots(path, 50)
    run_snapshots.write_snapshot(path, None, observation(50))
    run_files.write_status(path, Status("running", 50, STEPS, 1, 7))


def test_a_run_that_went_back_to_its_last_save(page: Any, url: str, folder: Path) -> None:
    path = write_run(folder, "resumed-1", state="running", last=120)
    with runs.held(path):
        visit(page, url, "resumed-1")
        go_back(path)
        page.wait_for_timeout(2500)
        assert figure(page, "run-step") == "50"
        Strip(page).slider.press("ArrowLeft")
        page.wait_for_timeout(500)
        assert Strip(page).step == 30


def test_kept_snapshots_may_come_before_the_latest_look(page: Any, url: str, folder: Path) -> None:
    path = write_run(folder, "resumed-2", state="running", last=120)
    held_up: list[Any] = []
    with runs.held(path):
        visit(page, url, "resumed-2")
        page.route("**/vaex/run/snapshot?*step=now*", lambda route: held_up.append(route))
        go_back(path)
        page.get_by_text("waiting for the first codes").wait_for()
        Strip(page).slider.press("ArrowLeft")
        page.wait_for_timeout(500)
        assert Strip(page).step == 30 and held_up
        assert page.get_by_test_id("train-map").is_hidden()  # there is no plane yet to show codes in
        held_up[0].continue_()
        page.get_by_test_id("train-map").wait_for()


def test_a_run_before_its_first_row(page: Any, url: str, folder: Path) -> None:
    path = folder / "young-1"
    path.mkdir()
    (path / "command.json").write_text('{"arguments": []}')
    run_files.write_status(path, Status("starting"))
    with runs.held(path):
        visit(page, url, "young-1", ".waiting")
        assert page.locator(".state").inner_text() == "starting"
        assert figure(page, "run-elbo") == "–"
        assert page.get_by_text("waiting for the first look at the model").first.is_visible()
        page.get_by_test_id("time-line").press("ArrowLeft")  # nothing to look back at, and no error
        assert page.get_by_test_id("train-play").is_enabled()


def test_a_run_that_failed_says_why(page: Any, url: str, folder: Path) -> None:
    why = "diverged at step 81; the state of step 80 is kept; try a smaller --learning-rate"
    write_run(folder, "failed-1", state="failed", last=80, error=f"it {why}")
    visit(page, url, "failed-1")
    assert why in page.locator(".trainer").inner_text()
    assert page.locator(".state").inner_text() == "failed"
    assert page.get_by_test_id("train-play").get_attribute("aria-label") == "try again from the last save"
    assert figure(page, "run-step") == "80"


def test_an_interrupted_run_can_go_on(page: Any, url: str, folder: Path) -> None:
    write_run(folder, "cut-1", state="running", last=80)  # and nobody holds its lock
    visit(page, url, "cut-1")
    assert page.locator(".state").inner_text().startswith("interrupted")
    assert page.get_by_test_id("train-play").get_attribute("aria-label") == "go on from the last save"
    assert page.get_by_test_id("stop-run").is_disabled()


def test_a_lost_connection_comes_back(page: Any, url: str, console_errors: list[str]) -> None:
    visit(page, url)
    before = pixels(page, "reconstructions")
    page.route("**/vaex/run?*", lambda route: route.abort())
    notice = page.get_by_text("Connection lost, trying again.")
    notice.wait_for(timeout=8000)
    assert same(page, "reconstructions", before)
    page.unroute("**/vaex/run?*")
    notice.wait_for(state="hidden", timeout=12_000)
    console_errors[:] = [line for line in console_errors if "ERR_FAILED" not in line]


def test_a_run_that_was_deleted_meanwhile(page: Any, url: str, console_errors: list[str]) -> None:
    visit(page, url)
    page.route("**/vaex/run?*", lambda route: route.fulfill(status=404, json={"error": "there is no run named 'x'"}))
    page.get_by_text("This run: there is no run named 'x'").wait_for(timeout=8000)
    assert page.get_by_test_id("reconstructions").is_visible()
    console_errors[:] = [line for line in console_errors if "404" not in line]


def test_a_hidden_page_asks_for_nothing(page: Any, url: str, folder: Path) -> None:
    path = folder / "digits-1"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/vaex/run?" in request.url else None)
    visit(page, url)
    with runs.held(path):  # "live", so once a second
        hide = """(on) => {
            Object.defineProperty(document, "hidden", { get: () => on, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
        page.evaluate(hide, False)
        page.wait_for_timeout(2500)
        assert len(asked) >= 3
        page.evaluate(hide, True)
        page.wait_for_timeout(300)
        before = len(asked)
        page.wait_for_timeout(2500)
        assert len(asked) == before
        page.evaluate(hide, False)
        page.wait_for_timeout(300)
        assert len(asked) == before + 1


# ---- sizes and themes


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_sideways_scrolling(page: Any, url: str, width: int, scheme: Any) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    visit(page, url)
    assert page.locator(".trainer").get_attribute("data-theme") == scheme
    wide = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert wide[0] <= wide[1]
    inside = page.locator(".trainer").evaluate(
        """(root) => [...root.querySelectorAll("*")].filter((e) => e.getClientRects().length
            && !e.closest(".scroll, .formula")
            && e.getBoundingClientRect().right > root.getBoundingClientRect().right + 8).map((e) => e.className)"""
    )
    assert inside == []
    strip = page.get_by_test_id("time-line").bounding_box()
    assert strip["y"] + strip["height"] <= 844  # always at hand
    small = page.locator(".trainer").evaluate(
        """(root) => [...root.querySelectorAll("*")].filter((e) => e.getClientRects().length && e.childNodes.length
            && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())
            && parseFloat(getComputedStyle(e).fontSize) < 12).map((e) => e.className)"""
    )
    assert small == []


@pytest.mark.parametrize("dims", [1, 2, 50])
def test_maps_and_heat_maps_of_other_sizes(page: Any, url: str, folder: Path, dims: int) -> None:
    write_run(folder, f"size-{dims}", dims=dims, last=80)
    visit(page, url, f"size-{dims}")
    for testid in CANVASES:
        assert len(np.unique(pixels(page, testid).reshape(-1, 4), axis=0)) > 5, testid
    used = int((kl_at(80, dims) > 0.01).sum())
    assert figure(page, "run-active") == f"{used} / {dims}"


# ---- without a browser


def test_the_component_refuses_a_run_without_a_name() -> None:
    with pytest.raises(ValueError, match="name of a run"):
        trainer({"name": ""}, "k")
