"""What a recipe can say, for people: the text of `simcraft dataset make --explain`, and what a recipe will make."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel

from simcraft.data.manifest import Row
from simcraft.data.recipe import FamilyWish, Recipe, SplitWish
from simcraft.parameters import help_text
from simcraft.recording.format import Parameter
from simcraft.sim.families import Family, families, look_parameters, look_usual

VALUES = """\
How a value is written, wherever a parameter is set:
  wood floor          always this value
  6..24               any value from 6 to 24, both included, evenly distributed
  [still, circle]     one of these, each as likely
  any                 one of all choices but "own", each as likely
What a recipe does not set is as the family's seeds draw it: see "usual" below."""

EXAMPLE = """\
name: falling
size: 128x128
frames: 16
every: 2
set: {floor: any, sky: any}
families:
  dominoes: {weight: 2, set: {count: 6..24}}
  drop: 1
splits:
  train: 0.9
  unseen: {share: 0.1, held_out: true, families: {dominoes: {set: {count: 25..36}}}}"""


def explain_recipe() -> str:
    """All keys of a recipe with their defaults, how values are written, and the parameters of the look and families."""
    parts = [
        "A recipe is a YAML file. For example:",
        textwrap.indent(EXAMPLE, "  "),
        "Its keys:",
        "\n".join(_keys(Recipe)),
        "A family (families: NAME: ..., or just its weight):",
        "\n".join(_keys(FamilyWish)),
        "A split (splits: NAME: ..., or just its share):",
        "\n".join(_keys(SplitWish)),
        VALUES,
        "Look parameters, of every family:",
        _with_usual(look_parameters(), look_usual()),
        *map(_family_text, families()),
    ]
    return "\n\n".join(part for part in parts if part)


def count_rows(rows: Iterable[Row]) -> list[tuple[str, str, int]]:
    """(split, family, number of clips), as a table of what a manifest holds."""
    counted = Counter((row.split, row.family) for row in rows)
    return [(split, family, number) for (split, family), number in sorted(counted.items())]


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        default = "" if field.is_required() else f" = {_shown(field.default)}"
        needed = "  (needed)" if field.is_required() else ""
        yield f"  {field.alias or name}{default}{needed}"
        text = field.description or ""
        if name == "annotations":
            text += f" Any of: {', '.join(get_args(get_args(field.annotation)[0]))}."
        yield from textwrap.wrap(text, 100, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _shown(default: Any) -> str:
    if isinstance(default, tuple) and all(isinstance(part, int) for part in default):
        return "x".join(map(str, default))
    if isinstance(default, tuple):
        return f"[{', '.join(map(str, default))}]"
    if isinstance(default, dict):
        return "{" + ", ".join(f"{k}: {v.share:g}" for k, v in default.items()) + "}" if default else "{}"
    return '""' if default == "" else str(default)


def _family_text(family: Family) -> str:
    return f"Family '{family.name}' ({family.title}, {family.frames} frames):\n\n" + _with_usual(
        family.parameters, family.usual
    )


def _with_usual(parameters: Iterable[Parameter], usual: dict[str, tuple[float, float]]) -> str:
    lines = [help_text(parameters)]
    if usual:
        lines.append("  usual: " + ", ".join(f"{name} {low:g}..{high:g}" for name, (low, high) in usual.items()))
    return "\n".join(line for line in lines if line)
