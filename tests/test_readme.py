"""What the README says can be typed can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vaeexplorer.__main__ import build_parser
from vaeexplorer.evaluation import MEASURES, NAMES

README = Path(__file__).resolve().parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:python|torchrun .*?) -m vaeexplorer (.*)$", TEXT, re.MULTILINE)


def test_the_python_blocks_run_one_after_the_other(root, monkeypatch, capsys):
    """In a namespace of their own, so that nothing is there which they have not imported."""
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    monkeypatch.chdir(root)
    exec(compile("\n".join(blocks), "README.md", "exec"), {"__name__": "__main__"})
    out = capsys.readouterr().out
    assert "torch.Size([100, 8])" in out
    assert "tensor([-2.8985]" in out
    assert "40 of 40 images" in out
    assert "tensor([ 45.7425, 115.1136])" in out


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    words = shlex.split(line, comments=True)
    if "|" in words:  # a list of commands
        words = words[words.index("|") + 1 :][:1]
    options = build_parser().parse_args(words)
    assert set(getattr(options, "methods", "elbo").split(",")) <= set(NAMES)


def test_every_measure_is_explained():
    table = TEXT.split("<!-- methods -->")[1].split("<!-- end -->")[0]
    named = set(re.findall(r"`([a-z]+)`", table))
    assert set(NAMES) - {"exact"} <= named  # no model that trains has a closed form
    assert {name for name in MEASURES if MEASURES[name].images} <= set(NAMES)
