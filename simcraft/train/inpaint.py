"""Stage "inpaint": a network that is given what the simulation knows, and paints the rest.

The layout is Stable Diffusion's for inpainting, noisy latents, a mask and known latents, and then geometry. The known
latents are those of the frame as the generator `warp` paints it, with its holes filled; the mask says how much of each
cell is filled so, and is not to be trusted. What no warp can know, the network learns from true frames: what was
hidden, shadows, light.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from simcraft.generate.motioncraft.geometry import CHANNELS
from simcraft.train.diffusion import (
    Pair,
    PairStage,
    draw_captions,
    late_timesteps,
    latents_of,
    numbers_of,
    save_model,
    tokens_of,
    warped_latents_of,
)
from simcraft.train.evaluate import paint
from simcraft.train.latents import decode
from simcraft.train.pictures import psnr, save_sheet, spread, to_pictures, to_tensor
from simcraft.train.stage import Batch

SUITS = {"strength": 1.0, "steps": 1, "guidance": 1.0, "attention": "none", "invert": False, "composite": True}
"""Settings of `motioncraft` for the trained model. One step gives the mean of what may be there, which is nearest to
the truth; each further step makes up detail."""
_STEPS = 1
"""Of an evaluation's sampling."""
_NO_GEOMETRY = 0.1
"""Share of batches without it: clips of plain flow have none."""


@dataclass
class InpaintStage(PairStage):
    """All frames of the training clips that have one before them."""

    name: str = "inpaint"
    inpaint = True
    # what is given is nearly the answer: it is handed on at every noise level alike
    prediction = "sample"

    def batch(self, indices: np.ndarray, generator: torch.Generator) -> Batch:
        pairs = [self.pairs[i] for i in indices]
        condition = self._condition(pairs)
        if float(torch.rand((), generator=generator)) < _NO_GEOMETRY:
            condition[:, -CHANNELS:] = 0
        z = self._targets(pairs)[:, None]
        clips = [self.material.data.clips[pair.clip] for pair in pairs]
        return {
            "z": z,
            "noise": torch.randn(z.shape, generator=generator),
            "t": late_timesteps(len(pairs), generator),
            "tokens": tokens_of(self.material, draw_captions(clips, generator)),
            "condition": condition[:, None],
            "attended": torch.tensor([[0]]),
        }

    def evaluate(self, sheet: Path) -> dict[str, float]:
        """Held-out frames painted from pure noise, in dB: where the first frame did not show them, elsewhere, and all.

        "warp" is the picture that the network is given; "composited" is that picture with what decoding the painted
        latents, and not those of the picture, adds to it; "autoencoder" is the true frame, encoded and decoded.
        """
        device = next(self.module.parameters()).device
        chosen = self._newest(24)
        numbers = numbers_of(self.material, chosen)
        condition = self._condition(chosen).to(device)
        new, known = condition.split([1, self.material.layout.latent_channels, CHANNELS], 1)[:2]
        clips = [self.material.data.clips[pair.clip] for pair in chosen]
        captions = [clip.captions[0] if clip.captions else "" for clip in clips]
        painted = paint(self.material, self.module, captions, condition, steps=_STEPS)
        truth = to_tensor(self.material.data.frames[numbers]).to(device)
        warped = to_tensor(self.material.data.warped[numbers]).to(device)
        raw = decode(self.material.autoencoder, painted)
        pictures = {
            "warp": warped,
            "painted": raw,
            "composited": warped + raw - decode(self.material.autoencoder, known),
            "autoencoder": decode(self.material.autoencoder, self._targets(chosen).to(device)),
        }
        mask = functional.interpolate(new, truth.shape[2:], mode="nearest") > 0.5
        figures: dict[str, float] = {}
        for where, pixels in (("new", mask), ("elsewhere", ~mask), ("all", None)):
            figures |= {f"{name}, {where}": psnr(images, truth, pixels) for name, images in pictures.items()}
        shown = {"truth": truth, "new": mask.float().expand_as(truth) * 2 - 1, **pictures}
        save_sheet([(label, to_pictures(images[::3])) for label, images in shown.items()], sheet)
        return figures

    def save(self, out: Path) -> None:
        from diffusers import StableDiffusionInpaintPipeline

        save_model(self.material, self.module, out, SUITS, pipeline=StableDiffusionInpaintPipeline, painted_hint=True)

    def _targets(self, pairs: list[Pair]) -> torch.Tensor:
        return latents_of(self.material, numbers_of(self.material, pairs))

    def _condition(self, pairs: list[Pair]) -> torch.Tensor:
        """(B, 1 + C + 8, h, w): the share of each cell that is new, latents of the warped pictures, geometry."""
        numbers = numbers_of(self.material, pairs)
        new = torch.from_numpy(self.material.data.new[numbers].astype(np.float32) / 255)
        surfaces = torch.from_numpy(self.material.data.geometry[numbers].astype(np.float32))
        return torch.cat([new[:, None], warped_latents_of(self.material, numbers), surfaces], 1)

    def _newest(self, count: int) -> list[Pair]:
        """Held-out frames with the most new content, from as many clips as there are."""
        data = self.material.data
        best: dict[int, tuple[float, Pair]] = {}
        for pair in self.held_out:
            new = float(np.mean(data.new[data.clips[pair.clip].start + pair.frame]))
            if pair.clip not in best or new > best[pair.clip][0]:
                best[pair.clip] = (new, pair)
        newest = list(best.values())
        return [newest[i][1] for i in spread(len(newest), count)]
