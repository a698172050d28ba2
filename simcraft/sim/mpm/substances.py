"""What things are made of: water, jelly, snow and sand, with their constants in SI units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError

LAWS = ("water", "jelly", "snow", "sand")
"""The order is the number that kernels know a law by."""


@dataclass(frozen=True)
class Habit:
    """What a material is like unless told otherwise."""

    density: float
    """kg/m³."""
    poisson: float
    """Poisson's ratio."""
    stiffness_in_weights: float
    """Stiffness over the pressure that the material's own weight makes at its foot."""
    color: tuple[float, float, float]
    """Linear RGB."""


HABITS = {
    "water": Habit(1000.0, 0.0, 25.0, (0.12, 0.32, 0.55)),
    "jelly": Habit(1000.0, 0.42, 12.0, (0.75, 0.12, 0.16)),
    "snow": Habit(400.0, 0.2, 35.0, (0.86, 0.89, 0.93)),
    "sand": Habit(1600.0, 0.3, 30.0, (0.62, 0.46, 0.27)),
}


@dataclass(frozen=True)
class Substance:
    """One material with its constants."""

    law: str
    """One of `LAWS`."""
    density: float
    """kg/m³ at rest."""
    stiffness: float
    """Young's modulus; of water the bulk modulus. Pa."""
    poisson: float = 0.3
    """Poisson's ratio."""
    friction_angle: float = 35.0
    """Of sand: how steep a slope holds, degrees."""

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise UserError(f"There is no material '{self.law}'.", f"There are: {', '.join(LAWS)}.")
        if not (self.density > 0 and self.stiffness > 0 and 0 <= self.poisson < 0.5 and 0 < self.friction_angle < 80):
            raise UserError(
                f"The constants of {self} make no sense.",
                "Density and stiffness are positive, Poisson's ratio is 0 to 0.5, the friction angle 0 to 80 degrees.",
            )

    @property
    def shear_modulus(self) -> float:
        """Pa; Lamé's mu. 0 for water."""
        return 0.0 if self.law == "water" else self.stiffness / (2 * (1 + self.poisson))

    @property
    def lame_modulus(self) -> float:
        """Pa; Lamé's lambda. Of water the bulk modulus."""
        if self.law == "water":
            return self.stiffness
        return self.stiffness * self.poisson / ((1 + self.poisson) * (1 - 2 * self.poisson))

    @property
    def sound_speed(self) -> float:
        """Of pressure waves at rest, m/s."""
        return math.sqrt((self.lame_modulus + 2 * self.shear_modulus) / self.density)


def substance(
    law: str,
    height: float,
    density: float = 0.0,
    stiffness: float = 0.0,
    friction_angle: float = 35.0,
    gravity: float = 9.81,
) -> Substance:
    """A material for a body that is `height` metres high; 0 takes the material's own density or stiffness.

    The own stiffness is a multiple of the pressure at the body's foot, density * gravity * height, so that a small and
    a large body sag alike and sound crosses both in as many steps. Real water, sand and packed snow are much stiffer:
    docs/materials.md says what is lost.

    Raises `UserError` for an unknown law or constants that make no sense.
    """
    if law not in HABITS:
        raise UserError(f"There is no material '{law}'.", f"There are: {', '.join(LAWS)}.")
    habit = HABITS[law]
    density = density or habit.density
    stiffness = stiffness or habit.stiffness_in_weights * density * (gravity or 9.81) * height
    return Substance(law, density, stiffness, habit.poisson, friction_angle)


def constants(substances: Sequence[Substance], dimension: int) -> np.ndarray:
    """(S, 5) float32 for the kernels: number of the law, density, mu, lambda, and sand's friction alpha."""
    return np.array(
        [
            (LAWS.index(s.law), s.density, s.shear_modulus, s.lame_modulus, _yield_slope(s.friction_angle, dimension))
            for s in substances
        ],
        np.float32,
    ).reshape(-1, 5)


def _yield_slope(friction_angle: float, dimension: int) -> float:
    """Of the Drucker-Prager cone (Klar et al. 2016, section 7.3); in the plane the cone is Mohr-Coulomb's exactly."""
    sine = math.sin(math.radians(friction_angle))
    return sine / math.sqrt(2) if dimension == 2 else math.sqrt(2 / 3) * 2 * sine / (3 - sine)
