"""Write docs/effects.md from the table of effects: `python scripts/make_effect_tables.py`."""

from __future__ import annotations

from pathlib import Path

from simcraft.parameters import effect_sections, markdown_table, roles_in_words
from simcraft.recording.format import KINDS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "effects.md"
INTRODUCTION = """# Effects and their settings

An *effect* is a simulation that a Blender scene asks for and SimCraft's own solvers carry out: an object is marked as
a domain of some kind, others take part in it in a role. `simcraft simulate` records the scene's own physics first and
then solves the effects beside it, in order, so that each sees what came before.

Change a setting from the command line with `--set`: for all effects that have it (`--set buoyancy=1.5`), for the one
of a name (`--set Smoke.buoyancy=1.5`), or for a thing that takes part (`--set Smoke.Chimney.density=2`). In Python:
`sc.simulate("scene.blend", settings={"Smoke.buoyancy": 1.5})`.

This page is written by `scripts/make_effect_tables.py` from `simcraft/recording/format/effect_kinds.py`.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for heading, sentence, parameters in effect_sections():
        kind = KINDS.get(heading)
        level = "##" if kind else "###"
        taking_part = f" Roles: {roles_in_words(kind)}." if kind else ""
        parts.append(f"{level} {heading}\n\n{sentence}{taking_part}\n\n{markdown_table(parameters)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
