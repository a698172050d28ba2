"""Stage one: a first frame and arrows become motion, R of every frame (Motion Dreamer, eq. 4 to 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from simcraft.generate.motion_dreamer.arrows import InstanceFlow, instance_vectors
from simcraft.generate.motion_dreamer.cameras import pose_vectors
from simcraft.generate.motion_dreamer.clips import clip_of
from simcraft.generate.motion_dreamer.conditions import first_features
from simcraft.generate.motion_dreamer.encoders import Encoders
from simcraft.generate.motion_dreamer.inputs import reasoning_channels, time_ids
from simcraft.generate.motion_dreamer.moved import Moved, moved
from simcraft.generate.motion_dreamer.pictures import from_pictures, to_pictures
from simcraft.generate.motion_dreamer.preconditioning import Given, denoiser, latents_of, residual_of
from simcraft.generate.motion_dreamer.representation import MOTION, Representation
from simcraft.generate.motion_dreamer.scene import FirstScene
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.motion_dreamer.windows import StepDone, reasoning_windows, sample
from simcraft.generate.motioncraft.composite import composited

_OTHER_DEPTH = 0.05
"""Nearness u / (u + z), u the usual depth: a change by less is none."""

NoiseOf = Callable[[int], torch.Tensor]
"""(1, T, R, h, w) of standard normal numbers, for so many frames."""


@dataclass(frozen=True)
class Beginning:
    """What a window of frames starts from, at the network's size."""

    image: np.ndarray
    """(H, W, 3) uint8, its first frame."""
    known: Representation
    """R of its first frame, and of those after it that the window before has predicted already."""
    flow: InstanceFlow
    """(H, W), how the instances of its first frame are to move."""
    intrinsics: np.ndarray | None = None
    """(3, 3), pixels; None: unknown."""

    def moved(self, poses: np.ndarray) -> Moved:
        """Its first frame, moved as far as it is known to move by a camera with these poses (T, 4, 4)."""
        return moved(self.known.first, self.flow, poses, self.intrinsics)


@torch.no_grad()
def predict_representation(
    unet: Any,
    encoders: Encoders,
    scene: FirstScene,
    begin: Beginning,
    poses: np.ndarray,
    noise_of: NoiseOf,
    settings: Settings,
    step_done: StepDone | None = None,
) -> Representation:
    """R of all T frames.

    Parameters
    ----------
    scene: the first frame, at the network's size.
    begin: the same as the network takes it, with R of that frame alone.
    poses: (T, 4, 4), camera to world; all alike for a camera that stands still.

    Clips longer than the network's are made window by window. A window begins with a frame that the one before has
    predicted: its picture is the first frame, moved there by `warp`, and instances that have left the picture by then
    do not come back.
    """
    windows = reasoning_windows(len(poses), unet.config["num_frames"], settings.overlap)
    made, flow = begin.known, begin.flow
    for number, window in enumerate(windows):
        if number:
            begin = _going_on(scene, made, flow, int(window[0]))
        found = predict_window(unet, encoders, begin, poses[window], noise_of(len(window)), settings, step_done)
        made = _joined(made, found, len(begin.known.flow))
    return made


@torch.no_grad()
def predict_window(
    unet: Any,
    encoders: Encoders,
    begin: Beginning,
    poses: np.ndarray,
    noise: torch.Tensor,
    settings: Settings,
    step_done: StepDone | None = None,
) -> Representation:
    """R of as many frames as `poses` (T, 4, 4) and `noise` (1, T, R, h, w) have."""
    scale = float(unet.config["residual_scale"])
    known = encoders.encode(to_pictures(begin.known))[None]
    there = begin.moved(poses).representation
    hint = encoders.encode(to_pictures(there))[None]
    given = _given(encoders, begin, hint, poses)
    start = residual_of(known, hint[:, : known.shape[1]], scale)
    made = sample(denoiser(unet, given), noise, start, settings, step_done)
    pictures = encoders.decode(latents_of(made, hint, scale)[0])
    if not scale:
        return from_pictures(pictures, begin.known.first, expected=there.segmentation)
    return changed(there, pictures, encoders.decode(hint[0]), begin.known.first)


def changed(there: Representation, pictures: np.ndarray, lossy: np.ndarray, first: Representation) -> Representation:
    """What a network that adds to `there`, the moved first frame, makes of it.

    `pictures` (T, 6, H, W) are decoded from what it made, `lossy` from the latents of `there`: what it leaves alone
    stays as sharp as it was, as in painting (`stage_two.decoded_frames`). Networks leave nothing alone to the last bit:
    what they change by less than counts as motion (`MOTION`), or as another depth, stays as it was.
    """
    found = from_pictures(to_pictures(there) + pictures - lossy, first, expected=there.segmentation)
    moves = np.linalg.norm(found.flow - there.flow, axis=-1) > MOTION * first.size[0]
    flow = np.where(moves[..., None], found.flow, there.flow)
    if found.depth is None or there.depth is None:
        return replace(found, flow=flow)
    usual = first.usual_depth
    off = np.abs(usual / (usual + found.depth) - usual / (usual + there.depth)) > _OTHER_DEPTH
    return replace(found, flow=flow, depth=np.where(off, found.depth, there.depth))


@torch.no_grad()
def predict_frames(
    unet: Any,
    encoders: Encoders,
    begin: Beginning,
    poses: np.ndarray,
    noise: torch.Tensor,
    settings: Settings,
    step_done: StepDone | None = None,
) -> np.ndarray:
    """(T, H, W, 3) uint8 frames, by the paper's one-stage model: told what stage one is told, it paints.

    Parameters as those of `predict_window`, but that `noise` is (1, T, C, h, w). Where `settings.composite` says so, a
    network that has learnt what to add to the first frame, moved, keeps the detail of that picture that the autoencoder
    loses, as `stage_two.decoded_frames` does with that of `warp`.
    """
    scale = float(unet.config["residual_scale"])
    there = begin.moved(poses)
    pictures = there.picture(begin.image)
    hint = encoders.frames(pictures)[None]
    given = _given(encoders, begin, encoders.encode(to_pictures(there.representation))[None], poses)
    first = residual_of(hint[:, :1], hint[:, :1], scale)
    made = sample(denoiser(unet, given), noise, first, settings, step_done)
    latents, frames = latents_of(made, hint, scale), [begin.image]
    for t in range(1, len(poses)):
        image = encoders.frame(latents[0, t])
        if settings.composite and scale > 0:
            image = composited(image, pictures[t], encoders.frame(hint[0, t]), np.zeros(image.shape[:2], bool))
        frames.append(image)
    return np.stack(frames)


def painted_flow(vectors: dict[int, np.ndarray], labels: np.ndarray) -> InstanceFlow:
    """The motion of each label, painted over it in `labels` (H, W): the instance flow of another frame or size."""
    flow, known = np.zeros((*labels.shape, 2), np.float32), np.zeros(labels.shape, bool)
    for label, vector in vectors.items():
        mine = labels == label
        flow[mine], known[mine] = vector, True
    return InstanceFlow(flow, known)


def _given(encoders: Encoders, begin: Beginning, there: torch.Tensor, poses: np.ndarray) -> Given:
    """What the network is told; `there` (1, T, R, h, w) are latents of R of the first frame, moved."""
    first, device = encoders.frames(begin.image[None]), encoders.device
    still = begin.known.first
    features = first_features(begin.image, still, begin.flow)
    vectors = pose_vectors(poses, still.camera_unit)
    return Given(
        reasoning_channels(first, there),
        encoders.embedding(begin.image, first),
        time_ids(1, device),
        first=torch.from_numpy(features)[None].to(device),
        instance_flow=torch.from_numpy(begin.flow.flow).permute(2, 0, 1)[None].to(device),
        camera=torch.from_numpy(vectors)[None].to(device),
    )


def _going_on(scene: FirstScene, made: Representation, flow: InstanceFlow, start: int) -> Beginning:
    """What a window that begins with the predicted frame `start` starts from."""
    from simcraft.generate.warp import warp

    assert made.segmentation is not None
    vectors = instance_vectors(flow, made.segmentation[0])
    image = warp(clip_of(made, scene)).frames[start]
    return Beginning(image, _from(made, start), painted_flow(vectors, made.segmentation[start]), scene.intrinsics)


def _from(made: Representation, start: int) -> Representation:
    """R of the frames from `start` on, with that one as the first: it has not moved."""
    flow, valid = made.flow[start:].copy(), made.flow_valid[start:].copy()
    flow[0], valid[0] = 0, True
    segmentation, depth = (None if field is None else field[start:] for field in (made.segmentation, made.depth))
    return replace(made, flow=flow, flow_valid=valid, segmentation=segmentation, depth=depth)


def _joined(made: Representation, found: Representation, shared: int) -> Representation:
    """`made` and of `found` what follows after the frames that both have."""
    fields: dict[str, Any] = {}
    for name in ("flow", "flow_valid", "segmentation", "depth"):
        before, after = getattr(made, name), getattr(found, name)
        fields[name] = None if before is None else np.concatenate([before, after[shared:]])
    return replace(made, **fields)
