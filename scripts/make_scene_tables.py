"""Write docs/scenes.md from scenes/index.json: `python scripts/make_scene_tables.py`."""

from __future__ import annotations

from pathlib import Path

from simcraft.recording.format import Parameter
from simcraft.sim.families import Family, families

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scenes.md"
INTRODUCTION = """# Scenes and their parameters

Every shipped scene is a *family*: with seed 7 and the values below it is the shipped `.blend`; with another seed, what
is not set is drawn from the usual range, and colours, floors, light and camera with it. [Pictures](gallery.md).

```text
$ simcraft simulate dominoes --seed 3                 # another scene of the family
$ simcraft simulate dominoes --seed 3 --set gap=0.3   # the same one, with wider gaps
$ simcraft counterfactual dominoes --set push=1.5     # both, side by side
```

What is drawn for one thing never changes what is drawn for another, so that two scenes of one seed differ in nothing
but the parameter that was set. In Python: `sc.simulate("dominoes", seed=3, settings={"gap": 0.3})`. Where a scene has
effects, [their settings](effects.md) can be changed as well.

This page is written by `scripts/make_scene_tables.py` from `scenes/index.json`.

| scene | parameter | as shipped | usual | range | unit | meaning |
| --- | --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    rows = [row(family, parameter) for family in families() for parameter in family.parameters]
    return INTRODUCTION + "\n".join(rows) + "\n"


def row(family: Family, parameter: Parameter) -> str:
    """One row of the table."""
    usual = " to ".join(f"{value:g}" for value in family.usual.get(parameter.name, ())) or "-"
    if parameter.choices:
        usual = "any"
    shipped = parameter.default if isinstance(parameter.default, str) else f"{parameter.default:g}"
    columns = (
        family.name,
        f"`{parameter.name}`",
        shipped,
        usual,
        parameter.range,
        parameter.unit or "-",
        parameter.help,
    )
    return "| " + " | ".join(columns) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
