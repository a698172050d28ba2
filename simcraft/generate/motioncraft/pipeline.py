"""`MotionCraftPipeline`: the method with its networks, as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from diffusers.utils import BaseOutput

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate import patch_autoencoder  # noqa: F401  (diffusers loads classes of imported modules only)
from simcraft.generate.motioncraft import fast, reference
from simcraft.generate.motioncraft.attention import pattern_for
from simcraft.generate.motioncraft.composite import Warped, composited
from simcraft.generate.motioncraft.denoiser import Condition, Denoiser, painted_hint_of
from simcraft.generate.motioncraft.geometry import Geometry
from simcraft.generate.motioncraft.pictures import decode_latents, encode_image, latent_factor, resized, working_size
from simcraft.generate.motioncraft.reference import StepDone
from simcraft.generate.motioncraft.schedule import Eta, Schedule, placed_schedule, published_schedule
from simcraft.generate.motioncraft.settings import STEPS, Settings
from simcraft.generate.motioncraft.text import encode_prompt, nothing_like
from simcraft.generate.motioncraft.warping import (
    carry,
    first_places,
    forward_motion,
    latent_motion,
    spatial_eta,
    to_grid,
)
from simcraft.generate.safe_pipeline import SafePipeline

_ENCODER_SEED = 184750
"""The authors' seed for sampling the first frame's latents."""


@dataclass(frozen=True)
class Finished:
    """A frame of the result, and what the work goes on from."""

    index: int
    """Of the frame in the clip, 1 and up."""
    image: np.ndarray
    """(H, W, 3) uint8, in the clip's size."""
    z_0: torch.Tensor
    """(1, C, h, w), its clean latents."""
    z_tau: torch.Tensor
    """(1, C, h, w), inverted."""
    remainder: torch.Tensor
    """(h, w, 2) cells; see `warping.carry`."""


@dataclass
class MotionCraftOutput(BaseOutput):
    """What `MotionCraftPipeline` returns."""

    frames: np.ndarray
    """(T, H, W, 3) uint8; frame 0 is the clip's image."""
    evaluations_per_frame: float
    """Samples that went through the UNet for each frame after the first."""


class MotionCraftPipeline(SafePipeline):
    """MotionCraft (Montanaro et al., NeurIPS 2024) with any Stable Diffusion 1.x, 2.x or SDXL checkpoint.

    The zero-shot method: the first frame's latents are inverted to tau, moved along the clip's motion, and denoised
    while their self-attention looks at the first and the previous frame; what the motion reveals is painted anew.
    """

    model_cpu_offload_seq: Any = "text_encoder->text_encoder_2->unet->vae"
    _optional_components = ["text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"]  # noqa: RUF012

    def __init__(
        self,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        unet: Any,
        scheduler: Any,
        text_encoder_2: Any = None,
        tokenizer_2: Any = None,
        force_zeros_for_empty_prompt: bool = True,
        painted_hint: bool = False,
        suits: dict[str, Any] | None = None,
    ) -> None:
        """Take the networks.

        Parameters
        ----------
        painted_hint: an inpainting UNet was trained on whole pictures, as `warp` paints them, a mask that says where
            they are made up, and geometry, and predicts what is to be added to them; stock ones see nothing there.
        suits: fields of `Settings` that suit this checkpoint, for `settings`.
        """
        super().__init__()
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            unet=unet,
            scheduler=scheduler,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
        )
        self.register_to_config(
            force_zeros_for_empty_prompt=force_zeros_for_empty_prompt, painted_hint=painted_hint, suits=suits or {}
        )
        self.evaluations = 0
        """Samples that went through the UNet in the latest run, and"""
        self.first_evaluations = 0
        """how many of them were spent on the first frame."""

    def __call__(
        self,
        clip: MotionClip,
        prompt: str = "",
        negative_prompt: str = "",
        *,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> MotionCraftOutput:
        """Paint a clip; `settings` as in `settings()`. See `stream` for the rest."""
        chosen = self.settings(prompt=prompt, negative_prompt=negative_prompt, **settings)
        frames = [clip.image]
        for made in self.stream(clip, chosen, generator=generator, callback_on_step_end=callback_on_step_end):
            frames.append(made.image)
        return MotionCraftOutput(frames=np.stack(frames), evaluations_per_frame=self.evaluations_per_frame(len(frames)))

    def stream(
        self,
        clip: MotionClip,
        settings: Settings | None = None,
        *,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
        after: Finished | None = None,
    ) -> Iterator[Finished]:
        """Yield one frame after the other as it is made, from frame 1 on; memory does not grow with the clip.

        Parameters
        ----------
        generator: where noise comes from, in the order of its use; without one every frame has its own, from
            `settings.seed`, so that work that goes on later gives the same frames.
        callback_on_step_end: called as `(pipeline, step, timestep, {"latents": z})` after every denoising step.
        after: the last frame of earlier work with the same clip and settings, to go on from.
        """
        settings = settings or self.settings()
        size = working_size(clip.size, settings.resolution, self.factor, self.unet)
        if settings.mode != "reference":
            return self._stream_fast(clip, settings, size, generator, self._reporter(callback_on_step_end), after)
        motion = _reference_motion(clip, self._latent_size(size), settings, after)
        return self._stream_reference(
            clip.image, motion, settings, size, generator, self._reporter(callback_on_step_end), after
        )

    def stream_positions(
        self,
        image: np.ndarray,
        grids: np.ndarray,
        etas: np.ndarray | None = None,
        settings: Settings | None = None,
        *,
        generator: torch.Generator | None = None,
        callback_on_step_end: Callable[..., Any] | None = None,
    ) -> Iterator[Finished]:
        """The published procedure on plain arrays, as the authors store their flows.

        Parameters
        ----------
        image: (H, W, 3) uint8, the first frame.
        grids: (T - 1, h, w, 2) backward sampling positions in the frame before, at latent resolution; -1 and 1 are the
            centres of the outermost cells (`grid_sample` with align_corners).
        etas: (T - 1, h, w), 0 to 1; None is deterministic everywhere.

        `settings.mode` is "reference" whatever it says. Yields as `stream` does, without the image.
        """
        settings = settings or Settings()
        height, width = image.shape[:2]
        size = working_size((width, height), settings.resolution, self.factor, self.unet)
        expected = self._latent_size(size)[::-1]
        if grids.ndim != 4 or grids.shape[1:] != (*expected, 2):
            raise UserError(f"grids are {grids.shape}; expected (frames, {expected[0]}, {expected[1]}, 2).")
        if etas is not None and etas.shape != grids.shape[:3]:
            raise UserError(f"etas are {etas.shape}; expected {grids.shape[:3]}.")
        nothing = torch.zeros(*expected, 2)
        motion = (
            (torch.from_numpy(grid), 0.0 if etas is None else torch.from_numpy(etas[t])[None, None], nothing)
            for t, grid in enumerate(grids)
        )
        report = self._reporter(callback_on_step_end)
        return self._stream_reference(image, motion, settings, size, generator, report, None)

    def evaluations_per_frame(self, frame_count: int) -> float:
        """Of the latest run, for a clip of `frame_count` frames: all but those spent on inverting the first."""
        return (self.evaluations - self.first_evaluations) / max(frame_count - 1, 1)

    def settings(self, **given: Any) -> Settings:
        """`Settings` of which what is not given, or None, is what suits this checkpoint, else the usual.

        In reference mode nothing but the paper's own suits; and what suits the fast mode's steps is not for turbo.
        """
        mode = given.get("mode") or Settings.mode
        suited = {} if mode == "reference" else dict(self.config["suits"])
        if mode == "turbo":
            suited.pop("steps", None)
        return Settings(**{**suited, **{name: value for name, value in given.items() if value is not None}})

    @property
    def factor(self) -> int:
        """Pixels to a latent cell, per axis."""
        return latent_factor(self.vae)

    def schedule(self, settings: Settings) -> Schedule:
        """The noise levels that `settings` lead to."""
        trained = self.scheduler.config.num_train_timesteps
        tau, steps = round(settings.strength * trained), settings.steps or STEPS[settings.mode]
        if settings.mode == "reference":
            return published_schedule(self.scheduler, tau, round(steps * trained / tau))
        return placed_schedule(self.scheduler, tau, steps)

    # ------------------------------------------------------------------------------------------------------ the modes

    @torch.no_grad()
    def _stream_fast(
        self,
        clip: MotionClip,
        settings: Settings,
        size: tuple[int, int],
        generator: torch.Generator | None,
        report: StepDone | None,
        after: Finished | None,
    ) -> Iterator[Finished]:
        schedule = self.schedule(settings)
        painted_hint = self.config["painted_hint"]
        if painted_hint and (settings.attention != "none" or settings.invert):
            raise UserError(
                f"attention is '{settings.attention}', invert {settings.invert}; this model is given the warped "
                "picture, and has learned neither to look at other frames nor to be inverted.",
                "Leave both options out, or use a plain model.",
            )
        needed = settings.source == "picture" or settings.composite or painted_hint
        warped = Warped.of(clip) if needed else None
        geometry = Geometry(clip, warped.first) if warped is not None and painted_hint else None
        cells = self._latent_size(size)
        with self._running() as denoiser:
            prompt, negative = self._conditions(settings, size)

            def begin(z_0: torch.Tensor) -> fast.State:
                if painted_hint:
                    return fast.start_noisy(z_0, schedule, generator or _frame_generator(settings.seed, 0))
                return fast.start(denoiser, z_0, schedule, prompt)

            first = state = begin(self._encoded(clip.image, size))
            if after is not None:
                state = begin(after.z_0.to(first.z_0))
                state = fast.State(state.z_0, after.z_tau.to(first.z_0), after.remainder, state.features)
            self.first_evaluations = denoiser.evaluations
            for t in range(1 if after is None else after.index + 1, clip.frame_count):
                picture = None if warped is None else self._encoded(warped.frames[t], size)
                motion = fast_motion(clip, t, cells, settings.warp, picture)
                if warped is not None and picture is not None and geometry is not None:
                    hint = painted_hint_of(picture, warped.new(t), geometry.at(t, cells), cells)
                    motion = replace(motion, hint=hint)
                source = generator or _frame_generator(settings.seed, t)
                state = fast.advance(
                    denoiser, first, state, motion, schedule, settings, prompt, negative, source, report
                )
                self.evaluations = denoiser.evaluations
                image = resized(decode_latents(self.vae, state.z_0), clip.size)
                if warped is not None and picture is not None and settings.composite:
                    lossy = resized(decode_latents(self.vae, picture), clip.size)
                    image = composited(image, warped.frames[t], lossy, warped.new(t))
                yield Finished(t, image, state.z_0, state.z_tau, state.remainder)

    @torch.no_grad()
    def _stream_reference(
        self,
        image: np.ndarray,
        motion: Iterable[tuple[torch.Tensor, Eta, torch.Tensor]],
        settings: Settings,
        size: tuple[int, int],
        generator: torch.Generator | None,
        report: StepDone | None,
        after: Finished | None,
    ) -> Iterator[Finished]:
        published = Settings(**{**vars(settings), "mode": "reference"})
        schedule = self.schedule(published)
        chosen = reference.Reference(settings.guidance, pattern_for(settings.attention), settings.warp, settings.invert)
        back = image.shape[1], image.shape[0]
        with self._running() as denoiser:
            if denoiser.takes_hint:
                raise UserError("The published procedure has no place for an inpainting model.", "Use the fast mode.")
            prompt, negative = self._conditions(settings, size)
            z_0 = self._encoded(image, size, torch.Generator(self._execution_device).manual_seed(_ENCODER_SEED))
            z_tau_first = reference.invert(denoiser, z_0, schedule, prompt)
            z_tau = z_tau_first if after is None else after.z_tau.to(z_tau_first)
            self.first_evaluations = denoiser.evaluations
            for t, (grid, eta, remainder) in enumerate(motion, start=1 if after is None else after.index + 1):
                source = generator or _frame_generator(settings.seed, t)
                z_0, z_tau = reference.next_frame(
                    denoiser, z_tau_first, z_tau, grid, eta, schedule, chosen, prompt, negative, source, report
                )
                self.evaluations = denoiser.evaluations
                yield Finished(t, resized(decode_latents(self.vae, z_0), back), z_0, z_tau, remainder)

    # ----------------------------------------------------------------------------------------------------- the pieces

    @contextmanager
    def _running(self) -> Iterator[Denoiser]:
        """A denoiser that counts from zero; offloaded networks go back to the host's memory at the end."""
        self.evaluations = self.first_evaluations = 0
        try:
            yield Denoiser(self.unet, self.config["painted_hint"])
        finally:
            self.maybe_free_model_hooks()

    def _conditions(self, settings: Settings, size: tuple[int, int]) -> tuple[Condition, Condition]:
        device = self._execution_device
        prompt = encode_prompt(self, settings.prompt, size, device)
        zeros = self.text_encoder_2 is not None and self.config["force_zeros_for_empty_prompt"]
        if zeros and not settings.negative_prompt:
            return prompt, nothing_like(prompt)
        return prompt, encode_prompt(self, settings.negative_prompt, size, device)

    def _encoded(
        self, image: np.ndarray, size: tuple[int, int], generator: torch.Generator | None = None
    ) -> torch.Tensor:
        # steps add up small differences: latents stay in full precision whatever the networks run in
        dtype = torch.float64 if self.unet.dtype == torch.float64 else torch.float32
        return encode_image(self.vae, resized(image, size), self._execution_device, dtype, generator)

    def _latent_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(w, h) cells."""
        return size[0] // self.factor, size[1] // self.factor

    def _reporter(self, callback: Callable[..., Any] | None) -> StepDone | None:
        if callback is None:
            return None
        return lambda step, timestep, z: callback(self, step, timestep, {"latents": z})


def fast_motion(
    clip: MotionClip, t: int, cells: tuple[int, int], warp: str, picture: torch.Tensor | None = None
) -> fast.Motion:
    """The motion of frame `t` for latents of (w, h) `cells`."""
    forward = forward_motion(clip, t, cells) if warp == "splat" else None
    return fast.Motion(latent_motion(clip, t, cells), *first_places(clip, t, cells), forward, picture)


def _reference_motion(
    clip: MotionClip, cells: tuple[int, int], settings: Settings, after: Finished | None
) -> Iterator[tuple[torch.Tensor, Eta, torch.Tensor]]:
    """Grid, eta and remainder of one frame after the other."""
    remainder = torch.zeros(cells[1], cells[0], 2) if after is None else after.remainder
    for t in range(1 if after is None else after.index + 1, clip.frame_count):
        motion = latent_motion(clip, t, cells)
        places = torch.from_numpy(motion.places)
        if settings.warp == "nearest":
            places, remainder = carry(places, remainder)
            remainder = torch.where(torch.from_numpy(motion.new)[..., None], 0, remainder)
        yield to_grid(places), spatial_eta(motion.new, settings.eta), remainder


def _frame_generator(seed: int, frame: int) -> torch.Generator:
    """Its own for every frame, on the CPU: the same noise on every device and wherever the work began."""
    mixed = np.random.SeedSequence([seed, frame]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed))
