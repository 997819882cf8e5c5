"""Which modules a live component consists of: the browser asks for all of them at once."""

import re

import pytest

from vaeexplorer.ui.components import live_files


def test_the_modules_of_a_component_are_what_its_entry_imports_however_it_is_written():
    assert {"trainer.js", "film.js", "documents.js", "mounting.js"} <= set(live_files.modules("trainer.js"))
    assert "film.js" not in live_files.modules("explorer.js")
    assert live_files.modules("dom.js") == ["dom.js"]


@pytest.mark.parametrize("file", [name for name in live_files.FILES if name.endswith(".js")])
def test_every_import_is_found(file):
    text = live_files.FILES[file].read_text(encoding="utf-8")
    named = set(re.findall(r'\b(?:from|import)[\s(]*"\./([^"]+)"', text))
    assert named <= set(live_files.FILES)
    assert named <= set(live_files.modules(file))
