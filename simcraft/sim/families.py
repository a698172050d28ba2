"""The shipped scenes as families: what can be set for each, read from `scenes/index.json`, without Blender."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simcraft.assets import asset
from simcraft.errors import Failure, UserError
from simcraft.parameters import help_text
from simcraft.recording.format import KINDS, Parameter, SettingError, convert


@dataclass(frozen=True)
class Family:
    """A shipped scene, and the parameters and seed that make others of its kind."""

    name: str
    title: str
    prompt: str
    """A caption of the shipped scene; what is built with other values carries its own."""
    frames: int
    fps: int
    seed: int
    """The seed of the shipped scene."""
    papers: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    """Their defaults are the shipped scene's."""
    usual: dict[str, tuple[float, float]]
    """Name of a parameter -> the range in which other seeds draw it where it is not set; only those that are drawn."""
    lacks: tuple[str, ...] = ()
    """Names of parameters of the look that this family has no use for: setting them changes nothing."""
    effects: tuple[str, ...] = ()
    """Kinds of effects that its scenes ask for, keys of `KINDS`."""
    image_plane: dict[str, Any] | None = None
    """`object`, `kind` and `settings`, where the motion is made in the picture's plane, from an object's silhouette."""


@cache
def families() -> tuple[Family, ...]:
    """All families, in the order to show them. Raises `Failure` where the installation is damaged."""
    try:
        return tuple(_family(row) for row in _index()["scenes"])
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"scenes/index.json is damaged: {error}.", "Install SimCraft again.") from None


@cache
def _index() -> dict[str, Any]:
    path = asset("scenes") / "index.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Failure(f"{path} is damaged: {error}.", "Install SimCraft again.") from None


@cache
def look_parameters() -> tuple[Parameter, ...]:
    """What every family has besides its own parameters: ground, sky, sun, paint, camera; by default as it has them.

    A family ignores those that it `lacks`.
    """
    return tuple(_parameter(row) for row in _index()["look"])


@cache
def look_usual() -> dict[str, tuple[float, float]]:
    """Name of a numeric look parameter -> a range in which pictures stay sensible. No seed draws from it."""
    return {row["name"]: (row["usual"][0], row["usual"][1]) for row in _index()["look"] if row["usual"]}


def find_family(name: str) -> Family:
    """The family called `name`. Raises `UserError` where there is none."""
    for family in families():
        if family.name == name:
            return family
    raise UserError(f"There is no shipped scene '{name}'.", f"Choose one of: {', '.join(f.name for f in families())}.")


def check_settings(name: str, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`settings` (perhaps as texts) as parameters of the family and of the look, converted, and the rest.

    The rest are settings of the scene's effects.

    Raises `UserError` that names the parameter, its range and unit where a value is wrong, and for a name that is
    neither a parameter nor a setting of any effect.
    """
    family = find_family(name)
    known = {p.name: p for p in (*family.parameters, *look_parameters())}
    of_effects = {p.name for p in effect_parameters(family)}
    for key in settings:
        if key not in known and str(key).rpartition(".")[2] not in of_effects:
            raise UserError(
                f"Scene '{name}' has no parameter '{key}', nor has any effect a setting of that name.",
                f"It has {', '.join(p.name for p in family.parameters)}, and its look has "
                f"{', '.join(p.name for p in look_parameters())}; see `simcraft simulate {name} --help`.",
            )
    own: dict[str, Any] = {}
    for key in [key for key in settings if key in known]:
        try:
            own[key] = convert(known[key], settings[key])
        except SettingError as error:
            raise UserError(f"Scene '{name}': {error}.", f"See `simcraft simulate {name} --help`.") from None
    return own, {key: value for key, value in settings.items() if key not in known}


def effect_parameters(family: Family) -> Iterator[Parameter]:
    """What can be set of the family's effects, or of its fluid in the picture's plane; kinds may share names."""
    if family.image_plane is not None:
        from simcraft.sim.image_plane import KINDS as FLUIDS
        from simcraft.sim.image_plane import parameters

        for kind in FLUIDS:
            yield from parameters(kind)
        yield Parameter("kind", family.image_plane["kind"], "Kind of fluid.", choices=tuple(FLUIDS))
        return
    for kind in family.effects:
        yield from KINDS[kind].parameters
        for table in KINDS[kind].roles.values():
            yield from table


def scene_source(name: str, seed: int | None, settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What `simcraft.sim.simulate.record_in_child` should open or build for a scene of the family `name`.

    With the shipped seed (or None) and parameters that is the shipped .blend. Otherwise the request is written to
    `folder`, which must exist until the scene is built.

    Parameters
    ----------
    settings: parameters of the family and of the look only, as `check_settings` returns them. What is not set is as in
        the shipped scene with its seed, and drawn with any other; the look is the family's own where it is not set.
    """
    family = find_family(name)
    seed = family.seed if seed is None else seed
    defaults = {p.name: p.default for p in (*family.parameters, *look_parameters())}
    if seed == family.seed and all(defaults[key] == value for key, value in settings.items()):
        return {"blend": str(asset(f"scenes/{name}.blend"))}
    request = {"name": name, "seed": seed, "parameters": dict(settings)}
    (folder / "scene.json").write_text(json.dumps(request), encoding="utf-8")
    script = asset("scenes/builders/build.py").resolve()
    return {"build": {"script": str(script), "function": "build", "data": str(folder)}}


def explain_settings(scene: str | None) -> str:
    """What `--set` can change in `scene`: a family's parameters, and the settings of effects. For people."""
    lines = []
    if scene is not None and any(family.name == scene for family in families()):
        family = find_family(scene)
        lines += [f"Parameters of the scene '{scene}' ({family.title}), as shipped:", "", help_text(family.parameters)]
        if family.usual:
            drawn = ", ".join(f"{n} {low:g} to {high:g}" for n, (low, high) in family.usual.items())
            lines += ["", f"With a seed other than {family.seed}, what is not set is drawn: {drawn}."]
        look = tuple(p for p in look_parameters() if p.name not in family.lacks)
        lines += ["", "Its look, which is its own where nothing is set:", "", help_text(look), ""]
    elif scene is None:
        lines += [f"Shipped scenes: {', '.join(f.name for f in families())}.", "Name one to see its parameters.", ""]
    kinds = ", ".join(KINDS)
    lines.append(f"A scene's effects ({kinds}) can be set as well, as SETTING, EFFECT.SETTING or EFFECT.THING.SETTING.")
    return "\n".join(lines)


def _family(row: Mapping[str, Any]) -> Family:
    return Family(
        **{key: row[key] for key in ("name", "title", "prompt", "frames", "fps", "seed")},
        papers=tuple(row["papers"]),
        parameters=tuple(_parameter(p) for p in row["parameters"]),
        usual={p["name"]: (p["usual"][0], p["usual"][1]) for p in row["parameters"] if p["usual"]},
        lacks=tuple(row["lacks"]),
        effects=tuple(row["effects"]),
        image_plane=row.get("image_plane"),
    )


def _parameter(row: Mapping[str, Any]) -> Parameter:
    fields = ("name", "default", "help", "unit", "minimum", "maximum")
    return Parameter(**{key: row[key] for key in fields}, choices=tuple(row["choices"]))
