"""Motion Dreamer as the paper begins it: both stages from Stable Video Diffusion, before they are trained."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.autoencoders import ThreePictures
from simcraft.generate.motion_dreamer.inputs import denoised_channels, known_channels
from simcraft.generate.motion_dreamer.layouts import CAMERA_CHANNELS, FIRST_CHANNELS
from simcraft.generate.motion_dreamer.pipeline import STAGES, MotionDreamerPipeline
from simcraft.generate.motion_dreamer.svd import from_svd
from simcraft.generate.motioncraft.checkpoints import find_checkpoint
from simcraft.generate.motioncraft.pictures import latent_factor
from simcraft.generate.placing import first_line, quiet_libraries

SUITS = {"steps": 25, "largest": 700.0, "smallest": 0.002}
"""Stable Video Diffusion's own sampling."""


def pipeline_from_svd(model: str, *, hub: bool = False, stages: Collection[str] = STAGES) -> MotionDreamerPipeline:
    """Both stages, or those asked for, with the weights of a Stable Video Diffusion checkpoint.

    Parameters
    ----------
    model: a folder in the layout of `stabilityai/stable-video-diffusion-img2vid`, or that name itself with `hub`.
    hub: may it be downloaded?

    Whatever its network had no input for it sees with weights of zero, so that stage two begins as Stable Video
    Diffusion itself; R goes as three pictures through its autoencoder. Everything is float32: each of the published
    network's stages takes 6 GB. Raises `UserError` as `svd.from_svd` does, and for missing parts.
    """
    parts = _frozen_parts(model, hub)
    networks = {stage: _stage(stage, model, hub, parts["vae"]) for stage in stages}
    return MotionDreamerPipeline(**parts, **networks, suits={stage: dict(SUITS) for stage in stages})


def _frozen_parts(model: str, hub: bool) -> dict[str, Any]:
    """Autoencoder, image encoder and its image processor."""
    from diffusers import AutoencoderKLTemporalDecoder
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    checkpoint = find_checkpoint(model, hub=hub)
    classes: dict[str, tuple[Any, dict[str, bool]]] = {
        "vae": (AutoencoderKLTemporalDecoder, {"use_safetensors": True}),
        "image_encoder": (CLIPVisionModelWithProjection, {"use_safetensors": True}),
        "feature_extractor": (CLIPImageProcessor, {}),
    }
    place = checkpoint.folder or checkpoint.name
    try:
        with quiet_libraries():
            return {
                name: kind.from_pretrained(place, subfolder=name, local_files_only=not hub, **more)
                for name, (kind, more) in classes.items()
            }
    except (OSError, ValueError) as error:
        raise UserError(
            f"{model} is not a complete Stable Video Diffusion checkpoint ({first_line(error)}).",
            "It needs vae, image_encoder, feature_extractor and unet, in safetensors.",
            ("model",),
        ) from error


@torch.no_grad()
def _stage(name: str, model: str, hub: bool, vae: Any) -> Any:
    """A stage's network, whose first channels are the base's."""
    latents, representation = int(vae.config["latent_channels"]), ThreePictures(vae).latent_channels
    kind = str(1 + STAGES.index(name))
    denoised = denoised_channels(kind, latents, representation)
    first = slice(denoised, denoised + latents)
    more: dict[str, Any] = {"prediction": "v"}
    if name == "stage_one":
        more = {"prediction": "x0", "first_channels": FIRST_CHANNELS, "first_factor": latent_factor(vae)}
    unet: Any = from_svd(
        model,
        denoised + known_channels(kind, latents, representation),
        denoised,
        places=[*range(latents), *range(first.start, first.stop)],
        hub=hub,
        camera_channels=CAMERA_CHANNELS,
        **more,
    )
    # the base sees the first frame's latents as the autoencoder gives them, and all others scaled; here all are scaled
    unet.conv_in.weight[:, first] /= vae.config["scaling_factor"]
    return unet
