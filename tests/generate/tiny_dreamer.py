"""Motion Dreamer in miniature: its networks have random weights, its autoencoders are fitted to a clip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from simcraft.clip.types import MotionClip
from simcraft.generate.motion_dreamer.autoencoders import fitted_autoencoder
from simcraft.generate.motion_dreamer.conditions import conditions_of
from simcraft.generate.motion_dreamer.inputs import denoised_channels, known_channels
from simcraft.generate.motion_dreamer.layouts import LAYOUTS, build_image_encoder, build_unet
from simcraft.generate.motion_dreamer.network import MotionDreamerUNet
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.patch_autoencoder import PatchAutoencoder
from tests.analytic import Layer, make_clip, waves

LAYOUT = LAYOUTS["tiny"]
LATENTS, REPRESENTATION = 12, 24
"""Channels."""
SUITS = {"stage_one": {"steps": 2, "largest": 20.0}, "stage_two": {"steps": 2, "largest": 10.0}}


def unet(stage: str, seed: int, residual_scale: float = 0.5) -> MotionDreamerUNet:
    torch.manual_seed(seed)
    out = denoised_channels(stage, LATENTS, REPRESENTATION)
    made = build_unet(
        LAYOUT,
        out + known_channels(stage, LATENTS, REPRESENTATION),
        out,
        prediction="v" if stage == "2" else "x0",
        residual_scale=residual_scale,
        first=stage != "2",
    )
    _undo_zeros(made)
    return made.eval()


def _undo_zeros(made: Any) -> None:
    """Networks begin by handing on what they are given: then nothing would tell whether they are asked."""
    layers = [made.conv_out, made.camera_encoder[-1]]
    if made.first_encoder is not None:
        layers += list(made.first_encoder.added)
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.05)


def small_clip(count: int) -> MotionClip:
    """A small square slides before a still background; the camera is known."""
    time = np.arange(count)[:, None]
    background = Layer((-999, -999, 999, 999), 0.0 * time, np.ones(count), waves((70, 110, 160), 24, 1), 10.0)
    square = Layer((14, 14, 30, 30), time * [3.3, 0.6], np.ones(count), waves((190, 80, 60), 16, 2), 5.0)
    intrinsics = np.array([[60.0, 0, 32], [0, 60.0, 24], [0, 0, 1]])
    return replace(
        make_clip([background, square], 48, 64),
        intrinsics=np.tile(intrinsics, (count, 1, 1)),
        camera_to_world=np.tile(np.eye(4), (count, 1, 1)),
    )


def pipeline(clip: MotionClip) -> MotionDreamerPipeline:
    """Both stages, with autoencoders that `clip` goes through well."""
    known = conditions_of(clip, LAYOUT.size, LAYOUT.factor)
    torch.manual_seed(0)
    vae = PatchAutoencoder(LATENTS, LAYOUT.factor, blocks=0)
    vae.fit(torch.from_numpy(known.hint).permute(0, 3, 1, 2).float() / 127.5 - 1)
    return MotionDreamerPipeline(
        vae=vae.eval(),
        image_encoder=build_image_encoder(LAYOUT, LATENTS).eval(),
        stage_one=unet("1", 1),
        stage_two=unet("2", 2),
        representation_autoencoder=fitted_autoencoder(
            torch.from_numpy(known.pictures()), LAYOUT.factor, REPRESENTATION
        ).eval(),
        suits=SUITS,
    )


def save_model(folder: Path, clip: MotionClip) -> Path:
    """The folder of a whole model."""
    pipeline(clip).save_pretrained(folder)
    return folder
