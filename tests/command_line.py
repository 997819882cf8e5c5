"""The command as a person uses it: what it prints, and how it refuses."""

from __future__ import annotations

import json
from typing import Any

from vaeexplorer.__main__ import main


def document(capsys: Any, *words: str) -> Any:
    """The one JSON document on stdout, with nothing on stderr."""
    assert main([*words, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def refused(capsys: Any, *words: str) -> str:
    """The one line that a mistake gets: on stderr, exit status 2, nothing on stdout, no traceback."""
    try:
        status = main(list(words))
    except SystemExit as error:  # argparse leaves this way
        status = error.code  # type: ignore[assignment]
    out, err = capsys.readouterr()
    lines = [line for line in err.replace("\r", "\n").split("\n") if line.strip()]
    assert (status, out, len(lines)) == (2, "", 1), err
    return lines[0]
