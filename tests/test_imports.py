"""Who may import whom: reads the sources and compares them with the table of layers below.

A module imports only from rows above its own. Nothing is run, so an import inside a function counts as well.
"""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

# Level and modules, from the bottom of the house to its roof. Two rows of one level: the first, then the second.
LAYERS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("records", "numerics", "devices", "processes")),
    (1, ("distributions", "image_set")),
    (1, ("pictures", "shapes", "torchvision_sets")),
    (1, ("image_array", "image_folder")),
    (1, ("datasets",)),
    (2, ("architectures", "training_estimators")),
    (2, ("configs",)),
    (2, ("schedules", "costs")),
    (2, ("latent_model",)),
    (2, ("linear_gaussian", "mixture_of_gaussians", "vae")),
    (3, ("elbo",)),
    (3, ("bounds", "latents", "embeddings", "metrics")),
    (3, ("gradients",)),
    (3, ("gaps", "wrong_roads", "forecast")),
    (4, ("training",)),
    (4, ("checkpoints",)),
    (4, ("run_files",)),
    (4, ("run_snapshots", "run_launch", "run_weights", "run_clock")),
    (4, ("portable", "runs", "demos", "bound_curves")),
    (5, ("evaluation", "figures", "narrator", "run_rows", "run_control")),
    (5, ("observation", "run_state", "run_measure")),
    (5, ("run_desk",)),
    (5, ("worker",)),
    (6, ("ui",)),
    (7, ("commands", "gradients_printed")),
    (7, ("gradients_question",)),
    (7, ("train_command", "evaluate_command", "gradients_command", "demo_command")),
    (7, ("pages", "app", "__main__")),
)
ROW = {name: row for row, (_, names) in enumerate(LAYERS) for name in names}
LEVEL = {name: level for level, names in LAYERS for name in names}

STREAMLIT_FROM = 6  # the first level that knows Streamlit
# Not even inside a function.
WITHOUT_TORCH = {"records", "figures", "narrator", "schedules", "costs", "training_estimators", "pages", "app"}
WITHOUT_TORCH |= {"run_files", "run_snapshots", "run_weights", "run_clock", "run_launch", "runs"}
STARTS_WITHOUT_TORCH = WITHOUT_TORCH | {"ui"}  # the first page must not wait for torch to load
ONLY = {"figures": {"records", "plotly", "numpy"}}  # beside the standard library
OUTSIDE = {"tests", "benchmarks"}  # nothing in the product rests on these
BY_STRING = ("import_module", "__import__")
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)


@dataclass(frozen=True)
class Import:
    """One imported name, written out in full: `from .. import records` is vaeexplorer.records."""

    name: str
    line: int
    at_start: bool  # happens when the file is loaded, not in a function or for a type checker


IMPORTS: dict[tuple[Path, ast.Module], tuple[Import, ...]] = {}  # of the trees that were read before


@dataclass(frozen=True)
class Source:
    """A file of the product: its path from the root, the module of LAYERS it belongs to, and its syntax tree."""

    path: Path
    module: str
    tree: ast.Module

    @property
    def dotted(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def imports(self) -> tuple[Import, ...]:
        """Every import statement and every importlib.import_module("...") of the file."""
        key = (self.path, self.tree)
        if key not in IMPORTS:
            IMPORTS[key] = tuple(self._imports(self.tree, at_start=True))
        return IMPORTS[key]

    def _imports(self, node: ast.AST, at_start: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, at_start) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                origin = self._origin(child)
                yield from (Import(f"{origin}.{alias.name}", child.lineno, at_start) for alias in child.names)
            elif isinstance(child, ast.Call) and ast.unparse(child.func).split(".")[-1] in BY_STRING:
                names = [a.value for a in child.args[:1] if isinstance(a, ast.Constant)]
                yield from (Import(name, child.lineno, at_start) for name in names)
            later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            later = later or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
            yield from self._imports(child, at_start and not later)

    def _origin(self, node: ast.ImportFrom) -> str:
        package = self.path.parent.parts
        package = package[: len(package) - (node.level - 1)] if node.level else ()
        return ".".join([*package, *([node.module] if node.module else [])])


def sources(root: Path) -> list[Source]:
    """All files of the product below `root`."""
    found = []
    for path in sorted([*root.glob("vaeexplorer/**/*.py"), *root.glob("pages/**/*.py"), *root.glob("app.py")]):
        relative = path.relative_to(root)
        tree = _parsed(path.read_text(encoding="utf-8"), str(relative))
        found.append(Source(relative, module_of(".".join(relative.with_suffix("").parts)), tree))
    return found


@cache
def _parsed(text: str, name: str) -> ast.Module:
    """Most tests here read the whole house again, with one line changed."""
    return ast.parse(text, filename=name)


def module_of(dotted: str) -> str:
    """The entry of LAYERS that a dotted name belongs to; "__init__" is the package itself, "" is another's code."""
    first, *rest = dotted.split(".")
    if first in ("pages", "app") or first in OUTSIDE:
        return first
    return (rest[0] if rest else "__init__") if first == "vaeexplorer" else ""


def violations(root: Path) -> list[str]:
    """One line for each breach of the rules in the tree at `root`."""
    files = sources(root)
    lines = [problem for source in files for problem in _of_file(source)]
    lines += [problem for source in files if source.module == "pages" for problem in _of_page(source)]
    return lines + _cycles(files) + _slow_starts(files)


def _of_file(source: Source) -> Iterator[str]:
    name = source.module
    if name not in ROW and name != "__init__":
        yield (
            f"{source.path}: module {name} is not in LAYERS: add it in tests/test_imports.py,"
            " to the lowest row that stands above everything that it imports"
        )
        return
    for used in source.imports():
        where = f"{source.path}:{used.line}:"
        other, package = module_of(used.name), used.name.split(".")[0]
        if other in OUTSIDE:
            yield f"{where} the product imports {package}"
        elif other in ROW and other != name and ROW[other] >= ROW.get(name, 0):
            yield f"{where} {name} (level {LEVEL.get(name, 0)}) may not import {other} (level {LEVEL[other]})"
        if package == "streamlit" and LEVEL.get(name, 0) < STREAMLIT_FROM:
            yield f"{where} {name} must work without streamlit"
        if package in ("torch", "torchvision") and name in WITHOUT_TORCH:
            yield f"{where} {name} must work without torch"
        allowed = ONLY.get(name, {other or package}) | {name} | sys.stdlib_module_names
        if (other or package) not in allowed:
            yield f"{where} {name} may import {', '.join(sorted(ONLY[name]))} only, not {used.name}"


def _of_page(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        where = f"{source.path}:{getattr(node, 'lineno', 0)}:"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not any(ast.unparse(mark).split("(")[0] in ("st.fragment", "fragment") for mark in node.decorator_list):
                yield f"{where} a page defines {node.name}, which is not a @st.fragment"
        elif isinstance(node, ast.ClassDef):
            yield f"{where} a page defines class {node.name}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ARITHMETIC):
            yield f"{where} a page does arithmetic: {ast.unparse(node)}"


def _graph(files: list[Source]) -> dict[str, dict[str, bool]]:
    """File -> the product's files that it imports -> whether at its start."""
    known = {source.dotted for source in files}
    graph: dict[str, dict[str, bool]] = {}
    for source in files:
        edges = graph.setdefault(source.dotted, {})
        for used in source.imports():
            parts = used.name.split(".")
            for length in range(1, len(parts) + 1):  # importing a.b.c runs a and a.b first
                target = ".".join(parts[:length])
                if target in known and target != source.dotted:
                    edges[target] = edges.get(target, False) or used.at_start
    return graph


def _reach(graph: dict[str, dict[str, bool]], start: str, at_start: bool, inside: str = "") -> list[str]:
    """Files that `start` imports, directly or not: all, or only those loaded with it; `inside`: only this package's."""
    seen: list[str] = []
    ahead = [start]
    while ahead:
        edges = graph.get(ahead.pop(), {})
        new = [name for name, early in edges.items() if (early or not at_start) and name.startswith(inside)]
        ahead += [name for name in new if name not in seen]
        seen += [name for name in new if name not in seen]
    return seen


def _cycles(files: list[Source]) -> list[str]:
    """Circles inside one package; between modules the table rules them out."""
    graph = _graph(files)
    lines = []
    for source in files:
        package = source.dotted.split(".")[:2]
        inside = ".".join(package) + "."
        if source.dotted.startswith(inside) and source.dotted in _reach(graph, source.dotted, False, inside):
            lines.append(f"{source.path}: imports itself by way of others in {package[-1]}")
    return lines


def _slow_starts(files: list[Source]) -> list[str]:
    graph = _graph(files)
    heavy = {s.dotted for s in files for i in s.imports() if i.at_start and i.name.split(".")[0].startswith("torch")}
    lines = []
    for source in files:
        if source.module in STARTS_WITHOUT_TORCH:
            slow = sorted(heavy & {source.dotted, *_reach(graph, source.dotted, True)})
            lines += [f"{source.path}: loads torch at its start, by {name}: import that in a function" for name in slow]
    return lines


def test_imports_point_down(root: Path) -> None:
    assert "\n".join(violations(root)) == ""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources to plant mistakes in."""
    here = Path(__file__).resolve().parents[1]
    copy = tmp_path_factory.mktemp("house")
    for folder in ("vaeexplorer", "pages"):
        shutil.copytree(here / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(here / "app.py", copy)
    return copy


PLANTS = {
    "up": ("vaeexplorer/records.py", "from vaeexplorer import vae", "records (level 0) may not import vae (level 2)"),
    "in a function": ("vaeexplorer/elbo.py", "def f():\n    import vaeexplorer.training", "elbo (level 3) may not"),
    "relative": ("vaeexplorer/elbo.py", "from .bounds import x", "elbo (level 3) may not import bounds (level 3)"),
    "relative, up": ("vaeexplorer/figures/extra.py", "from ..elbo import x", "not vaeexplorer.elbo.x"),
    "same row": ("vaeexplorer/records.py", "from . import devices", "may not import devices"),
    "by a string": ("vaeexplorer/elbo.py", "import importlib\nimportlib.import_module('vaeexplorer.ui')", "import ui"),
    "page in core": ("vaeexplorer/ui/shell.py", "import pages.explore", "ui (level 6) may not import pages (level 7)"),
    "tests": ("vaeexplorer/elbo.py", "import tests.browser.driver", "the product imports tests"),
    "unknown module": ("vaeexplorer/helpers.py", "", "module helpers is not in LAYERS: add it in tests/"),
    "the package": ("vaeexplorer/__init__.py", "from vaeexplorer import records", "__init__ (level 0) may not"),
    "streamlit": ("vaeexplorer/evaluation.py", "import streamlit as st", "must work without streamlit"),
    "torch in records": ("vaeexplorer/records.py", "def f():\n    import torch", "records must work without torch"),
    "torch in figures": ("vaeexplorer/figures/extra.py", "from torch import nn", "figures must work without torch"),
    "pandas in figures": ("vaeexplorer/figures/extra.py", "import pandas", "may import numpy, plotly, records only"),
    "core in figures": ("vaeexplorer/figures/extra.py", "from vaeexplorer import datasets", "may import numpy, plotly"),
    "torch in a page": ("pages/explore.py", "import torch.nn", "pages must work without torch"),
    "slow start": ("vaeexplorer/ui/extra.py", "from vaeexplorer import vae", "loads torch at its start, by vae"),
    "function in a page": ("pages/explore.py", "def f():\n    pass", "a page defines f, which is not a @st.fragment"),
    "class in a page": ("pages/explore.py", "class C:\n    pass", "a page defines class C"),
    "sum in a page": ("pages/explore.py", "x = 1\ny = x + 1", "a page does arithmetic: x + 1"),
    "counter in a page": ("pages/explore.py", "x = 1\nx += 1", "a page does arithmetic: x += 1"),
    "circle": ("vaeexplorer/ui/extra.py", "from vaeexplorer.ui import extra2", "imports itself by way of others in ui"),
}
ALLOWED = {
    "fragment": ("pages/explore.py", "@st.fragment(run_every=1)\ndef live():\n    pass"),
    "down": ("vaeexplorer/evaluation.py", "from vaeexplorer.records import Estimate\nfrom . import vae"),
    "torch in a function": ("vaeexplorer/ui/extra.py", "def f():\n    from vaeexplorer import vae"),
    "figures": ("vaeexplorer/figures/extra.py", "import math\nimport plotly.graph_objects\nfrom .. import records"),
}


@pytest.fixture(scope="module")
def known(house: Path) -> list[str]:
    """What is wrong before anything is planted; the first test complains of it."""
    return violations(house)


def with_plant(house: Path, path: str, code: str) -> list[str]:
    """The violations of the copy while `code` stands at the end of the file `path`."""
    file = house / path
    before = file.read_text(encoding="utf-8") if file.exists() else None
    other = house / "vaeexplorer/ui/extra2.py"
    try:
        other.write_text("from vaeexplorer.ui import extra\n", encoding="utf-8")
        file.parent.mkdir(exist_ok=True)  # a folder of the design that has no file yet
        file.write_text(f"{before or ''}\n{code}\n", encoding="utf-8")
        return violations(house)
    finally:
        other.unlink()
        file.unlink() if before is None else file.write_text(before, encoding="utf-8")


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_mistake_is_found(house: Path, known: list[str], plant: str) -> None:
    path, code, expected = PLANTS[plant]
    found = [line for line in with_plant(house, path, code) if line not in known]
    assert any(line.startswith(path) and expected in line for line in found), found


@pytest.mark.parametrize("plant", ALLOWED)
def test_what_is_allowed_passes(house: Path, known: list[str], plant: str) -> None:
    assert [line for line in with_plant(house, *ALLOWED[plant]) if line not in known] == []
