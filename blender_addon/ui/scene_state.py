"""What is chosen in the Scene panel before a button is pressed: kept while Blender runs, and in no file."""

from __future__ import annotations

from typing import Any

import bpy

from .._format import recording_format as fmt
from ..staging.substances import SUBSTANCES
from .thumbnails import preset_items

FLUIDS = tuple(
    (kind, fmt.KINDS[kind].title, text)
    for kind, text in (
        ("smoke", "Rises from what is selected, and drifts around what is in its way"),
        ("fire", "Burns on what is selected, glows and leaves smoke"),
        ("liquid", "What is selected becomes a liquid, falls, splashes and comes to rest in the box"),
    )
)
MATERIALS = (
    ("jelly", "Jelly", "Wobbles and keeps its shape"),
    ("snow", "Snow", "Packs and breaks into lumps"),
    ("sand", "Sand", "Flows and piles up"),
    ("water", "Water", "Splashes and comes to rest, as particles on a grid"),
)
AGENTS = tuple(
    (kind, fmt.KINDS[kind].title, text)
    for kind, text in (
        ("flock", "Birds or fish that fly together through a box of air, around a goal in its middle"),
        ("crowd", "People who walk between two goals, and around what is selected"),
        ("traffic", "Cars on two lanes, which are curves that can be bent"),
    )
)
SUBSTANCE_ITEMS = (
    *(
        (name, s.title, f"{s.density:g} kg/m³, friction {s.sliding:g}, bounces with {s.bounce:g} of its speed")
        for name, s in SUBSTANCES.items()
    ),
    ("CUSTOM", "Custom", "The density, friction and bounce given here"),
)
SELECTION_ITEMS = (
    ("OBSTACLE", "In the Way", "Agents avoid the selected meshes"),
    ("BODY", "What They Look Like", "Each agent is a copy of the active mesh, which itself is no longer rendered"),
)
COUNTS = {"flock": 200, "crowd": 40, "traffic": 10}


def resolution_property() -> Any:
    """The setting of all domains that decides over detail and cost."""
    return bpy.props.IntProperty(
        name="Resolution",
        description=(
            "Cells along the longest side of the box. Twice as many show twice as much detail, and take 8 times the "
            "memory and about 16 times as long"
        ),
        default=48,
        min=8,
        max=512,
        soft_max=160,
    )


def solver_property() -> Any:
    """Which solver a fluid uses."""
    return bpy.props.EnumProperty(
        name="Solver",
        description="What simulates it",
        items=(
            ("taichi", "Quick", "SimCraft's own solver, on the processor or the GPU"),
            ("phiflow", "PhiFlow", "The reference, which is much slower and must be installed in the engine"),
        ),
    )


class SIMCRAFT_PG_stage(bpy.types.PropertyGroup):
    """What is to be added to the scene"""

    preset: bpy.props.EnumProperty(
        name="Preset", description="A scene that is ready to be simulated", items=preset_items
    )
    seed: bpy.props.IntProperty(
        name="Seed",
        description="7 makes the scene of the picture; any other number another one of its kind",
        default=7,
        min=0,
        max=2**31 - 1,
    )
    substance: bpy.props.EnumProperty(
        name="Made of", description="Decides over mass, friction and bounce", items=SUBSTANCE_ITEMS[:-1]
    )
    fluid: bpy.props.EnumProperty(name="Fluid", description="What is simulated", items=FLUIDS)
    solver: solver_property()
    resolution: resolution_property()
    material: bpy.props.EnumProperty(name="Material", description="What it is made of", items=MATERIALS)
    agents: bpy.props.EnumProperty(name="Agents", description="Who moves", items=AGENTS)
    selection: bpy.props.EnumProperty(
        name="Selection", description="What selected meshes are for the agents", items=SELECTION_ITEMS
    )


CLASSES = (SIMCRAFT_PG_stage,)


def register_more() -> None:
    """Give the window manager its `simcraft_stage`."""
    bpy.types.WindowManager.simcraft_stage = bpy.props.PointerProperty(type=SIMCRAFT_PG_stage)


def unregister_more() -> None:
    """Undo `register_more`."""
    if hasattr(bpy.types.WindowManager, "simcraft_stage"):
        del bpy.types.WindowManager.simcraft_stage
