"""Captions: what they say of a motion follows from the motion, whatever the scene is called."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.clip.types import InstanceInfo
from simcraft.data.captions import captions_of
from simcraft.data.manifest import Row
from simcraft.data.movement import Movement, camera_words, movements_of
from simcraft.recording import Mesh, Recording, RigidBody
from tests.scenes import camera_looking_along_y

FRAMES, SIZE = 8, (64, 48)
FPS = 24.0
CUBE = np.stack(np.meshgrid(*[[-0.3, 0.3]] * 3, indexing="ij"), -1).reshape(-1, 3).astype(np.float32)
FACES = np.array([[0, 1, 2]], np.int32)


def body(name: str, place: np.ndarray, turn: np.ndarray | None = None, extent=(1.0, 1.0, 1.0)) -> RigidBody:
    """A box whose middle is at `place` (T, 3); `turn` (T, 3, 3)."""
    transforms = np.tile(np.eye(4), (FRAMES, 1, 1))
    transforms[:, :3, 3] = place
    if turn is not None:
        transforms[:, :3, :3] = turn
    return RigidBody(name, Mesh(FACES), CUBE * np.array(extent, np.float32), transforms, solver="bullet")


def straight(velocity: tuple[float, float, float], start=(0.0, 0.0, 0.0)) -> np.ndarray:
    """(T, 3): so many metres a frame."""
    return np.array(start) + np.arange(FRAMES)[:, None] * np.array(velocity)


def about_y(angle: np.ndarray) -> np.ndarray:
    """(T, 3, 3) turns about the world's y, which is the camera's line of sight."""
    turn = np.tile(np.eye(3), (len(angle), 1, 1))
    turn[:, 0, 0] = turn[:, 2, 2] = np.cos(angle)
    turn[:, 0, 2], turn[:, 2, 0] = np.sin(angle), -np.sin(angle)
    return turn


def scene(
    *bodies: RigidBody,
    caption: str = "A red and white ball rolls into three dominoes on a wooden floor.",
    details: tuple[str, ...] = (),
    poses: np.ndarray | None = None,
) -> tuple[Recording, MotionClip]:
    """A recording of `bodies`, and a clip in which each of them has some pixels in all frames."""
    camera = camera_looking_along_y(FRAMES, SIZE)
    if poses is not None:
        camera = dataclasses.replace(camera, camera_to_world=poses)
    recording = Recording(
        name="scene",
        fps=FPS,
        size=SIZE,
        camera=camera,
        bodies=bodies,
        frame_numbers=np.arange(1, FRAMES + 1, dtype=np.int32),
        caption=caption,
        details=details,
    )
    width, height = SIZE
    instances = np.zeros((FRAMES, height, width), np.uint16)
    for k in range(len(bodies)):
        instances[:, 2 * k : 2 * k + 2] = k + 1
    flow = np.zeros((FRAMES - 1, height, width, 2), np.float32)
    valid = np.ones(flow.shape[:3], bool)
    clip = MotionClip(
        np.zeros((height, width, 3), np.uint8),
        flow,
        flow,
        valid,
        valid,
        instances=instances,
        depth=np.full(instances.shape, 6.0, np.float32),
        intrinsics=camera.intrinsics,
        camera_to_world=camera.camera_to_world,
        instance_table=tuple(InstanceInfo(k + 1, b.name, "", b.solver) for k, b in enumerate(bodies)),
        fps=FPS,
    )
    return recording, clip


def row(seed: int = 1) -> Row:
    return Row("000000", "train", "dominoes", seed, {}, SIZE, FRAMES, 1, 1, "preview", 16, 0, ())


def movement(velocity: tuple[float, float, float]) -> Movement:
    (found,) = movements_of(*scene(body("ball", straight(velocity))))
    return found


@pytest.mark.parametrize(
    ("velocity", "direction", "origin"),
    [
        ((0.1, 0, 0), "to the right", "from the left"),
        ((-0.1, 0, 0), "to the left", "from the right"),
        ((0, 0.1, 0), "away from the camera", "from the front"),
        ((0, -0.1, 0), "towards the camera", "from behind"),
        ((0.1, 0.1, 0), "to the right and away from the camera", "from the left"),
        ((-0.1, 0, -0.05), "down to the left", "from the right"),
        ((0, 0, 0.1), "up", "from below"),
    ],
)
def test_direction(velocity: tuple[float, float, float], direction: str, origin: str) -> None:
    found = movement(velocity)
    assert found.verb == "moves"
    assert (found.direction, found.origin) == (direction, origin)


def test_mirrored_scene_swaps_left_and_right() -> None:
    def told(sign: int) -> list[str]:
        ball = body("ball", straight((0.1 * sign, 0, 0)))
        return [c.replace("left", "L").replace("right", "R") for c in captions_of(*scene(ball), row())]

    mirrored = [c.translate(str.maketrans("LR", "RL")) for c in told(-1)]
    assert told(1) == mirrored
    assert any("to the R" in c for c in told(1))


def test_direction_is_as_the_camera_sees_it() -> None:
    poses = camera_looking_along_y(FRAMES, SIZE).camera_to_world.copy()
    poses[:, :3] = [[-1, 0, 0, 0], [0, 0, -1, 6], [0, -1, 0, 0]]  # from the other side
    (found,) = movements_of(*scene(body("ball", straight((0.1, 0.02, 0))), poses=poses))
    assert found.direction == "to the left"


def test_motion_of_the_camera_is_set_aside() -> None:
    poses = camera_looking_along_y(FRAMES, SIZE).camera_to_world.copy()
    poses[:, 0, 3] = 0.2 * np.arange(FRAMES)
    recording, clip = scene(body("ball", straight((0, 0, 0))), poses=poses)
    assert [m.moves for m in movements_of(recording, clip)] == [False]
    assert camera_words(clip) == "moves to the right"


def test_rolling_takes_a_turn_that_fits_the_way() -> None:
    place = straight((0.1, 0, 0))
    rolled = about_y(place[:, 0] / 0.3)
    spun = about_y(4 * place[:, 0] / 0.3)
    assert movements_of(*scene(body("ball", place, rolled)))[0].verb == "rolls"
    assert movements_of(*scene(body("ball", place, spun)))[0].verb == "moves"
    assert movements_of(*scene(body("ball", place)))[0].verb == "moves"


def test_falling_flying_and_bouncing() -> None:
    time = np.arange(FRAMES) / FPS
    drop = -9.81 / 2 * time**2

    def verb(x: np.ndarray | float, z: np.ndarray) -> str:
        place = np.stack([np.broadcast_to(x, FRAMES), np.zeros(FRAMES), z], axis=1)
        return movements_of(*scene(body("ball", place)))[0].verb

    assert verb(0.0, drop) == "falls"
    assert verb(5 * time, drop + 2 * time) == "flies"
    assert verb(0.0, 9 * time + drop) == "rises"
    assert verb(0.0, np.abs(drop + 0.15)) == "bounces"
    # a pendulum comes down and goes up again as well
    angle = np.linspace(-0.4, 0.4, FRAMES)
    assert verb(np.sin(angle), 1 - np.cos(angle)) == "moves"


def test_toppled_is_what_stood_and_lies() -> None:
    tip = about_y(np.linspace(0, 1.4, FRAMES))
    still = straight((0, 0, 0))
    assert movements_of(*scene(body("domino", still, tip, extent=(0.3, 1, 2))))[0].verb == "topples"
    assert movements_of(*scene(body("domino", still, tip, extent=(2, 1, 0.3))))[0].verb == "turns"
    leaning = body("domino", still, about_y(np.linspace(0, 0.5, FRAMES)), extent=(0.3, 1, 2))
    assert movements_of(*scene(leaning))[0].verb == "turns"


def test_toppled_ones_are_counted() -> None:
    tip = about_y(np.linspace(0, 1.4, FRAMES))
    dominoes = [
        body(f"domino_{k}", straight((0, 0, 0), start=(k, 0, 0)), tip if k < 2 else None, extent=(0.3, 1, 2))
        for k in range(3)
    ]
    ball = body("ball", straight((0.1, 0, 0)))
    told = captions_of(*scene(*dominoes, ball), row())
    assert any("two of the three dominoes fall over" in c.lower() for c in told)
    assert any(c.startswith("Three dominoes on a wooden floor") for c in told)


def test_unseen_bodies_are_not_counted() -> None:
    tip = about_y(np.linspace(0, 1.4, FRAMES))
    dominoes = [body(f"domino_{k}", straight((0, 0, 0), start=(k, 0, 0)), tip, extent=(0.3, 1, 2)) for k in range(3)]
    recording, clip = scene(*dominoes)
    hidden = np.where(clip.instances == 3, 0, clip.instances).astype(np.uint16)
    told = captions_of(recording, dataclasses.replace(clip, instances=hidden), row())
    assert any("two of the dominoes fall over" in c.lower() for c in told)
    assert not any(c.startswith("Three") for c in told)
    assert any(c.startswith("Dominoes on a wooden floor") for c in told)


def orbiting(angle: float) -> np.ndarray:
    """(T, 4, 4): on a circle of 6 m about the origin, from -y towards +x (the camera's right), always looking at it."""
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    for t, a in enumerate(np.linspace(0, angle, FRAMES)):
        right, forward = np.array([np.cos(a), np.sin(a), 0]), np.array([-np.sin(a), np.cos(a), 0])
        poses[t, :3, :3] = np.stack([right, (0, 0, -1), forward], axis=1)
        poses[t, :3, 3] = -6 * forward
    return poses


def shifted(velocity: tuple[float, float, float]) -> np.ndarray:
    poses = camera_looking_along_y(FRAMES, SIZE).camera_to_world.copy()
    poses[:, :3, 3] += straight(velocity)
    return poses


def turned(degrees: float) -> np.ndarray:
    poses = orbiting(np.radians(degrees))
    poses[:, :3, 3] = 0
    return poses


@pytest.mark.parametrize(
    ("poses", "words"),
    [
        (shifted((0, 0, 0)), "stands still"),
        (shifted((0, 0.1, 0)), "moves forwards"),
        (shifted((0, -0.1, 0)), "moves back"),
        (shifted((-0.1, 0, 0)), "moves to the left"),
        (shifted((0, 0, 0.1)), "rises"),
        (orbiting(0.4), "circles to the right"),
        (orbiting(-0.4), "circles to the left"),
        (turned(-5.0), "pans to the right"),
        (turned(5.0), "pans to the left"),
    ],
)
def test_camera(poses: np.ndarray, words: str) -> None:
    _, clip = scene(body("ball", straight((0, 0, 0))), poses=poses)
    assert camera_words(clip) == words


def test_camera_held_by_hand() -> None:
    poses = shifted((0, 0, 0))
    poses[:, 0, 3] += 0.03 * np.sin(np.arange(FRAMES))
    _, clip = scene(body("ball", straight((0, 0, 0))), poses=poses)
    assert camera_words(clip) == "moves slightly, as if held by hand"


def test_zoom() -> None:
    _, clip = scene(body("ball", straight((0, 0, 0))))
    lens = clip.intrinsics.copy()
    lens[:, (0, 1), (0, 1)] *= np.linspace(1, 1.3, FRAMES)[:, None]
    assert camera_words(dataclasses.replace(clip, intrinsics=lens)) == "zooms in"


DETAILS = ("on a red carpet", "low sun from the left", "a cone and two boxes stand in the background")


def test_phrasings() -> None:
    ball = body("ball", straight((0.1, 0, 0)), about_y(straight((0.1, 0, 0))[:, 0] / 0.3))
    told = captions_of(*scene(ball, details=(*DETAILS, "the camera slowly rises")), row())
    assert told == (
        "A red and white ball rolls into three dominoes on a wooden floor.",
        # the scene's words of a camera that stands still in this clip are left out
        "A red and white ball rolls into three dominoes on a wooden floor, on a red carpet, low sun from the left; "
        "a cone and two boxes stand in the background; the camera stands still.",
        "A red and white ball over a wooden floor, on a red carpet, rolling to the right.",
        "The red and white ball rolls to the right, and the camera stands still.",
        "Low sun from the left: a red and white ball rolls into three dominoes on a wooden floor.",
    )


def test_captions_are_drawn_by_the_seed_alone() -> None:
    def told(seed: int) -> tuple[str, ...]:
        return captions_of(*scene(body("ball", straight((0.1, 0, 0))), details=DETAILS), row(seed))

    assert told(3) == told(3)
    assert len({told(seed) for seed in range(12)}) > 2


def test_captions_read_well() -> None:
    for seed in range(8):
        for details in ((), DETAILS, ("at dusk", "filmed with a handheld camera")):
            for velocity in ((0.1, 0, 0), (0, 0, -0.1), (0, 0, 0)):
                bodies = body("ball", straight(velocity)), body("orange_cube", straight((0, -0.1, 0)))
                for caption in captions_of(*scene(*bodies, details=details, poses=orbiting(0.2)), row(seed)):
                    assert re.fullmatch(r"[A-Z0-9][^.]*\.", caption), caption
                    assert not re.search(r"  | ,|,,|;;| \.|\ba [aeiou]", caption), caption


def test_less_is_said_where_less_is_known() -> None:
    recording, clip = scene(body("ball", straight((0.1, 0, 0))))
    bare = dataclasses.replace(clip, instances=None, depth=None, camera_to_world=None, intrinsics=None)
    assert captions_of(recording, bare, row()) == (recording.caption,)
    silent = dataclasses.replace(recording, caption="")
    assert captions_of(silent, bare, row()) == ()
    assert captions_of(silent, clip, row())[0].startswith("A ball, moving to the right")


def test_unknown_names_are_not_spoken_of() -> None:
    recording, clip = scene(body("Suzanne.001", straight((0.1, 0, 0))), caption="")
    assert captions_of(recording, clip, row()) == ()


@pytest.mark.parametrize(
    "place", ["a wooden floor", "a black and white checkered floor", "sand", "a floor of hexagonal tiles", "bare soil"]
)
def test_title_names_the_ground(place: str) -> None:
    caption = f"A red ball rolls past two cubes on {place} and stops."
    ball, cube = body("ball", straight((0.1, 0, 0))), body("cube_1", straight((0, 0, 0)))
    assert f"A red ball over {place}, moving to the right." in captions_of(*scene(ball, cube, caption=caption), row())
    cubes = [body(f"cube_{k}", straight((0.1, 0, 0))) for k in range(2)]
    assert f"Two cubes on {place}, moving to the right." in captions_of(*scene(*cubes, caption=caption), row())


def test_background_is_left_to_the_details() -> None:
    balls = body("ball", straight((0.1, 0, 0))), body("background_ball_1", straight((0, 0, 0)))
    told = captions_of(*scene(*balls), row())
    assert "The red and white ball moves to the right, and the camera stands still." in told
    assert not any("balls" in c for c in told)
