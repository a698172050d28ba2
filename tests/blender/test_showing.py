"""Results of simulations in Blender: where the recording says, and as dense; rendered by Cycles."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from blender_addon.keyframes import decompose
from blender_addon.shown_volume import atlas, filled, flame_radiance
from simcraft.assets import asset
from simcraft.progress import silent
from simcraft.recording import (
    ChangingBody,
    DeformingBody,
    Instances,
    Material,
    Mesh,
    Particles,
    Recording,
    RigidBody,
    Volume,
    load_recording,
    save_recording,
)
from simcraft.recording.format import flames
from simcraft.sim.blender import find_blender, run_child
from simcraft.sim.primitives import box
from simcraft.sim.rigid_scene import Camera
from simcraft.sim.setting import camera_track
from tests.blender.conftest import BLENDERS, HERE, blender_executable

NUMBERS = (11, 13, 15)
FRAMES = len(NUMBERS)
WIDTH, PIXELS = 4.0, 128
CELLS = (10, 12, 15)
SIZE = np.array([1.5, 1.25, 1.5])
CORNER = np.array([-1.75, -1.0, 0.25])
"""Where the box of smoke is: between whole pixels."""
FIRE_GLOW = np.linspace(0.02, 0.14, 5)
BLACK = Material("soot black", (0.0, 0.0, 0.0), roughness=1.0)


@dataclass(frozen=True)
class Shown:
    """What one Blender made of the recording."""

    pictures: dict[str, np.ndarray]
    """"front.1": linear (H, W, 3), seen towards +y, or from above, in the first or third frame."""
    notes: dict[str, Any]
    again: Recording
    """The scene, recorded while the results were shown."""


def density(frame: int) -> np.ndarray:
    """(X, Y, Z): thick in one corner, and rising."""
    x, y, z = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in CELLS], indexing="ij")
    bump = np.exp(-((x - 0.3) ** 2 + (y - 0.7) ** 2 + (z - 0.3 - 0.15 * frame) ** 2) / 0.04)
    return (12 * bump + 0.5 * x).astype(np.float32)


def smoke(name: str = "Smoke") -> Volume:
    to_world = np.diag([*(SIZE / CELLS), 1.0])
    to_world[:3, 3] = CORNER
    grids = np.stack([density(t) for t in range(FRAMES)])
    return Volume(name, grids, np.zeros((*grids.shape, 3), np.float32), np.tile(to_world, (FRAMES, 1, 1)))


def fire() -> Volume:
    """Nothing but flames, brighter from slice to slice; far to the right of the smoke."""
    to_world = np.diag([0.1, 0.1, 0.15, 1.0])
    to_world[:3, 3] = (0.75, -1.0, -1.75)
    glow = np.broadcast_to(FIRE_GLOW, (FRAMES, 10, 10, len(FIRE_GLOW))).astype(np.float32)
    nothing = np.zeros_like(glow)
    return Volume("Fire", nothing, np.zeros((*glow.shape, 3), np.float32), np.tile(to_world, (FRAMES, 1, 1)), glow)


def cube(size: float, *place: float) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces, _ = box((size, size, size))
    return (vertices + place).astype(np.float32), faces


def surfaces() -> list[Any]:
    """One of each kind of body with a surface, black, each in a place of its own, none above or before the smoke."""
    vertices, faces = cube(1.0, 0.0, 0.0, 0.0)
    count = len(vertices)
    # a cube that is small, then larger, then away
    grown = np.concatenate([vertices * 0.4 + (0.7, 1.5, -0.5), vertices * 0.8 + (0.7, 1.5, -0.5)]).astype(np.float32)
    growing = ChangingBody(
        "Liquid", grown, np.array([0, count, 2 * count, 2 * count]), np.concatenate([faces, faces]),
        np.array([0, len(faces), 2 * len(faces), 2 * len(faces)]),
    )  # fmt: skip
    sinking = np.stack([vertices * 0.4 + (1.5, 1.5, -0.1 - 0.3 * t) for t in range(FRAMES)]).astype(np.float32)
    jelly = DeformingBody("Jelly", Mesh(faces), sinking)
    positions = np.tile(np.array([[-1.5, 1.5, -1.5], [-1.0, 1.5, -1.5], [-0.5, 1.5, -1.5]], np.float32), (FRAMES, 1, 1))
    there = np.array([[True, True, True], [True, True, True], [True, True, False]])
    grains = Particles("Sand", positions, np.array([0.1, 0.15, 0.2], np.float32), there)
    moves = np.tile(np.diag([0.4, 0.4, 0.4, 1.0]), (FRAMES, 2, 1, 1))
    moves[:, :, :3, 3] = [(0.5, 1.5, 1.5), (1.5, 1.5, 1.5)]
    moves[:, 1, 2, 3] -= 0.3 * np.arange(FRAMES)
    present = np.array([[True, True], [True, True], [False, True]])
    birds = Instances("Birds", Mesh(faces), vertices, moves, present)
    return [growing, jelly, grains, birds]


def statue() -> RigidBody:
    """The scene's own object of that name, which is not seen any more."""
    vertices, faces = cube(1.0, 0.0, 0.0, 0.0)
    place = np.tile(np.eye(4), (FRAMES, 1, 1))
    place[:, 2, 3] = 50
    return RigidBody("Statue", Mesh(faces), vertices, place, np.zeros(FRAMES, bool))


@pytest.fixture(scope="module", params=BLENDERS)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp(f"showing-{request.param}")
    track = camera_track(Camera((0, -8, 0), (0, 0, 0)), (PIXELS, PIXELS), FRAMES, WIDTH)
    numbers = np.array(NUMBERS, np.int32)
    bodies = (statue(), smoke(), fire(), *surfaces())
    save_recording(Recording("shown", 24.0, (PIXELS, PIXELS), track, bodies, numbers, (BLACK,)), folder / "solved")
    build = {"script": str(HERE / "showing.py"), "function": "showing", "data": str(folder / "notes.json")}
    addon = str(asset("blender_addon").resolve())
    run_child(
        find_blender(blender_executable(request.param)),
        {"addon": addon, "build": build, "out": str(folder / "out"), "options": {"preview": True}},
        folder / "log.txt",
        silent,
    )
    with np.load(folder / "pictures.npz") as pictures:
        arrays = dict(pictures)
    return Shown(arrays, json.loads((folder / "notes.json").read_text()), load_recording(folder / "again"))


def through_smoke(frame: int, axis: int) -> np.ndarray:
    """(H, W) share of the white sky that is seen through the smoke along y (1) or z (2), by Beer and Lambert's law."""
    column = density(frame).sum(axis) * SIZE[axis] / CELLS[axis]
    other = 3 - axis
    centers = (np.arange(PIXELS) + 0.5) / PIXELS * WIDTH - WIDTH / 2
    share = np.ones((PIXELS, PIXELS))
    inside, cell = {}, {}
    for k in (0, other):
        cell[k] = np.clip((centers - CORNER[k]) / SIZE[k] * CELLS[k] - 0.5, 0, CELLS[k] - 1)
        inside[k] = (centers > CORNER[k]) & (centers < CORNER[k] + SIZE[k])
    # linear between cell centres, along one axis after the other
    rows = np.stack([np.interp(cell[0], np.arange(CELLS[0]), line) for line in column.T], axis=1)
    values = np.stack([np.interp(cell[other], np.arange(CELLS[other]), line) for line in rows])
    seen = inside[0][:, None] & inside[other][None]
    share[seen] = np.exp(-values[seen])
    return share.T[::-1]


def window(picture: np.ndarray, x: tuple[float, float], z: tuple[float, float]) -> np.ndarray:
    """The part of a picture between these world coordinates, to the right and up."""
    scale = PIXELS / WIDTH
    columns = slice(round((x[0] + WIDTH / 2) * scale), round((x[1] + WIDTH / 2) * scale))
    rows = slice(round((WIDTH / 2 - z[1]) * scale), round((WIDTH / 2 - z[0]) * scale))
    return picture[rows, columns]


def dark_area(picture: np.ndarray, x: tuple[float, float], z: tuple[float, float]) -> float:
    """Square metres that are darker than half in that part."""
    return float((window(picture, x, z).mean(-1) < 0.5).sum()) * (WIDTH / PIXELS) ** 2


@pytest.mark.parametrize("frame", [1, 3])
@pytest.mark.parametrize(("view", "axis"), [("front", 1), ("top", 2)])
def test_smoke_is_as_dense_as_the_grid_says(shown: Shown, view: str, axis: int, frame: int) -> None:
    expected = through_smoke(frame - 1, axis)
    x, up = (-2.0, 0.0), ((0.0, 1.9) if axis == 1 else (-1.4, 0.5))
    seen, wanted = (window(p, x, up) for p in (shown.pictures[f"{view}.{frame}"].mean(-1), expected))
    assert wanted.min() < 0.1
    # 8 bits a colour, and 16 samples that march in steps of two cells, in a box that is a little smaller
    assert np.abs(seen - wanted).mean() < 0.005
    assert np.quantile(np.abs(seen - wanted), 0.98) < 0.04


def test_flames_shine_as_much_as_they_hide(shown: Shown) -> None:
    seen = window(shown.pictures["front.1"], (1.0, 1.5), (-1.75, -1.0)).mean(1)[::-1]
    heights = (np.arange(len(seen)) + 0.5) / len(seen) * len(FIRE_GLOW)
    glow = np.interp(heights, np.arange(len(FIRE_GLOW)) + 0.5, FIRE_GLOW)
    through = np.exp(-flames.FLAME_DENSITY * glow * 1.0)
    expected = through[:, None] + (1 - through)[:, None] * flame_radiance(glow)
    np.testing.assert_allclose(seen, np.minimum(expected, 1), atol=0.02)
    assert expected.min() < 0.6


def test_a_changing_surface_is_the_one_of_its_frame(shown: Shown) -> None:
    place = ((0.2, 1.2), (-1.0, 0.0))
    assert dark_area(shown.pictures["front.1"], *place) == pytest.approx(0.16, abs=0.04)
    assert dark_area(shown.pictures["front.3"], *place) == 0


def test_a_deforming_body_moves(shown: Shown) -> None:
    above, below = ((1.2, 1.8), (-0.35, 0.15)), ((1.2, 1.8), (-0.95, -0.45))
    first, last = shown.pictures["front.1"], shown.pictures["front.3"]
    assert dark_area(first, *above) == pytest.approx(0.16, abs=0.04)
    assert dark_area(last, *above) == 0
    assert dark_area(last, *below) == pytest.approx(0.16, abs=0.04)


def test_particles_are_balls_of_their_own_radius(shown: Shown) -> None:
    rows = (-1.8, -1.2)
    for x, radius in (((-1.75, -1.25), 0.1), ((-1.25, -0.75), 0.15)):
        area = dark_area(shown.pictures["front.1"], x, rows)
        assert area == pytest.approx(np.pi * radius**2, rel=0.25)
    assert dark_area(shown.pictures["front.1"], (-0.75, -0.25), rows) == pytest.approx(np.pi * 0.2**2, rel=0.25)
    assert dark_area(shown.pictures["front.3"], (-0.75, -0.25), rows) == 0


def test_copies_are_where_their_transforms_are(shown: Shown) -> None:
    first, last = shown.pictures["front.1"], shown.pictures["front.3"]
    stays, leaves, moves = ((1.2, 1.8), (1.25, 1.75)), ((0.2, 0.8), (1.25, 1.75)), ((1.2, 1.8), (0.65, 1.15))
    assert dark_area(first, *stays) == pytest.approx(0.16, abs=0.04)
    assert dark_area(first, *leaves) == pytest.approx(0.16, abs=0.04)
    assert dark_area(last, *leaves) == 0
    assert dark_area(last, *moves) == pytest.approx(0.16, abs=0.04)


def test_results_are_not_recorded(shown: Shown) -> None:
    # and what they stand for is recorded as it was
    assert [(b.name, b.present) for b in shown.again.bodies] == [("Statue", None)]
    # nor are they in the picture of the recording, where nothing is to be seen but the sky
    assert shown.again.image is not None and shown.again.image.min() > 250


def test_hiding_leaves_nothing_behind(shown: Shown) -> None:
    assert shown.notes["shown"]["in scene"] > shown.notes["before"]["in scene"]
    assert shown.notes["after"] == shown.notes["before"]
    assert shown.notes["warnings"] == []
    assert shown.notes["after an error"] == shown.notes["before"]


def test_what_results_stand_for_is_not_rendered_beside_them(shown: Shown) -> None:
    assert shown.notes["statue"] is True
    assert shown.notes["statue after"] is False


def test_only_what_is_filled_is_drawn() -> None:
    body = smoke()
    body.density[:] = 0
    body.density[1, 4, 0, 7:9] = 1
    assert filled(body) == (slice(3, 6), slice(0, 2), slice(6, 10))


def test_slices_lie_side_by_side() -> None:
    grid = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    picture = atlas(grid, 2)
    assert picture.shape == (9, 4)
    for z in range(5):
        row, column = divmod(z, 2)
        np.testing.assert_array_equal(picture[3 * row : 3 * row + 3, 2 * column : 2 * column + 2], grid[:, :, z].T)


def test_transforms_come_apart_and_together() -> None:
    rng = np.random.default_rng(3)
    turns = np.linalg.qr(rng.normal(size=(50, 3, 3)))[0]
    turns *= np.linalg.det(turns)[:, None, None]
    scales = rng.uniform(0.2, 3, (50, 3)) * np.where(np.arange(50) % 2, -1, 1)[:, None]
    transforms = np.tile(np.eye(4), (50, 1, 1))
    transforms[:, :3, :3], transforms[:, :3, 3] = turns * scales[:, None, :], rng.normal(size=(50, 3))
    location, (w, x, y, z), scale = (a.T if a.shape[1] == 4 else a for a in decompose(transforms))
    back = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    np.testing.assert_allclose(back * scale[:, None, :], transforms[:, :3, :3], atol=1e-12)
    np.testing.assert_array_equal(location, transforms[:, :3, 3])
