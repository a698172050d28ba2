"""The table of effects: every kind, its settings and its roles, with unit and range."""

from __future__ import annotations

from .effects import EffectKind, Parameter

SOLVER = Parameter("solver", "taichi", "The quick solver, or the PhiFlow reference.", choices=("taichi", "phiflow"))
WARM_UP = Parameter("warm_up", 0.0, "Simulated before the first frame, while everything else stands still.", "s", 0, 60)
RESOLUTION = Parameter("resolution", 48, "Cells along the longest side of the domain.", "cells", 8, 512)

OBSTACLE = (
    Parameter("friction", 0.4, "Coulomb's coefficient: 0 is ice; 0.7 holds on a slope of 35 degrees.", "", 0, 10),
    Parameter("sticky", False, "Whatever touches it stays there."),
)
FLUID_OBSTACLE = ()

GAS = (
    SOLVER,
    RESOLUTION,
    WARM_UP,
    Parameter("buoyancy", 0.6, "Upward acceleration of smoke of density 1.", "m/s²", -20, 20),
    Parameter("vorticity", 2.0, "Strength of vorticity confinement, which keeps swirls alive.", "1/s", 0, 50),
    Parameter("dissipation", 0.1, "Share of the density lost.", "1/s", 0, 20),
    Parameter("cooling", 0.8, "Share of the temperature lost.", "1/s", 0, 20),
    Parameter("thickness", 12.0, "Optical density of smoke of density 1.", "1/m", 0, 10000),
    Parameter("closed", False, "Walls on all sides of the domain; otherwise smoke leaves through all but the floor."),
    Parameter("wind_x", 0.0, "Wind along the domain's x axis that smoke starts with and enters by.", "m/s", -20, 20),
)
SMOKE = (
    *GAS,
    Parameter("heat_buoyancy", 2.0, "Upward acceleration of smoke of temperature 1.", "m/s²", -20, 20),
)
FIRE = (
    *GAS,
    Parameter("heat_buoyancy", 6.0, "Upward acceleration of flames of temperature 1.", "m/s²", -20, 20),
    Parameter("burning_rate", 1.5, "Fuel that burns in a second, in units of density.", "1/s", 0, 20),
    Parameter("flame_heat", 1.0, "Temperature that burnt fuel of density 1 gives.", "", 0, 20),
    Parameter("soot", 0.6, "Smoke that burnt fuel of density 1 leaves.", "", 0, 5),
)
SMOKE_EMITTER = (
    Parameter("density", 1.0, "Density of the smoke (or fuel) that comes out.", "", 0, 10),
    Parameter("temperature", 1.0, "Its temperature above the air's; 1 is hot.", "", -10, 10),
    Parameter("speed", 0.0, "Speed at which it comes out, along the emitter's own z axis.", "m/s", -50, 50),
    Parameter("start", 0.0, "When it begins.", "s", 0, 1000),
    Parameter("stop", 1000.0, "When it ends.", "s", 0, 1000),
    Parameter("once", False, "Fill the emitter's volume once, instead of feeding it all the time."),
    Parameter("variation", 0.3, "By what share density, heat and fuel wander in space and time.", "", 0, 1),
)
LIQUID = (
    SOLVER,
    RESOLUTION,
    WARM_UP,
    Parameter("viscosity", 0.0, "Kinematic viscosity; water 0.000001, honey 0.005, melting wax 0.05.", "m²/s", 0, 10),
    Parameter("flip", 0.95, "Share of FLIP against APIC: 1 is lively and noisy, 0 is calm.", "", 0, 1),
    Parameter("gravity", -9.81, "Acceleration along the world's z axis.", "m/s²", -50, 50),
    Parameter("output", "mesh", "What comes back: a surface mesh, or the particles.", choices=("mesh", "particles")),
    Parameter("closed", True, "Walls on all sides of the domain; otherwise liquid leaves it and is gone."),
)
LIQUID_EMITTER = (
    Parameter("once", True, "Fill the emitter's volume once, instead of feeding it all the time."),
    Parameter("speed", 0.0, "Speed at which it comes out, along the emitter's own z axis.", "m/s", -50, 50),
    Parameter("start", 0.0, "When it begins.", "s", 0, 1000),
    Parameter("stop", 1000.0, "When it ends.", "s", 0, 1000),
)
MATERIAL = (
    RESOLUTION,
    WARM_UP,
    Parameter("gravity", -9.81, "Acceleration along the world's z axis.", "m/s²", -50, 50),
    Parameter("wall_friction", 0.4, "Coulomb's coefficient of the domain's floor, walls and ceiling.", "", 0, 10),
    Parameter(
        "output",
        "mesh",
        "What comes back: jelly's own mesh deformed and a surface around all else, or the particles.",
        choices=("mesh", "particles"),
    ),
)
MATERIAL_EMITTER = (
    Parameter("material", "jelly", "What it is made of.", choices=("water", "jelly", "snow", "sand")),
    Parameter("density", 0.0, "Mass of a cubic metre; 0 for the material's own.", "kg/m³", 0, 20000),
    Parameter(
        "stiffness",
        0.0,
        "Young's modulus of jelly, snow and sand; bulk modulus of water. 0 for what bears its own weight well.",
        "Pa",
        0,
        1e8,
    ),
    Parameter("friction_angle", 35.0, "How steep a slope of sand holds.", "degrees", 1, 60),
    Parameter("speed_x", 0.0, "Initial speed along the world's x axis.", "m/s", -50, 50),
    Parameter("speed_y", 0.0, "Initial speed along the world's y axis.", "m/s", -50, 50),
    Parameter("speed_z", 0.0, "Initial speed along the world's z axis.", "m/s", -50, 50),
)
FLOCK = (
    WARM_UP,
    Parameter("count", 200, "Number of agents.", "", 1, 1_000_000),
    Parameter("size", 0.6, "Wing span of the built-in bird; twice the distance kept to obstacles.", "m", 0.001, 1000),
    Parameter("speed", 6.0, "Cruising speed.", "m/s", 0.01, 200),
    Parameter("separation", 0.3, "Weight of keeping apart.", "", 0, 100),
    Parameter("alignment", 4.0, "Weight of flying where the neighbours fly.", "", 0, 100),
    Parameter("cohesion", 1.5, "Weight of staying together.", "", 0, 100),
    Parameter("wander", 0.6, "Weight of whims that neighbours share.", "", 0, 100),
    Parameter("radius", 1.5, "How far an agent sees its neighbours.", "m", 0.01, 1000),
    Parameter("clearance", 2.0, "Distance at which obstacles turn agents away.", "m", 0.01, 1000),
    Parameter("beat", 4.0, "Wing beats.", "1/s", 0, 50),
    Parameter(
        "start",
        "together",
        "As one flock, or all over the domain in all directions.",
        choices=("together", "scattered"),
    ),
)
FLOCK_GOAL = (Parameter("weight", 1.0, "Weight of flying to the nearest goal.", "", 0, 100),)
PREDATOR = (
    Parameter("weight", 8.0, "Weight of fleeing.", "", 0, 100),
    Parameter("reach", 5.0, "Distance at which agents flee.", "m", 0.01, 1000),
)
CROWD = (
    WARM_UP,
    Parameter("count", 60, "Number of people.", "", 1, 1_000_000),
    Parameter("speed", 1.34, "Preferred walking speed.", "m/s", 0.1, 5),
    Parameter("size", 1.75, "Height of a person.", "m", 0.1, 10),
    Parameter("radius", 0.25, "Radius that a person keeps clear.", "m", 0.05, 2),
    Parameter("leave", False, "People are gone when they have reached the last goal; otherwise they turn round."),
)
CROWD_GOAL = (Parameter("radius", 1.0, "How near one has to come.", "m", 0.1, 1000),)
TRAFFIC = (
    WARM_UP,
    Parameter("count", 24, "Number of cars.", "", 1, 100_000),
    Parameter("speed", 12.0, "Desired speed.", "m/s", 0.5, 80),
    Parameter("headway", 1.5, "Desired time gap to the car in front.", "s", 0.2, 10),
    Parameter("gap", 2.0, "Smallest gap to the car in front.", "m", 0.1, 50),
    Parameter("lane_width", 3.5, "Width of a lane.", "m", 1, 20),
    Parameter("lane_changes", True, "Let cars change lanes where that is faster and safe."),
)

KINDS: dict[str, EffectKind] = {
    "smoke": EffectKind(
        "Smoke", "Eulerian smoke in a box.", SMOKE, {"emitter": SMOKE_EMITTER, "obstacle": FLUID_OBSTACLE}
    ),
    "fire": EffectKind(
        "Fire",
        "Burning fuel that heats, glows and leaves smoke.",
        FIRE,
        {"emitter": SMOKE_EMITTER, "obstacle": FLUID_OBSTACLE},
    ),
    "liquid": EffectKind(
        "Liquid",
        "A liquid of particles on a grid (FLIP).",
        LIQUID,
        {"emitter": LIQUID_EMITTER, "obstacle": FLUID_OBSTACLE},
    ),
    "material": EffectKind(
        "Material",
        "Jelly, snow, sand or water by the material point method.",
        MATERIAL,
        {"emitter": MATERIAL_EMITTER, "obstacle": OBSTACLE},
    ),
    "flock": EffectKind(
        "Flock",
        "Birds or fish that fly together (boids).",
        FLOCK,
        {"obstacle": (), "goal": FLOCK_GOAL, "predator": PREDATOR, "body": ()},
    ),
    "crowd": EffectKind(
        "Crowd", "People who walk to goals (social force).", CROWD, {"obstacle": (), "goal": CROWD_GOAL, "body": ()}
    ),
    "traffic": EffectKind(
        "Traffic",
        "Cars along lanes (intelligent driver model).",
        TRAFFIC,
        {"lane": (), "obstacle": (), "body": ()},
    ),
}
"""The role "body" names the mesh that each agent is a copy of; without it agents have a built-in one."""
