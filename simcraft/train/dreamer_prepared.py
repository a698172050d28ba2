"""What Motion Dreamer learns from: T frames of each clip, and all that is known of them without drawing at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import InstanceFlow
from simcraft.generate.motion_dreamer.cameras import LENGTH
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.generate.motioncraft.geometry import CHANNELS
from simcraft.train.prepared import Field, Prepared, PreparedClip, Size


@dataclass(frozen=True)
class PreparedDreamer(Prepared):
    """Clips of T frames each; F = N T of all N clips."""

    FORMAT = "dreamer-2"
    COMMAND = "simcraft train prepare SET... -o DIR --for dreamer"

    frames: np.ndarray
    """(F, H, W, 3) uint8, the true frames."""
    hint: np.ndarray
    """(F, H, W, 3) uint8, what the generator `warp` paints."""
    new: np.ndarray
    """(F, h, w) uint8, 255 times the share of a cell that `warp` made up."""
    geometry: np.ndarray
    """(F, 8, h, w) float16, see `simcraft.generate.motioncraft.geometry`."""
    flow: np.ndarray
    """(F, H, W, 2) float16, pixels; this and what follows as in `Representation`."""
    flow_valid: np.ndarray
    """(F, H, W) bool."""
    segmentation: np.ndarray
    """(F, H, W) uint8, labels of the instances that the first frame shows: what stage one can predict."""
    all_segmentation: np.ndarray
    """(F, H, W) uint8, labels of all instances: what stage two is given."""
    depth: np.ndarray
    """(F, H, W) float16, metres."""
    camera: np.ndarray
    """(F, 12) float32, see `camera_vectors`."""
    intrinsics: np.ndarray
    """(N, 3, 3) float32, pixels, of the first frame's camera; 0 where unknown."""
    instance_flow: np.ndarray
    """(N, H, W, 2) float16, pixels a frame: the mean motion of the first frame's instances."""
    instance_known: np.ndarray
    """(N, H, W) bool, where they have one."""

    @staticmethod
    def fields_of(size: Size, factor: int) -> dict[str, Field]:
        pixels, cells = (size[1], size[0]), (size[1] // factor, size[0] // factor)
        return {
            "frames": Field((*pixels, 3), np.uint8),
            "hint": Field((*pixels, 3), np.uint8),
            "new": Field(cells, np.uint8),
            "geometry": Field((CHANNELS, *cells), np.float16),
            "flow": Field((*pixels, 2), np.float16),
            "flow_valid": Field(pixels, np.bool_),
            "segmentation": Field(pixels, np.uint8),
            "all_segmentation": Field(pixels, np.uint8),
            "depth": Field(pixels, np.float16),
            "camera": Field((LENGTH,), np.float32),
            "intrinsics": Field((3, 3), np.float32, "clip"),
            "instance_flow": Field((*pixels, 2), np.float16, "clip"),
            "instance_known": Field(pixels, np.bool_, "clip"),
        }

    @property
    def length(self) -> int:
        """T. Raises `UserError` where clips differ."""
        lengths = {clip.frames for clip in self.clips}
        if len(lengths) != 1:
            raise UserError(f"The clips in {self.folder} have {sorted(lengths)} frames.", "Prepare the data again.")
        return lengths.pop()

    def representation(self, clip: PreparedClip, *, decodable: bool) -> Representation:
        """R of a clip; `decodable` as in `representation_of`."""
        segmentation = np.array((self.segmentation if decodable else self.all_segmentation)[clip.stretch])
        return Representation(
            flow=self.flow[clip.stretch].astype(np.float32),
            flow_valid=np.array(self.flow_valid[clip.stretch]),
            segmentation=segmentation,
            depth=self.depth[clip.stretch].astype(np.float32),
            # which instances of the scene they were is not told any more, only how many
            ids=tuple(range(1, int(segmentation.max()) + 1)),
        )

    def intrinsics_of(self, clip: PreparedClip) -> np.ndarray | None:
        """(3, 3) float64 of a clip; None where unknown."""
        found = np.array(self.intrinsics[clip.start // clip.frames], np.float64)
        return found if found.any() else None

    def arrows(self, clip: PreparedClip) -> InstanceFlow:
        """The instance flow of a clip, with nothing hidden."""
        place = clip.start // clip.frames
        return InstanceFlow(
            self.instance_flow[place].astype(np.float32),
            np.array(self.instance_known[place]),
        )
