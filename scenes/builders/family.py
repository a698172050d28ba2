"""What a family of scenes is, and how a seed becomes values: numpy and the standard library only."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .addon import fmt

if TYPE_CHECKING:
    from .look import Look

SHIPPED_SEED = 7
"""The seed of the shipped .blend files: with it nothing is drawn, and everything has the value written in the code."""

Choice = TypeVar("Choice")


class Draws:
    """Random numbers by name: what is drawn for one thing never changes what is drawn for another.

    So two scenes of one seed differ in nothing but a parameter that was set for one of them. Every method takes the
    value of the shipped scene, which is what the seed `SHIPPED_SEED` gives.
    """

    def __init__(self, seed: int, family: str, look: Look) -> None:
        self.seed = seed
        self.family = family
        self.look = look
        """Goes with the draws to whoever paints, lights or looks; it never changes what is drawn."""
        self.shipped = seed == SHIPPED_SEED

    def generator(self, name: str) -> np.random.Generator:
        """The random numbers that belong to `name`, with the shipped seed as well."""
        return np.random.default_rng([self.seed, zlib.crc32(f"{self.family}/{name}".encode())])

    def real(self, name: str, shipped: float, low: float, high: float) -> float:
        """A number between `low` and `high`, evenly distributed."""
        return shipped if self.shipped else float(self.generator(name).uniform(low, high))

    def whole(self, name: str, shipped: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return shipped if self.shipped else int(self.generator(name).integers(low, high + 1))

    def pick(self, name: str, shipped: Choice, others: Sequence[Choice]) -> Choice:
        """`shipped` or one of `others`, each as likely."""
        choices = (shipped, *others)
        return shipped if self.shipped else choices[int(self.generator(name).integers(len(choices)))]

    def order(self, name: str, things: Sequence[Choice]) -> tuple[Choice, ...]:
        """`things`, shuffled."""
        if self.shipped:
            return tuple(things)
        return tuple(things[i] for i in self.generator(name).permutation(len(things)))


@dataclass(frozen=True)
class Setting:
    """A parameter of a family, and the usual values from which a seed draws where it is not set."""

    parameter: Any
    """`recording_format.Parameter`: its default is the shipped scene's value, its range is what a user may ask for."""
    usual: tuple[float, float] | None = None
    """A range within the parameter's, both ends included; None where no seed changes it (or any of its choices)."""

    def drawn(self, draws: Draws) -> Any:
        """The value where nobody sets one."""
        parameter = self.parameter
        if parameter.choices:
            return draws.pick(
                parameter.name, parameter.default, [c for c in parameter.choices if c != parameter.default]
            )
        if self.usual is None:
            return parameter.default
        if isinstance(parameter.default, int):
            return draws.whole(parameter.name, parameter.default, int(self.usual[0]), int(self.usual[1]))
        return round(draws.real(parameter.name, parameter.default, *self.usual), 4)


def setting(
    name: str,
    default: float | int | str,
    help: str,
    unit: str = "",
    allowed: tuple[float, float] | tuple[None, None] = (None, None),
    usual: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Setting:
    """A `Setting`, in one line."""
    return Setting(fmt.Parameter(name, default, help, unit, allowed[0], allowed[1], choices), usual)


@dataclass(frozen=True)
class Family:
    """A family of scenes."""

    name: str
    title: str
    papers: tuple[str, ...]
    """The papers whose experiments it resembles; empty where it goes beyond them."""
    settings: tuple[Setting, ...]
    build: Callable[[Mapping[str, Any], Draws], str]
    """Fills an empty stage from the value of each parameter and the draws; returns a caption of what is to be seen."""
    frames: int = 48
    substeps: int = 20
    """Bullet's steps a frame. Many keep stacks and chains firm; Bullet swallows bounces that are slower than 0.04 times
    the body's radius a step, so that lively scenes want few."""
    lacks: tuple[str, ...] = ()
    """Parameters of the look that it has no use for: setting them changes nothing."""
    outdoors: bool = False
    """It cannot be in a room: such surroundings, asked for as its sky, change nothing."""
    image_plane: Mapping[str, Any] | None = None
    """How the motion is made from the first frame and the silhouette of one object, where the scene itself stands
    still: `object`, `kind` and `settings` of the effect."""

    def values(self, draws: Draws, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The value of every parameter: as set in `changes`, else as drawn.

        Raises `recording_format.SettingError` for an unknown name or a value out of range.
        """
        checked = fmt.complete(tuple(s.parameter for s in self.settings), changes)
        return {
            s.parameter.name: checked[s.parameter.name] if s.parameter.name in changes else s.drawn(draws)
            for s in self.settings
        }
