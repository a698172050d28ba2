"""What makes an object a part of a simulation: the properties `Object.simcraft`, generated from the table of effects.

    domain.simcraft.kind = "smoke"                    # this object's local bounding box is a box of smoke
    domain.simcraft.smoke.buoyancy = 1.5
    torch.simcraft.role = "emitter"                   # for every domain whose kind knows emitters, or for one:
    torch.simcraft.domain = domain
    torch.simcraft.smoke_emitter.density = 2.0

`effects.make_domain` and `effects.give_role` do the same with checks. What was never set is not saved.
"""

from __future__ import annotations

import atexit
import zlib
from typing import Any

import bpy

from ._format import recording_format as fmt

NONE = "NONE"
IGNORE = "ignore"
"""The role of what no effect should notice."""


def roles() -> tuple[str, ...]:
    """All roles that some kind of effect knows, and `IGNORE`."""
    return (*dict.fromkeys(role for kind in fmt.KINDS.values() for role in kind.roles), IGNORE)


def role_group(kind: str, role: str) -> str:
    """The name of the group of settings that a thing in `role` has for an effect of `kind`."""
    return f"{kind}_{role}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _items(names: tuple[str, ...], texts: dict[str, tuple[str, str]]) -> list[tuple[str, str, str, int]]:
    """Enum items. A .blend keeps an item's number, which therefore must not depend on its place in the table."""
    items = []
    for name in names:
        title, text = texts.get(name, (_words(name), ""))
        number = 0 if name == NONE else zlib.crc32(name.encode()) & 0x7FFFFFFF
        items.append((name, title, text, number))
    return items


def blender_property(parameter: Any, **more: Any) -> Any:
    """The Blender property of one `recording_format.Parameter`; `more` goes to Blender as it is."""
    unit = f", in {parameter.unit}" if parameter.unit else ""
    common = {
        "name": _words(parameter.name),
        "description": f"{parameter.help.rstrip('.')} ({parameter.range}{unit})",
        "default": parameter.default,
        **more,
    }
    if parameter.choices:
        return bpy.props.EnumProperty(items=_items(parameter.choices, {}), **common)
    if not isinstance(parameter.default, bool):
        common |= {
            bound: limit
            for bound, limit in (("min", parameter.minimum), ("max", parameter.maximum))
            if limit is not None
        }
    make = {
        bool: bpy.props.BoolProperty,
        int: bpy.props.IntProperty,
        float: bpy.props.FloatProperty,
        str: bpy.props.StringProperty,
    }[type(parameter.default)]
    return make(**common)


def as_set(value: Any) -> Any:
    """What a property was set to: Blender keeps single precision, and 0.1 comes back as 0.10000000149."""
    return float(f"{value:.7g}") if isinstance(value, float) else value


def _group(name: str, doc: str, properties: dict[str, Any]) -> type:
    cls = type(f"SIMCRAFT_PG_{name}", (bpy.types.PropertyGroup,), {"__doc__": doc})
    # not in the namespace: Python 3.14 makes annotations in a way of its own
    cls.__annotations__ = properties
    return cls


def _groups() -> tuple[type, ...]:
    """All classes; the last one is what an object has, and refers to the others."""
    tables = {name: (kind.title, kind.parameters) for name, kind in fmt.KINDS.items()}
    for name, kind in fmt.KINDS.items():
        for role, parameters in kind.roles.items():
            if parameters:
                tables[role_group(name, role)] = (f"{kind.title}, {role}", parameters)
    parts = {
        name: _group(name, title, {p.name: blender_property(p, update=_tag) for p in parameters})
        for name, (title, parameters) in tables.items()
    }
    kinds = {name: (kind.title, kind.summary) for name, kind in fmt.KINDS.items()}
    own = {
        "kind": bpy.props.EnumProperty(
            name="Kind",
            description="What is simulated in the local bounding box of this object",
            items=_items((NONE, *kinds), {NONE: ("None", "Not a domain"), **kinds}),
            update=_tag,
        ),
        "role": bpy.props.EnumProperty(
            name="Role",
            description="How this object takes part in a simulation",
            items=_items((NONE, *roles()), {NONE: ("None", "No role"), IGNORE: ("Ignore", "No simulation notices it")}),
            update=_tag,
        ),
        "domain": bpy.props.PointerProperty(
            name="Domain",
            description="The domain that the role is for; empty for every domain that knows the role",
            type=bpy.types.Object,
            poll=_is_domain,
            update=_tag,
        ),
        "collide": bpy.props.EnumProperty(
            name="Collide",
            description="What stands in the way of what is simulated in this domain",
            items=_items(
                ("ALL", "MARKED"),
                {
                    "ALL": ("All", "Every rendered mesh that is no emitter, no body of an agent and not ignored"),
                    "MARKED": ("Marked", "Only objects with the role of an obstacle"),
                },
            ),
            default="ALL",
            update=_tag,
        ),
        **{
            name: bpy.props.PointerProperty(name=tables[name][0], description=tables[name][0], type=part)
            for name, part in parts.items()
        },
    }
    return (*parts.values(), _group("object", "What SimCraft knows of an object", own))


def _tag(settings: Any, _: Any) -> None:
    """Let Blender tell of the change as it tells of any other of the object's: a script's would go unnoticed."""
    settings.id_data.update_tag()


def _is_domain(_: Any, obj: Any) -> bool:
    return bool(obj.simcraft.kind != NONE)


CLASSES = _groups()


def register() -> None:
    """Give every object its `simcraft`; where it has one already, this does nothing."""
    if hasattr(bpy.types.Object, "simcraft"):
        return
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Object.simcraft = bpy.props.PointerProperty(name="SimCraft", type=CLASSES[-1])
    if getattr(bpy.app, "module", False):
        # the bpy package hangs at exit while a class is registered
        atexit.register(unregister)


def unregister() -> None:
    """Undo `register`; settings in open scenes are kept, and found again after the next one."""
    if not getattr(CLASSES[-1], "is_registered", False):
        return
    del bpy.types.Object.simcraft
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    atexit.unregister(unregister)
