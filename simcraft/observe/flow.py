"""Exact optical flow, validity and visibility between any two frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simcraft.errors import UserError
from simcraft.observe import transport
from simcraft.observe.camera import crop_of, sky_matrix
from simcraft.observe.geometry import carried_points, layout_of
from simcraft.observe.raster import Frame, project, render_frame
from simcraft.recording.format import Recording


@dataclass(frozen=True)
class Flow:
    """Where the pixels of one frame are in another."""

    flow: np.ndarray
    """(H, W, 2) float32, pixels, x and y; 0 where not valid."""
    valid: np.ndarray
    """(H, W) bool, false where there is no correspondence."""
    visible: np.ndarray
    """(H, W) bool: that very surface point is seen in the other frame too."""


@dataclass(frozen=True)
class Passage:
    """What is known about the way of one frame's geometry to another frame."""

    here: Frame
    there: Frame
    carried: np.ndarray
    """(V, 4) float64: the points of `here`, moved to the time of `there` and projected there."""
    known: np.ndarray
    """(O,) uint8: 1 for owners whose way is known."""
    sky: np.ndarray
    """(3, 3) float64, `sky_matrix`."""


def passage(here: Frame, there: Frame) -> Passage:
    """Move the geometry of `here` to the time of `there`."""
    points, known = carried_points(here.geometry, there.geometry, there.index - here.index)
    carried = there.projected if points is there.geometry.points else project(points, there.view)
    return Passage(here, there, carried, known, sky_matrix(here.view, there.view))


def carry(
    way: Passage,
    sides: np.ndarray,
    coordinates: np.ndarray,
    position: np.ndarray,
    *,
    relative: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Find points of `way.here` in `way.there`.

    Parameters
    ----------
    sides, coordinates: (P,) int32 and (P, 3) float64 as in `Frame`; a background point (-1) is taken to be at the
        centre of the pixel of its index.
    position: (P, 2) float32, written where the point has a position, left as it is elsewhere.
    relative: write the difference to the centre of pixel p (then P = H * W) instead of the position.

    Returns
    -------
    valid, visible: (P,) bool.
    """
    here, there = way.here, way.there
    valid, visible = np.empty(len(sides), np.uint8), np.empty(len(sides), np.uint8)
    a, b = here.geometry, there.geometry
    points = sides, coordinates, a.faces, a.surface_owner, way.carried
    target = way.sky, a.persistent_surfaces, here.view.size[0], there.sides
    limits = np.array([there.view.near, there.view.far, 1 / there.view.lens[0]])
    lens = there.view.matrix, limits
    transport.transport(
        *(*points, way.known, *target, b.radii, *lens, int(relative)),
        *(position, valid, visible),
    )
    transport.settle_visibility(
        *(*points, *target, b.points, there.projected, b.faces, b.radii, b.surface_owner, there.view.rays),
        *(*lens, int(there.view.perspective), visible),
    )
    return valid.view(bool), visible.view(bool)


def carry_image(here: Frame, there: Frame, position: np.ndarray, *, relative: bool) -> tuple[np.ndarray, np.ndarray]:
    """`carry` for all pixels of `here`, smoke included: `position` is (H, W, 2) float32, the results (H, W) bool."""
    shape = here.sides.shape
    way = passage(here, there)
    missing = position.copy() if here.smoke is not None else position
    flat = here.sides.reshape(-1), here.coordinates.reshape(-1, 3), position.reshape(-1, 2)
    valid, visible = carry(way, *flat, relative=relative)
    valid, visible = valid.reshape(shape), visible.reshape(shape)
    if there.smoke is not None:
        landing = position + pixel_centres(shape) if relative else position
        visible &= ~covered(there, landing)
    if here.smoke is not None:
        _carry_smoke(here, there, missing, position, valid, visible, relative=relative)
    return valid, visible


def _carry_smoke(
    here: Frame,
    there: Frame,
    missing: np.ndarray,
    position: np.ndarray,
    valid: np.ndarray,
    visible: np.ndarray,
    *,
    relative: bool,
) -> None:
    """Write `position`, `valid` and `visible` where smoke covers the pixels of `here`; `missing` (H, W, 2) is what
    stands in `position` where there is none."""
    assert here.smoke is not None
    covers, owner = here.smoke.covers, here.smoke.owner
    way, known = here.smoke.way(there.index - here.index)
    present = here.geometry.owner_present & there.geometry.owner_present
    known = known & (present[owner] != 0) & covers
    centres = pixel_centres(covers.shape)
    position[covers] = missing[covers]
    position[known] = way[known] if relative else (way + centres)[known]
    valid[covers] = known[covers]
    visible[covers] = (known & covered(there, centres + way, here.instances))[covers]


def pixel_centres(shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, 2) float32 image positions of the centres of H x W pixels."""
    y, x = np.indices(shape, np.float32)
    return np.stack([x, y], axis=-1) + np.float32(0.5)


def covered(there: Frame, positions: np.ndarray, instances: np.ndarray | None = None) -> np.ndarray:
    """(...) bool: is there smoke, of the id in `instances` (...) if given, at image positions (..., 2) of `there`?

    False outside the image, and where a position is NaN.
    """
    if there.smoke is None:
        return np.zeros(positions.shape[:-1], bool)
    height, width = there.smoke.alpha.shape
    inside = ((positions >= 0) & (positions < (width, height))).all(axis=-1)
    column, line = np.where(inside[..., None], positions, 0).astype(np.int64).transpose(-1, *range(positions.ndim - 1))
    found = inside & there.smoke.covers[line, column]
    return found if instances is None else found & (there.instances[line, column] == instances)


def flow_of(here: Frame, there: Frame) -> Flow:
    """Flow of the pixels of `here` to `there`."""
    flow = np.zeros((*here.sides.shape, 2), np.float32)
    valid, visible = carry_image(here, there, flow, relative=True)
    return Flow(flow, valid, visible)


def flow_between(recording: Recording | str | Path, i: int, j: int, size: tuple[int, int] | None = None) -> Flow:
    """Exact flow of every pixel of frame i to any other frame j (indices from 0).

    Surfaces whose mesh changes from frame to frame and smoke are followed along their velocity, to the next and the
    previous frame only; farther away their flow is invalid.

    Parameters
    ----------
    recording: the recording or its folder.
    i, j: frame indices, 0 to T-1.
    size: (width, height) in pixels; None for the recording's own.

    Raises
    ------
    UserError: a size below 2 or above 16384 pixels, or a frame that the recording does not have.
    """
    from simcraft.observe.observation import open_recording

    recording = open_recording(recording)
    for frame in (i, j):
        if not 0 <= frame < recording.frame_count:
            raise UserError(
                f"Frame index {frame} is outside the recording.", f"It has 0 to {recording.frame_count - 1}."
            )
    crop, layout = crop_of(recording, size), layout_of(recording)
    return flow_of(render_frame(recording, layout, i, crop), render_frame(recording, layout, j, crop))
