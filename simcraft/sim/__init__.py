"""Solvers: each turns a scene into a `Recording`. The verb `simulate` records a Blender scene."""

from simcraft._verbs import make_callable
from simcraft.sim.blender import blender_session
from simcraft.sim.simulate import simulate

make_callable(__name__, simulate)

__all__ = ["blender_session", "simulate"]
