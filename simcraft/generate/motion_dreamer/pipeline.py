"""`MotionDreamerPipeline`: both stages with their networks, as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from diffusers.utils import BaseOutput
from diffusers.utils.torch_utils import randn_tensor

from simcraft.clip.types import MotionClip, require
from simcraft.errors import UserError
from simcraft.generate import patch_autoencoder  # noqa: F401  (diffusers loads classes of imported modules only)
from simcraft.generate.motion_dreamer import embedding, network  # noqa: F401  (likewise)
from simcraft.generate.motion_dreamer.arrows import Arrow, InstanceFlow, arrow_flow, find_instance, instance_vectors
from simcraft.generate.motion_dreamer.autoencoders import ThreePictures
from simcraft.generate.motion_dreamer.checkpoints import missing_stage
from simcraft.generate.motion_dreamer.clips import clip_of
from simcraft.generate.motion_dreamer.conditions import conditions_of
from simcraft.generate.motion_dreamer.encoders import Encoders
from simcraft.generate.motion_dreamer.enlarging import enlarged
from simcraft.generate.motion_dreamer.given_arrows import Given, given_arrows
from simcraft.generate.motion_dreamer.options import FPS
from simcraft.generate.motion_dreamer.representation import scene_representation
from simcraft.generate.motion_dreamer.scene import FirstScene, labels_at, resize_scene
from simcraft.generate.motion_dreamer.settings import Settings
from simcraft.generate.motion_dreamer.stage_one import (
    Beginning,
    painted_flow,
    predict_frames,
    predict_representation,
)
from simcraft.generate.motion_dreamer.stage_two import decoded_frames, encode_known, paint_latents
from simcraft.generate.motion_dreamer.windows import StepDone, reasoning_windows
from simcraft.generate.motioncraft.composite import Warped
from simcraft.generate.motioncraft.pictures import latent_factor, resized, working_size
from simcraft.generate.safe_pipeline import SafePipeline
from simcraft.video import Video

STAGES = ("stage_one", "stage_two")


@dataclass
class MotionDreamerOutput(BaseOutput):
    """What `MotionDreamerPipeline` returns."""

    frames: np.ndarray
    """(T, H, W, 3) uint8; frame 0 is the clip's image."""


class MotionDreamerPipeline(SafePipeline):
    """Motion Dreamer (arXiv 2412.00547) in two stages, each of which is there or not.

    `predict` is stage one: a first frame and arrows become a motion clip. Calling the pipeline is stage two: a motion
    clip, predicted or simulated, becomes frames. `dream` is one after the other.
    """

    model_cpu_offload_seq: Any = "image_encoder->representation_autoencoder->stage_one->stage_two->one_stage->vae"
    _optional_components = [*STAGES, "one_stage", "representation_autoencoder", "feature_extractor"]  # noqa: RUF012

    def __init__(
        self,
        vae: Any,
        image_encoder: Any,
        stage_one: Any = None,
        stage_two: Any = None,
        one_stage: Any = None,
        representation_autoencoder: Any = None,
        feature_extractor: Any = None,
        suits: dict[str, Any] | None = None,
    ) -> None:
        """Take the networks.

        Parameters
        ----------
        vae: of frames.
        image_encoder: a `PooledImageEncoder`, or CLIP's, which needs a `feature_extractor`.
        stage_one, stage_two, one_stage: `MotionDreamerUNet`; the last is the paper's one-stage model, for ablations.
        representation_autoencoder: of R's pictures; None: three pictures through `vae`, as with Stable Video Diffusion.
        suits: stage -> fields of `Settings` that suit it, for `settings`.
        """
        super().__init__()
        self.register_modules(
            vae=vae,
            image_encoder=image_encoder,
            stage_one=stage_one,
            stage_two=stage_two,
            one_stage=one_stage,
            representation_autoencoder=representation_autoencoder,
            feature_extractor=feature_extractor,
        )
        self.register_to_config(suits=suits or {})

    @classmethod
    def from_svd(cls, model: str, *, hub: bool = False, stages: Collection[str] = STAGES) -> MotionDreamerPipeline:
        """Both stages from Stable Video Diffusion, not yet trained: see `svd_pipeline.pipeline_from_svd`."""
        from simcraft.generate.motion_dreamer.svd_pipeline import pipeline_from_svd

        return pipeline_from_svd(model, hub=hub, stages=stages)

    # ------------------------------------------------------------------------------------------------------ stage two

    @torch.no_grad()
    def __call__(
        self,
        clip: MotionClip,
        *,
        partial: bool = False,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> MotionDreamerOutput:
        """Paint a clip.

        Parameters
        ----------
        clip: with depth and instances.
        partial: take clips without them, too: training has hidden them at times, so that the network does without.
        generator: where noise comes from; without one, from `seed`.
        callback_on_step_end: called as `(pipeline, step, sigma, {"latents": x})` after every denoising step.
        settings: as in `settings()`.

        Raises `UserError` for a clip that lacks what is needed, and where the model has no stage two.
        """
        unet = self._stage("stage_two")
        if not partial:
            require(clip, "Motion Dreamer (without --partial yes)", "depth", "instances")
        chosen = self.settings("stage_two", **settings)
        if clip.frame_count == 1:
            return MotionDreamerOutput(frames=clip.image[None])
        size = working_size(clip.size, chosen.resolution, self.factor, unet)
        warped, encoders = Warped.of(clip), self.encoders()
        try:
            known = encode_known(encoders, conditions_of(clip, size, self.factor, warped))
            noise = self._noise(unet, clip.frame_count, size, chosen, generator)
            latents = paint_latents(unet, known, noise, chosen, self._reporter(callback_on_step_end))
            frames = np.stack(list(decoded_frames(unet, encoders, clip, warped, known, latents, chosen.composite)))
        finally:
            self.maybe_free_model_hooks()
        return MotionDreamerOutput(frames=frames)

    # ------------------------------------------------------------------------------------------------------ stage one

    @torch.no_grad()
    def predict(
        self,
        scene: FirstScene,
        arrows: Given | InstanceFlow = (),
        *,
        frames: int | None = None,
        fps: float = FPS,
        span: tuple[int, int] | None = None,
        camera_to_world: np.ndarray | None = None,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> MotionClip:
        """The motion that arrows lead to, as a clip in the scene's size.

        Parameters
        ----------
        arrows: what `given_arrows` takes, such as {"ball": (40, -5)}, or an instance flow in the scene's size. What has
            none moves as the network sees fit.
        frames: T; the number that the network was trained with where it is None.
        span: first and last frame of the clip as a file of arrows numbers them, see `given_arrows`.
        camera_to_world: (T, 4, 4) of a camera that moves; None: it stands still.
        generator, callback_on_step_end, settings: as in calling the pipeline.

        Raises `UserError` for arrows that move nothing, more instances than R holds, poses of another number of frames,
        and where the model has no stage one.
        """
        unet = self._stage("stage_one")
        chosen = self.settings("stage_one", **settings)
        count = int(unet.config["num_frames"]) if frames is None else frames
        small, begin = self._beginning(unet, scene, arrows, count, span, chosen)
        poses, source = _poses(camera_to_world, count), generator or torch.Generator().manual_seed(chosen.seed)

        def noise_of(length: int) -> torch.Tensor:
            return self._noise(unet, length, small.size, chosen, source)

        report = self._reporter(callback_on_step_end)
        try:
            found = predict_representation(unet, self.encoders(), small, begin, poses, noise_of, chosen, report)
        finally:
            self.maybe_free_model_hooks()
        camera_known = scene.intrinsics is not None or camera_to_world is not None
        clip = clip_of(
            found,
            scene,
            camera_to_world=poses if camera_known else None,
            fps=fps,
            seed=chosen.seed,
            metadata={"predicted_with": asdict(chosen)},
        )
        return enlarged(clip, scene)

    def reasoning_steps(self, frames: int | None = None, **settings: Any) -> int:
        """How many denoising steps `predict` takes, all windows together."""
        chosen, length = self.settings("stage_one", **settings), self._stage("stage_one").config["num_frames"]
        return chosen.steps * len(reasoning_windows(frames or length, length, chosen.overlap))

    # ----------------------------------------------------------------------------------------------------------- both

    def dream(
        self,
        scene: FirstScene,
        arrows: Given | InstanceFlow = (),
        *,
        frames: int | None = None,
        fps: float = FPS,
        span: tuple[int, int] | None = None,
        camera_to_world: np.ndarray | None = None,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> Video:
        """The video of `predict`'s clip; parameters are those of `predict`."""
        shared = {"generator": generator, "callback_on_step_end": callback_on_step_end, **settings}
        clip = self.predict(scene, arrows, frames=frames, fps=fps, span=span, camera_to_world=camera_to_world, **shared)
        painted = self(clip, partial=True, **shared)
        return Video(painted.frames, fps, {"generator": "motion_dreamer", "options": settings})

    @torch.no_grad()
    def dream_at_once(
        self,
        scene: FirstScene,
        arrows: Given | InstanceFlow = (),
        *,
        fps: float = FPS,
        camera_to_world: np.ndarray | None = None,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> Video:
        """The paper's one-stage model, for ablations: as many frames as it was trained with, from what `predict` takes.

        Raises what `predict` raises.
        """
        unet = self._stage("one_stage")
        chosen, count = self.settings("one_stage", **settings), int(unet.config["num_frames"])
        small, begin = self._beginning(unet, scene, arrows, count, None, chosen)
        noise = self._noise(unet, count, small.size, chosen, generator)
        report = self._reporter(callback_on_step_end)
        try:
            made = predict_frames(unet, self.encoders(), begin, _poses(camera_to_world, count), noise, chosen, report)
        finally:
            self.maybe_free_model_hooks()
        frames = np.stack([scene.image, *(resized(frame, scene.size) for frame in made[1:])])
        return Video(frames, fps, {"generator": "motion_dreamer, one stage", "options": asdict(chosen)})

    # ----------------------------------------------------------------------------------------------------- the pieces

    def settings(self, stage: str, **given: Any) -> Settings:
        """`Settings` of which what is not given, or None, is what suits that stage, else the usual."""
        suited = dict(self.config["suits"].get(stage, {}))
        return Settings(**{**suited, **{name: value for name, value in given.items() if value is not None}})

    @property
    def factor(self) -> int:
        """Pixels to a latent cell, per axis."""
        return latent_factor(self.vae)

    def encoders(self) -> Encoders:
        """All but the stages, where they run."""
        representation = self.representation_autoencoder or ThreePictures(self.vae)
        return Encoders(self.vae, representation, self.image_encoder, self.feature_extractor, self._execution_device)

    def _beginning(
        self,
        unet: Any,
        scene: FirstScene,
        arrows: Given | InstanceFlow,
        frames: int,
        span: tuple[int, int] | None,
        settings: Settings,
    ) -> tuple[FirstScene, Beginning]:
        """The scene at the network's size, and what motion is reasoned from."""
        given = arrows if isinstance(arrows, InstanceFlow) else given_arrows(arrows, scene.size, span)
        size = working_size(scene.size, settings.resolution, self.factor, unet)
        flow = _flow_at(scene, given, frames, settings.delta, size)
        first = scene_representation(scene, size, _moving(scene, given))
        small = resize_scene(scene, size)
        return small, Beginning(small.image, first, flow, small.intrinsics)

    def _stage(self, name: str) -> Any:
        unet = getattr(self, name)
        if unet is None:
            raise missing_stage(name)
        return unet

    def _noise(
        self, unet: Any, frames: int, size: tuple[int, int], settings: Settings, generator: torch.Generator | None
    ) -> torch.Tensor:
        """(1, T, C, h, w) for a network and pictures of that size."""
        shape = (1, frames, unet.config["out_channels"], size[1] // self.factor, size[0] // self.factor)
        # drawn on the CPU: the same on every device
        source = generator or torch.Generator().manual_seed(settings.seed)
        return randn_tensor(shape, source, self._execution_device, torch.float32)

    def _reporter(self, callback: Callable[..., Any] | None) -> StepDone | None:
        if callback is None:
            return None
        return lambda step, sigma, x: callback(self, step, sigma, {"latents": x})


def _flow_at(
    scene: FirstScene, given: Sequence[Arrow] | InstanceFlow, frames: int, delta: float, size: tuple[int, int]
) -> InstanceFlow:
    """The instance flow at the network's size."""
    if not isinstance(given, InstanceFlow):
        return arrow_flow(scene, given, frames, delta, size)
    scale = delta * np.divide(size, scene.size)
    vectors = {label: scale * vector for label, vector in instance_vectors(given, scene.instances).items()}
    return painted_flow(vectors, labels_at(scene, size))


def _moving(scene: FirstScene, given: Sequence[Arrow] | InstanceFlow) -> set[int]:
    """The ids of the instances that are told to move."""
    if isinstance(given, InstanceFlow):
        return set(instance_vectors(given, scene.instances)) - {0}
    return {find_instance(scene, arrow) for arrow in given}


def _poses(camera_to_world: np.ndarray | None, frames: int) -> np.ndarray:
    if camera_to_world is None:
        return np.tile(np.eye(4), (frames, 1, 1))
    if camera_to_world.shape != (frames, 4, 4):
        raise UserError(f"The camera's poses are {camera_to_world.shape}; expected ({frames}, 4, 4).")
    return np.asarray(camera_to_world, np.float64)
