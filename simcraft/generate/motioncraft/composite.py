"""What the pixels are known to show, and what painted frames take from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simcraft.clip.types import MotionClip
from simcraft.generate.correspondence import FirstFrame, first_frame


@dataclass(frozen=True)
class Warped:
    """The clip as the generator `warp` paints it: what the pixels are known to show."""

    frames: np.ndarray
    """(T, H, W, 3) uint8."""
    first: FirstFrame
    """Where the first frame shows what the pixels show."""

    def new(self, t: int) -> np.ndarray:
        """(H, W) bool of frame `t`: not shown by the first frame, so made up."""
        return np.asarray(~self.first.seen[t])

    @classmethod
    def of(cls, clip: MotionClip) -> Warped:
        """Paint the whole clip: later frames tell what earlier ones may make up."""
        from simcraft.generate.warp import warp

        first = first_frame(clip)
        return cls(warp(clip, first=first).frames, first)


def composited(image: np.ndarray, warped: np.ndarray, lossy: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A painted frame with the detail that the autoencoder loses: image + (1 - m) (warped - lossy).

    Parameters
    ----------
    image: (H, W, 3) uint8, decoded.
    warped: (H, W, 3) uint8, the frame as the generator `warp` paints it.
    lossy: (H, W, 3) uint8, that, encoded and decoded.
    new: (H, W) bool, what `warp` makes up; m is it with soft edges.

    What diffusion leaves alone so stays exactly what `warp` shows.
    """
    import cv2

    share = cv2.GaussianBlur(new.astype(np.float32), (0, 0), 1.0)[..., None]
    result = image + (1 - share) * (warped.astype(np.float32) - lossy)
    return np.asarray(result.round().clip(0, 255).astype(np.uint8))
