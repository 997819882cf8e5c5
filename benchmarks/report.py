"""What the benchmarks' reports share: the machine in a line, a Markdown table, and their place in README.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import date
from pathlib import Path

README = Path(__file__).with_name("README.md")


def machine(*more: str) -> str:
    """One line on where and when the numbers come from."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor() or platform.machine()
    return ", ".join([f"{date.today()}: {cpu}", f"{os.cpu_count()} cores", platform.system(), *more])


def table(first: str, columns: Mapping[str, tuple[str, str]], rows: Mapping[str, Mapping[str, float]]) -> str:
    """Rows as a Markdown table.   columns: key -> (title, format); a row without that key gets a dash."""
    lines = [f"| {first} | " + " | ".join(title for title, _ in columns.values()) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for name, row in rows.items():
        cells = [form.format(row[key]) if key in row else "-" for key, (_, form) in columns.items()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(mark: str, report: str) -> None:
    """Replace what stands in README.md between <!-- mark --> and <!-- /mark -->."""
    before, rest = README.read_text(encoding="utf-8").split(f"<!-- {mark} -->")
    after = rest.split(f"<!-- /{mark} -->")[1]
    README.write_text(f"{before}<!-- {mark} -->\n{report}\n<!-- /{mark} -->{after}", encoding="utf-8")
