"""Bullet scenes from Python data, against closed forms: one child process runs all experiments side by side."""

import dataclasses
import re

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.recording import Recording
from simcraft.sim import primitives, rigid

FPS = 24.0
FRAMES = 48
G = 9.81
TIME = np.arange(FRAMES) / FPS

PENDULUM_LENGTH, PENDULUM_RADIUS, PENDULUM_ANGLE = 0.7, 0.1, 0.35
SLIDE_SPEED = 3.0


def experiments() -> rigid.RigidScene:
    """All of them in one world, far enough apart not to meet."""
    ball, brick = rigid.Sphere(0.2), rigid.Box((0.4, 0.4, 0.2))
    elastic = {"friction": 0.0, "restitution": 1.0}
    swing = PENDULUM_LENGTH * np.array([np.sin(PENDULUM_ANGLE), 0.0, -np.cos(PENDULUM_ANGLE)])
    stack = [rigid.Body(f"stack {i}", brick, (0, 20, 0.1 + 0.2 * i), mass=1.0) for i in range(6)]
    bodies = (
        rigid.Body("floor", rigid.Box((200, 200, 1)), (0, 0, -0.5), friction=0.8, restitution=0.9),
        rigid.Body("thrown", ball, (0, 0, 30), mass=2.0, velocity=(3, -1, 4), angular_velocity=(0, 6, 0)),
        rigid.Body("light", ball, (-1, 10, 60), mass=1.0, velocity=(4, 0, 0), **elastic),
        rigid.Body("heavy", ball, (1, 10, 60), mass=3.0, velocity=(-1, 0, 0), **elastic),
        rigid.Body("slider", brick, (0, 30, 0.1), mass=1.5, velocity=(SLIDE_SPEED, 0, 0), friction=0.5),
        rigid.Body("hook", rigid.Box((0.1, 0.1, 0.1)), (0, 40, 3)),
        rigid.Body("bob", rigid.Sphere(PENDULUM_RADIUS), tuple(np.array([0, 40, 3]) + swing), mass=1.0),
        rigid.Body("tumbler", brick, (0, 50, 1.5), rigid.rotation((1, 2, 3), 0.7), mass=1.0, restitution=0.7),
        rigid.Body("bouncer", ball, (0, 60, 1.2), mass=1.0, restitution=0.8),
        *stack,
    )
    # a hinge, so that the bob turns with its string: a physical pendulum
    hinge = rigid.Constraint("hinge", "hook", "bob", (0, 40, 3), axis=(0, 1, 0))
    return rigid.RigidScene(bodies, (hinge,))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    pytest.importorskip("bpy")
    return rigid.simulate(experiments(), FRAMES, FPS, seed=5, out=tmp_path_factory.mktemp("rigid") / "recording")


def track(recording: Recording, name: str) -> np.ndarray:
    """(T, 4, 4) object to world of one body."""
    return next(body for body in recording.bodies if body.name == name).transforms


def place(recording: Recording, name: str) -> np.ndarray:
    return track(recording, name)[:, :3, 3]


@pytest.mark.bpy
def test_frame_one_is_what_was_described(recording: Recording) -> None:
    assert recording.frame_numbers.tolist() == list(range(1, FRAMES + 1))
    assert recording.fps == FPS and recording.seed == 5
    for body in experiments().bodies:
        first = track(recording, body.name)[0]
        np.testing.assert_allclose(first[:3, 3], body.position, atol=1e-5)
        w, x, y, z = body.rotation
        np.testing.assert_allclose(first[0, 0], 1 - 2 * (y * y + z * z), atol=1e-5)
        np.testing.assert_allclose(first[1, 0], 2 * (x * y + w * z), atol=1e-5)


@pytest.mark.bpy
def test_free_flight_is_a_parabola(recording: Recording) -> None:
    expected = np.array([0, 0, 30]) + np.outer(TIME, [3, -1, 4])
    expected[:, 2] -= 0.5 * G * TIME**2
    np.testing.assert_allclose(place(recording, "thrown"), expected, atol=1e-3)
    velocity = (place(recording, "thrown")[1] - place(recording, "thrown")[0]) * FPS
    np.testing.assert_allclose(velocity, [3, -1, 4 - 0.5 * G / FPS], rtol=0.01)


@pytest.mark.bpy
def test_spin_is_kept(recording: Recording) -> None:
    turned = track(recording, "thrown")
    angle = np.unwrap(np.arctan2(turned[:, 0, 2], turned[:, 0, 0]))
    np.testing.assert_allclose(angle, 6.0 * TIME, atol=1e-3)


@pytest.mark.bpy
def test_elastic_collision_keeps_momentum(recording: Recording) -> None:
    light, heavy = ((np.diff(place(recording, n)[:, 0]) * FPS)[[0, -1]] for n in ("light", "heavy"))
    np.testing.assert_allclose([light[0], heavy[0]], [4.0, -1.0], rtol=0.01)
    assert 1.0 * light[1] + 3.0 * heavy[1] == pytest.approx(1.0 * 4.0 - 3.0 * 1.0, abs=0.01)
    # restitution 1, and what Bullet adds for the overlap at the moment of contact: at most a fifth
    bounced = (heavy[1] - light[1]) / (light[0] - heavy[0])
    assert 0.99 <= bounced <= 1.21


@pytest.mark.bpy
def test_friction_stops_a_slider_where_coulomb_says(recording: Recording) -> None:
    travelled = place(recording, "slider")[-1, 0]
    assert travelled == pytest.approx(SLIDE_SPEED**2 / (2 * 0.5 * 0.8 * G), rel=0.02)
    assert np.ptp(place(recording, "slider")[-12:, 0]) < 1e-3


@pytest.mark.bpy
def test_pendulum_period(recording: Recording) -> None:
    x = place(recording, "bob")[:, 0]
    after = np.flatnonzero(np.diff(np.sign(x)))
    crossings = [TIME[i] + x[i] / (x[i] - x[i + 1]) / FPS for i in after]
    # physical pendulum, moment of a ball about the hook; the series in the amplitude to the fourth power
    inertia = PENDULUM_LENGTH**2 + 0.4 * PENDULUM_RADIUS**2
    series = 1 + PENDULUM_ANGLE**2 / 16 + 11 * PENDULUM_ANGLE**4 / 3072
    period = 2 * np.pi * np.sqrt(inertia / (G * PENDULUM_LENGTH)) * series
    assert len(crossings) >= 2
    assert 2 * (crossings[1] - crossings[0]) == pytest.approx(period, rel=0.01)
    length = np.linalg.norm(place(recording, "bob") - place(recording, "hook"), axis=1)
    np.testing.assert_allclose(length, PENDULUM_LENGTH, rtol=0.005)


@pytest.mark.bpy
def test_a_stack_stands(recording: Recording) -> None:
    for i in range(6):
        moved = place(recording, f"stack {i}") - place(recording, f"stack {i}")[0]
        assert np.abs(moved).max() < 5e-3


@pytest.mark.bpy
def test_a_ball_bounces(recording: Recording) -> None:
    height = place(recording, "bouncer")[:, 2] - 0.2
    landed = int(np.argmax(np.diff(height) > 0))
    rebound = np.sqrt(height[landed:].max() / height[0])
    # floor 0.9 times ball 0.8, up to 0.2 more for the overlap and a little less for touching early
    assert 0.65 < rebound < 0.94


@pytest.mark.bpy
def test_a_bouncing_brick_gains_no_energy(recording: Recording) -> None:
    turned = track(recording, "tumbler")
    position = turned[:, :3, 3]
    velocity = np.diff(position, axis=0) * FPS
    middle = (position[1:] + position[:-1]) / 2
    step = np.einsum("tij,tkj->tik", turned[1:, :3, :3], turned[:-1, :3, :3])
    cosine = np.clip((np.trace(step, axis1=1, axis2=2) - 1) / 2, -1, 1)
    spin = np.arccos(cosine) * FPS
    least_inertia = (0.4**2 + 0.2**2) / 12
    energy = 0.5 * (velocity**2).sum(1) + 0.5 * least_inertia * spin**2 + G * middle[:, 2]
    assert energy.max() <= energy[0] * 1.01
    assert energy[-1] < 0.6 * energy[0]
    # while it still falls freely, its energy is what it started with
    np.testing.assert_allclose(energy[:8], energy[0], rtol=0.01)


@pytest.mark.parametrize(
    ("solid", "volume"),
    [
        (primitives.box((1.0, 2.0, 3.0)), 6.0),
        (primitives.sphere(0.5), 4 / 3 * np.pi * 0.5**3),
        (primitives.cylinder(0.5, 2.0), np.pi * 0.5**2 * 2.0),
        (primitives.cone(0.5, 2.0), np.pi * 0.5**2 * 2.0 / 3),
        (primitives.capsule(0.5, 2.0), np.pi * 0.5**2 * (1.0 + 4 / 3 * 0.5)),
    ],
    ids=["box", "sphere", "cylinder", "cone", "capsule"],
)
def test_primitives_are_closed_and_face_outwards(solid: primitives.Solid, volume: float) -> None:
    vertices, faces, uv = solid
    corners = vertices[faces]
    signed = np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert signed == pytest.approx(volume, rel=0.01)
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).all()
    assert uv.shape == (len(faces), 3, 2)


BODY = rigid.Body("ball", rigid.Sphere(0.5), mass=1.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mass": -1.0}, "mass"),
        ({"mass": 0.0, "velocity": (1.0, 0.0, 0.0)}, "mass"),
        ({"position": (0.0, float("nan"), 0.0)}, "position"),
        ({"rotation": (2.0, 0.0, 0.0, 0.0)}, "rotation"),
        ({"restitution": 1.5}, "restitution"),
        ({"angular_velocity": (0.0, 0.0, 100.0)}, "angular_velocity"),
        ({"shape": rigid.Sphere(0.0)}, "radius"),
        ({"shape": rigid.Capsule(0.5, 1.0)}, "capsule"),
        ({"shape": rigid.Mesh(np.zeros((3, 3)), np.array([[0, 1, 3]]))}, "vertices"),
        ({"shape": rigid.Mesh(np.zeros((3, 2)), np.array([[0, 1, 2]]))}, "vertices"),
        ({"shape": rigid.Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((3, 2)))}, "uv"),
        ({"shape": rigid.Box(2.0)}, "size"),
        ({"shape": "box"}, "shape"),
        ({"position": 5}, "position"),
        ({"velocity": ("1", "2", "3")}, "velocity"),
        ({"rotation": 1.0}, "rotation"),
        ({"mass": 1e-6}, "mass"),
        ({"mass": None}, "mass"),
        ({"friction": float("inf")}, "friction"),
        ({"material": rigid.Material("grey", texture=np.zeros((4, 4), np.uint8))}, r"material\.texture"),
        ({"material": rigid.Material("float", texture=np.zeros((4, 4, 3)))}, r"material\.texture"),
        ({"material": rigid.Material("n" * 64)}, "material: name"),
        ({"material": rigid.Material("grey", roughness=2.0)}, r"material\.roughness"),
        ({"material": rigid.Material("grey", (1.0, -1.0, 0.0))}, r"material\.base_color"),
    ],
)
def test_bad_bodies_are_named(change: dict, told: str) -> None:
    scene = rigid.RigidScene((dataclasses.replace(BODY, **change),))
    with pytest.raises(UserError, match=f"'ball'.*{told}"):
        rigid.simulate(scene)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"camera": rigid.Camera(vertical_fov=200)}, "camera: vertical_fov is 200"),
        ({"camera": rigid.Camera((1, 2, 3), (1, 2, 3))}, "camera: target"),
        ({"camera": rigid.Camera(position=5)}, "camera: position is 5"),
        ({"sun": rigid.Sun(direction=(0, 0, 0))}, "sun: direction"),
        ({"sun": rigid.Sun(strength=-1)}, "sun: strength"),
        ({"sun": rigid.Sun(color=(1, 1))}, "sun: color"),
        ({"sky_color": (0, 0, float("nan"))}, "sky_color"),
        ({"gravity": -9.81}, "gravity is -9.81"),
        ({"gravity": (0, 0, float("inf"))}, "gravity"),
        ({"name": ""}, "scene: name is ''"),
        # 32 characters, 64 bytes
        ({"bodies": (dataclasses.replace(BODY, name="ä" * 32),)}, "A body: name is 'ää"),
        ({"bodies": (dataclasses.replace(BODY, name=7),)}, "A body: name is 7"),
        ({"bodies": (dataclasses.replace(BODY, name=""),)}, "A body: name is ''"),
    ],
)
def test_bad_scenes_are_named(change: dict, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        rigid.simulate(dataclasses.replace(rigid.RigidScene((BODY,)), **change))
    assert caught.value.fix


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"substeps": 0}, "substeps is 0"),
        ({"substeps": 2.5}, r"substeps is 2\.5"),
        ({"solver_iterations": 5000}, "solver_iterations is 5000"),
        ({"fps": float("inf")}, "fps is inf"),
        ({"fps": 0}, "fps is 0"),
        ({"frames": 0}, "frames is 0"),
        ({"frames": 2.0}, r"frames is 2\.0"),
    ],
)
def test_bad_settings_are_named(settings: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        rigid.simulate(rigid.RigidScene((BODY,)), **settings)


@pytest.mark.bpy
def test_the_longest_names_and_numbers_of_numpy_arrive() -> None:
    pytest.importorskip("bpy")
    names = [f"{'n' * 62}{i}" for i in range(2)]
    balls = [
        rigid.Body(name, rigid.Sphere(np.float32(0.5)), np.array([3 * i, 0, 4], np.float32), mass=1)
        for i, name in enumerate(names)
    ]
    made = rigid.simulate(rigid.RigidScene(tuple(balls), gravity=np.zeros(3)), np.int64(2), np.float32(24))
    assert [body.name for body in made.bodies] == names
    np.testing.assert_allclose(place(made, names[1])[-1], (3, 0, 4), atol=1e-6)


def test_constraints_must_bind_two_bodies_that_exist() -> None:
    bind = rigid.Constraint("point", "ball", "wall", (0, 0, 0))
    with pytest.raises(UserError, match="'wall', which is no body"):
        rigid.simulate(rigid.RigidScene((BODY,), (bind,)))
    with pytest.raises(UserError, match="to itself"):
        rigid.simulate(rigid.RigidScene((BODY,), (dataclasses.replace(bind, second="ball"),)))
    wall = rigid.Body("wall", rigid.Box((1, 1, 1)))
    for field, value in (("kind", "rope"), ("axis", (0, 0, 0)), ("position", 1)):
        with pytest.raises(UserError, match=f"{field} is {re.escape(repr(value))}"):
            rigid.simulate(rigid.RigidScene((BODY, wall), (dataclasses.replace(bind, **{field: value}),)))
    with pytest.raises(UserError, match="called 'ball'"):
        rigid.simulate(rigid.RigidScene((BODY, BODY)))


@pytest.mark.bpy
def test_every_shape_and_joint_is_simulated_and_rendered() -> None:
    pytest.importorskip("bpy")
    vertices, faces, uv = primitives.box((0.4, 0.4, 0.4))
    checks = np.kron([[0, 1], [1, 0]], np.full((8, 8), 255)).astype(np.uint8)
    painted = rigid.Material("checks", (1.0, 1.0, 1.0), np.repeat(checks[..., None], 3, axis=2))
    shapes = {
        "box": rigid.Box((0.4, 0.4, 0.4)),
        "sphere": rigid.Sphere(0.2),
        "cylinder": rigid.Cylinder(0.2, 0.4),
        "cone": rigid.Cone(0.2, 0.4),
        "capsule": rigid.Capsule(0.1, 0.4),
        "hull": rigid.Mesh(vertices, faces, uv),
    }
    bodies = [
        rigid.Body(name, shape, (i - 2.5, 0, 0.5), mass=1.0, material=painted)
        for i, (name, shape) in enumerate(shapes.items())
    ]
    floor = rigid.Body("floor", rigid.Mesh(*primitives.box((20, 20, 1)), convex=False), (0, 0, -0.5))
    pairs = (("fixed", "box", "sphere"), ("point", "cylinder", "cone"), ("slider", "capsule", "hull"))
    joints = [
        rigid.Constraint(kind, first, second, (2 * i - 2.0, 0, 0.5), axis=(1, 0, 0))
        for i, (kind, first, second) in enumerate(pairs)
    ]
    scene = rigid.RigidScene((floor, *bodies), tuple(joints))
    made = rigid.simulate(scene, 30, preview=False, samples=1, size=(48, 32), substeps=10)
    assert made.image is not None and made.image.shape == (32, 48, 3) and np.ptp(made.image) > 50
    for name in shapes:
        # all rest on the floor, none has sunk in or stayed in the air
        assert place(made, name)[-1, 2] == pytest.approx(0.2, abs=0.005)
    together = np.linalg.inv(track(made, "box")) @ track(made, "sphere")
    np.testing.assert_allclose(together[-1], together[0], atol=5e-3)
    checked = next(m for m in made.materials if m.texture is not None)
    np.testing.assert_allclose(checked.texture, painted.texture, atol=2)
