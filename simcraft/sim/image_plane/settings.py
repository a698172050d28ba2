"""The settings of each kind of fluid in the picture, with unit and range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simcraft.errors import UserError
from simcraft.recording.format import Parameter, SettingError, complete

KINDS = ("smoke", "fire", "liquid")

_PLANE = (
    Parameter("resolution", 96, "Cells along the picture's longest side.", "cells", 8, 1024),
    Parameter(
        "extent",
        1.0,
        "Length of the picture's longest side in the world; a smaller world moves faster.",
        "m",
        0.01,
        1000,
    ),
)


def _source(condition: str = "") -> tuple[Parameter, ...]:
    return (
        Parameter("speed_x", 0.0, f"Speed to the right at which it comes out of the mask{condition}.", "m/s", -50, 50),
        Parameter("speed_up", 0.0, f"Upward speed at which it comes out of the mask{condition}.", "m/s", -50, 50),
    )


_GAS = (
    *_PLANE,
    Parameter("feed", True, "More keeps coming out of the mask; otherwise only what it shows moves on."),
    *_source(),
    Parameter(
        "warm_up",
        0.5,
        "How long it has been coming out of the mask when the picture is taken; counts only if it is fed.",
        "s",
        0,
        60,
    ),
    Parameter("buoyancy", 0.6, "Upward acceleration of smoke of density 1.", "m/s²", -20, 20),
    Parameter("heat_buoyancy", 2.0, "Upward acceleration of smoke of temperature 1.", "m/s²", -20, 20),
    Parameter("vorticity", 2.0, "Strength of vorticity confinement, which keeps swirls alive.", "1/s", 0, 50),
    Parameter("dissipation", 0.1, "Share of the density that is lost.", "1/s", 0, 20),
    Parameter("cooling", 0.8, "Share of the temperature that is lost.", "1/s", 0, 20),
    Parameter("wind_x", 0.0, "Wind to the right.", "m/s", -20, 20),
    Parameter("closed", False, "Walls along all borders of the picture; otherwise it drifts out of it."),
    Parameter("solver", "taichi", "The quick solver, or the PhiFlow reference.", choices=("taichi", "phiflow")),
)
_FIRE = (
    Parameter("burning_rate", 1.5, "Fuel that burns; a picture's fire holds fuel of density 1.", "1/s", 0, 20),
    Parameter("flame_heat", 1.0, "Temperature that burnt fuel of density 1 gives.", "", 0, 20),
    Parameter("soot", 0.6, "Smoke that burnt fuel of density 1 leaves.", "", 0, 5),
)
_LIQUID = (
    *_PLANE,
    Parameter(
        "method",
        "lagrangian",
        "Particles that splash and pool, or a heavy fluid that flows through the air on a grid.",
        choices=("lagrangian", "eulerian"),
    ),
    Parameter(
        "melting", 0.0, "Time until all has melted, from the outline inwards; 0: it is liquid at once.", "s", 0, 1000
    ),
    Parameter("gravity", 9.81, "Downward acceleration.", "m/s²", -50, 50),
    Parameter("viscosity", 0.0, "Kinematic viscosity of the particles; honey 0.005, melting wax 0.05.", "m²/s", 0, 10),
    Parameter("flip", 0.95, "Of the particles: 1 is lively and noisy, 0 is calm.", "", 0, 1),
    Parameter("drag", 8.0, "Share of the speed that the heavy fluid on the grid loses.", "1/s", 0, 1000),
    Parameter("feed", False, "More keeps coming out of the mask; otherwise only what it shows flows."),
    *_source("; what melts begins at rest"),
    Parameter("closed", True, "Walls along all borders of the picture; otherwise it flows out of it."),
    Parameter("solver", "taichi", "The quick solver, or the PhiFlow reference.", choices=("taichi", "phiflow")),
)
_PARAMETERS = {"smoke": _GAS, "fire": (*_GAS, *_FIRE), "liquid": _LIQUID}


def parameters(kind: str) -> tuple[Parameter, ...]:
    """The settings of "smoke", "fire" or "liquid". Raises `UserError` for any other kind."""
    if kind not in _PARAMETERS:
        raise UserError(f"There is no kind '{kind}' of fluid in a picture.", f"There are {', '.join(KINDS)}.")
    return _PARAMETERS[kind]


def complete_settings(kind: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with all defaults. Raises `UserError` that names the first that is unknown, or wrong for `kind`."""
    try:
        return complete(parameters(kind), settings)
    except SettingError as error:
        raise UserError(
            f"A picture's {kind}: {error}.", f"See `simcraft image-plane --kind {kind} --help` for all settings."
        ) from None
