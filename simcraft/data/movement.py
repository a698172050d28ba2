"""What moves in a clip and whereto, measured, in words: the bodies beside the camera's motion, and the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.recording import Body, ChangingBody, DeformingBody, Instances, Particles, Recording, RigidBody, Volume

FAR = 0.03
"""Of the picture's width: a shorter way is not spoken of."""
_LEAST_SEEN = 2e-4
"""Share of the pixels that a body must have, on average over the frames, to be spoken of."""
_LEAST_TURN = 3.0
"""Degrees by which what stays in its place must turn to be spoken of."""
_TOPPLED = 45.0
"""Degrees by which what stood upright leans at least once it has fallen over."""
_JOLT = 20.0
"""Metres a second squared upwards: a thing that bounces feels more at once."""
_LEAST_FALL = 0.05
"""Metres by which a thing must fall to be said to bounce."""
_GRAVITY = (8.0, 11.0)
"""Metres a second squared downwards: between these a body is in free flight."""


@dataclass(frozen=True)
class Movement:
    """How one body, or all copies of one, move while the camera sees them; the camera's own motion is set aside."""

    name: str
    """The body's."""
    material: str
    copies: bool
    """Is it a body of many copies, whose mean this is?"""
    verb: str
    """"rolls", "falls", "bounces", "rises", "flies", "turns", "topples", "moves", or "" for what stays as it is."""
    right: float
    """Metres to the right of the camera, from the first frame to the last."""
    away: float
    """Metres away from the camera, along the ground."""
    up: float
    """Metres upwards in the world."""
    begins: int
    """The first frame in which it moves at a fair part of its highest speed."""
    way: float
    """Length of its way through the picture, in widths of the picture."""

    @property
    def moves(self) -> bool:
        """Does it go, turn or topple?"""
        return bool(self.verb)

    @property
    def goes(self) -> bool:
        """Does it get somewhere, so that `direction` has something to say?"""
        return self.verb not in ("", "turns", "topples") and bool(np.linalg.norm([self.right, self.away, self.up]))

    @property
    def direction(self) -> str:
        """ "to the right", "down towards the camera", "" for straight up or down, ..."""
        level = float(np.hypot(self.right, self.away))
        words = []
        if self.verb not in ("falls", "rises", "bounces") and abs(self.up) > 0.25 * level:
            words.append("down" if self.up < 0 else "up")
        if level > 0.25 * abs(self.up):
            words.append(_level_direction(self.right, self.away))
        return " ".join(words)

    @property
    def origin(self) -> str:
        """Where it comes from: "from the left", "from above", ...; the same as `direction`, seen from its end."""
        level = float(np.hypot(self.right, self.away))
        if abs(self.up) > level:
            return "from above" if self.up < 0 else "from below"
        if abs(self.right) >= abs(self.away):
            return "from the left" if self.right > 0 else "from the right"
        return "from the front" if self.away > 0 else "from behind"


def _level_direction(right: float, away: float) -> str:
    sideways = "to the right" if right > 0 else "to the left"
    along = "away from the camera" if away > 0 else "towards the camera"
    if abs(right) > 2.4 * abs(away):
        return sideways
    return along if abs(away) > 2.4 * abs(right) else f"{sideways} and {along}"


def movements_of(recording: Recording, clip: MotionClip) -> list[Movement]:
    """The bodies that the camera sees, in the recording's order; of each, how it moves in this clip.

    Left out are surfaces that change and smoke, whose middle tells nothing of their motion, and everything where the
    clip does not know its camera or what is seen.

    Parameters
    ----------
    recording: the scene, with the clip's frames and no others.
    """
    if clip.instances is None or clip.camera_to_world is None or clip.intrinsics is None:
        return []
    if recording.frame_count != clip.frame_count:
        raise ValueError(f"a recording of {recording.frame_count} frames, and a clip of {clip.frame_count}")
    seen = _seen_names(clip)
    return [
        _movement(recording, body, clip)
        for body in recording.bodies
        if body.name in seen and not isinstance(body, (ChangingBody, Volume))
    ]


def _seen_names(clip: MotionClip) -> set[str]:
    """The bodies that have a fair number of pixels; copies ("bird[3]") count for their body."""
    assert clip.instances is not None
    pixels = np.bincount(clip.instances.ravel(), minlength=1)
    total: dict[str, int] = {}
    for info in clip.instance_table:
        if info.id < len(pixels):
            name = info.name.partition("[")[0]
            total[name] = total.get(name, 0) + int(pixels[info.id])
    return {name for name, count in total.items() if count >= max(_LEAST_SEEN * clip.instances.size, 1)}


def _movement(recording: Recording, body: Body, clip: MotionClip) -> Movement:
    place = _places(body)
    step, speed = _steps(place, clip)
    way = float(speed.sum())
    fastest = float(speed.max(initial=0.0))
    begins = int(np.argmax(speed > 0.3 * fastest)) if fastest > 0 else 0
    right, away, up = (float(x) for x in step.sum(axis=0))
    # a thing that comes straight at the camera hardly moves in the picture
    nearer = abs(away) / max(_distance(place, clip), 1e-9)
    verb = _verb(body, place, step, clip.fps) if way > FAR or nearer > FAR else _verb_in_place(body)
    copies = isinstance(body, (Instances, Particles))
    return Movement(body.name, material_of(recording, body), copies, verb, right, away, up, begins, way)


def _places(body: Body) -> np.ndarray:
    """(T, 3) metres: where the body's middle is in the world; NaN where it is not there. Copies: their mean."""
    if isinstance(body, RigidBody):
        middle = (body.vertices.min(axis=0) + body.vertices.max(axis=0)) / 2 if len(body.vertices) else np.zeros(3)
        place = body.transforms[:, :3, :3] @ middle + body.transforms[:, :3, 3]
    elif isinstance(body, Instances):
        place = body.transforms[..., :3, 3]
    elif isinstance(body, DeformingBody):
        place = body.vertices.mean(axis=1, dtype=np.float64)
    else:
        assert isinstance(body, Particles)
        place = body.positions.astype(np.float64)
    if body.present is not None:
        place = np.where(body.present[..., None], place, np.nan)
    return place.astype(np.float64)


def _steps(place: np.ndarray, clip: MotionClip) -> tuple[np.ndarray, np.ndarray]:
    """(T-1, 3) metres right, away and up from frame to frame, and (T-1,) how far in widths of the picture.

    `place` is (T, 3) or, of copies, (T, N, 3); copies that are not there in both frames do not count. Each step is seen
    by the camera of the frame where it begins.
    """
    poses, place = clip.camera_to_world[:-1], place.reshape(len(place), -1, 3)  # type: ignore[index]
    step = _level_axes(poses) @ _mean(np.diff(place, axis=0))[..., None]
    pixels = _project(place[1:], poses, clip) - _project(place[:-1], poses, clip)
    return step[..., 0], _mean(np.linalg.norm(pixels, axis=-1)[..., None])[:, 0] / clip.size[0]


def _mean(values: np.ndarray) -> np.ndarray:
    """(T, N, C) -> (T, C): over the copies for which there are numbers; 0 where there are none."""
    there = np.isfinite(values).all(axis=-1, keepdims=True)
    return np.where(there, values, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)


def _level_axes(poses: np.ndarray) -> np.ndarray:
    """(T, 3, 3) rows: the world's directions to the camera's right, away from it along the ground, and up."""
    up = np.broadcast_to([0.0, 0.0, 1.0], (len(poses), 3))
    right = poses[:, :3, 0] * (1.0, 1.0, 0.0)
    length = np.linalg.norm(right, axis=-1, keepdims=True)
    # a camera that lies on its side has its right along the vertical
    right = np.where(length > 1e-6, right / np.maximum(length, 1e-6), (1.0, 0.0, 0.0))
    return np.stack([right, np.cross(up, right), up], axis=1)


def _project(points: np.ndarray, poses: np.ndarray, clip: MotionClip) -> np.ndarray:
    """(T, N, 2) pixels of world `points` (T, N, 3) before the cameras `poses`; NaN for what is behind them."""
    lens = clip.intrinsics[: len(poses), None]  # type: ignore[index]
    local = (points - poses[:, None, :3, 3]) @ poses[:, :3, :3]
    distance = np.where(local[..., 2:] > 1e-6, local[..., 2:], np.nan)
    scale = distance if clip.projection == "perspective" else np.ones_like(distance)
    return local[..., :2] / scale * lens[..., (0, 1), (0, 1)] + lens[..., :2, 2]


def _distance(place: np.ndarray, clip: MotionClip) -> float:
    """Metres from the first camera to the (first) middle."""
    points = place.reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=-1)]
    return float(np.linalg.norm(points[0] - clip.camera_to_world[0, :3, 3])) if len(points) else np.inf  # type: ignore[index]


def _verb(body: Body, place: np.ndarray, step: np.ndarray, fps: float) -> str:
    """What a body that goes somewhere does."""
    right, away, up = step.sum(axis=0)
    steep = abs(up) > np.hypot(right, away)
    if not isinstance(body, RigidBody):
        return "falls" if steep and up < 0 else "moves"
    if _rolls(body, place):
        return "rolls"
    if toppled(body):
        return "topples"
    if _bounces(place, fps):
        return "bounces"
    if _flies(place, fps):
        return "flies" if not steep else "falls" if up < 0 else "rises"
    return "falls" if steep and up < 0 else "moves"


def _verb_in_place(body: Body) -> str:
    if not isinstance(body, RigidBody):
        return ""
    if toppled(body):
        return "topples"
    return "turns" if np.degrees(_turns(body).sum()) > _LEAST_TURN else ""


def toppled(body: Body) -> bool:
    """Has a rigid body that stood upright, longer than wide, fallen over by the last frame?"""
    if not isinstance(body, RigidBody) or not len(body.vertices):
        return False
    extent = np.ptp(body.vertices, axis=0) * np.linalg.norm(body.transforms[0, :3, :3], axis=0)
    longest = int(np.argmax(extent))
    if extent[longest] < 1.3 * np.sort(extent)[1]:
        return False
    axis = body.transforms[:, :3, longest]
    lean = axis[:, 2] / np.linalg.norm(axis, axis=1)
    return bool(abs(lean[0]) > np.cos(np.radians(20)) and np.sign(lean[0]) * lean[-1] < np.cos(np.radians(_TOPPLED)))


def _turns(body: RigidBody) -> np.ndarray:
    """(T-1,) radians from frame to frame."""
    axes = body.transforms[:, :3, :3]
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    traces = np.einsum("tij,tij->t", axes[1:], axes[:-1])
    return np.arccos(np.clip((traces - 1) / 2, -1, 1))


def _rolls(body: RigidBody, place: np.ndarray) -> bool:
    """Is it round, and does its surface cover about the way that its middle goes?"""
    extent = np.ptp(body.vertices, axis=0) * np.linalg.norm(body.transforms[0, :3, :3], axis=0)
    if extent.min() < 0.85 * extent.max():
        return False
    way = np.linalg.norm(np.diff(place, axis=0), axis=1)
    rolled = _turns(body).sum() * extent.mean() / 2
    return bool(0.6 * np.nansum(way) < rolled < 1.6 * np.nansum(way))


def _bounces(place: np.ndarray, fps: float) -> bool:
    """Does it fall, and rise again by a fair part of its fall, with a jolt that no pendulum has?"""
    height = place[np.isfinite(place[:, 2]), 2]
    lowest = int(np.argmin(height)) if len(height) else 0
    if not 0 < lowest < len(height) - 1:
        return False
    fall, rise = height[:lowest].max() - height[lowest], height[lowest:].max() - height[lowest]
    jolt = np.diff(height, 2).max() * fps**2
    return bool(fall > _LEAST_FALL and rise > 0.15 * fall and jolt > _JOLT)


def _flies(place: np.ndarray, fps: float) -> bool:
    """Does only gravity act on it, most of the time?"""
    if len(place) < 3:
        return False
    pull = -np.diff(place[:, 2], 2) * fps**2
    return bool(np.mean((pull > _GRAVITY[0]) & (pull < _GRAVITY[1])) > 0.5)


def material_of(recording: Recording, body: Body) -> str:
    """The name of a body's material, or of that of its first face; "" where it has none."""
    if isinstance(body, (Particles, ChangingBody, Volume)):
        index = body.material
    else:
        of_faces = body.mesh.face_material
        index = int(of_faces[0]) if of_faces is not None and len(of_faces) else 0
    return recording.materials[index].name if 0 <= index < len(recording.materials) else ""


# ------------------------------------------------------------------------------------------------------------- camera


def camera_words(clip: MotionClip) -> str:
    """What the camera does, as in "stands still", "circles to the left", "moves in"; "" where the clip does not know.

    A way counts from a five-hundredth of the distance to what is seen, and a turn from a fifth of a degree.
    """
    if clip.camera_to_world is None or clip.intrinsics is None:
        return ""
    places, axes = clip.camera_to_world[:, :3, 3], clip.camera_to_world[:, :3, :3]
    distance = _middle_distance(clip)
    steps = np.diff(places, axis=0)
    path, net = float(np.linalg.norm(steps, axis=1).sum()), places[-1] - places[0]
    turn = axes[0].T @ axes[-1]
    yaw, pitch = np.degrees(np.arctan2(turn[0, 2], turn[2, 2])), np.degrees(np.arcsin(np.clip(-turn[1, 2], -1, 1)))
    if path < 2e-3 * distance:
        return _turning_words(float(yaw), float(pitch)) or _zoom_words(clip) or "stands still"
    if np.linalg.norm(net) < 0.85 * path:
        return "moves slightly, as if held by hand" if path < 0.1 * distance else "moves about"
    if abs(ahead := float(axes[0][:, 2] @ net)) > 0.8 * np.linalg.norm(net):
        return "moves forwards" if ahead > 0 else "moves back"
    right, away, up = _level_axes(clip.camera_to_world[:1])[0] @ net
    if abs(up) > max(abs(right), abs(away)):
        return "rises" if up > 0 else "sinks"
    if axes[0][2, 2] < -0.9:
        return "moves over the scene"
    if abs(away) > abs(right):
        return "moves forwards" if away > 0 else "moves back"
    way = "circles" if _keeps_its_target(clip, distance) else "moves"
    return f"{way} to the right" if right > 0 else f"{way} to the left"


def _turning_words(yaw: float, pitch: float) -> str:
    if max(abs(yaw), abs(pitch)) < 0.2:
        return ""
    if abs(yaw) >= abs(pitch):
        return "pans to the right" if yaw > 0 else "pans to the left"
    return "tilts up" if pitch > 0 else "tilts down"


def _zoom_words(clip: MotionClip) -> str:
    zoom = clip.intrinsics[-1, 0, 0] / clip.intrinsics[0, 0, 0]  # type: ignore[index]
    return "zooms in" if zoom > 1.01 else "zooms out" if zoom < 1 / 1.01 else ""


def _middle_distance(clip: MotionClip) -> float:
    """Metres to what is in the middle of the first picture, or 1 where that is not known."""
    if clip.depth is None:
        return 1.0
    height, width = clip.depth.shape[1:]
    middle = clip.depth[0, height // 3 : -(height // 3) or None, width // 3 : -(width // 3) or None]
    middle = middle[np.isfinite(middle)]
    return float(np.median(middle)) if len(middle) else 1.0


def _keeps_its_target(clip: MotionClip, distance: float) -> bool:
    """Does the camera turn by about as much as it takes to keep looking at what is in the middle?"""
    poses = clip.camera_to_world
    assert poses is not None
    target = poses[0, :3, 3] + distance * poses[0, :3, 2]
    before, after = poses[0, :3, 2], poses[-1, :3, 2]
    wanted = target - poses[-1, :3, 3]
    wanted /= np.linalg.norm(wanted)
    needed, missing = np.arccos(np.clip([before @ wanted, after @ wanted], -1, 1))
    return bool(missing < 0.35 * needed)
