"""README's table of demonstrations says what the registry says; its pictures are those that the script takes."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from PIL import Image

from vaeexplorer.demos import DEMOS

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "docs" / "take_pictures.py"


def test_every_demonstration_has_its_row():
    table = TEXT.split("<!-- demos -->")[1].split("<!-- end -->")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    assert rows[2:] == [[f"`{name}`", demo.title, demo.question] for name, demo in DEMOS.items()]


def test_the_pictures_are_there_and_light_and_taken_by_the_script(monkeypatch):
    spec = importlib.util.spec_from_file_location("take_pictures", SCRIPT)
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, script)  # a dataclass looks for its module
    spec.loader.exec_module(script)
    shown = set(re.findall(r"!\[[^\]]+\]\(docs/([^)]+)\)", TEXT))
    assert shown == {f"{name}.png" for name in script.PICTURES}
    assert {path.name for path in SCRIPT.parent.glob("*.*")} == shown | {SCRIPT.name}
    assert {"explore.png", "train.png", "bounds.png"} <= shown
    assert f"python docs/{SCRIPT.name}" in TEXT
    first_screen = TEXT.split("\n## ")[0]
    assert all(f"docs/{name}" in first_screen for name in shown)
    for name in shown:
        path = SCRIPT.parent / name
        assert path.stat().st_size < script.MOST_BYTES, name
        with Image.open(path) as image:
            assert image.size == (script.WIDTH, script.HEIGHT)
