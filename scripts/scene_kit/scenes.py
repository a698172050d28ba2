"""One short builder a scene; everything they share is in the kit."""

from __future__ import annotations

import numpy as np

from . import physics, shapes, stage, textures
from .stage import Vector3

PAINTS = (
    (0.80, 0.16, 0.14),
    (0.90, 0.46, 0.12),
    (0.92, 0.74, 0.18),
    (0.24, 0.58, 0.32),
    (0.14, 0.48, 0.66),
    (0.36, 0.26, 0.60),
)


def floor(
    picture: np.ndarray, texture_size: float, friction: float = 0.6, restitution: float = 0.1, turn: float = 0.0
) -> None:
    """A ground of 120 by 120 metres, turned by `turn` radians, whose top is at z = 0."""
    material = shapes.paint("floor", picture, roughness=0.55)
    ground = shapes.box("floor", (120.0, 120.0, 0.4), material, (0, 0, -0.2), (0, 0, turn), texture_size=texture_size)
    physics.passive(ground, friction=friction, restitution=restitution)


def s_curve(radius: float, angle: float, heading: float, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` places (count, 2) and headings (count,) along two opposite arcs of `angle` radians, centred at 0."""
    turns = np.linspace(-1.0, 1.0, 2001)
    headings = heading + angle * (np.abs(turns) - 0.5)
    steps = np.stack([np.cos(headings), np.sin(headings)], axis=1) * radius * angle * (turns[1] - turns[0])
    path = np.cumsum(steps, axis=0)
    path -= (path[0] + path[-1]) / 2
    chosen = np.linspace(0, len(turns) - 1, count).round().astype(int)
    return path[chosen], headings[chosen]


def dominoes() -> None:
    """A ball topples an S-shaped row of stones."""
    stage.daylight("day", sun=(-0.8, 0.35, -1.0))
    floor(textures.planks(), texture_size=1.5, friction=1.5, turn=0.35)
    size = (0.07, 0.21, 0.42)
    count = 20
    places, headings = s_curve(radius=0.68, angle=2.4, heading=-1.0, count=count)
    materials = [
        shapes.paint(f"domino_paint_{i + 1}", textures.domino(paint, (1 + i, 6 - i)), roughness=0.3)
        for i, paint in enumerate(PAINTS)
    ]
    for i, ((x, y), heading) in enumerate(zip(places, headings, strict=True)):
        material = materials[i * len(materials) // count]
        stone = shapes.decorated_box(
            f"domino_{i + 1:02d}", size, material, (x, y, size[2] / 2), (0, 0, heading), bevel=0.01
        )
        physics.active(stone, mass=0.6, friction=0.4)
    radius = 0.26
    forward = np.array([np.cos(headings[0]), np.sin(headings[0])])
    start = places[0] - 0.72 * forward
    paint = shapes.paint("ball", textures.striped_ball(((0.85, 0.13, 0.12), (0.95, 0.94, 0.90))), roughness=0.25)
    ball = shapes.sphere("ball", radius, paint, (*start, radius), (0.3, 0.0, headings[0]))
    physics.active(ball, mass=2.5, shape="SPHERE")
    physics.launch(ball, (*(3.2 * forward), 0.0))
    stage.camera((1.7, -3.3, 2.2), (-0.06, 0.0, 0.1), lens=58)


def tower() -> None:
    """A flying ball goes through a tower of crossed bricks."""
    stage.daylight("dusk", sun=(0.75, 0.6, -0.9), strength=3.4)
    floor(textures.tiles(), texture_size=2.4, friction=0.9, turn=0.5)
    woods = [
        shapes.paint("pine", textures.wood(seed=11), roughness=0.5),
        shapes.paint("oak", textures.wood(seed=12, dark=(0.34, 0.2, 0.1), light=(0.62, 0.43, 0.26)), roughness=0.5),
        shapes.paint("red brick", textures.concrete(colour=(0.74, 0.27, 0.2)), roughness=0.6),
        shapes.paint("blue brick", textures.concrete(colour=(0.2, 0.42, 0.62)), roughness=0.6),
    ]
    width, height = 0.2, 0.15
    number = 0
    for layer in range(9):
        turn = (layer % 2) * np.pi / 2
        for column in (-1, 0, 1):
            number += 1
            place = (
                -np.sin(turn) * column * width * 1.01,
                np.cos(turn) * column * width * 1.01,
                (layer + 0.5) * height,
            )
            brick = shapes.box(
                f"brick_{number:02d}",
                (3 * width, width, height),
                woods[(layer // 2 + abs(column)) % 4],
                place,
                (0, 0, turn),
                bevel=0.008,
                texture_size=0.6,
                offset=(0.37 * number, 0.21 * number),
            )
            physics.active(brick, mass=0.4, friction=0.5)
    paint = shapes.paint("ball", textures.striped_ball(((0.12, 0.14, 0.2), (0.93, 0.7, 0.2))), roughness=0.2)
    ball = shapes.sphere("ball", 0.24, paint, (-1.35, -0.45, 0.5), (0.4, 0.3, 0))
    physics.active(ball, mass=6.0, shape="SPHERE", restitution=0.3)
    physics.launch(ball, (5.6, 1.75, 0.6), spin=(0, 6, 0))
    stage.camera((0.7, -4.3, 2.2), (0.1, 0.0, 0.5), lens=43)


def link() -> None:
    """A chain of beads with a heavy ball at its end swings down from a gallows and scatters a stack of cans."""
    stage.daylight("studio", sun=(-0.5, 0.8, -1.1))
    floor(textures.tiles(seed=11, count=2, colour=(0.62, 0.66, 0.68)), texture_size=2.2, friction=0.9, turn=0.6)
    oak = shapes.paint("oak", textures.wood(seed=12, dark=(0.34, 0.2, 0.1), light=(0.62, 0.43, 0.26)))
    top = 1.78
    pieces = {
        "post": shapes.box(
            "post", (0.16, 0.16, top + 0.1), oak, (0, 0.75, top / 2 + 0.05), bevel=0.015, texture_size=0.7
        ),
        "beam": shapes.box("beam", (0.16, 1.1, 0.16), oak, (0, 0.3, top + 0.18), bevel=0.015, texture_size=0.7),
    }
    for piece in pieces.values():
        physics.passive(piece)
    steel = shapes.paint("steel", textures.brushed_metal(), roughness=0.3, metallic=0.4)
    brass = shapes.paint("brass", textures.brushed_metal(colour=(0.86, 0.66, 0.28)), roughness=0.3, metallic=0.4)
    angle = np.radians(62.0)
    direction = np.array([-np.sin(angle), 0.0, -np.cos(angle)])
    anchor, radius = np.array([0.0, 0.0, top + 0.1]), 0.075
    before, joint = pieces["beam"], anchor
    for i in range(8):
        bead = shapes.sphere(f"bead_{i + 1}", radius, (steel, brass)[i % 2], tuple(joint + radius * direction))
        physics.active(bead, mass=0.25, shape="SPHERE", friction=0.3)
        physics.joint("POINT", f"joint_{i + 1}", before, bead, tuple(joint))
        before, joint = bead, joint + 2 * radius * direction
    paint = shapes.paint("ball", textures.striped_ball(((0.16, 0.32, 0.6), (0.95, 0.94, 0.9), (0.85, 0.2, 0.16))))
    ball = shapes.sphere("ball", 0.28, paint, tuple(joint + 0.28 * direction), (0.5, 0.4, 0.0))
    physics.active(ball, mass=3.0, shape="SPHERE")
    physics.joint("POINT", "joint_9", before, ball, tuple(joint))
    labels = [
        shapes.paint(f"can_{i}", textures.checker(4, paint, (0.94, 0.92, 0.86)), roughness=0.35)
        for i, paint in enumerate(((0.84, 0.24, 0.18), (0.2, 0.5, 0.4), (0.9, 0.68, 0.2)))
    ]
    number = 0
    for layer, count in enumerate((3, 2, 1)):
        for column in range(count):
            number += 1
            place = (0.42, (column - (count - 1) / 2) * 0.27, 0.15 + layer * 0.3)
            can = shapes.cylinder(f"can_{number}", 0.125, 0.3, labels[layer], place, bevel=0.01, texture_size=0.4)
            physics.active(can, mass=0.5, shape="CYLINDER", friction=0.6)
    stage.camera((1.5, -4.6, 2.1), (0.12, 0.0, 0.8), lens=46)


def roll() -> None:
    """A ball rolls down a plank and bowls six pins over."""
    stage.daylight("day", sun=(0.7, 0.75, -1.0))
    floor(textures.tiles(seed=22, colour=(0.78, 0.7, 0.6)), texture_size=2.4, friction=0.8, turn=0.3)
    slope, length = np.radians(27.0), 2.4
    pine = shapes.paint("pine", textures.wood(seed=21), roughness=0.4)
    marble = shapes.paint("marble", textures.marble(), roughness=0.25)
    middle = np.array([-1.05, 0.0, length / 2 * np.sin(slope) + 0.01])
    ramp = shapes.box("ramp", (length, 0.8, 0.08), pine, tuple(middle), (0, slope, 0), bevel=0.01, texture_size=0.8)
    physics.passive(ramp, friction=0.9)
    for name, along, height in (("support_high", -0.85, 0.96), ("support_low", 0.1, 0.46)):
        x = middle[0] + along
        block = shapes.box(name, (0.26, 0.6, height - 0.08), marble, (x, 0, (height - 0.08) / 2), (0, 0, 0), 0.015, 2.0)
        physics.passive(block)
    radius = 0.2
    normal = np.array([np.sin(slope), 0.0, np.cos(slope)])
    down = np.array([np.cos(slope), 0.0, -np.sin(slope)])
    place = middle - down * (length / 2 - 0.25) + normal * (0.04 + radius)
    paint = shapes.paint("ball", textures.striped_ball(((0.88, 0.4, 0.1), (0.96, 0.93, 0.86))), roughness=0.2)
    ball = shapes.sphere("ball", radius, paint, tuple(place), (0.4, 0.3, 0.0))
    physics.active(ball, mass=3.0, shape="SPHERE", friction=0.8)
    physics.launch(ball, tuple(1.2 * down), spin=(0, 1.2 / radius, 0))
    white = shapes.paint("pin", textures.checker(6, (0.93, 0.92, 0.9), (0.75, 0.16, 0.16)), roughness=0.3)
    number = 0
    for row in range(3):
        for column in range(row + 1):
            number += 1
            place = (0.7 + 0.27 * row, (column - row / 2) * 0.3, 0.24)
            pin = shapes.cylinder(
                f"pin_{number}", 0.09, 0.48, white, place, top_radius=0.06, bevel=0.008, texture_size=0.6
            )
            physics.active(pin, mass=0.6, shape="CONVEX_HULL", friction=0.6, restitution=0.2)
    stage.camera((1.6, -4.1, 2.4), (-0.04, 0.05, 0.4), lens=41)


def contain() -> None:
    """Balls, cubes and cylinders pour into a wooden crate."""
    stage.daylight("studio", sun=(-0.6, 0.7, -1.2))
    floor(textures.tiles(seed=32, colour=(0.5, 0.57, 0.62)), texture_size=2.4, friction=0.9, turn=0.9)
    crate = shapes.paint("crate", textures.wood(seed=31), roughness=0.5)
    inner, wall, height = 1.3, 0.07, 0.62
    reach = (inner + wall) / 2
    sides: tuple[tuple[str, Vector3, Vector3], ...] = (
        ("crate_bottom", (inner, inner, wall), (0, 0, wall / 2)),
        ("crate_left", (wall, inner + 2 * wall, height), (-reach, 0, height / 2)),
        ("crate_right", (wall, inner + 2 * wall, height), (reach, 0, height / 2)),
        ("crate_front", (inner, wall, height), (0, -reach, height / 2)),
        ("crate_back", (inner, wall, height), (0, reach, height / 2)),
    )
    for name, size, place in sides:
        physics.passive(shapes.box(name, size, crate, place, bevel=0.008, texture_size=0.9), restitution=0.3)
    paints = [
        shapes.paint(f"stripes_{i}", textures.striped_ball((paint, (0.95, 0.93, 0.88)), size=128), roughness=0.3)
        for i, paint in enumerate(PAINTS)
    ]
    checks = [
        shapes.paint(f"checks_{i}", textures.checker(4, paint, (0.95, 0.93, 0.88), size=128), roughness=0.4)
        for i, paint in enumerate(PAINTS)
    ]
    generator = np.random.default_rng(5)
    for i in range(20):
        layer, cell = divmod(i, 4)
        place = (
            (cell % 2 - 0.5) * 0.5 + generator.uniform(-0.07, 0.07),
            (cell // 2 - 0.5) * 0.5 + generator.uniform(-0.07, 0.07),
            0.72 + 0.34 * layer,
        )
        turn = tuple(generator.uniform(-1.0, 1.0, 3))
        if i % 3 == 0:
            thing = shapes.box(f"cube_{i + 1:02d}", (0.24, 0.24, 0.24), checks[i % 6], place, turn, 0.012, 0.24)
            physics.active(thing, mass=0.5, restitution=0.3)
        elif i % 3 == 1:
            thing = shapes.sphere(f"ball_{i + 1:02d}", 0.145, paints[i % 6], place, turn)
            physics.active(thing, mass=0.5, shape="SPHERE", restitution=0.6)
        else:
            thing = shapes.cylinder(f"drum_{i + 1:02d}", 0.12, 0.24, checks[i % 6], place, turn, None, 0.01, 0.24)
            physics.active(thing, mass=0.5, shape="CYLINDER", restitution=0.3)
    stage.camera((1.6, -3.7, 3.1), (0.0, 0.0, 0.86), lens=45)


def collide() -> None:
    """A cue ball breaks a triangle of ten balls on green cloth."""
    stage.daylight("day", sun=(-0.5, 0.5, -1.2))
    floor(textures.planks(seed=41, dark=(0.4, 0.28, 0.2)), texture_size=1.8)
    cloth = shapes.paint("cloth", textures.fabric(colour=(0.13, 0.45, 0.3), threads=64), roughness=0.9)
    oak = shapes.paint("rail", textures.wood(seed=42, dark=(0.3, 0.16, 0.08), light=(0.52, 0.32, 0.17)), roughness=0.3)
    length, width, thick = 3.2, 2.2, 0.16
    bed = shapes.box("cloth", (length, width, 0.12), cloth, (0, 0, 0.06), texture_size=0.8)
    physics.passive(bed, friction=0.5, restitution=0.3)
    rails: tuple[tuple[str, Vector3, Vector3], ...] = (
        ("rail_left", (thick, width, 0.26), (-(length + thick) / 2, 0, 0.13)),
        ("rail_right", (thick, width, 0.26), ((length + thick) / 2, 0, 0.13)),
        ("rail_front", (length + 2 * thick, thick, 0.26), (0, -(width + thick) / 2, 0.13)),
        ("rail_back", (length + 2 * thick, thick, 0.26), (0, (width + thick) / 2, 0.13)),
    )
    for name, size, place in rails:
        physics.passive(shapes.box(name, size, oak, place, bevel=0.02, texture_size=0.8), restitution=0.8)
    radius, height = 0.13, 0.12 + 0.13
    colours = (*PAINTS, (0.1, 0.1, 0.12), (0.55, 0.14, 0.2), (0.12, 0.26, 0.44), (0.84, 0.58, 0.62))
    number = 0
    for row in range(4):
        for column in range(row + 1):
            paint = shapes.paint(
                f"paint_{number + 1}", textures.striped_ball((colours[number], (0.95, 0.93, 0.88)), 128), roughness=0.12
            )
            place = (0.25 + row * radius * 1.74, (column - row / 2) * radius * 2.01, height)
            number += 1
            ball = shapes.sphere(f"ball_{number:02d}", radius, paint, place, (0.5 * number, 0.8 * number, number))
            physics.active(ball, mass=0.4, shape="SPHERE", friction=0.3, restitution=0.9)
    white = shapes.paint("cue ball", textures.marble(base=(0.96, 0.95, 0.92), vein=(0.75, 0.3, 0.3)), roughness=0.12)
    cue = shapes.sphere("cue_ball", radius, white, (-1.25, -0.14, height))
    physics.active(cue, mass=0.45, shape="SPHERE", friction=0.3, restitution=0.9)
    physics.launch(cue, (5.6, 0.56, 0.0), spin=(0, 5.6 / radius, 0))
    stage.camera((-0.5, -3.7, 3.4), (0.03, -0.1, 0.1), lens=41)


def support() -> None:
    """A ball knocks a pillar away from under a shelf, and what stood on the shelf comes down."""
    stage.daylight("dusk", sun=(0.6, 0.8, -1.0), strength=3.4)
    floor(textures.concrete(seed=51, colour=(0.7, 0.66, 0.6)), texture_size=2.2, friction=0.9)
    marble = shapes.paint("marble", textures.marble(seed=52), roughness=0.25)
    pine = shapes.paint("pine", textures.wood(seed=53), roughness=0.45)
    for name, x in (("pillar_left", -0.62), ("pillar_right", 0.62)):
        pillar = shapes.cylinder(name, 0.13, 0.8, marble, (x, 0, 0.4), bevel=0.012, texture_size=1.6)
        physics.active(pillar, mass=1.0, shape="CYLINDER", friction=0.5)
    shelf = shapes.box("shelf", (1.75, 0.5, 0.09), pine, (0, 0, 0.845), bevel=0.01, texture_size=0.8)
    physics.active(shelf, mass=1.2, friction=0.6)
    top = 0.89
    red = shapes.paint("red cube", textures.checker(4, PAINTS[0], (0.94, 0.9, 0.84)), roughness=0.4)
    blue = shapes.paint("blue cube", textures.fabric(colour=(0.24, 0.46, 0.68), threads=24), roughness=0.7)
    brass = shapes.paint("brass", textures.brushed_metal(colour=(0.86, 0.66, 0.28)), roughness=0.3, metallic=0.4)
    for name, place, size, paint in (
        ("cube_red", (-0.5, 0, top + 0.15), 0.3, red),
        ("cube_blue", (-0.5, 0, top + 0.42), 0.24, blue),
        ("cube_brass", (0.55, 0, top + 0.13), 0.26, brass),
    ):
        cube = shapes.box(name, (size, size, size), paint, place, (0, 0, 0.2), bevel=0.015, texture_size=size)
        physics.active(cube, mass=0.5, friction=0.6)
    green = shapes.paint("drum", textures.checker(4, PAINTS[3], (0.94, 0.9, 0.84)), roughness=0.4)
    drum = shapes.cylinder("drum", 0.16, 0.36, green, (0.05, 0, top + 0.18), bevel=0.012, texture_size=0.34)
    physics.active(drum, mass=0.5, shape="CYLINDER", friction=0.6)
    paint = shapes.paint("ball", textures.striped_ball(((0.14, 0.16, 0.2), (0.9, 0.3, 0.2))), roughness=0.25)
    ball = shapes.sphere("ball", 0.22, paint, (-1.3, -0.7, 0.22), (0.3, 0.0, 0.6))
    physics.active(ball, mass=5.0, shape="SPHERE")
    physics.launch(ball, (3.4, 3.2, 0.0), spin=(-14, 15, 0))
    stage.camera((0.3, -4.1, 1.9), (-0.16, 0.0, 0.5), lens=45)


def orbit() -> None:
    """The camera circles a still life on a round table while a ball rolls through it."""
    stage.daylight("studio", sun=(-0.7, 0.5, -1.0))
    floor(textures.tiles(seed=61, colour=(0.76, 0.73, 0.7)), texture_size=2.6, turn=0.8)
    marble = shapes.paint(
        "marble", textures.marble(seed=62, base=(0.3, 0.34, 0.36), vein=(0.85, 0.86, 0.84)), roughness=0.15
    )
    table = shapes.cylinder("table", 1.25, 0.3, marble, (0, 0, 0.15), bevel=0.03, texture_size=1.4)
    physics.passive(table, shape="CYLINDER", friction=0.7)
    top = 0.3
    checks = shapes.paint("checks", textures.checker(4, PAINTS[4], (0.94, 0.92, 0.86)), roughness=0.35)
    brass = shapes.paint("brass", textures.brushed_metal(colour=(0.86, 0.66, 0.28)), roughness=0.3, metallic=0.4)
    wood = shapes.paint("wood", textures.wood(seed=63), roughness=0.5)
    cloth = shapes.paint("cloth", textures.fabric(colour=(0.66, 0.24, 0.28), threads=24), roughness=0.8)
    cube = shapes.box("cube", (0.5, 0.5, 0.5), checks, (0.42, 0.35, top + 0.25), (0, 0, 0.4), 0.02, 0.5)
    drum = shapes.cylinder("drum", 0.2, 0.7, wood, (-0.25, 0.5, top + 0.35), bevel=0.015, texture_size=0.6)
    cone = shapes.cylinder("cone", 0.26, 0.62, brass, (-0.62, -0.2, top + 0.31), top_radius=0.03, texture_size=0.5)
    block = shapes.box("block", (0.24, 0.24, 0.48), cloth, (0.5, -0.32, top + 0.24), (0, 0, 0.5), 0.015, 0.24)
    for thing, mass, shape in ((cube, 4.0, "BOX"), (drum, 2.0, "CYLINDER"), (block, 0.4, "BOX")):
        physics.active(thing, mass=mass, shape=shape, friction=0.6)
    physics.active(cone, mass=1.0, shape="CONVEX_HULL", friction=0.6)
    paint = shapes.paint("ball", textures.striped_ball((PAINTS[1], (0.95, 0.93, 0.88))), roughness=0.2)
    ball = shapes.sphere("ball", 0.19, paint, (-0.75, -0.72, top + 0.19), (0.3, 0.2, 0.0))
    physics.active(ball, mass=1.5, shape="SPHERE", friction=0.6)
    physics.launch(ball, (1.35, 0.4, 0.0), spin=(-0.4 / 0.19, 1.35 / 0.19, 0))
    stage.orbiting_camera(centre=(0.0, 0.0, 0.5), distance=4.2, height=2.0, turns=(-2.1, -0.9), lens=52)


def drop() -> None:
    """Five different things fall, bounce and come to rest."""
    stage.daylight("day", sun=(0.55, 0.7, -1.3))
    floor(textures.marble(seed=71, base=(0.76, 0.66, 0.55), vein=(0.5, 0.37, 0.28)), texture_size=3.0, restitution=0.8)
    wood = shapes.paint("wood", textures.wood(seed=72), roughness=0.5)
    steel = shapes.paint("steel", textures.brushed_metal(), roughness=0.25, metallic=0.4)
    checks = shapes.paint("checks", textures.checker(6, PAINTS[3], (0.94, 0.92, 0.86)), roughness=0.35)
    cloth = shapes.paint("cloth", textures.fabric(colour=(0.3, 0.36, 0.66), threads=32), roughness=0.8)
    stripes = shapes.paint("stripes", textures.striped_ball((PAINTS[0], (0.95, 0.93, 0.88), PAINTS[2])), roughness=0.2)
    ball = shapes.sphere("ball", 0.3, stripes, (-0.25, -0.35, 1.75), (0.4, 0.3, 0.0))
    cube = shapes.box("cube", (0.46, 0.46, 0.46), wood, (0.62, 0.1, 1.35), (0.6, 0.5, 0.2), 0.02, 0.7)
    drum = shapes.cylinder("drum", 0.2, 0.6, steel, (-0.95, 0.15, 1.2), (0.9, 0.4, 0.0), bevel=0.012, texture_size=0.6)
    cone = shapes.cylinder(
        "cone", 0.3, 0.6, checks, (0.2, 0.75, 1.6), (2.5, 0.4, 0.0), top_radius=0.02, texture_size=0.5
    )
    cushion = shapes.box("cushion", (0.6, 0.6, 0.2), cloth, (0.3, -0.7, 0.75), (0.3, 0.35, 0.5), 0.05, 0.4)
    for thing, shape, bounce in (
        (ball, "SPHERE", 0.95),
        (cube, "BOX", 0.5),
        (drum, "CYLINDER", 0.5),
        (cone, "CONVEX_HULL", 0.4),
        (cushion, "BOX", 0.2),
    ):
        physics.active(thing, mass=1.0, shape=shape, restitution=bounce)
    stage.camera((0.4, -4.4, 2.7), (-0.08, 0.0, 0.78), lens=50)
