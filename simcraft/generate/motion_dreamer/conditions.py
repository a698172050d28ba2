"""What the two stages are given of a clip or a scene, at the size of their networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import InstanceFlow
from simcraft.generate.motion_dreamer.cameras import camera_vectors
from simcraft.generate.motion_dreamer.pictures import DEPTH, SEGMENTATION, encode_flow, to_pictures
from simcraft.generate.motion_dreamer.representation import Representation, representation_of

if TYPE_CHECKING:
    from simcraft.generate.motioncraft.composite import Warped


@dataclass(frozen=True)
class Conditions:
    """What the second stage knows of T frames before it paints them (Motion Dreamer, eq. 13, and what `warp` knows)."""

    hint: np.ndarray
    """(T, H, W, 3) uint8, what the generator `warp` paints; frame 0 is the first frame."""
    new: np.ndarray
    """(T, h, w) float32, 0 to 1: how much of each latent cell `warp` made up."""
    representation: Representation
    """R, (T, H, W)."""
    geometry: np.ndarray
    """(T, 8, h, w) float32, see `simcraft.generate.motioncraft.geometry`."""
    camera: np.ndarray
    """(T, 12) float32, see `cameras.camera_vectors`."""

    def pictures(self, colours: np.ndarray | None = None) -> np.ndarray:
        """(T, 6, H, W) float32, R as `pictures.to_pictures` paints it."""
        return to_pictures(self.representation, colours)


def conditions_of(clip: MotionClip, size: tuple[int, int], factor: int, warped: Warped | None = None) -> Conditions:
    """The conditions of a clip of any size, simulated or predicted, for pictures of `size` (width, height).

    `factor` is pixels to a latent cell, on each side; `size` has to be a multiple of it, `UserError` otherwise. What
    `warp` paints it paints at the clip's own size: pixels that are made smaller are finer than motion that is.
    `warped` is `Warped.of(clip)`, where that is known already.
    """
    from simcraft.generate.motioncraft.composite import Warped
    from simcraft.generate.motioncraft.geometry import Geometry
    from simcraft.generate.motioncraft.pictures import resized
    from simcraft.generate.motioncraft.warping import share_of_cells

    if size[0] % factor or size[1] % factor:
        raise UserError(f"The pictures are to be {size[0]}x{size[1]}.", f"Choose multiples of {factor}.")
    cells = (size[0] // factor, size[1] // factor)
    frames = range(clip.frame_count)
    warped = warped or Warped.of(clip)
    surfaces = Geometry(clip, warped.first)
    representation = representation_of(clip, size)
    return Conditions(
        np.stack([resized(warped.frames[t], size) for t in frames]),
        np.stack([share_of_cells(warped.new(t), cells) for t in frames]),
        representation,
        np.stack([surfaces.at(t, cells) for t in frames]),
        camera_vectors(clip, representation.camera_unit),
    )


def first_features(
    image: np.ndarray, first: Representation, moves: InstanceFlow, colours: np.ndarray | None = None
) -> np.ndarray:
    """What the first stage's network carries along the instance flow (eq. 6): (10, H, W) float32, about -1 to 1.

    RGB (3), the segmentation's colours (3), depth (1), the instance flow itself (2), and 1 where it is known.

    Parameters
    ----------
    image: (H, W, 3) uint8, the first frame at the network's size.
    first: its R, T = 1.
    moves: (H, W), in pixels of that size.
    colours: of the palette that R's pictures have.
    """
    pictures = to_pictures(first, colours)[0]
    pixels = image.transpose(2, 0, 1) / np.float32(127.5) - 1
    flow = encode_flow(moves.flow, image.shape[1]).transpose(2, 0, 1)
    return np.concatenate([pixels, pictures[SEGMENTATION], pictures[DEPTH], flow, moves.known[None]], dtype=np.float32)
