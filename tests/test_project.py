"""The project's own files agree with each other: requirements, package, commands, what the code may not use."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_imports import sources

DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "umap": "umap-learn"}  # where the import has another name
WITH_STREAMLIT = {"starlette"}  # what st.App's routes are made of; Streamlit decides on its version
OURS = {"vaeexplorer", "pages", "app"}
# Each of these can run code that stands in a file or a text.
UNSAFE = {"eval", "exec", "pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "torch.load", "torch.jit.load"}
REQUIREMENT = re.compile(r"([A-Za-z0-9-]+)>=[0-9.]+,<[0-9.]+\s*(#.*)?")


def requirements(root: Path, name: str) -> list[str]:
    """The names in a requirements file.   Raises: AssertionError for a line without a lower and an upper bound."""
    names = []
    for line in (root / name).read_text().splitlines():
        if line and not line.startswith(("#", "-r ")):
            match = REQUIREMENT.fullmatch(line)
            assert match, f"{name}: expected 'name>=lower,<upper', got {line!r}"
            names.append(match[1])
    return names


def test_every_requirement_has_bounds(root: Path) -> None:
    assert requirements(root, "requirements.txt")
    assert requirements(root, "requirements-dev.txt")


def test_what_is_imported_is_required(root: Path) -> None:
    used = {item.name.split(".")[0] for source in sources(root) for item in source.imports()}
    foreign = used - sys.stdlib_module_names - OURS - WITH_STREAMLIT
    missing = {DISTRIBUTIONS.get(name, name) for name in foreign} - set(requirements(root, "requirements.txt"))
    assert missing == set(), "add these to requirements.txt, and to the README with what each is for"


def test_the_readme_names_every_requirement_and_command(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8").lower()
    wanted = [*requirements(root, "requirements.txt"), "make run", "make test", "streamlit run app.py"]
    assert [name for name in wanted if name not in text] == []


def test_the_package_takes_every_file_of_the_live_components(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    taken = {".py", *(Path(pattern).suffix for pattern in project["tool"]["setuptools"]["package-data"]["*"])}
    files = [path for path in (root / "vaeexplorer").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert [str(path) for path in files if path.suffix not in taken] == []


def test_the_makefile_is_written_for_old_makes(root: Path) -> None:
    newer = r"\.ONESHELL|\.SHELLFLAGS|!=\s*|\$\(file |\$\(let |&:|::="  # all later than GNU make 3.81
    lines = [line for line in (root / "Makefile").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if re.search(newer, line)] == []


def test_ci_runs_what_everyone_runs(root: Path) -> None:
    script = root / ".ci/run"
    commands = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    assert commands[-1] == "exec make test"
    assert script.stat().st_mode & 0o100 or sys.platform == "win32"


def unsafe_calls(tree: ast.AST) -> Iterator[str]:
    """Names from UNSAFE that a syntax tree imports or calls, and np.load that would unpickle."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (name for name in names if name in UNSAFE)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            allows = [word.arg for word in node.keywords if word.arg == "allow_pickle"]
            refuses = [ast.unparse(word.value) == "False" for word in node.keywords if word.arg == "allow_pickle"]
            if name in UNSAFE or (allows and not all(refuses)):
                yield name


def test_no_file_of_the_user_is_executed(root: Path) -> None:
    found = {f"{source.path}: {name}" for source in sources(root) for name in unsafe_calls(source.tree)}
    assert found == set()


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from pickle import loads", "torch.load(f)", "eval(text)", "np.load(f, allow_pickle=True)"],
)
def test_unsafe_code_is_recognised(code: str) -> None:
    assert list(unsafe_calls(ast.parse(code)))
