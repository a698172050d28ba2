"""The parts of Motion Dreamer that are not trained: autoencoders of frames and of R, and the image encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simcraft.errors import UserError
from simcraft.generate.embedded import embedded_model
from simcraft.generate.motion_dreamer.autoencoders import fitted_autoencoder
from simcraft.generate.motion_dreamer.embedding import PooledImageEncoder
from simcraft.generate.motion_dreamer.layouts import Layout, build_image_encoder
from simcraft.generate.motion_dreamer.palette import palette
from simcraft.generate.motion_dreamer.pictures import to_pictures
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.export import load_autoencoder, load_part
from simcraft.train.latents import digest_of
from simcraft.train.pictures import spread

_FITTED = 64
"""Clips, spread over all, that R's latents are fitted to."""


@dataclass(frozen=True)
class Parts:
    """Frozen, in float32, all on one device."""

    vae: Any
    """Of frames, a `PatchAutoencoder`."""
    representation: Any
    """Of R's pictures, likewise."""
    image_encoder: Any

    def to(self, device: Any) -> Parts:
        """All on another device."""
        return Parts(*(part.to(device) for part in (self.vae, self.representation, self.image_encoder)))

    @property
    def channels(self) -> tuple[int, int]:
        """Of latents of frames, and of R."""
        return self.vae.config.latent_channels, self.representation.config.latent_channels

    def identity(self) -> dict[str, str]:
        """JSON values: what a run cannot change on its way."""
        return {
            "encoder": digest_of(self.vae.encoder),
            "representation": digest_of(self.representation),
            "image_encoder": digest_of(self.image_encoder),
        }

    def frames(self, frames: torch.Tensor) -> torch.Tensor:
        """(..., C, h, w) latents of uint8 frames (..., H, W, 3)."""
        pictures = frames.flatten(0, -4).permute(0, 3, 1, 2).float() / 127.5 - 1
        latents = self.vae.encode(pictures).latents * self.vae.config.scaling_factor
        return latents.unflatten(0, frames.shape[:-3])

    def pictures(self, latents: torch.Tensor) -> torch.Tensor:
        """(..., 3, H, W) pictures, -1 to 1, of latents (..., C, h, w) of frames."""
        pictures = self.vae.decode(latents.flatten(0, -4) / self.vae.config.scaling_factor).sample
        return pictures.unflatten(0, latents.shape[:-3])

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        """(..., R, h, w) latents of R's pictures (..., 6, H, W)."""
        return self.representation.encode(pictures.flatten(0, -4)).latents.unflatten(0, pictures.shape[:-3])

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """(..., 6, H, W), the inverse of `encode`."""
        return self.representation.decode(latents.flatten(0, -4)).sample.unflatten(0, latents.shape[:-3])


def load_parts(data: PreparedDreamer, layout: Layout, out: Path, autoencoder: Path | None) -> Parts:
    """The parts that the model in `out` has already, and the others as they follow from the data.

    What one stage has been trained with has to be there for the others, too: these parts are never changed.

    Parameters
    ----------
    autoencoder: folder of the frames' autoencoder; by default OUT/vae, or that of the embedded image model.

    Raises `UserError` where there is no autoencoder, or it has other cells than the layout, and where the model has
    another one, or its image encoder has another size than the layout's.
    """
    from simcraft.generate.patch_autoencoder import PatchAutoencoder

    vae = _frames_autoencoder(out / "vae", autoencoder)
    if vae.config.patch != layout.factor:
        raise UserError(f"The autoencoder has cells of {vae.config.patch} pixels; the layout has {layout.factor}.")
    place = out / "representation_autoencoder"
    if place.is_dir():
        representation = load_part(place, PatchAutoencoder)
    else:
        representation = fitted_autoencoder(fitting_pictures(data), layout.factor)
    image_encoder = _image_encoder(out / "image_encoder", layout, vae.config.latent_channels)
    return Parts(*(_as_stored(part) for part in (vae, representation, image_encoder)))


def _as_stored(part: Any) -> Any:
    """In the precision of files, so that it makes no difference whether a part has been in one."""
    return part.half().float().eval().requires_grad_(False)


def _frames_autoencoder(own: Path, given: Path | None) -> Any:
    """The one in the folder `given`, else the model's `own`, else that of the embedded image model."""
    if given is None:
        return load_autoencoder(own if own.is_dir() else embedded_model() / "vae")
    found = _as_stored(load_autoencoder(given))
    # its decoder may be a better one: what is trained sees latents
    if own.is_dir() and digest_of(found.encoder) != digest_of(_as_stored(load_autoencoder(own)).encoder):
        raise UserError(
            f"{given} is another autoencoder than {own}, which the model's stages share.",
            "Leave out --autoencoder, or name another folder with -o.",
        )
    return found


def _image_encoder(own: Path, layout: Layout, latents: int) -> Any:
    """The model's `own`, or a fresh one."""
    if not own.is_dir():
        with torch.random.fork_rng(devices=[]):
            # never trained, as CLIP in its place is not
            torch.manual_seed(0)
            return build_image_encoder(layout, latents)
    found = load_part(own, PooledImageEncoder)
    sizes = tuple(found.config[name] for name in ("latent_channels", "width", "cells"))
    wanted = (latents, layout.width, layout.tokens)
    if sizes != wanted:
        raise UserError(
            f"{own} has latent channels, width and squares a side of {sizes}; the layout has {wanted}.",
            "Choose the layout that the model's other stages have, or name another folder with -o.",
        )
    return found


def fitting_pictures(data: PreparedDreamer) -> torch.Tensor:
    """(N, 6, H, W) pictures of R, of training clips, in colours drawn at random."""
    clips, rng = data.of_training(True), np.random.default_rng(0)
    chosen = [data.representation(clips[i], decodable=True) for i in spread(len(clips), _FITTED)]
    pictures = [to_pictures(each, palette(len(each.ids), rng)) for each in chosen]
    return torch.from_numpy(np.concatenate(pictures))
