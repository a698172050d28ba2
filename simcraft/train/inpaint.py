"""Stage "inpaint": a network that is given what the simulation knows, and paints the rest.

The layout is Stable Diffusion's for inpainting: noisy latents, a mask (1: to be painted) and the known latents, which
here are the first and the previous frame, warped to the target by the true motion; the mask is what neither of them
saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from simcraft.generate.motioncraft.warping import to_grid
from simcraft.train.diffusion import (
    Pair,
    PairStage,
    draw_captions,
    draw_timesteps,
    latents_of,
    numbers_of,
    places_of,
    save_model,
    tokens_of,
)
from simcraft.train.evaluate import paint
from simcraft.train.latents import decode
from simcraft.train.pictures import psnr, save_sheet, spread, to_pictures, to_tensor
from simcraft.train.stage import Batch

_NOTHING = 0.1
"""Share of examples in which nothing is known: plain text-to-image."""
_FIRST_ONLY, _PREVIOUS_ONLY = 0.25, 0.25
"""Shares in which one frame alone is the source; otherwise the first one, and the previous where that saw nothing."""
_NOISE = 0.2
"""Largest deviation of what is added to the known latents: at use, the previous frame is one that was painted (Ho et
al. 2022, conditioning augmentation)."""
_STEPS = 10
"""Of an evaluation's sampling."""


@dataclass
class InpaintStage(PairStage):
    """All frames of the training clips that have one before them."""

    name: str = "inpaint"
    inpaint = True

    def batch(self, indices: np.ndarray, generator: torch.Generator) -> Batch:
        pairs = [self.pairs[i] for i in indices]
        chance = torch.rand(len(pairs), generator=generator)
        first_only = chance < _FIRST_ONLY
        previous_only = (chance >= _FIRST_ONLY) & (chance < _FIRST_ONLY + _PREVIOUS_ONLY)
        known, new = self._known(pairs, ~previous_only, ~first_only)
        known += (
            _NOISE
            * torch.rand(len(pairs), 1, 1, 1, generator=generator)
            * torch.randn(known.shape, generator=generator)
        )
        new |= (torch.rand(len(pairs), generator=generator) < _NOTHING)[:, None, None, None]
        z = self._targets(pairs)[:, None]
        clips = [self.material.data.clips[pair.clip] for pair in pairs]
        return {
            "z": z,
            "noise": torch.randn(z.shape, generator=generator),
            "t": draw_timesteps(len(pairs), generator),
            "tokens": tokens_of(self.material, draw_captions(clips, generator)),
            "condition": condition_of(known, new)[:, None],
            "attended": torch.tensor([[0]]),
        }

    def evaluate(self, sheet: Path) -> dict[str, float]:
        """Held-out frames painted from first and previous, in dB: what is new, and all; beside the bare warped latents.

        "composited" is the true frame warped in latents wherever it is known, and painted elsewhere.
        """
        device = next(self.module.parameters()).device
        chosen = self._newest(16)
        known, new = self._known(chosen, *torch.ones(2, len(chosen), dtype=torch.bool))
        clips = [self.material.data.clips[pair.clip] for pair in chosen]
        captions = [clip.captions[0] if clip.captions else "" for clip in clips]
        condition = condition_of(known, new).to(device)
        painted = paint(self.material, self.module, captions, condition, steps=_STEPS)
        known, new = known.to(device), new.to(device)
        pictures = {
            "warped": decode(self.material.autoencoder, known),
            "painted": decode(self.material.autoencoder, painted),
            "composited": decode(self.material.autoencoder, torch.where(new, painted, known)),
            "autoencoder": decode(self.material.autoencoder, self._targets(chosen).to(device)),
        }
        truth = to_tensor(self.material.data.frames[numbers_of(self.material, chosen)]).to(device)
        mask = functional.interpolate(new.float(), truth.shape[2:], mode="nearest") > 0
        figures = {f"{name}, new": psnr(images, truth, mask) for name, images in pictures.items()}
        figures |= {f"{name}, all": psnr(images, truth) for name, images in pictures.items()}
        shown = {"truth": truth, "new": mask.float().expand_as(truth) * 2 - 1, **pictures}
        save_sheet([(label, to_pictures(images[:8])) for label, images in shown.items()], sheet)
        return figures

    def save(self, out: Path) -> None:
        from diffusers import StableDiffusionInpaintPipeline

        save_model(self.material, self.module, out, StableDiffusionInpaintPipeline)

    def _targets(self, pairs: list[Pair]) -> torch.Tensor:
        return latents_of(self.material, numbers_of(self.material, pairs))

    def _known(
        self, pairs: list[Pair], by_first: torch.Tensor, by_previous: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Latents (B, C, h, w) warped to each target, from the first frame and, where that saw nothing, the previous.

        And what none of those saw that `by_first` and `by_previous` (B) allow, (B, 1, h, w) bool.
        """
        data, target = self.material.data, numbers_of(self.material, pairs)
        starts = np.array([data.clips[pair.clip].start for pair in pairs])
        first = _warped(latents_of(self.material, starts), places_of(data.first[target]))
        previous = _warped(latents_of(self.material, target - 1), places_of(data.previous[target]))
        first_seen = torch.from_numpy(np.array(data.first_seen[target]))[:, None] & by_first[:, None, None, None]
        previous_seen = torch.from_numpy(np.array(data.previous_seen[target]))[:, None]
        previous_seen = previous_seen & by_previous[:, None, None, None]
        return torch.where(first_seen, first, previous), ~(first_seen | previous_seen)

    def _newest(self, count: int) -> list[Pair]:
        """Held-out frames with the most new content, from as many clips as there are."""
        data = self.material.data
        best: dict[int, tuple[float, Pair]] = {}
        for pair in self.held_out:
            number = data.clips[pair.clip].start + pair.frame
            new = float(np.mean(~(data.previous_seen[number] | data.first_seen[number])))
            if pair.clip not in best or new > best[pair.clip][0]:
                best[pair.clip] = (new, pair)
        newest = list(best.values())
        return [newest[i][1] for i in spread(len(newest), count)]


def condition_of(known: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    """(B, 1 + C, h, w): the mask, then the known latents, 0 where they are not known."""
    return torch.cat([new.float(), known * ~new], 1)


def _warped(z: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return functional.grid_sample(z, to_grid(places), mode="bilinear", padding_mode="border", align_corners=True)
