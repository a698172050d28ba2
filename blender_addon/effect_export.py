"""The effects that a scene asks for: domains, who takes part in them, and with which settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .errors import SceneError
from .materials import MaterialTable
from .obstacles import in_the_way
from .properties import IGNORE, NONE, as_set, role_group

# roles whose meshes stand in nobody's way, whichever domain they are for
_NO_OBSTACLES = ("emitter", "body")


@dataclass(frozen=True)
class Cast:
    """The objects of the scene that effects are about."""

    domains: tuple[Any, ...]
    """Domain objects, which are boxes and no bodies."""
    actors: tuple[Any, ...]
    """Objects with a role."""
    instanced: tuple[str, ...] = ()
    """Names of such objects that are only there as instances of their collection, where they do not count."""

    @property
    def domain_names(self) -> set[str]:
        return {obj.name_full for obj in self.domains}

    @property
    def actor_names(self) -> set[str]:
        return {obj.name_full for obj in self.actors}


def find_cast(view_layer: Any) -> Cast:
    """The domains and actors of a view layer, whether they are rendered or not."""
    objects = dict.fromkeys(_objects(view_layer.layer_collection))
    domains = tuple(obj for obj in objects if obj.simcraft.kind != NONE)
    actors = tuple(obj for obj in objects if obj.simcraft.role != NONE and obj.simcraft.kind == NONE)
    collections = [obj.instance_collection for obj in objects if obj.instance_collection]
    inside = dict.fromkeys(obj for collection in collections for obj in collection.all_objects)
    instanced = tuple(obj.name for obj in inside if obj not in objects and _takes_part(obj))
    return Cast(domains, actors if domains else (), instanced)


def _takes_part(obj: Any) -> bool:
    return bool(obj.simcraft.kind != NONE or obj.simcraft.role not in (NONE, IGNORE))


def _objects(layer_collection: Any) -> Iterator[Any]:
    """The objects in collections that are not excluded. (`view_layer.objects` lags behind what scripts have added.)"""
    if not layer_collection.exclude:
        yield from layer_collection.collection.objects
        for child in layer_collection.children:
            yield from _objects(child)


@dataclass
class StageLog:
    """Where domains and actors without faces are, frame by frame."""

    cast: Cast
    boxes: dict[str, list[np.ndarray]] = field(default_factory=dict)
    """Domain -> (4, 4) float64, the unit cube to the world, of each frame."""
    points: dict[str, list[np.ndarray]] = field(default_factory=dict)
    """Actor -> (P, 3) float32, world, of each frame; only of actors without faces."""

    def look(self, depsgraph: Any) -> None:
        """Add the present frame."""
        for obj in self.cast.domains:
            matrix = np.array(obj.evaluated_get(depsgraph).matrix_world, np.float64)
            self.boxes.setdefault(obj.name_full, []).append(matrix @ _local_box(obj))
        for obj in self.cast.actors:
            points = world_points(obj.evaluated_get(depsgraph))
            if points is not None:
                self.points.setdefault(obj.name_full, []).append(points)


def build_effects(
    log: StageLog, bodies: Mapping[str, Any], materials: MaterialTable, frame_count: int
) -> tuple[tuple[Any, ...], list[str]]:
    """(the scene's effects, warnings).

    Parameters
    ----------
    bodies: full name of an object -> its body in the recording; what it instances has names of its own, beginning with
        that and a slash.

    Raises `SceneError` where a domain has no volume, or a lane is more than a line.
    """
    warnings = _idle(log.cast)
    roles = {obj.name_full: _thing(obj, log, bodies, frame_count, warnings) for obj in log.cast.actors}
    effects = []
    for domain in log.cast.domains:
        boxes = log.boxes[domain.name_full]
        if not np.linalg.det(boxes[0]):
            raise SceneError(
                f"The domain '{domain.name}' is flat: nothing can be simulated in it.", "Give its mesh a volume."
            )
        if any(not np.allclose(box, boxes[0], rtol=0, atol=1e-6) for box in boxes):
            warnings.append(f"The domain '{domain.name}' moves; it stays where it is in the first frame.")
        kind = domain.simcraft.kind
        own = [_role(obj, kind, roles[obj.name_full]) for obj in _members(domain, log.cast.actors)]
        taken = {role.name for role in own if role is not None}
        obstacles = _unmarked(domain, boxes[0], log.cast, bodies, taken)
        effects.append(
            fmt.Effect(
                kind,
                domain.name_full,
                boxes[0],
                set_values(getattr(domain.simcraft, kind), fmt.KINDS[kind].parameters),
                (*(role for role in own if role is not None), *obstacles),
                _material(domain, materials),
            )
        )
    return tuple(effects), warnings


def set_values(group: Any, parameters: Iterable[Any]) -> dict[str, Any]:
    """What was set in a group of settings, and is not the default."""
    values = {p.name: as_set(getattr(group, p.name)) for p in parameters if group.is_property_set(p.name)}
    return {p.name: values[p.name] for p in parameters if values.get(p.name, p.default) != p.default}


def _local_box(obj: Any) -> np.ndarray:
    """(4, 4) matrix that places the unit cube as the object's box, without modifiers, in its own space."""
    if obj.type == "EMPTY":
        low, high = np.full(3, -obj.empty_display_size), np.full(3, obj.empty_display_size)
    else:
        corners = np.array([v.co for v in obj.data.vertices] if obj.type == "MESH" else obj.bound_box, np.float64)
        low, high = (corners.min(0), corners.max(0)) if len(corners) else (np.zeros(3), np.zeros(3))
    box = np.diag([*(high - low), 1.0])
    box[:3, 3] = low
    return box


def world_points(obj: Any) -> np.ndarray | None:
    """(P, 3) float32, world: the points of an evaluated object without faces; None where it has faces."""
    if obj.type not in {"MESH", "CURVE", "SURFACE", "FONT", "META"}:
        local = np.zeros((1, 3))
    else:
        mesh = obj.to_mesh()
        has_faces = mesh is not None and len(mesh.polygons) > 0
        local = np.zeros((1, 3)) if mesh is None or has_faces else _line(mesh, obj.type == "CURVE")
        obj.to_mesh_clear()
        if has_faces:
            return None
    matrix = np.array(obj.matrix_world, np.float64)
    return (local @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32)


def _line(mesh: Any, is_curve: bool) -> np.ndarray:
    """(P, 3) vertices in their order; of a curve its first spline, which ends where it begins if it is closed."""
    points = np.array([v.co for v in mesh.vertices], np.float64).reshape(-1, 3)
    if not is_curve or len(points) < 2:
        return points if len(points) else np.zeros((1, 3))
    edges = {tuple(sorted(e.vertices)) for e in mesh.edges}
    end = next((i for i in range(len(points) - 1) if (i, i + 1) not in edges), len(points) - 1)
    spline = points[: end + 1]
    return np.concatenate([spline, spline[:1]]) if (0, end) in edges and end > 1 else spline


def _idle(cast: Cast) -> list[str]:
    """A warning for each thing whose role has no effect."""
    warnings = [
        f"'{name}' is a part of a simulation, but here only as an instance of its collection, which does not count. "
        "Make the instance real (Object > Apply > Make Instances Real)."
        for name in cast.instanced
    ]
    for obj in cast.actors:
        role, domain = obj.simcraft.role, obj.simcraft.domain
        if role == IGNORE:
            continue
        if domain is not None and domain not in cast.domains:
            warnings.append(f"'{obj.name}' has a role for '{domain.name}', which is no domain of this scene.")
        elif not any(role in fmt.KINDS[d.simcraft.kind].roles and domain in (None, d) for d in cast.domains):
            warnings.append(f"'{obj.name}' has the role '{role}', which no domain here has a use for.")
    return warnings


def _thing(
    obj: Any, log: StageLog, bodies: Mapping[str, Any], frame_count: int, warnings: list[str]
) -> tuple[str, np.ndarray | None] | None:
    """(name, points) of an actor: of its body, or of its points; None where it could not be seen."""
    name = obj.name_full
    if name in bodies and obj.simcraft.role == "lane":
        raise SceneError(
            f"The lane '{obj.name}' has faces.", "A lane is a plain curve: without bevel, extrusion and filling."
        )
    if name in bodies:
        return bodies[name].name, None
    places = log.points.get(name, [])
    if len(places) == frame_count:
        first = places[0]
        if any(len(p) != len(first) for p in places):
            warnings.append(f"The number of points of '{obj.name}' changes; it stays as it is in the first frame.")
            places = [first] * frame_count
        splines = len(obj.data.splines) if obj.type == "CURVE" else 1
        if splines > 1:
            warnings.append(f"Only the first of the {splines} splines of '{obj.name}' counts.")
        return name, np.stack(places)
    if obj.simcraft.role != IGNORE:
        warnings.append(f"'{obj.name}' has the role '{obj.simcraft.role}', but cannot be seen in all frames.")
    return None


def _members(domain: Any, actors: Iterable[Any]) -> list[Any]:
    """The actors with a role in the effect of this domain."""
    known = fmt.KINDS[domain.simcraft.kind].roles
    return [a for a in actors if a.simcraft.role in known and a.simcraft.domain in (None, domain)]


def _role(obj: Any, kind: str, thing: tuple[str, np.ndarray | None] | None) -> Any | None:
    if thing is None:
        return None
    role = obj.simcraft.role
    parameters = fmt.KINDS[kind].roles[role]
    settings = set_values(getattr(obj.simcraft, role_group(kind, role)), parameters) if parameters else {}
    return fmt.Role(role, thing[0], settings, thing[1])


def _unmarked(domain: Any, box: np.ndarray, cast: Cast, bodies: Mapping[str, Any], taken: set[str]) -> list[Any]:
    """The rendered bodies that are obstacles without having been told so."""
    if domain.simcraft.collide != "ALL" or "obstacle" not in fmt.KINDS[domain.simcraft.kind].roles:
        return []
    excused = {
        obj.name_full
        for obj in cast.actors
        if obj.simcraft.role in _NO_OBSTACLES or (obj.simcraft.role == IGNORE and obj.simcraft.domain in (None, domain))
    }
    obstacles = []
    for name, body in bodies.items():
        owner = name.split("/")[0]
        seen = body.present is None or bool(np.any(body.present))
        if body.name not in taken and not {name, owner} & excused and seen and in_the_way(body, box):
            obstacles.append(fmt.Role("obstacle", body.name))
    return obstacles


def _material(domain: Any, materials: MaterialTable) -> int:
    """The number of the domain object's own material; -1 where it has none."""
    material = next((slot.material for slot in domain.material_slots if slot.material is not None), None)
    return -1 if material is None else materials.number(material)
