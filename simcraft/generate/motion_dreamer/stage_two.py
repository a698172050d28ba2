"""Stage two: a motion clip, simulated or predicted, becomes frames (Motion Dreamer, eq. 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from simcraft.clip.types import MotionClip
from simcraft.generate.motion_dreamer.conditions import Conditions
from simcraft.generate.motion_dreamer.encoders import Encoders
from simcraft.generate.motion_dreamer.inputs import painting_channels, time_ids
from simcraft.generate.motion_dreamer.preconditioning import Given, denoiser, latents_of, residual_of
from simcraft.generate.motion_dreamer.sampling import Denoise
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.motion_dreamer.windows import StepDone, blended, painting_windows, sample
from simcraft.generate.motioncraft.composite import Warped, composited
from simcraft.generate.motioncraft.pictures import resized

_POSE = 6
"""Numbers that say where the camera is."""


@dataclass(frozen=True)
class Known:
    """All that stage two is told of T frames, as tensors on its device."""

    hint: torch.Tensor
    """(1, T, C, h, w), latents of what `warp` paints; those of frame 0 are the first frame's."""
    channels: torch.Tensor
    """(1, T, K, h, w), what the network sees beside noisy latents."""
    embedding: torch.Tensor
    """(1, L, D) of the first frame."""
    camera: torch.Tensor
    """(1, T, 12)."""

    def of(self, window: np.ndarray) -> Given:
        """What the network is given for the frames of a window."""
        camera = self.camera[:, window].clone()
        # where the camera will be at the end: of this window
        camera[..., _POSE:] = camera[:, -1:, :_POSE]
        ids = time_ids(1, self.channels.device)
        return Given(self.channels[:, window], self.embedding, ids, camera=camera)


@torch.no_grad()
def encode_known(encoders: Encoders, conditions: Conditions) -> Known:
    """The conditions as latents."""
    hint = encoders.frames(conditions.hint)[None]
    first, device = hint[:, 0], encoders.device
    new, geometry = (torch.from_numpy(values)[None].to(device) for values in (conditions.new, conditions.geometry))
    representation = encoders.encode(conditions.pictures())[None]
    return Known(
        hint,
        painting_channels(first, hint, new, representation, geometry),
        encoders.embedding(conditions.hint[0], first),
        torch.from_numpy(conditions.camera)[None].to(device),
    )


@torch.no_grad()
def paint_latents(
    unet: Any, known: Known, noise: torch.Tensor, settings: Settings, step_done: StepDone | None = None
) -> torch.Tensor:
    """(1, T, C, h, w) latents of the frames, from `noise` of that shape; frame 0 is the first frame.

    However long the clip is, the network sees no more frames at once than it was trained with.
    """
    scale, windows = _scale(unet), painting_windows(noise.shape[1], unet.config["num_frames"], settings.overlap)

    def of_window(number: int) -> Denoise:
        return denoiser(unet, known.of(windows[number]))

    first = residual_of(known.hint[:, :1], known.hint[:, :1], scale)
    made = sample(blended(of_window, windows), noise, first, settings, step_done)
    return latents_of(made, known.hint, scale)


@torch.no_grad()
def decoded_frames(
    unet: Any,
    encoders: Encoders,
    clip: MotionClip,
    warped: Warped,
    known: Known,
    latents: torch.Tensor,
    composite: bool,
) -> Iterator[np.ndarray]:
    """(H, W, 3) uint8, frame after frame in the clip's size; the first one is the clip's image.

    `composite`: the picture of `warp`, with what decoding the painted latents, and not those of that picture, changes;
    so what is known stays as sharp as it is. A network that has learnt what to add to that picture changes what `warp`
    made up in the same way; of any other, that is what it painted, as in `motioncraft`.
    """
    adds = _scale(unet) > 0
    yield clip.image
    for t in range(1, clip.frame_count):
        image = resized(encoders.frame(latents[0, t]), clip.size)
        if composite:
            lossy = resized(encoders.frame(known.hint[0, t]), clip.size)
            anew = np.zeros(image.shape[:2], bool) if adds else warped.new(t)
            image = composited(image, warped.frames[t], lossy, anew)
        yield image


def _scale(unet: Any) -> float:
    return float(unet.config["residual_scale"])
