"""What will move in a scene, read from its settings: no frame is stepped, so it is quick enough for a panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..physics import has_simulation_nodes
from ..properties import NONE
from .facts import ALWAYS, Movers

_MODIFIERS = {
    "CLOTH": "cloth",
    "SOFT_BODY": "soft",
    "MESH_SEQUENCE_CACHE": "animated",
    "MESH_CACHE": "animated",
    "WAVE": "animated",
    "BUILD": "animated",
}
_INVISIBLE = ("EMPTY", "LIGHT", "SPEAKER", "ARMATURE", "LATTICE")
"""Types of objects whose motion is seen, if at all, by what follows them."""


def movers(scene: Any) -> Movers:
    """What moves in `scene`."""
    world = scene.rigidbody_world
    awake = world is not None and world.enabled and world.collection is not None
    found: dict[str, list[str]] = {}
    spans: list[tuple[float, float]] = []
    asleep = camera = False
    for obj in scene.objects:
        if obj.type == "CAMERA":
            if obj == scene.camera and (span := keyed_frames(obj)):
                camera = True
                spans.append(span)
            continue
        asleep |= not awake and obj.rigid_body is not None and obj.rigid_body.type == "ACTIVE"
        kind = simulated_by(obj, awake)
        span = ALWAYS if kind else keyed_frames(obj)
        if span is not None and (kind or obj.type not in _INVISIBLE or obj.instance_collection):
            found.setdefault(kind or "animated", []).append(obj.name)
            spans.append(span)
    if has_simulation_nodes(scene):
        found.setdefault("nodes", []).append("")
        spans.append(ALWAYS)
    return Movers(
        tuple((kind, len(names)) for kind, names in found.items()),
        tuple(name for names in found.values() for name in names if name),
        (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else ALWAYS,
        asleep,
        camera,
    )


def simulated_by(obj: Any, awake: bool = True) -> str | None:
    """What simulates `obj`, a key of `facts.WORDS` or a kind of effect; None where nothing does.

    `awake`: rigid bodies are simulated.
    """
    if obj.simcraft.kind != NONE:
        return str(obj.simcraft.kind)
    body = obj.rigid_body
    if body is not None and body.type == "ACTIVE" and not body.kinematic and body.enabled and awake:
        return "rigid"
    for modifier in obj.modifiers:
        if modifier.type in _MODIFIERS:
            return _MODIFIERS[modifier.type]
        if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
            return "fluid"
        if modifier.type == "NODES" and modifier.node_group and _reads_the_time(modifier.node_group):
            return "animated"
    if any(system.settings.type == "EMITTER" for system in obj.particle_systems):
        return "particles"
    return None


def _reads_the_time(tree: Any) -> bool:
    return any(node.bl_idname == "GeometryNodeInputSceneTime" for node in tree.nodes)


def keyed_frames(obj: Any) -> tuple[float, float] | None:
    """First and last frame of what is keyed on `obj`, its data, or what it follows; None where nothing is."""
    spans = [span for owner in _owners(obj) if (span := _keyed(owner)) is not None]
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def _owners(obj: Any) -> Iterator[Any]:
    """The data-blocks whose animation moves `obj`."""
    parent = obj
    while parent is not None:
        yield parent
        parent = parent.parent
    if obj.data is not None:
        yield obj.data
        if getattr(obj.data, "shape_keys", None) is not None:
            yield obj.data.shape_keys
    if obj.instance_collection is not None:
        yield from obj.instance_collection.all_objects
    yield from (m.node_group for m in obj.modifiers if m.type == "NODES" and m.node_group is not None)
    followed = [getattr(constraint, "target", None) for constraint in obj.constraints]
    followed += [modifier.object for modifier in obj.modifiers if modifier.type in ("ARMATURE", "HOOK", "CURVE")]
    for other in followed:
        if other is not None:
            yield other
            if other.data is not None:
                yield other.data


def _keyed(owner: Any) -> tuple[float, float] | None:
    """First and last frame in which the animation of one data-block changes something that can be seen to move."""
    data = owner.animation_data
    if data is None:
        return None
    if data.drivers or data.nla_tracks:
        return ALWAYS
    curves = [curve for curve in curves_of(data) if not curve.data_path.startswith("hide_") and _changes(curve)]
    if not curves:
        return None
    if any(curve.modifiers or curve.extrapolation == "LINEAR" for curve in curves):
        return ALWAYS
    ranges = [curve.range() for curve in curves]
    return min(r[0] for r in ranges), max(r[1] for r in ranges)


def _changes(curve: Any) -> bool:
    points = curve.keyframe_points
    if curve.modifiers or len(curve.sampled_points):
        return True
    return len(points) > 1 and any(p.co[1] != points[0].co[1] for p in points)


def curves_of(animation: Any) -> list[Any]:
    """The curves of a data-block's `animation_data`; actions have layers and slots since 4.4."""
    action = animation.action
    if action is None:
        return []
    if not hasattr(action, "layers"):
        return list(action.fcurves)
    slot = animation.action_slot
    if slot is None:
        return []
    bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]
