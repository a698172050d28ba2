"""One clip as Motion Dreamer's stages learn it: read, perhaps mirrored, and in part hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import InstanceFlow, mask_elements, mask_instances
from simcraft.generate.motion_dreamer.cameras import camera_poses, turned_alone
from simcraft.generate.motion_dreamer.moved import Moved, moved
from simcraft.generate.motion_dreamer.representation import Representation
from simcraft.train.dreamer_prepared import PreparedClip, PreparedDreamer

MASKINGS = ("cells", "instances", "both")
"""How arrows are hidden: single pixels, as in the paper, whole instances, or either."""
_MIRRORED_CAMERA = np.array([-1, 1, 1, 1, -1, -1] * 2, np.float32)
"""Translations turn over as vectors do, rotations as their planes do."""
_NORMALS_X = (1, 5)
"""Channels of the geometry that point to the right."""


@dataclass(frozen=True)
class Hiding:
    """What is hidden from a network in training, so that it does without: rates are probabilities of an example."""

    ratio: float = 0.5
    """p of eq. 9 and 10: share of the arrows that are hidden where some are."""
    masking: str = "both"
    """One of `MASKINGS`."""
    arrows: float = 0.15
    """All arrows: what moves is left to the network."""
    segmentation: float = 0.1
    depth: float = 0.1
    flow: float = 0.1
    """Of stage two, and with it all that follows from it: the warped picture and what is new in it."""
    geometry: float = 0.1
    """Of stage two."""

    def __post_init__(self) -> None:
        if self.masking not in MASKINGS:
            raise UserError(f"The masking is {self.masking!r}.", f"Choose from: {', '.join(MASKINGS)}.")
        for name in ("ratio", "arrows", "segmentation", "depth", "flow", "geometry"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"The rate '{name}' is {getattr(self, name)}.", "Give a number from 0 to 1.")


NOTHING_HIDDEN = Hiding(0, "both", 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Sample:
    """T frames of H x W pixels and h x w cells, and all that may be told of them."""

    frames: np.ndarray
    """(T, H, W, 3) uint8, the true frames."""
    hint: np.ndarray
    """(T, H, W, 3) uint8, what `warp` paints."""
    new: np.ndarray
    """(T, h, w) float32, the share of each cell that `warp` made up."""
    geometry: np.ndarray
    """(T, 8, h, w) float32."""
    representation: Representation
    camera: np.ndarray
    """(T, 12) float32."""
    intrinsics: np.ndarray | None
    """(3, 3), pixels; None: unknown."""
    arrows: InstanceFlow

    def moved(self) -> Moved:
        """The first frame, moved as far as it is known to move: what stage one adds to."""
        first = self.representation.first
        return moved(first, self.arrows, camera_poses(self.camera, first.usual_depth), self.intrinsics)


def read_sample(data: PreparedDreamer, clip: PreparedClip, *, decodable: bool) -> Sample:
    """A clip as it was prepared; `decodable` as in `representation_of`, true for what stage one predicts."""
    return Sample(
        frames=np.array(data.frames[clip.stretch]),
        hint=np.array(data.hint[clip.stretch]),
        new=data.new[clip.stretch].astype(np.float32) / 255,
        geometry=data.geometry[clip.stretch].astype(np.float32),
        representation=data.representation(clip, decodable=decodable),
        camera=np.array(data.camera[clip.stretch]),
        intrinsics=data.intrinsics_of(clip),
        arrows=data.arrows(clip),
    )


def mirrored(sample: Sample) -> Sample:
    """What a mirror beside the scene shows: left and right change places, in the picture and in all that moves."""
    known, turned = sample.representation, np.array([-1, 1], np.float32)
    geometry = sample.geometry[..., ::-1].copy()
    geometry[:, _NORMALS_X] *= -1
    representation = Representation(
        flow=known.flow[:, :, ::-1] * turned,
        flow_valid=known.flow_valid[:, :, ::-1],
        segmentation=None if known.segmentation is None else known.segmentation[:, :, ::-1],
        depth=None if known.depth is None else known.depth[:, :, ::-1],
        ids=known.ids,
    )
    return Sample(
        frames=sample.frames[:, :, ::-1],
        hint=sample.hint[:, :, ::-1],
        new=sample.new[:, :, ::-1],
        geometry=geometry,
        representation=representation,
        camera=sample.camera * _MIRRORED_CAMERA,
        intrinsics=None if sample.intrinsics is None else _mirrored_intrinsics(sample.intrinsics, known.size[0]),
        arrows=InstanceFlow(sample.arrows.flow[:, ::-1] * turned, sample.arrows.known[:, ::-1]),
    )


def _mirrored_intrinsics(intrinsics: np.ndarray, width: int) -> np.ndarray:
    """Of a camera whose principal point is as far from the other side."""
    mirrored = intrinsics.copy()
    mirrored[0, 2] = width - intrinsics[0, 2]
    return mirrored


def drawn(sample: Sample, hiding: Hiding, rng: np.random.Generator) -> Sample:
    """A training example of a clip: mirrored or not, with things hidden at their rates."""
    mirror, arrows, flow, segmentation, depth, geometry = rng.random(6) < [
        0.5,
        hiding.arrows,
        hiding.flow,
        hiding.segmentation,
        hiding.depth,
        hiding.geometry,
    ]
    sample = mirrored(sample) if mirror else sample
    # first: whole instances are hidden by their labels
    sample = replace(sample, arrows=_hidden_arrows(sample, hiding, 1.0 if arrows else hiding.ratio, rng))
    return without(sample, flow=bool(flow), segmentation=bool(segmentation), depth=bool(depth), geometry=bool(geometry))


def without(
    sample: Sample,
    *,
    arrows: bool = False,
    flow: bool = False,
    segmentation: bool = False,
    depth: bool = False,
    geometry: bool = False,
) -> Sample:
    """A sample of which some things are unknown: the rows of the paper's ablation.

    Without flow nothing says where in the first frame anything was: the hint is that frame, held still, all of it is
    new, and geometry knows of nothing before. Without depth there is no geometry, and of
    the camera's way only how it turns is told.
    """
    known = sample.representation
    surfaces = sample.geometry.copy()
    if geometry or depth:
        surfaces[:] = 0
    if flow:
        surfaces[:, surfaces.shape[1] // 2 :] = 0
        known = replace(known, flow=np.zeros_like(known.flow), flow_valid=np.zeros_like(known.flow_valid))
        still = np.broadcast_to(sample.frames[:1], sample.frames.shape)
        sample = replace(sample, hint=still, new=np.ones_like(sample.new))
    if segmentation:
        known = replace(known, segmentation=None)
    if depth:
        known = replace(known, depth=None)
        sample = replace(sample, camera=turned_alone(sample.camera))
    if arrows:
        nothing = InstanceFlow(np.zeros_like(sample.arrows.flow), np.zeros_like(sample.arrows.known))
        sample = replace(sample, arrows=nothing)
    return replace(sample, geometry=surfaces, representation=known)


def _hidden_arrows(sample: Sample, hiding: Hiding, ratio: float, rng: np.random.Generator) -> InstanceFlow:
    labels = sample.representation.segmentation
    assert labels is not None
    either = MASKINGS[int(rng.integers(2))]
    if (either if hiding.masking == "both" else hiding.masking) == "cells":
        return mask_elements(sample.arrows, ratio, rng)
    return mask_instances(sample.arrows, labels[0], ratio, rng)
