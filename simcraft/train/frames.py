"""Stage "unet": the network as MotionCraft uses it, with frames of a clip that attend to each other.

An example is (first, previous, target): any earlier frame of the clip, the one before the target, and the target, under
one noise level and one caption. The first two attend to themselves, which makes them ordinary text-to-image examples;
the target attends to both. In half of the examples the target's noise is the previous one's, carried along by the
motion, since MotionCraft warps the very latents that the previous frame was inverted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from simcraft.generate.motioncraft.attention import pattern_for
from simcraft.generate.motioncraft.warping import to_grid
from simcraft.train.diffusion import (
    PairStage,
    draw_captions,
    draw_timesteps,
    latents_of,
    nothing_added,
    numbers_of,
    places_of,
    save_model,
    tokens_of,
)
from simcraft.train.evaluate import inversion_errors, sample_captions
from simcraft.train.pictures import save_sheet, spread, to_pictures
from simcraft.train.stage import Batch

_ALONE = 0.1
"""Share of batches whose target attends to itself, as in a plain text-to-image model."""
_CARRIED = 0.5
"""Share of targets whose noise moved with the picture."""
SUITS = {"guidance": 2.0}
"""Settings of `motioncraft` for the trained model: it is too small to bear Stable Diffusion's guidance."""
TAUS = (200, 400, 600, 800)
"""Of 1000 timesteps; inversion and back is evaluated for each."""


@dataclass
class FramesStage(PairStage):
    """All frames of the training clips that have one before them."""

    name: str = "unet"
    inpaint = False

    def batch(self, indices: np.ndarray, generator: torch.Generator) -> Batch:
        alone = float(torch.rand((), generator=generator)) < _ALONE
        return self._batch([self.pairs[i] for i in indices], "none" if alone else "both", generator)

    def evaluate(self, sheet: Path) -> dict[str, float]:
        """Losses on held-out clips, inversion and back against tau, and pictures painted from held-out captions."""
        device = next(self.module.parameters()).device
        chosen = [self.held_out[i] for i in spread(len(self.held_out), 24)]
        figures = {}
        for kind in ("both", "none"):
            batch = self._batch(chosen, kind, torch.Generator().manual_seed(0))
            losses = self.module({name: value.to(device) for name, value in batch.items()})
            figures[f"target, attending to {kind}"] = float(losses["target"])
        figures["others"] = float(losses["others"])
        clips = self.material.data.of_training(False)
        few = [clips[i] for i in spread(len(clips), 4)]
        inverted, rows = inversion_errors(self.material, self.module, few, TAUS)
        figures |= inverted
        captions = [clip.captions[0] if clip.captions else "" for clip in (clips[i] for i in spread(len(clips), 8))]
        rows |= {"painted from captions": sample_captions(self.material, self.module, captions)}
        save_sheet([(label, to_pictures(images)) for label, images in rows.items()], sheet)
        return figures

    def save(self, out: Path) -> None:
        save_model(self.material, self.module, out, SUITS)

    def _batch(self, pairs: list[Any], attention: str, generator: torch.Generator) -> Batch:
        data = self.material.data
        clips = [data.clips[pair.clip] for pair in pairs]
        target = numbers_of(self.material, pairs)
        earlier = [int(torch.randint(pair.frame, (), generator=generator)) for pair in pairs]
        first = np.array([clip.start + frame for clip, frame in zip(clips, earlier, strict=True)])
        z = latents_of(self.material, np.stack([first, target - 1, target], 1))
        noise = torch.randn(z.shape, generator=generator)
        carried = torch.rand(len(pairs), generator=generator) < _CARRIED
        places = places_of(data.previous[target])
        moved = carry_noise(noise[:, 1], noise[:, 2], places, torch.from_numpy(np.array(data.previous_seen[target])))
        noise[:, 2] = torch.where(carried[:, None, None, None], moved, noise[:, 2])
        return {
            "z": z,
            "noise": noise,
            "t": draw_timesteps(len(pairs), generator),
            "tokens": tokens_of(self.material, draw_captions(clips, generator)),
            "condition": nothing_added(z),
            "attended": torch.tensor(pattern_for(attention)),
        }


def carry_noise(noise: torch.Tensor, fresh: torch.Tensor, places: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Noise (B, C, h, w) fetched from the nearest cells at `places` (B, h, w, 2); `fresh` where not `seen` (B, h, w).

    The nearest one and no mixture: mixtures of noise have a smaller deviation.
    """
    moved = functional.grid_sample(noise, to_grid(places), mode="nearest", padding_mode="border", align_corners=True)
    return torch.where(seen[:, None], moved, fresh)
