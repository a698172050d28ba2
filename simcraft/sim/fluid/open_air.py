"""What lies outside the open sides of the box: clean air that is still, or moves with the wind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simcraft.sim.fluid.grid import Faces
from simcraft.sim.fluid.smoke_state import SmokeConfig, SmokeState
from simcraft.sim.fluid.staggered import along, at_faces


def admit_air(config: SmokeConfig, state: SmokeState, flow: Faces, dt: float) -> SmokeState:
    """`state` with the outermost cells mixed with the outer air that `flow` brings in during `dt` seconds.

    Advection continues the nearest value outside. Without this, air that is drawn in would carry smoke and speed from
    the side itself; jets would build up there that blow through the whole box.
    """
    scalars = {name: getattr(state, name).copy() for name in ("density", "temperature", "fuel")}
    velocity = tuple(component.copy() for component in state.velocity)
    for axis, sides in enumerate(config.sides):
        for is_open, end, inward in zip(sides, (0, -1), (1, -1), strict=True):
            if not is_open:
                continue
            layer = along(axis, end)
            share = np.clip(flow[axis][layer] * np.float32(inward * dt / config.grid.spacing), 0, 1)
            for cells in scalars.values():
                cells[layer] *= 1 - share
            for component, (values, wind) in enumerate(zip(velocity, config.wind_vector, strict=True)):
                mixed = share if component == axis else at_faces(share, component - (component > axis))
                values[layer] += mixed * (np.float32(wind) - values[layer])
    return replace(state, velocity=velocity, **scalars)
