"""Take the README's pictures from the running app: `python docs/take_pictures.py [NAME ...]`, all where none is named.

A real browser opens the real app and waits until each page stands still. The pictures show what models paint and what
is drawn here with the mouse, and no image of a data set: the app gets an empty folder for data, and the run on the
Train page learns from pictures that a shipped model painted. Everything that chance decides has its seed.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from tests.browser.driver import AppServer, launch, settled  # noqa: E402

WIDTH, HEIGHT = 1280, 800
SHADES = 3  # colours in steps of so many of 255: nobody sees it, and a sixth of the bytes is saved
MOST_BYTES = 200_000  # of one picture
PAINTED, EPOCHS = 3000, 40  # pictures to learn from, and how often
PATIENCE = 120_000  # ms until a page stands still
THREE = ((0.3, 0.24), (0.5, 0.18), (0.66, 0.3), (0.5, 0.46), (0.68, 0.6), (0.56, 0.8), (0.32, 0.78))
SEVEN = ((0.28, 0.24), (0.5, 0.22), (0.72, 0.21), (0.62, 0.42), (0.52, 0.62), (0.46, 0.82))
PLACE = (0.3, 0.32)  # where the tour's place is dragged to, in parts of its map


@dataclass(frozen=True)
class Picture:
    """One picture: what it shows in words, the page's address below the app's, and what is done on the page first."""

    words: str
    address: str
    prepare: Callable[[Any], None]
    dark: bool = False


def draw(page: Any, pad: Any, points: Sequence[tuple[float, float]]) -> None:
    """Draw one stroke on a drawing pad, through points in parts of its width and height."""
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    page.mouse.move(5, HEIGHT - 5)  # nothing is pointed at


def explore(page: Any) -> None:
    page.get_by_test_id("decoded-image").wait_for()
    page.get_by_role("tab", name="Draw").click()
    draw(page, page.locator("canvas.paper"), SEVEN)
    page.get_by_text("Started from").wait_for()


def train(page: Any) -> None:
    page.get_by_test_id("elbo-curve").wait_for()
    page.get_by_test_id("reconstructions").wait_for()


def bounds(page: Any) -> None:
    page.get_by_role("tab", name="Draw").click()
    page.get_by_role("button", name="Clear", exact=True).click()  # what the pen drew by itself
    draw(page, page.locator("canvas.paper"), THREE)
    page.locator('[data-testid="bounds-bar"][data-ready="all"]').wait_for()
    page.get_by_role("button", name="Split the gap").click()
    page.get_by_test_id("gap-parts").wait_for()


def lab(page: Any) -> None:
    stage = page.get_by_test_id("lab-stage")
    page.locator('[data-testid="lab-stage"][data-held="true"][data-complete="true"]').wait_for()
    stage.get_by_role("button", name="Next", exact=True).click()
    place = page.get_by_test_id("tour-map")
    place.wait_for()
    box = place.bounding_box()
    page.mouse.click(box["x"] + PLACE[0] * box["width"], box["y"] + PLACE[1] * box["height"])
    page.mouse.move(5, HEIGHT - 5)


PICTURES = {
    "explore": Picture("Explore: a drawing, its code as filmstrips, and what it costs", "/?model=mnist-10d", explore),
    "train": Picture("Train: curves, codes and what is decoded from them, while it learns", "/train", train),
    "bounds": Picture("Bounds: the gap between the ELBO and log p(x)", "/bounds?model=mnist-2d", bounds),
    "lab": Picture("The Lab's first tour: drag a point over the map", "/lab?demo=first_tour&seed=0", lab, dark=True),
}


def paint(path: Path) -> None:
    """Write a data set of pictures that mnist-10d paints from draws of its prior, with a seed."""
    import torch

    from vaeexplorer import checkpoints

    vae = checkpoints.load(ROOT / "checkpoints" / "mnist-10d.safetensors")
    z = torch.randn((1, PAINTED, vae.latent_dim), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        images = vae.decode(z)[0].numpy()
    np.savez_compressed(path, images=np.rint(255 * images).astype(np.uint8))


def learn(folder: Path) -> None:
    """The run of the Train page, in folder/runs.   Raises: subprocess.CalledProcessError if it fails."""
    paint(folder / "painted.npz")
    options = {"dataset": folder / "painted.npz", "run-dir": folder / "runs/painted", "epochs": EPOCHS,
               "latent-dim": 10, "hidden": 200, "learning-rate": 2e-3}  # fmt: skip
    words = [f"--{name}={value}" for name, value in options.items()]
    subprocess.run([sys.executable, "-m", "vaeexplorer", "train", *words], cwd=ROOT, check=True, capture_output=True)


def take(browser: Any, url: str, picture: Picture) -> bytes:
    """The picture as PNG."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce",
                                  color_scheme="dark" if picture.dark else "light")  # fmt: skip
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url + picture.address)
    settled(page, PATIENCE / 1000)
    picture.prepare(page)
    settled(page, PATIENCE / 1000)
    page.wait_for_load_state("networkidle")
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    found = page.screenshot(animations="disabled")
    page.goto("about:blank")
    context.close()
    return bytes(found)


def lighter(png: bytes) -> bytes:
    """The same picture in coarser colours.   Raises: RuntimeError if it is too heavy for a README."""
    colours, out = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.float32), io.BytesIO()
    Image.fromarray((SHADES * np.rint(colours / SHADES)).astype(np.uint8)).save(out, "PNG", optimize=True)
    if out.tell() > MOST_BYTES:
        raise RuntimeError(f"a picture has {out.tell():,} bytes: more than {MOST_BYTES:,}; make its page smaller")
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which pictures: {', '.join(PICTURES)} [all]")
    names = parser.parse_args(arguments).names or list(PICTURES)
    for name in names:
        if name not in PICTURES:
            parser.error(f"no picture is called {name!r}: there are {', '.join(PICTURES)}")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as text, sync_playwright() as playwright:
        folder = Path(text)
        folders = {"VAEEXPLORER_DATA": str(folder / "data"), "VAEEXPLORER_RUNS": str(folder / "runs")}
        if "train" in names:
            learn(folder)
        with AppServer(folder / "app", {**os.environ, **folders, "VAEEXPLORER_FIRST_LOOK": "0"}) as server:
            browser = launch(playwright)
            for name in names:
                path = FOLDER / f"{name}.png"
                path.write_bytes(lighter(take(browser, server.url, PICTURES[name])))
                print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes", flush=True)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
