"""The latents of all prepared frames, computed once by the autoencoder that the other stages stand on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from simcraft.clip.files import complete_file
from simcraft.progress import Progress, silent, track
from simcraft.train.pictures import to_tensor
from simcraft.train.prepared import PreparedSet, map_array

_BATCH = 16


def digest_of(module: torch.nn.Module) -> str:
    """Twelve hexadecimal digits of SHA-256 of the weights, by name."""
    total = hashlib.sha256()
    for name, weight in sorted(module.state_dict().items()):
        total.update(name.encode() + weight.detach().float().cpu().numpy().tobytes())
    return total.hexdigest()[:12]


def ensure_latents(
    data: PreparedSet, autoencoder: Any, of: str = "frames", *, progress: Progress = silent
) -> np.ndarray:
    """(F, C, h, w) float16, of deviation about one; read from the prepared folder, or computed into it.

    They are encode(x) times the autoencoder's `scaling_factor`, as Stable Diffusion has them, of the true "frames" or
    of the "warped" ones.
    """
    pictures = getattr(data, of)
    count, (width, height) = len(pictures), data.cells
    shape = (count, autoencoder.config.latent_channels, height, width)
    path = data.folder / f"{of}-latents-{digest_of(autoencoder.encoder)}.bin"
    if not path.exists():
        device = next(autoencoder.parameters()).device
        starts = range(0, count, _BATCH)
        with complete_file(path) as temporary, temporary.open("wb") as file, torch.no_grad():
            for start in track(starts, f"latents of {of}", len(starts), progress):
                picture = to_tensor(pictures[start : start + _BATCH]).to(device)
                z = autoencoder.encode(picture).latents * autoencoder.config.scaling_factor
                file.write(z.half().cpu().numpy().tobytes())
    return map_array(path, shape, np.float16)


def decode(autoencoder: Any, z: torch.Tensor) -> torch.Tensor:
    """Pictures (B, 3, H, W), -1 to 1, of latents as `ensure_latents` gives them."""
    return autoencoder.decode(z / autoencoder.config.scaling_factor).sample
