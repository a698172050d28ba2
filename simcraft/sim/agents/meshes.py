"""The built-in agents: a bird that beats its wings, a person who walks, a car on turning wheels.

Few triangles, plain colours, and parts that move as the agent does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simcraft.recording import Material
from simcraft.sim.agents.bodies import Angle, Model
from simcraft.sim.agents.lofts import Piece, block, disc, joined, loft, part, ring

WHEEL_RADIUS = 0.33
"""Metres, of the built-in car."""
CAR_LENGTH, CAR_WIDTH = 4.4, 1.8
STRIDE = 0.82
"""Of the height: what a person covers in one cycle of two steps, at a common pace."""

# ----------------------------------------------------------------------------------------------------------------- bird

PLUMAGE, BELLY, TIP, BEAK = range(4)


def bird(span: float) -> Model:
    """A gull, `span` metres from tip to tip; asks for the rows `phase` of its beat and `effort`, 0 glides, 1 climbs."""
    parts = [part("", _bird_body(), span)]
    for side, name in ((1.0, "left"), (-1.0, "right")):
        inner = part(f"{name} wing", _inner_wing(side), span, (0.03, side * 0.035, 0.025), angle=_beat(side))
        outer = part(
            f"{name} wing tip", _outer_wing(side), span, (0.0, side * 0.2, 0.0), angle=_fold(side), parent=inner.name
        )
        parts += [inner, outer]
    white, dark, beak = Material("belly", (0.85, 0.85, 0.83)), (0.03, 0.03, 0.035), Material("beak", (0.75, 0.38, 0.06))
    tints = {"grey": (0.33, 0.36, 0.41), "brown": (0.27, 0.19, 0.12)}
    variants = [(Material(f"{n} plumage", c), white, Material("wing tip", dark), beak) for n, c in tints.items()]
    return Model(tuple(parts), tuple(variants), (PLUMAGE, BELLY, TIP))


def _beat(side: float) -> Angle:
    return lambda rows: side * (0.12 + (0.12 + 0.62 * rows["effort"]) * np.sin(rows["phase"]))


def _fold(side: float) -> Angle:
    # the tip follows the wing a quarter of a cycle later: it droops on the way up, and is straight on the way down
    return lambda rows: side * (-0.12 - (0.1 + 0.4 * rows["effort"]) * np.cos(rows["phase"]))


def _bird_body() -> Piece:
    sections = [
        (-0.20, 0.018, 0.014, 0.012), (-0.13, 0.042, 0.036, 0.004), (-0.02, 0.06, 0.056, 0.0),
        (0.08, 0.056, 0.052, 0.0), (0.145, 0.036, 0.038, 0.014), (0.175, 0.036, 0.037, 0.024),
        (0.205, 0.036, 0.036, 0.028), (0.235, 0.026, 0.026, 0.026), (0.25, 0.012, 0.012, 0.022),
    ]  # fmt: skip
    rings = [ring((x, 0, z), (0, width, 0), (0, 0, height), 10) for x, width, height, z in sections]
    body = loft(rings, lambda middle, normal: BELLY if normal[2] < -0.35 or middle[0] > 0.15 else PLUMAGE)
    tips = [ring((x, 0, 0.022), (0, w, 0), (0, 0, w), 6) for x, w in ((0.245, 0.013), (0.275, 0.008), (0.305, 0.001))]
    tail = [ring((x, 0, 0.012), (0, w, 0), (0, 0, 0.006), 6) for x, w in ((-0.15, 0.03), (-0.25, 0.05), (-0.34, 0.085))]
    return joined(body, loft(tips, lambda middle, normal: BEAK), loft(tail, lambda middle, normal: BELLY))


def _wing(stations: list[tuple[float, float, float, float]], slot: int) -> Piece:
    """Stations along y: (y, leading edge x, trailing edge x, half the thickness)."""
    rings = []
    for y, front, back, thick in stations:
        above, below = 0.7 * front + 0.3 * back, 0.6 * front + 0.4 * back
        rings.append(np.array([[front, y, 0], [above, y, thick], [back, y, 0], [below, y, -thick / 3]]))
    return loft(rings, lambda middle, normal: BELLY if normal[2] < 0 and slot == PLUMAGE else slot)


def _inner_wing(side: float) -> Piece:
    return _wing(
        [(0, 0.08, -0.09, 0.014), (side * 0.1, 0.1, -0.085, 0.013), (side * 0.2, 0.105, -0.065, 0.01)], PLUMAGE
    )


def _outer_wing(side: float) -> Piece:
    middle = (side * 0.15, 0.065, -0.065, 0.006)
    near = _wing([(0, 0.105, -0.065, 0.01), middle], PLUMAGE)
    return joined(near, _wing([middle, (side * 0.22, 0.015, -0.065, 0.004), (side * 0.265, -0.05, -0.07, 0.001)], TIP))


# --------------------------------------------------------------------------------------------------------------- person

SHIRT, TROUSERS, SKIN, HAIR, SHOES = range(5)


def person(height: float) -> Model:
    """A person, `height` metres tall; asks for the rows `phase` of the walk and `swing`, 0 stands, 1 walks."""
    parts = [part("", _torso(), height)]
    for side, name, lead in ((1.0, "left", 0.0), (-1.0, "right", np.pi)):
        y = (0.0, 1.0, 0.0)
        thigh = part(f"{name} thigh", _thigh(), height, (0, side * 0.052, 0.5), y, _hip(lead))
        shin = part(f"{name} shin", _shin(), height, (0, 0, -0.245), y, _knee(lead), thigh.name)
        upper = part(f"{name} arm", _upper_arm(), height, (0, side * 0.135, 0.8), y, _shoulder(lead))
        fore = part(f"{name} forearm", _forearm(), height, (0, 0, -0.17), y, _elbow(lead), upper.name)
        parts += [thigh, shin, upper, fore]
    return Model(tuple(parts), tuple(_clothes()))


def _hip(lead: float) -> Angle:
    return lambda rows: -rows["swing"] * (0.08 + 0.46 * np.sin(rows["phase"] + lead))


def _knee(lead: float) -> Angle:
    # bent most while the leg swings forward
    return lambda rows: rows["swing"] * (0.12 + 0.5 * np.maximum(np.cos(rows["phase"] + lead + 0.35), 0.0) ** 2)


def _shoulder(lead: float) -> Angle:
    return lambda rows: rows["swing"] * 0.42 * np.sin(rows["phase"] + lead)


def _elbow(lead: float) -> Angle:
    return lambda rows: -0.15 - rows["swing"] * (0.22 - 0.18 * np.sin(rows["phase"] + lead))


def _upright(sections: Sequence[tuple[float, float, float, float]], slot: int, segments: int = 8) -> Piece:
    """Sections (z, half the depth, half the width, x)."""
    rings = [ring((x, 0, z), (depth, 0, 0), (0, width, 0), segments) for z, depth, width, x in sections]
    return loft(rings, lambda middle, normal: slot)


def _torso() -> Piece:
    hips = _upright([(0.46, 0.05, 0.07, 0), (0.5, 0.066, 0.095, 0), (0.56, 0.06, 0.09, 0)], TROUSERS)
    chest = [
        (0.55, 0.062, 0.092, 0),
        (0.63, 0.06, 0.09, 0),
        (0.73, 0.07, 0.112, 0),
        (0.79, 0.06, 0.125, 0),
        (0.825, 0.034, 0.07, 0),
    ]
    neck = _upright([(0.81, 0.03, 0.032, 0), (0.87, 0.028, 0.03, 0.006)], SKIN)
    skull = [
        (0.855, 0.03, 0.03, 0.014),
        (0.875, 0.047, 0.042, 0.012),
        (0.92, 0.056, 0.048, 0.006),
        (0.955, 0.052, 0.046, 0.002),
    ]
    scalp = [
        (0.9, 0.045, 0.05, -0.016),
        (0.95, 0.058, 0.051, -0.004),
        (0.98, 0.046, 0.042, -0.002),
        (1.0, 0.012, 0.012, 0),
    ]
    return joined(hips, _upright(chest, SHIRT, 10), neck, _upright(skull, SKIN, 10), _upright(scalp, HAIR, 10))


def _thigh() -> Piece:
    return _upright([(0.02, 0.05, 0.048, 0), (-0.08, 0.054, 0.05, 0), (-0.255, 0.036, 0.036, 0)], TROUSERS)


def _shin() -> Piece:
    leg = _upright([(0.01, 0.036, 0.036, 0), (-0.09, 0.034, 0.034, -0.004), (-0.225, 0.027, 0.027, 0)], TROUSERS)
    return joined(leg, block((0.024, 0, -0.238), (0.14, 0.052, 0.034), SHOES))


def _upper_arm() -> Piece:
    return _upright([(0.02, 0.022, 0.02, 0), (-0.01, 0.034, 0.03, 0), (-0.18, 0.024, 0.024, 0)], SHIRT)


def _forearm() -> Piece:
    sleeve = _upright([(0.01, 0.025, 0.025, 0), (-0.13, 0.019, 0.019, 0)], SHIRT)
    return joined(
        sleeve, _upright([(-0.125, 0.018, 0.016, 0), (-0.16, 0.024, 0.014, 0), (-0.2, 0.012, 0.008, 0)], SKIN)
    )


def _clothes() -> list[tuple[Material, ...]]:
    shirts = {
        "red": (0.5, 0.06, 0.05), "blue": (0.06, 0.16, 0.42), "white": (0.75, 0.74, 0.7), "green": (0.1, 0.28, 0.13),
        "mustard": (0.6, 0.37, 0.06), "black": (0.04, 0.04, 0.045),
        "teal": (0.06, 0.32, 0.34), "rose": (0.6, 0.25, 0.28),
    }  # fmt: skip
    trousers = [("denim", (0.07, 0.11, 0.2)), ("charcoal", (0.06, 0.06, 0.065)), ("khaki", (0.33, 0.26, 0.16))]
    skins = [("light", (0.72, 0.47, 0.35)), ("tan", (0.5, 0.29, 0.18)), ("dark", (0.2, 0.1, 0.06))]
    hairs = [("dark", (0.03, 0.02, 0.015)), ("brown", (0.15, 0.08, 0.04)), ("blond", (0.5, 0.36, 0.16))]
    result = []
    for number, (name, color) in enumerate(shirts.items()):
        below, skin, hair = trousers[number % 3], skins[number * 2 % 3], hairs[(number + number // 3) % 3]
        named = [(f"{name} shirt", color), (f"{below[0]} trousers", below[1]), (f"{skin[0]} skin", skin[1])]
        named += [(f"{hair[0]} hair", hair[1]), ("shoes", (0.05, 0.04, 0.035))]
        result.append(tuple(Material(n, c, roughness=0.8) for n, c in named))
    return result


# ------------------------------------------------------------------------------------------------------------------ car

PAINT, GLASS, TRIM, TYRE, RIM, HEADLIGHT, TAILLIGHT = range(7)


def car() -> Model:
    """A saloon, 4.4 m long, its origin on the road below its middle; asks for the row `distance`, metres driven."""
    axle = (0.0, 1.0, 0.0)
    parts = [part("", _car_body(), 1.0)]
    for name, x in (("front wheels", 1.36), ("rear wheels", -1.32)):
        parts.append(part(name, _wheels(), 1.0, (x, 0, WHEEL_RADIUS), axle, _rolling))
    paints = {
        "red": (0.45, 0.03, 0.03), "silver": (0.5, 0.52, 0.54), "blue": (0.03, 0.09, 0.32), "white": (0.8, 0.8, 0.78),
        "graphite": (0.06, 0.065, 0.075), "green": (0.04, 0.16, 0.1), "orange": (0.65, 0.22, 0.03),
    }  # fmt: skip
    rest = (
        Material("car glass", (0.025, 0.035, 0.045), roughness=0.05), Material("car trim", (0.02, 0.02, 0.022)),
        Material("tyre", (0.015, 0.015, 0.016), roughness=0.9), Material("rim", (0.55, 0.56, 0.58), roughness=0.3),
        Material("headlight", (0.9, 0.9, 0.85), roughness=0.1),
        Material("tail light", (0.5, 0.01, 0.01), roughness=0.2),
    )  # fmt: skip
    return Model(tuple(parts), tuple((Material(f"{n} paint", c, roughness=0.25), *rest) for n, c in paints.items()))


def _rolling(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    return rows["distance"] / WHEEL_RADIUS


def _car_body() -> Piece:
    # (x, half the width, bottom, top)
    hull = [
        (-2.2, 0.72, 0.42, 0.82), (-2.14, 0.83, 0.3, 0.93), (-1.7, 0.88, 0.22, 0.97), (-0.5, 0.9, 0.2, 0.95),
        (0.8, 0.9, 0.2, 0.92), (1.5, 0.88, 0.2, 0.84), (2.0, 0.83, 0.22, 0.74),
        (2.15, 0.76, 0.28, 0.66), (2.2, 0.68, 0.36, 0.58),
    ]  # fmt: skip
    across = np.array([0.86, 1.0, 1.0, 0.9, -0.9, -1.0, -1.0, -0.86])
    upwards = np.array([0.0, 0.22, 0.7, 1.0, 1.0, 0.7, 0.22, 0.0])
    rings = [np.column_stack([np.full(8, x), w * across, low + (top - low) * upwards]) for x, w, low, top in hull]
    lower = loft(rings, lambda middle, normal: TRIM if middle[2] < 0.3 else PAINT)
    # (z, rear x, front x, half the width)
    cabin = [(0.9, -1.95, 1.05, 0.8), (0.97, -1.85, 0.9, 0.79), (1.36, -1.2, 0.12, 0.64), (1.43, -1.05, -0.1, 0.58)]
    inset = np.array([0, -0.12, 0.12, 0, 0, 0.12, -0.12, 0])
    ahead, beside = np.array([1, 1, 0, 0, 0, 0, 1, 1]), np.array([0.93, 1, 1, 0.93, -0.93, -1, -1, -0.93])
    corners = [
        np.column_stack([rear + (front - rear) * ahead + inset, half * beside, np.full(8, level)])
        for level, rear, front, half in cabin
    ]
    upper = loft(corners, lambda middle, normal: GLASS if 0.97 < middle[2] < 1.36 else PAINT)
    pillars = [block((-0.45, s * 0.716, 1.16), (0.09, 0.03, 0.42), PAINT, lean=s * 0.37) for s in (1, -1)]
    arches = [disc((x, s * 0.8, 0.4), 0.37, 0.215, lambda n: TRIM, s) for x in (1.36, -1.32) for s in (1, -1)]
    lights = [block((2.13, s * 0.58, 0.6), (0.12, 0.26, 0.1), HEADLIGHT) for s in (1, -1)]
    lights += [block((-2.155, s * 0.6, 0.76), (0.1, 0.28, 0.11), TAILLIGHT) for s in (1, -1)]
    grille = block((2.17, 0, 0.45), (0.07, 0.8, 0.12), TRIM)
    return joined(lower, upper, grille, *pillars, *arches, *lights)


def _wheels() -> Piece:
    pieces = []
    for side in (1, -1):
        pieces.append(disc((0, side * 0.81, 0), WHEEL_RADIUS, 0.23, lambda n: TYRE, side))
        # five spokes show that it turns
        pieces.append(disc((0, side * 0.93, 0), 0.22, 0.02, lambda n: TRIM if n % 4 == 3 else RIM, side))
    return joined(*pieces)
