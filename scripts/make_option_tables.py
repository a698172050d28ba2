"""Write the tables of generators' options into the documentation: `python scripts/make_option_tables.py`."""

from __future__ import annotations

import re
from pathlib import Path

from simcraft.generate.registry import Generator, Option, find_generator

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {DOCS / "motioncraft.md": "motioncraft", DOCS / "motion_dreamer.md": "motion_dreamer"}
"""Page -> the generator whose table it has, between two comments."""


def table(generator: Generator) -> str:
    """One row an option: how it is written, what it takes, its default, its meaning."""
    rows = ["| option | takes | default | meaning |", "| --- | --- | --- | --- |"]
    rows += [f"| `{option.name}` | {_takes(option)} | {option.usual} | {option.help} |" for option in generator.options]
    return "\n".join(rows)


def page(path: Path) -> str:
    """The page with its table as it should be; `ValueError` where it has no place for one."""
    name = PAGES[path]
    begin, end = f"<!-- options of {name}, by scripts/make_option_tables.py -->", "<!-- end of options -->"
    text = path.read_text(encoding="utf-8")
    if begin not in text or end not in text:
        raise ValueError(f"{path} has no place for a table: {begin} ... {end}")
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    filled = f"{begin}\n\n{table(find_generator(name))}\n\n{end}"
    return between.sub(lambda _: filled, text)


def _takes(option: Option) -> str:
    if option.choices:
        return ", ".join(map(str, option.choices))
    if option.minimum is not None and option.maximum is not None:
        return f"{option.minimum:g} to {option.maximum:g}"
    if option.minimum is not None:
        return f"{option.minimum:g} or more"
    return {bool: "yes, no", int: "a whole number", float: "a number", str: "text"}[option.type]


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(page(path), encoding="utf-8")
