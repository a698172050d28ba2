"""Domains of SimCraft's own solvers, and the things that take part in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from ..addon import effects as addon_effects
from ..addon import properties
from . import shapes
from .stage import Vector3

give_role = addon_effects.give_role


def domain(
    name: str,
    kind: str,
    lower: Vector3,
    upper: Vector3,
    material: bpy.types.Material | None = None,
    collide: str = "MARKED",
    **settings: Any,
) -> bpy.types.Object:
    """A box between two corners in which an effect of `kind` is simulated, made of `material` where one is given."""
    width, depth, height = np.subtract(upper, lower).tolist()
    x, y, z = (np.add(lower, upper) / 2).tolist()
    box = shapes.box(name, (width, depth, height), material, (x, y, z))
    made: bpy.types.Object = addon_effects.make_domain(box, kind, collide=collide, **settings)
    return made


def empty(name: str, location: Vector3) -> bpy.types.Object:
    """A place without a shape."""
    made = bpy.data.objects.new(name, None)
    made.location = location
    bpy.context.scene.collection.objects.link(made)
    return made


def curve(name: str, points: Sequence[Vector3]) -> bpy.types.Object:
    """A line through `points`."""
    data = bpy.data.curves.new(name, "CURVE")
    data.dimensions = "3D"
    line = data.splines.new("POLY")
    line.points.add(len(points) - 1)
    for point, place in zip(line.points, points, strict=True):
        point.co = (*place, 1.0)
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


def kinds(scene: bpy.types.Scene) -> list[str]:
    """The kinds of effects that the scene asks for, each once."""
    properties.register()
    return sorted({thing.simcraft.kind for thing in scene.objects if thing.simcraft.kind != "NONE"})
