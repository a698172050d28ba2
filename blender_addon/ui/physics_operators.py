"""Operators that let things move: rigid bodies, and the domains of SimCraft's own simulations."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from ..errors import SceneError
from ..staging import agents, fluids
from ..staging.memory import in_words, need
from ..staging.rigid import RigidWish, make_rigid
from ..staging.substances import SUBSTANCES
from .common import is_object_mode, select_only
from .scene_state import (
    AGENTS,
    COUNTS,
    FLUIDS,
    MATERIALS,
    SELECTION_ITEMS,
    SUBSTANCE_ITEMS,
    resolution_property,
    solver_property,
)
from .words import draw_text, reports_errors

SHAPES = (
    (
        "AUTO",
        "Automatic",
        "Box or ball where it is one, else the convex hull; of what stands still and is hollow, the mesh",
    ),
    ("BOX", "Box", "Quick and firm; around the object's origin"),
    ("SPHERE", "Ball", "Rolls smoothly; around the object's origin"),
    ("CYLINDER", "Cylinder", "Upright along the object's own z axis"),
    ("CONVEX_HULL", "Convex Hull", "As if shrink-wrapped: no holes"),
    ("MESH", "Mesh", "Exactly the mesh, with its holes; slow, and things may fall through what is thin"),
)


class SIMCRAFT_OT_make_rigid(bpy.types.Operator):
    bl_idname = "simcraft.make_rigid"
    bl_label = "Make Rigid"
    bl_description = (
        "Let the selected meshes be rigid bodies. Active ones fall, roll and topple; others bump into passive ones. "
        "Each weighs what its volume of the material weighs"
    )
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(
        name="Kind",
        description="Does it move by itself",
        items=(
            (
                "ACTIVE",
                "Active",
                "It falls, and is pushed by others. With keyframes it follows them, and pushes others",
            ),
            ("PASSIVE", "Passive", "It stands still, like a floor, and others bump into it"),
        ),
    )
    substance: bpy.props.EnumProperty(
        name="Made of", description="Decides over mass, friction and bounce", items=SUBSTANCE_ITEMS
    )
    density: bpy.props.FloatProperty(
        name="Density",
        description="Mass of a cubic metre, in kg, of a custom material",
        default=1000,
        min=0.1,
        max=30000,
    )
    friction: bpy.props.FloatProperty(
        name="Friction",
        description="Coulomb's coefficient of two pieces of a custom material: 0 is ice, 1 is rubber",
        default=0.4,
        min=0.0,
        max=4.0,
    )
    bounce: bpy.props.FloatProperty(
        name="Bounce",
        description="Share of the speed that is left when two pieces of a custom material bounce off one another",
        default=0.3,
        min=0.0,
        max=1.0,
    )
    shape: bpy.props.EnumProperty(name="Shape", description="What others bump into", items=SHAPES)
    centre: bpy.props.BoolProperty(
        name="Centre Origins",
        description=(
            "Move the origins of active bodies to their centres of mass, because Blender turns bodies about their "
            "origins. What has keyframes, modifiers, parents or children keeps its origin"
        ),
        default=True,
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not any(obj.type == "MESH" for obj in context.selected_objects):
            cls.poll_message_set("Select the meshes that are to be rigid")
            return False
        return is_object_mode(cls, context)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        chosen = [obj for obj in context.selected_objects if obj.type == "MESH"]
        made = make_rigid(context.scene, context.evaluated_depsgraph_get(), chosen, self._wish())
        for note in made.notes:
            self.report({"WARNING"}, note)
        if self.kind == "ACTIVE":
            self.report({"INFO"}, tip("{} active bodies of {:.3g} kg together").format(len(chosen), made.mass))
        else:
            self.report({"INFO"}, tip("{} passive bodies").format(len(chosen)))
        return {"FINISHED"}

    def _wish(self) -> RigidWish:
        if self.substance == "CUSTOM":
            density, friction, restitution = self.density, self.friction**0.5, self.bounce**0.5
        else:
            known = SUBSTANCES[self.substance]
            density, friction, restitution = known.density, known.friction, known.restitution
        return RigidWish(self.kind, density, friction, restitution, self.shape, self.centre)

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "kind", expand=True)
        layout.prop(self, "substance")
        if self.substance == "CUSTOM":
            for name in ("density", "friction", "bounce"):
                layout.prop(self, name)
        layout.prop(self, "shape")
        if self.kind == "ACTIVE":
            layout.prop(self, "centre")


MOST_PLANNED = 200
"""Objects that an estimate looks at while the panel is drawn."""


def fluid_cost(context: Any, wish: fluids.FluidWish) -> str:
    """What a domain that is added now will take, in a few words."""
    scene = context.scene
    chosen, others = context.selected_objects[:MOST_PLANNED], scene.objects[:MOST_PLANNED]
    place = fluids.plan(wish, chosen, scene.cursor.location, others)
    frames = max(scene.frame_end - scene.frame_start + 1, 1)
    needs = need(wish.kind, place.domain.size.tolist(), wish.resolution, frames)
    cells = " x ".join(map(str, needs.cells))
    return tip("{} cells; about {} of memory and {} of disk").format(
        cells, in_words(needs.memory), in_words(needs.disk)
    )


def _room() -> Any:
    return bpy.props.FloatProperty(
        name="Room", description="Factor on the space around what it comes from", default=1.0, min=0.1, max=20.0
    )


def _add_domain(operator: Any, context: Any, wish: fluids.FluidWish) -> set[str]:
    scene = context.scene
    place = fluids.plan(wish, context.selected_objects, scene.cursor.location, scene.objects)
    domain = fluids.add_fluid(wish, place, context.selected_objects, context.collection)
    select_only(context, domain)
    sides = " x ".join(f"{side:.2g}" for side in place.domain.size)
    operator.report({"INFO"}, tip("'{}' is a box of {} m").format(domain.name, sides))
    return {"FINISHED"}


class SIMCRAFT_OT_add_fluid(bpy.types.Operator):
    bl_idname = "simcraft.add_fluid"
    bl_label = "Add Fluid Domain"
    bl_description = (
        "Add a box in which smoke, fire or a liquid is simulated. It comes out of the selected meshes, or of a ball at "
        "the 3D cursor where none is selected. All other rendered meshes are in its way"
    )
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Fluid", description="What is simulated", items=FLUIDS)
    resolution: resolution_property()
    solver: solver_property()
    room: _room()

    @classmethod
    def poll(cls, context: Any) -> bool:
        return is_object_mode(cls, context)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        return _add_domain(self, context, fluids.FluidWish(self.kind, self.resolution, self.solver, room=self.room))

    def draw(self, context: Any) -> None:
        _draw_domain(self, context, ("kind", "resolution", "solver", "room"), self.kind)


class SIMCRAFT_OT_add_material(bpy.types.Operator):
    bl_idname = "simcraft.add_material"
    bl_label = "Add Material Domain"
    bl_description = (
        "Let the selected meshes be jelly, snow, sand or water, in a box in which they fall, splash or pile up. With "
        "none selected, a ball of it hangs above the 3D cursor. All other rendered meshes are in its way"
    )
    bl_options = {"REGISTER", "UNDO"}

    material: bpy.props.EnumProperty(name="Material", description="What it is made of", items=MATERIALS)
    resolution: resolution_property()
    room: _room()

    @classmethod
    def poll(cls, context: Any) -> bool:
        return is_object_mode(cls, context)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        wish = fluids.FluidWish("material", self.resolution, material=self.material, room=self.room)
        return _add_domain(self, context, wish)

    def draw(self, context: Any) -> None:
        _draw_domain(self, context, ("material", "resolution", "room"), "material")


def _draw_domain(operator: Any, context: Any, names: tuple[str, ...], kind: str) -> None:
    """The properties of an operator that has added a domain of `kind`, and what that takes."""
    layout = operator.layout
    layout.use_property_split = True
    for name in names:
        layout.prop(operator, name)
    _draw_cost(layout, context, kind)


def _draw_cost(layout: Any, context: Any, kind: str) -> None:
    """What the domain takes that was just added, which is the active object."""
    domain = context.object
    if domain is None or domain.simcraft.kind != kind:
        return
    scene = context.scene
    resolution = getattr(domain.simcraft, kind).resolution
    needs = need(kind, tuple(domain.dimensions), resolution, max(scene.frame_end - scene.frame_start + 1, 1))
    text = tip("About {} of memory, {} of disk").format(in_words(needs.memory), in_words(needs.disk))
    draw_text(layout, context, text)


class SIMCRAFT_OT_add_agents(bpy.types.Operator):
    bl_idname = "simcraft.add_agents"
    bl_label = "Add Flock, Crowd or Traffic"
    bl_description = (
        "Add a box in which birds fly, people walk or cars drive, with goals or lanes that can be moved. Selected "
        "meshes are in their way, or what each of them looks like"
    )
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Agents", description="Who moves", items=AGENTS)
    count: bpy.props.IntProperty(
        name="Count", description="How many; 0 for the usual number", default=0, min=0, max=1_000_000, soft_max=2000
    )
    size: bpy.props.FloatProperty(
        name="Size",
        description="Span of a bird, or height of a person; 0 for the usual. Speeds and distances go with it",
        subtype="DISTANCE",
        min=0.0,
        max=1000.0,
    )
    selection: bpy.props.EnumProperty(
        name="Selection", description="What selected meshes are for the agents", items=SELECTION_ITEMS
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return is_object_mode(cls, context)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        wish = agents.AgentWish(self.kind, self.count or COUNTS[self.kind], self.size, self.selection)
        chosen = sorted(context.selected_objects, key=lambda obj: obj != context.object)
        if wish.selection == "BODY" and chosen and chosen[0].type != "MESH":
            raise SceneError(f"'{chosen[0].name}' is no mesh.", "Make a mesh active: each agent is a copy of it.")
        box = agents.plan(wish, chosen, context.scene.cursor.location)
        domain = agents.add_agents(wish, box, chosen, context.collection)
        select_only(context, domain)
        sides = " x ".join(f"{side:.3g}" for side in box.size)
        self.report({"INFO"}, tip("'{}': {} in a box of {} m").format(domain.name, wish.count, sides))
        return {"FINISHED"}

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "kind")
        layout.prop(self, "count")
        if self.kind != "traffic":
            layout.prop(self, "size")
        layout.prop(self, "selection")


CLASSES = (SIMCRAFT_OT_make_rigid, SIMCRAFT_OT_add_fluid, SIMCRAFT_OT_add_material, SIMCRAFT_OT_add_agents)
