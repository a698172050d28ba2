"""Small recordings built from formulas, shared by the tests of the room."""

from __future__ import annotations

import numpy as np

from simcraft.recording import (
    CameraTrack,
    ChangingBody,
    DeformingBody,
    Instances,
    Mesh,
    Particles,
    Recording,
    RigidBody,
    Volume,
)

FRAMES = 3


def icosphere(subdivisions: int, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and faces (F, 3) of a sphere of 20 * 4**subdivisions triangles, facing outwards."""
    g = (1 + 5**0.5) / 2
    points = [(-1, g, 0), (1, g, 0), (-1, -g, 0), (1, -g, 0), (0, -1, g), (0, 1, g)]
    points += [(0, -1, -g), (0, 1, -g), (g, 0, -1), (g, 0, 1), (-g, 0, -1), (-g, 0, 1)]
    faces = [(0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6)]
    faces += [(7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10)]
    faces += [(8, 6, 7), (9, 8, 1)]
    v, f = np.array(points, float), np.array(faces)
    for _ in range(subdivisions):
        edges = np.sort(np.concatenate([f[:, [0, 1]], f[:, [1, 2]], f[:, [2, 0]]]), axis=1)
        unique, inverse = np.unique(edges, axis=0, return_inverse=True)
        ab, bc, ca = (inverse.reshape(3, -1) + len(v)).tolist()
        v = np.concatenate([v, v[unique].mean(axis=1)])
        a, b, c = f.T
        f = np.concatenate([np.stack(t, axis=1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))])
    v *= radius / np.linalg.norm(v, axis=1, keepdims=True)
    return v.astype(np.float32), f.astype(np.int32)


def box(size: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (8, 3) and faces (12, 3) of a cube, facing outwards."""
    v = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32) * (size / 2)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return v, np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)


def plane(half: float = 50.0) -> tuple[np.ndarray, np.ndarray]:
    """A floor of two triangles at z = 0, as wide as twice `half`."""
    v = np.array([(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)], np.float32)
    return v, np.array([(0, 1, 2), (0, 2, 3)], np.int32)


def rotation(axis: int, angle: float) -> np.ndarray:
    """(3, 3) rotation about a coordinate axis, radians."""
    c, s = np.cos(angle), np.sin(angle)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    r = np.eye(3)
    r[a, a], r[a, b], r[b, a], r[b, b] = c, -s, s, c
    return r


def pose(position: tuple[float, float, float], turn: np.ndarray | None = None) -> np.ndarray:
    """(4, 4) object-to-world transform."""
    m = np.eye(4)
    m[:3, 3] = position
    if turn is not None:
        m[:3, :3] = turn
    return m


def look_at(eye: tuple[float, float, float], target: tuple[float, float, float], roll: float = 0.0) -> np.ndarray:
    """(4, 4) camera-to-world with OpenCV axes; the world's z points up in the image."""
    forward = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(forward, (0, 0, 1.0))
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward], axis=1) @ rotation(2, roll)
    return pose(eye, axes)


def camera(
    poses: list[np.ndarray], size: tuple[int, int], projection: str = "perspective", focal: float | None = None
) -> CameraTrack:
    """A camera with square pixels; `focal` in pixels (perspective) or pixels a metre (orthographic)."""
    width, height = size
    f = focal or (1.2 * width if projection == "perspective" else width / 8)
    k = np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1.0]])
    return CameraTrack(projection, np.repeat(k[None], len(poses), axis=0), np.stack(poses), 0.1, 200.0)


def moving_camera(size: tuple[int, int], projection: str = "perspective", frames: int = FRAMES) -> CameraTrack:
    """A camera that travels, turns and rolls."""
    poses = [look_at((0.3 * t, -8 + 0.1 * t, 3), (0.1 * t, 0, 0.8), roll=0.02 * t) for t in range(frames)]
    return camera(poses, size, projection)


def still_camera(size: tuple[int, int], projection: str = "perspective", frames: int = FRAMES) -> CameraTrack:
    """A camera that stays."""
    return camera([look_at((0, -8, 3), (0, 0, 0.8))] * frames, size, projection)


def rigid(name: str, shape: tuple[np.ndarray, np.ndarray], poses: list[np.ndarray], **more) -> RigidBody:
    return RigidBody(name, Mesh(shape[1]), shape[0], np.stack(poses), **more)


def floor(frames: int = FRAMES) -> RigidBody:
    return rigid("floor", plane(), [np.eye(4)] * frames, solver="static")


def tumbling_box(frames: int = FRAMES) -> RigidBody:
    poses = [pose((-1 + 0.15 * t, 0.1 * t, 1), rotation(0, 0.1 * t) @ rotation(2, 0.2 * t)) for t in range(frames)]
    return rigid("box", box(), poses, solver="bullet")


def rolling_ball(frames: int = FRAMES, subdivisions: int = 3) -> RigidBody:
    poses = [pose((1 - 0.1 * t, -1, 0.7), rotation(1, -0.15 * t)) for t in range(frames)]
    return rigid("ball", icosphere(subdivisions, 0.7), poses, solver="bullet")


def waving_cloth(frames: int = FRAMES, cells: int = 12) -> DeformingBody:
    x, y = np.meshgrid(np.linspace(-1.5, 1.5, cells + 1), np.linspace(-1, 1, cells + 1), indexing="ij")
    waves = [0.3 * np.sin(2 * x + 0.4 * t) * np.cos(y) + 2 + 0.05 * t for t in range(frames)]
    vertices = np.stack([np.stack([x, y + 1.5, z], axis=-1).reshape(-1, 3) for z in waves])
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).reshape(-1)
    a, b, c, d = corner, corner + cells + 1, corner + cells + 2, corner + 1
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    return DeformingBody("cloth", Mesh(faces), vertices.astype(np.float32), solver="keyframes")


def crowd(frames: int = FRAMES) -> Instances:
    """Four boxes in a row; the last one appears in frame 1."""
    poses = [[pose((-3 + 2 * n + 0.1 * t, 2, 0.5)) for n in range(4)] for t in range(frames)]
    present = np.ones((frames, 4), bool)
    present[0, 3] = False
    vertices, faces = box(0.8)
    return Instances("crowd", Mesh(faces), vertices, np.array(poses), present, "agents")


def droplets(frames: int = FRAMES, count: int = 30, seed: int = 0) -> Particles:
    """Spheres that fall; the first one dies after frame 0."""
    rng = np.random.default_rng(seed)
    start = rng.uniform((-2, -2, 1), (2, 1, 3), (count, 3))
    positions = np.stack([start + np.array((0.03, 0, -0.08)) * t for t in range(frames)]).astype(np.float32)
    present = np.ones((frames, count), bool)
    present[1:, 0] = False
    return Particles("drops", positions, rng.uniform(0.05, 0.25, count).astype(np.float32), present)


def liquid(frames: int = FRAMES, velocity: bool = True, fps: float = 24.0) -> ChangingBody:
    """A drifting, growing ball whose mesh has another resolution in each frame."""
    vertices, faces, speeds = [], [], []
    for t in range(frames):
        v, f = icosphere(2 + t % 2, 0.8 + 0.02 * t)
        speeds.append(v / np.linalg.norm(v, axis=1, keepdims=True) * (0.02 * fps) + np.array((0.1, 0, 0.05)) * fps)
        vertices.append(v + np.array((0.1 * t, 0, 1.2 + 0.05 * t)))
        faces.append(f)
    offsets = [np.concatenate([[0], np.cumsum([len(a) for a in part])]).astype(np.int64) for part in (vertices, faces)]
    speed = np.concatenate(speeds).astype(np.float32) if velocity else None
    return ChangingBody(
        "water", np.concatenate(vertices).astype(np.float32), offsets[0], np.concatenate(faces), offsets[1], speed
    )


def recording(bodies, track: CameraTrack, size: tuple[int, int], **more) -> Recording:
    """A recording of `bodies` with a grey first image."""
    frames = len(track.intrinsics)
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    defaults = {"name": "test", "fps": 24.0, "image": image, "seed": 3}
    return Recording(
        size=size, camera=track, bodies=tuple(bodies), frame_numbers=np.arange(1, frames + 1, dtype=np.int32),
        **(defaults | more),
    )  # fmt: skip


def swarm(triangles: int, size: tuple[int, int], frames: int = FRAMES) -> Recording:
    """About `triangles` triangles (from 1,000 up): balls that roll past each other over a floor, the camera moving.

    The balls stay as they are and get finer as `triangles` grows, each of them one rigid body.
    """
    subdivisions = max(1, round(np.log(triangles / 12 / 20) / np.log(4)))
    count = max(3, round(triangles / (20 * 4**subdivisions)))
    rng = np.random.default_rng(5)
    shape, bodies = icosphere(subdivisions, 0.5), [floor(frames)]
    for n in range(count):
        start = rng.uniform((-2.5, -2, 0.4), (2.5, 3, 2.8))
        way, turn = rng.uniform(-0.12, 0.12, 3), rng.uniform(-0.15, 0.15, 2)
        poses = [pose(start + way * t, rotation(0, turn[0] * t) @ rotation(2, turn[1] * t)) for t in range(frames)]
        bodies.append(rigid(f"ball {n}", shape, poses))
    return recording(bodies, moving_camera(size, frames=frames), size, name=f"swarm of {triangles} triangles")


def smoke_box(
    density: np.ndarray | float,
    low: tuple[float, float, float] = (-1, -1, 0),
    size: float = 2.0,
    speed: tuple[float, float, float] = (0, 0, 0),
    turn: np.ndarray | None = None,
    frames: int = FRAMES,
    cells: int = 8,
    fps: float = 24.0,
    **more,
) -> Volume:
    """A cubic volume of `size` metres that moves as a whole by `speed` metres a frame; its corner starts at `low`.

    `density` is one number for all `cells` a side, or (X, Y, Z) for all frames.
    """
    field = np.full((cells, cells, cells), density) if np.ndim(density) == 0 else np.asarray(density)
    grids = np.stack([pose(tuple(np.add(low, np.multiply(t, speed))), turn) for t in range(frames)])
    grids[:, :3, :3] *= size / field.shape[0]
    velocity = np.broadcast_to(np.multiply(speed, fps), (frames, *field.shape, 3)).astype(np.float32)
    name = more.pop("name", "smoke")
    return Volume(name, np.repeat(field[None], frames, axis=0).astype(np.float32), velocity, grids, **more)
