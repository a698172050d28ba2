"""What a Segment Anything checkpoint sees in a photo (Kirillov et al., arXiv 2304.02643)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.vision_models import check_checkpoint, load_checkpoint
from simcraft.progress import Progress, silent, track

if TYPE_CHECKING:
    import torch
    from transformers import SamModel

KINDS = ("sam",)
"""Model types of transformers. Those of the later versions need torchvision."""

GRID = 32
"""Points asked for along either side, where the whole picture is segmented (paper, appendix B)."""
_POINTS_AT_ONCE = 32
_LEAST_SCORE, _LEAST_STABILITY, _STABILITY_OFFSET = 0.88, 0.95, 1.0
"""A mask counts if the network expects so much overlap with the truth, and if raising and lowering its logits by the
offset leaves so much overlap (as in the published generator of masks)."""
_SAME = 0.7
"""Overlap (intersection over union) above which two masks are one."""
_PART = 0.9
"""A mask of which so much lies in a larger one is a part of it."""
_BACKDROP = 0.5
"""What covers more of the picture is no thing with parts."""
_SPECK = 2e-4
"""Share of the picture below which a mask is noise."""


def segment(
    photo: np.ndarray,
    folder: str | os.PathLike[str],
    *,
    points: Sequence[tuple[float, float]] = (),
    device: Any = "cpu",
    progress: Progress = silent,
) -> list[np.ndarray]:
    """Masks, (H, W) bool, of the things in `photo`, (H, W, 3) uint8, the largest first.

    Parameters
    ----------
    folder: a Segment Anything checkpoint in transformers' layout, weights in safetensors.
    points: (x, y) pixels: one mask for the thing at each; two points on one thing give one mask. Without points all
        things are looked for, as wholes: a mask that is part of another does not count.

    Raises `UserError` for a folder that holds no such checkpoint, and where nothing is found.
    """
    import torch
    from transformers import SamModel

    check_checkpoint(folder, "a Segment Anything model", KINDS)
    model, processor = load_checkpoint(folder, SamModel, device)
    height, width = photo.shape[:2]
    asked = np.array(points, np.float64) if len(points) else _grid(width, height)
    with torch.inference_mode():
        inputs = processor(images=photo, return_tensors="pt")
        seen = inputs["reshaped_input_sizes"][0].tolist()
        # in the picture that the network sees, where the centre of the first pixel is 0
        prompts = asked * [seen[1] / width, seen[0] / height] - 0.5
        logits, scores = _answers(model, inputs, prompts, bool(len(points)), progress)
        masks = _without_padding(logits, inputs) > 0
        chosen = distinct(masks, scores)
        if not len(points):
            chosen = chosen[wholes(masks[chosen])]
        if not len(chosen):
            raise UserError(
                f"The checkpoint {folder} finds nothing in the picture.",
                "Paint a mask instead: each thing in a colour of its own, the rest black.",
            )
        found = processor.post_process_masks(
            [logits[chosen][:, None]], inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )
    layers = [layer.numpy().astype(bool) for layer in found[0][:, 0]]
    return sorted((layer for layer in layers if layer.any()), key=lambda layer: -np.count_nonzero(layer))


def _grid(width: int, height: int) -> np.ndarray:
    """(GRID * GRID, 2) points, spread evenly over a picture of so many pixels."""
    steps = (np.arange(GRID) + 0.5) / GRID
    return np.stack(np.meshgrid(steps * width, steps * height), -1).reshape(-1, 2)


def _answers(
    model: SamModel, inputs: Any, prompts: np.ndarray, every: bool, progress: Progress
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network answers to `prompts` (N, 2), on the CPU: logits (K, h, w) of masks, and their scores (K,).

    For each point there are three masks: a part, the thing, a group. With `every` the best one is kept for each point,
    otherwise all that are good, in the published generator's terms.
    """
    import torch

    pixels = inputs["pixel_values"].to(model.device)
    embedding = model.get_image_embeddings(pixels)
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []
    parts = np.array_split(prompts, -(-len(prompts) // _POINTS_AT_ONCE))
    for part in track(parts, "segment", len(parts), progress):
        places = torch.tensor(part, dtype=pixels.dtype, device=model.device)[None, :, None]
        answer = model(image_embeddings=embedding, input_points=places)
        logits, scores = answer.pred_masks[0].float().cpu(), answer.iou_scores[0].float().cpu()
        seen, scale = _without_padding(logits, inputs), logits.shape[-1] / max(pixels.shape[-2:])
        chosen = best_at(seen, scores, (part + 0.5) * scale) if every else stable(seen, scores)
        kept.append((logits[chosen], scores[chosen]))
    return torch.cat([logits for logits, _ in kept]), torch.cat([scores for _, scores in kept])


def _without_padding(logits: torch.Tensor, inputs: Any) -> torch.Tensor:
    """The part of (..., h, w) that shows the picture: below and on the right the network pads pictures to squares."""
    scale = logits.shape[-1] / max(inputs["pixel_values"].shape[-2:])
    rows, columns = (math.ceil(side * scale) for side in inputs["reshaped_input_sizes"][0].tolist())
    return logits[..., :rows, :columns]


def best_at(logits: torch.Tensor, scores: torch.Tensor, points: np.ndarray) -> torch.Tensor:
    """(N, 3) bool, one a point: of its three masks (N, 3, h, w) that hold `points` (N, 2) the one of the best score.

    Where none holds its point it is the best of all three. `points` are (x, y) in pixels of the masks.
    """
    import torch

    height, width = logits.shape[-2:]
    column, row = (torch.tensor(np.floor(points[:, axis])).long() for axis in (0, 1))
    row, column = row.clamp(0, height - 1), column.clamp(0, width - 1)
    holds = logits[torch.arange(len(points)), :, row, column] > 0
    best = torch.where(holds, scores + 1e3, scores).argmax(1, keepdim=True)
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(1, best, True)


def stable(logits: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """(N, 3) bool: masks (N, 3, h, w) that the network is sure of, that have a clear outline, and are no specks."""
    high = (logits > _STABILITY_OFFSET).sum((-1, -2))
    low = (logits > -_STABILITY_OFFSET).sum((-1, -2))
    enough = (logits > 0).sum((-1, -2)) >= _SPECK * logits.shape[-1] * logits.shape[-2]
    return (scores > _LEAST_SCORE) & (high > _LEAST_STABILITY * low) & enough


def distinct(masks: torch.Tensor, scores: torch.Tensor) -> np.ndarray:
    """Indices of masks (K, h, w) bool, the best score (K,) first, without those that show what a better one shows."""
    order = np.argsort(-scores.numpy(), kind="stable")
    flat = masks.flatten(1).numpy()
    kept: list[int] = []
    for k in order:
        mask = flat[k]
        if mask.any() and all((mask & flat[j]).sum() <= _SAME * (mask | flat[j]).sum() for j in kept):
            kept.append(int(k))
    return np.array(kept, np.int64)


def wholes(masks: torch.Tensor) -> np.ndarray:
    """Indices of masks (K, h, w) bool that are no part of another; what covers half the picture has no parts."""
    flat = masks.flatten(1).numpy()
    sizes = flat.sum(1)
    things = [j for j in range(len(flat)) if sizes[j] < _BACKDROP * flat.shape[1]]
    is_part = [
        any(sizes[j] > sizes[k] and (flat[k] & flat[j]).sum() >= _PART * sizes[k] for j in things)
        for k in range(len(flat))
    ]
    return np.flatnonzero(~np.array(is_part, bool))
