"""What things are made of: how heavy they are, and how they slide and bounce."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Substance:
    """A material of everyday things; values are rounded means of tables for dry, clean surfaces."""

    title: str
    density: float
    """kg/m³."""
    sliding: float
    """Coulomb's coefficient of two pieces of it on one another."""
    bounce: float
    """Share of the speed that is left when two pieces of it bounce off one another."""

    @property
    def friction(self) -> float:
        """What Bullet is told: it multiplies the values of the two bodies that touch."""
        return math.sqrt(self.sliding)

    @property
    def restitution(self) -> float:
        """What Bullet is told: it multiplies the values of the two bodies that touch."""
        return math.sqrt(self.bounce)


SUBSTANCES: dict[str, Substance] = {
    "WOOD": Substance("Wood", 700.0, 0.4, 0.3),
    "METAL": Substance("Metal (steel)", 7850.0, 0.5, 0.4),
    "ALUMINIUM": Substance("Aluminium", 2700.0, 0.5, 0.4),
    "PLASTIC": Substance("Plastic", 1050.0, 0.3, 0.4),
    "RUBBER": Substance("Rubber", 1200.0, 1.0, 0.7),
    "STONE": Substance("Stone", 2600.0, 0.6, 0.25),
    "BRICK": Substance("Brick", 1900.0, 0.6, 0.15),
    "GLASS": Substance("Glass", 2500.0, 0.4, 0.5),
    "CERAMIC": Substance("Ceramic", 2300.0, 0.4, 0.3),
    "ICE": Substance("Ice", 917.0, 0.03, 0.2),
    "CARDBOARD": Substance("Cardboard", 150.0, 0.45, 0.1),
    "FOAM": Substance("Foam", 60.0, 0.5, 0.2),
}
