"""Instance flow: one mean motion for each instance of the first frame, from arrows or from a clip.

Motion Dreamer (arXiv 2412.00547): eq. 1 to 3 take it from a clip, eq. 4 from arrows, and eq. 9 and 10 hide some of it
in training, so that stage I learns to reason out what no arrow says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.scene import FirstScene, fixed_instances, labels_at
from simcraft.observe.instance_flow import instance_flow

Point = tuple[float, float]
"""(x, y) in pixels: x to the right, y down, pixel centres at +0.5."""


@dataclass(frozen=True)
class Arrow:
    """What should have moved where when the clip ends, in pixels of the first frame."""

    target: str | int | None
    """Name or id of the instance that moves; None: the one under `start`."""
    offsets: tuple[Point, ...]
    """The way from the start, relative to it; the last is the displacement over the whole clip."""
    start: Point | None = None
    """Where the arrow begins; None: anywhere on its instance."""
    name: str = ""
    """What messages call it; by default after what it moves."""

    def __post_init__(self) -> None:
        if not self.offsets:
            raise UserError(f"Arrow '{self}' leads nowhere.", "Give it a displacement in pixels.")
        if not all(math.isfinite(value) for point in (*self.offsets, self.start or (0, 0)) for value in point):
            raise UserError(f"Arrow '{self}' has a number that is not finite.", "Give pixels, such as 40,-5.")
        if self.target is None and self.start is None:
            raise UserError("An arrow names no instance and begins nowhere.", "Give it an instance or a start.")

    def __str__(self) -> str:
        if self.name or self.target is not None:
            return self.name or str(self.target)
        return "{:g},{:g}".format(*self.start or (0, 0))

    @property
    def displacement(self) -> Point:
        """(dx, dy) over the whole clip, pixels."""
        return self.offsets[-1]


@dataclass(frozen=True)
class InstanceFlow:
    """The mean motion of each instance, painted over its mask in the first frame."""

    flow: np.ndarray
    """(H, W, 2) float32, pixels a frame, y down; 0 where not known."""
    known: np.ndarray
    """(H, W) bool: is it said how this pixel's instance moves? Also true for what is said to stand still."""

    def __post_init__(self) -> None:
        if self.known.dtype != bool or self.known.ndim != 2 or self.flow.shape != (*self.known.shape, 2):
            raise UserError(
                f"Instance flow is {self.flow.shape}, known where {self.known.dtype} {self.known.shape} says so; "
                "expected (H, W, 2) and bool (H, W)."
            )


def find_instance(scene: FirstScene, arrow: Arrow) -> int:
    """The id of the instance that `arrow` moves: the one it names, or the one under its start.

    A name that is a number means the instance called so, or else the one that has this id. Raises `UserError` where
    there is none (names are listed, the most similar first), several have the name, or the start is on none.
    """
    names = scene.names()
    if not names:
        raise UserError("The first frame shows no instance that an arrow could move.", "Give masks of what can move.")
    if arrow.target is None:
        assert arrow.start is not None
        return _instance_at(scene, arrow, arrow.start)
    called = [number for number, name in names.items() if name == arrow.target]
    if len(called) > 1:
        ids = ", ".join(map(str, called))
        raise UserError(f"{len(called)} instances are called '{arrow.target}'.", f"Use one of their ids: {ids}.")
    if called:
        return called[0]
    number = int(arrow.target) if str(arrow.target).isdecimal() else 0
    if number in names:
        return number
    listed = _some(_nearest_first(str(arrow.target), names.values()))
    if any(arrow.target in (info.name, info.id) or number == info.id for info in scene.instance_table):
        raise UserError(f"The first frame does not show '{arrow.target}', which an arrow moves.", f"Seen: {listed}.")
    raise UserError(f"There is no instance '{arrow.target}' for an arrow to move.", f"Nearest name first: {listed}.")


def arrow_flow(
    scene: FirstScene,
    arrows: Iterable[Arrow],
    frames: int,
    delta: float = 1.0,
    size: tuple[int, int] | None = None,
) -> InstanceFlow:
    """The user's instance flow (eq. 4): each arrow's displacement, times `delta`, painted over its instance's mask.

    Several arrows on one instance give their mean, as eq. 2 gives the mean over an instance. No arrows at all give a
    flow that is known nowhere: what moves is left to the model.

    Parameters
    ----------
    frames: T of the clip, over which the displacement is spread: T - 1 equal steps.
    delta: scale of the arrows.
    size: (width, height) of the result, whose pixels its flow is in; the scene's own by default.

    Raises `UserError` as `find_instance` does, for fewer than two frames, and where nothing of an arrow's instance is
    left at `size`.
    """
    if frames < 2:
        raise UserError(f"A clip of {frames} frames was asked for.", "Something can move in two or more.")
    size = size or scene.size
    said: dict[int, list[Point]] = {}
    for arrow in arrows:
        said.setdefault(find_instance(scene, arrow), []).append(arrow.displacement)
    labels = labels_at(scene, size)
    pixels = np.divide(size, scene.size)
    flow, known = np.zeros((*labels.shape, 2), np.float32), np.zeros(labels.shape, bool)
    for instance, displacements in said.items():
        mask = labels == instance
        if not mask.any():
            raise UserError(
                f"'{scene.names()[instance]}' is too small: nothing of it is left in {size[0]}x{size[1]} pixels.",
                "Take its arrow away, or give a picture in which it is larger.",
            )
        flow[mask] = delta * np.mean(displacements, 0) * pixels / (frames - 1)
        known |= mask
    return InstanceFlow(flow, known)


def clip_flow(clip: MotionClip) -> InstanceFlow:
    """The instance flow of a clip (eq. 1 to 3), known for every instance of the first frame that has flow at all.

    The background is not known, like anything without an arrow, nor are bodies that never move in the world: what they
    do in the picture is the camera's doing. Raises `UserError` where the clip has no `instances`.
    """
    flow = instance_flow(clip)
    assert clip.instances is not None
    masks = np.asarray(clip.instances)
    moved = [np.unique(masks[t][np.asarray(valid)]) for t, valid in enumerate(clip.flow_valid_forward)]
    ids = set(np.unique(np.concatenate(moved)).tolist() if moved else ()) - fixed_instances(clip) - {0}
    known = np.isin(masks[0], sorted(ids))
    return kept(InstanceFlow(flow, known), known)


def instance_vectors(flow: InstanceFlow, labels: np.ndarray) -> dict[int, np.ndarray]:
    """Label -> its motion (2,), pixels a frame, of those whose motion is known; `labels` are (H, W)."""
    known = np.unique(labels[flow.known])
    return {int(label): flow.flow[flow.known & (labels == label)].mean(0) for label in known}


def mask_elements(flow: InstanceFlow, share: float, rng: np.random.Generator) -> InstanceFlow:
    """Hide single pixels (eq. 9 and 10): F' = M * F, where each element of M is 0 with probability `share`.

    What is hidden is 0 and not known. Its neighbours in the instance give it away unless `share` is 1.
    """
    return kept(flow, rng.random(flow.known.shape) >= share)


def mask_instances(flow: InstanceFlow, instances: np.ndarray, share: float, rng: np.random.Generator) -> InstanceFlow:
    """Hide whole instances, each with probability `share`, as if it had no arrow; `instances` is (H, W) unsigned."""
    ids, places = np.unique(instances, return_inverse=True)
    return kept(flow, (rng.random(len(ids)) >= share)[places.reshape(instances.shape)])


def kept(flow: InstanceFlow, mask: np.ndarray) -> InstanceFlow:
    """What of an instance flow is in a mask (H, W) bool; all else is 0 and not known."""
    known = flow.known & mask
    return InstanceFlow(np.where(known[..., None], flow.flow, np.float32(0)), known)


def _instance_at(scene: FirstScene, arrow: Arrow, start: Point) -> int:
    column, row = (math.floor(value) for value in start)
    width, height = scene.size
    where = "({:g}, {:g})".format(*start)
    if not (0 <= column < width and 0 <= row < height):
        raise UserError(
            f"Arrow '{arrow}' begins at {where}, outside the picture of {width}x{height} pixels.",
            "Begin it on what should move, or name the instance.",
        )
    instance = int(scene.instances[row, column])
    if instance == 0:
        raise UserError(
            f"Arrow '{arrow}' begins at {where} on no instance.",
            f"Begin it on one of these, or name it: {_some(scene.names().values())}.",
        )
    return instance


def _nearest_first(wanted: str, names: Iterable[str]) -> list[str]:
    """`names` sorted by how much they look like `wanted`."""
    from difflib import SequenceMatcher

    return sorted(names, key=lambda name: -SequenceMatcher(None, wanted.lower(), name.lower()).ratio())


def _some(names: Iterable[str], most: int = 12) -> str:
    """The first names for a sentence."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
