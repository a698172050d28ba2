"""Set simulations up: which object is the domain of what, and which objects take part in it.

The functions work like the properties of `properties.py`, and say what is wrong instead of ignoring it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._format import recording_format as fmt
from .errors import SceneError


def make_domain(obj: Any, kind: str, *, collide: str = "ALL", **settings: Any) -> Any:
    """Let an effect of `kind` be simulated in the local bounding box of `obj`, which becomes an unrendered wire box.

    Parameters
    ----------
    kind: a key of `recording_format.KINDS`: smoke, fire, liquid, material, flock, crowd or traffic.
    collide: ALL for every rendered mesh that is no emitter, no agent's body and not ignored; MARKED for obstacles only.
    settings: by the names of the kind's parameters.

    Returns the object. Raises `SceneError` that names what is unknown, or of the wrong type or range.
    """
    if getattr(obj, "type", None) not in ("MESH", "EMPTY"):
        raise SceneError(f"{obj!r} cannot be a domain.", "Give a mesh object: its local bounding box is the domain.")
    _known(kind, tuple(fmt.KINDS), "kind of effect")
    _known(collide, ("ALL", "MARKED"), "choice of obstacles")
    values = _checked(f"{kind} '{obj.name}'", fmt.KINDS[kind].parameters, settings)
    own = _properties(obj)
    own.kind, own.collide = kind, collide
    _assign(getattr(own, kind), values)
    obj.display_type, obj.hide_render = "WIRE", True
    return obj


def give_role(obj: Any, role: str, domain: Any | None = None, **settings: Any) -> Any:
    """Let `obj` take part in the effect of `domain`, or in every effect that knows the role.

    Parameters
    ----------
    role: one of the roles of the domain's kind, or "ignore" for what the effect should not notice.
    domain: an object that `make_domain` has seen; None for all there are and will be.
    settings: by the names of the parameters that the kind has for this role.

    Returns the object. Raises `SceneError` that names what is unknown, or of the wrong type or range.
    """
    from .properties import IGNORE, NONE, role_group, roles

    _known(role, roles(), "role")
    own = _properties(obj)
    kinds = tuple(fmt.KINDS)
    if domain is not None:
        kind = _properties(domain).kind
        if kind == NONE:
            raise SceneError(f"'{domain.name}' is no domain.", "Call make_domain for it first.")
        _known(role, (*fmt.KINDS[kind].roles, IGNORE), f"role in the {kind} of '{domain.name}'")
        kinds = (kind,)
    values = {kind: _role_values(f"{role} '{obj.name}'", kind, role, settings, len(kinds) == 1) for kind in kinds}
    if settings and not any(values.values()):
        raise SceneError(
            f"The {role} '{obj.name}': no kind of effect has all of the settings {', '.join(settings)} for this role.",
            "Give the domain to hear which ones there are.",
        )
    own.role, own.domain = role, domain
    for kind, known in values.items():
        if known:
            _assign(getattr(own, role_group(kind, role)), known)
    return obj


def _role_values(who: str, kind: str, role: str, settings: Mapping[str, Any], only_kind: bool) -> dict[str, Any]:
    """The checked settings for one kind of effect; none where another kind may be meant."""
    parameters = fmt.KINDS[kind].roles.get(role, ())
    if not only_kind and not set(settings) <= {p.name for p in parameters}:
        return {}
    return _checked(who, parameters, settings)


def _checked(who: str, parameters: tuple[Any, ...], settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        complete = fmt.complete(parameters, settings)
    except fmt.SettingError as error:
        raise SceneError(f"The {who}: {error}.", "Correct the setting that is named.") from None
    return {name: complete[name] for name in settings}


def _known(name: str, names: tuple[str, ...], what: str) -> None:
    if name not in names:
        raise SceneError(f"'{name}' is no {what}.", f"There are: {', '.join(names)}.")


def _properties(obj: Any) -> Any:
    from .properties import register

    register()
    return obj.simcraft


def _assign(group: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(group, name, value)
