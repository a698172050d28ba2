"""Effects: simulations that a scene asks for and that SimCraft's own solvers carry out afterwards.

Blender moves rigid bodies and cloth itself. A smoke domain, a flock or a jelly is only *described* in the scene: where
it is, what feeds it, what it collides with, and its settings. The recording carries that description as an `Effect`;
`simcraft.sim.effects` simulates it beside the recorded bodies and adds what moved to the recording.

The settings of each kind are one table each (`KINDS`): Blender's properties, the command line's help, the documentation
and the checks all read it, so that a setting exists once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Parameter:
    """One setting: what it is called, its default (whose type is its type), its unit and range."""

    name: str
    default: float | int | str | bool
    help: str
    """One sentence, without the unit and the range."""
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def range(self) -> str:
        """The allowed values, in words."""
        if self.choices:
            return ", ".join(self.choices)
        if isinstance(self.default, bool):
            return "true or false"
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}"
        return f"at most {self.maximum:g}" if self.maximum is not None else "any"


@dataclass(frozen=True)
class EffectKind:
    """One kind of effect: what it is, its settings, and those of the things that take part in it."""

    title: str
    summary: str
    parameters: tuple[Parameter, ...]
    roles: Mapping[str, tuple[Parameter, ...]]
    """Name of a role ("emitter", "obstacle", ...) -> the settings of one thing in that role."""


@dataclass(frozen=True)
class Role:
    """A thing of the scene that takes part in an effect."""

    role: str
    """"emitter", "obstacle", "goal", ...: one of the roles of the effect's kind."""
    name: str
    """The name of the body in `Recording.bodies`, or of an object without faces, whose `points` are then given."""
    settings: dict[str, Any] = field(default_factory=dict)
    points: np.ndarray | None = None
    """(T, P, 3) float32, world, metres: an empty's origin (P = 1) or a curve's line; None for bodies."""


@dataclass(frozen=True)
class Effect:
    """One simulation that the scene asks for."""

    kind: str
    """A key of `KINDS`."""
    name: str
    """The name of the domain object, and of what comes out."""
    box_to_world: np.ndarray
    """(4, 4) float64: places the unit cube (0 to 1) as the domain's box in the world; it does not move."""
    settings: dict[str, Any] = field(default_factory=dict)
    """By name of the parameter; what is missing has its default."""
    roles: tuple[Role, ...] = ()
    material: int = -1
    """Index into `Recording.materials` of what the result is made of; -1 for the solver's own choice."""
    solved: bool = False
    """Has it been simulated: are its results among the bodies?"""


class SettingError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the text names it and says what is allowed."""


def complete(parameters: tuple[Parameter, ...], settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the defaults of what is missing; texts become values of the parameter's type.

    Raises `SettingError` that names the first setting that is unknown, of the wrong type or out of range.
    """
    known = {p.name: p for p in parameters}
    for name in settings:
        if name not in known:
            raise SettingError(f"there is no setting '{name}'; there are {', '.join(known) or 'none'}")
    return {p.name: convert(p, settings[p.name]) if p.name in settings else p.default for p in parameters}


def convert(parameter: Parameter, value: Any) -> Any:
    """`value`, perhaps written as text, as a value of the parameter. Raises `SettingError` where it is not one."""
    kind = type(parameter.default)
    result: Any = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, str) and kind is not str:
        result = _read(kind, value.strip())
    if kind is float and isinstance(result, int) and not isinstance(result, bool):
        result = float(result)
    fits = type(result) is kind and (not parameter.choices or result in parameter.choices)
    if fits and kind in (int, float):
        fits = abs(result) < 1e300
        fits = fits and (parameter.minimum is None or result >= parameter.minimum)
        fits = fits and (parameter.maximum is None or result <= parameter.maximum)
    if not fits:
        unit = f" {parameter.unit}" if parameter.unit else ""
        words = {float: "a number", int: "a whole number", str: "text", bool: "a truth value"}[kind]
        raise SettingError(f"{parameter.name} should be {words} ({parameter.range}{unit}), not {value!r}")
    return result


def _read(kind: type, text: str) -> Any:
    """The number or truth value that `text` writes, or the text itself where it writes none."""
    if kind is bool:
        return {"true": True, "yes": True, "on": True, "1": True}.get(
            text.lower(), {"false": False, "no": False, "off": False, "0": False}.get(text.lower(), text)
        )
    try:
        return kind(text)
    except ValueError:
        return text
