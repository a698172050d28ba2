"""Write docs/scenes.md from scenes/index.json: `python scripts/make_scene_tables.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from simcraft.recording.format import Parameter
from simcraft.sim.families import families, look_parameters, look_usual

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

What a scene looks like can be changed without changing what happens: see [the look](#the-look) below.

This page is written by `scripts/make_scene_tables.py` from `scenes/index.json`.

| scene | parameter | as shipped | usual | range | unit | meaning |
| --- | --- | --- | --- | --- | --- | --- |
"""
LOOK = """
## The look

Every scene has these as well. By default each of them means "as the scene has it", with any seed; the usual range is
what a random look may draw. They change what is seen and never what moves where, and the caption says what they do.

```text
$ simcraft simulate dominoes --set floor=terrazzo --set sky=sunset --set camera_motion=circle
```

| parameter | default | usual | range | unit | meaning |
| --- | --- | --- | --- | --- | --- |
"""
LACKS = """
Some scenes have no use for some of them, such as the earth for a floor. Setting those changes nothing there, and
`birds` and `driving` keep their own sky where a room or a studio is asked for:

| scene | does not have |
| --- | --- |
"""


def page() -> str:
    """The whole page."""
    rows = [
        f"| {family.name} {row(parameter, family.usual)}" for family in families() for parameter in family.parameters
    ]
    looks = [row(parameter, look_usual()) for parameter in look_parameters()]
    lacks = [
        f"| {family.name} | {', '.join(f'`{name}`' for name in family.lacks)} |"
        for family in families()
        if family.lacks
    ]
    return "\n".join([INTRODUCTION + "\n".join(rows), LOOK + "\n".join(looks), LACKS + "\n".join(lacks)]) + "\n"


def row(parameter: Parameter, usual_ranges: Mapping[str, tuple[float, float]]) -> str:
    """One row of a table, from the parameter's name on."""
    usual = " to ".join(f"{value:g}" for value in usual_ranges.get(parameter.name, ())) or "-"
    if parameter.choices:
        usual = "any"
    shipped = parameter.default if isinstance(parameter.default, str) else f"{parameter.default:g}"
    columns = (f"`{parameter.name}`", shipped, usual, parameter.range, parameter.unit or "-", parameter.help)
    return "| " + " | ".join(columns) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
