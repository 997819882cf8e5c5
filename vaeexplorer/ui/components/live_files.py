"""The modules and style sheets of the live components: one flat set of names, served at `/vaex/live/VERSION/FILE`.

Each component has a folder, and what several of them need lies in `shared/`; in the browser all are neighbours, so that
`./dom.js` is the same file to everyone. `bootstrap.js` is not among them: it travels with Streamlit.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

FOLDER = Path(__file__).parent
COMPONENTS = ("shared", "explorer", "trainer", "mapper", "reconstructor", "bounder", "gradienter", "laboratory")
BOOTSTRAP = FOLDER / "shared" / "bootstrap.js"
KINDS = {".js", ".css"}
SHARED_STYLES = {"base.css": "", "panels.css": "panel.js"}
"""Style sheet -> the module whose elements it dresses, if not all components need it."""


def _files() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(path for name in COMPONENTS for path in (FOLDER / name).iterdir() if path.suffix in KINDS):
        if path == BOOTSTRAP:
            continue
        if path.name in found:
            raise RuntimeError(f"two live components have a file {path.name}: {found[path.name]} and {path}")
        found[path.name] = path
    return found


def _version() -> str:
    """Twelve hex digits that change with any file the browser loads."""
    digest = hashlib.sha256()
    for name, path in FILES.items():
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


FILES = _files()
"""Name -> file: what the route may serve, and nothing else."""

VERSION = _version()
"""Version of the live modules, the folder of their address; browsers may keep them for ever."""


_IMPORT = re.compile(r'^(?:import .*|}) from "\./(.*)";$', re.MULTILINE)


def styles(name: str) -> list[str]:
    """The style sheets of a component in the order of the cascade: what it shares, its own, those of its parts."""
    own, used = FOLDER / name, {"", *modules(f"{name}.js")}
    shared = [sheet for sheet, module in SHARED_STYLES.items() if module in used]
    parts = sorted(file for file, path in FILES.items() if path.parent == own and path.suffix == ".css")
    return [*shared, f"{name}.css", *(file for file in parts if file != f"{name}.css")]


def modules(entry: str) -> list[str]:
    """The entry and all modules that it imports, directly or not, in the order of their names."""
    found: set[str] = set()
    new = {entry}
    while new:
        found |= new
        new = {name for file in new for name in _IMPORT.findall(FILES[file].read_text(encoding="utf-8"))} - found
    return sorted(found)
