"""The clip's motion at the resolution of latents, and latents moved along it.

Places are in latent cells: x to the right, y down, the centre of the cell in column i at i + 0.5. Grids are places as
`torch.nn.functional.grid_sample(align_corners=True)` takes them, -1 and 1 being the centres of the outermost cells;
that is also how the published flows are stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.correspondence import flow_between, frame_labels, pixel_centres, seen_in

MODES = ("nearest", "bilinear", "bicubic", "splat")
"""Backward warps by interpolation, and forward softmax splatting."""
_THICKER = 0.25
"""Change of a volume's alpha from which what a cell shows counts as new: smoke that has come or gone."""


@dataclass(frozen=True)
class LatentMotion:
    """Where the cells of one frame were in the frame before it."""

    places: np.ndarray
    """(h, w, 2) float32, cells of the frame before."""
    new: np.ndarray
    """(h, w) bool: most of the cell is not seen in the frame before."""
    labels: np.ndarray
    """(h, w) uint16, the instance that fills most of the cell; 0 everywhere where the clip does not tell them apart."""


def latent_motion(clip: MotionClip, t: int, size: tuple[int, int]) -> LatentMotion:
    """Motion of frame `t` >= 1 back to frame t - 1, for latents of `size` (w, h).

    A cell moves like the larger part of those of its pixels that are seen in both frames (the median, per axis): the
    mean of an object's motion and its background's would be nobody's motion.
    """
    height, width = clip.image.shape[:2]
    cell = np.array([width, height]) / size
    seen = cell_samples(seen_in(clip, t, t - 1), size)
    flow = cell_samples(flow_between(clip, t, t - 1), size)
    known = np.where(seen.any(-1, keepdims=True), seen, True)[..., None]
    places = pixel_centres(size[1], size[0]) + _nanmedian(flow, known) / cell
    new = seen.mean(-1) < 0.5
    if clip.coverage is not None:
        new |= _smoke_changed(clip, t, size)
    return LatentMotion(places.astype(np.float32), new, cell_labels(clip, t, size))


def first_places(clip: MotionClip, t: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where the cells of frame `t` were in the first frame, (h, w, 2), and which were seen there, (h, w) bool.

    Nothing is seen there where the clip does not know its correspondence with the first frame.
    """
    centres = pixel_centres(size[1], size[0]).astype(np.float32)
    if clip.to_first is None or clip.to_first_visible is None:
        return centres, np.zeros(centres.shape[:2], bool)
    height, width = clip.image.shape[:2]
    seen = cell_samples(np.asarray(clip.to_first_visible[t]), size)
    offset = cell_samples(np.asarray(clip.to_first[t]) - pixel_centres(height, width), size)
    known = np.where(seen.any(-1, keepdims=True), seen, True)[..., None]
    moved = _nanmedian(np.nan_to_num(offset), known) / (np.array([width, height]) / size)
    places = centres + moved
    return places.astype(np.float32), seen.mean(-1) >= 0.5


def forward_motion(clip: MotionClip, t: int, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """For splatting frame t - 1 into frame `t`: flow (1, 2, h, w) in cells, NaN where nothing goes on, and importance.

    Importance (1, 1, h, w) is minus the depth in metres, so that the nearer cell wins; 0 where there is no depth.
    """
    height, width = clip.image.shape[:2]
    seen = cell_samples(seen_in(clip, t - 1, t), size)
    flow = cell_samples(flow_between(clip, t - 1, t), size)
    known = np.where(seen.any(-1, keepdims=True), seen, True)[..., None]
    moved = _nanmedian(flow, known) / (np.array([width, height]) / size)
    moved[seen.mean(-1) < 0.5] = np.nan
    if clip.depth is None:
        depth = np.zeros((size[1], size[0]))
    else:
        depth = np.median(cell_samples(np.asarray(clip.depth[t - 1]), size), -1)
    return _channels_first(moved), torch.from_numpy(-depth.astype(np.float32))[None, None]


def cell_samples(field: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, k, ...) the values of an (H, W, ...) field in each cell: all its pixels where sizes divide."""
    height, width = field.shape[:2]
    rows, columns = _spread(height, size[1]), _spread(width, size[0])
    block = field[rows[:, None, :, None], columns[None, :, None, :]]
    return block.reshape(size[1], size[0], rows.shape[1] * columns.shape[1], *field.shape[2:])


def cell_labels(clip: MotionClip, t: int, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint16, the most frequent label of each cell (of equals, the smaller)."""
    return most_frequent(cell_samples(frame_labels(clip, t), size))


def most_frequent(samples: np.ndarray) -> np.ndarray:
    """(...) the value that occurs most often among (..., k) samples; of equals, the smaller."""
    ordered = np.sort(samples, axis=-1)
    places = np.arange(ordered.shape[-1])
    begins = np.ones(ordered.shape, bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    run = places - np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    return np.take_along_axis(ordered, run.argmax(-1)[..., None], -1)[..., 0]


def share_of_cells(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) float32, 0 to 1: how much of each cell an (H, W) bool `mask` covers."""
    return cell_samples(mask, size).mean(-1, dtype=np.float32)


def to_grid(places: torch.Tensor) -> torch.Tensor:
    """Places (..., h, w, 2) in cells as a grid; see the module's head."""
    height, width = places.shape[-3:-1]
    return 2 * (places - 0.5) / places.new_tensor([max(width - 1, 1), max(height - 1, 1)]) - 1


def from_grid(grid: torch.Tensor) -> torch.Tensor:
    """The inverse of `to_grid`."""
    height, width = grid.shape[-3:-1]
    return (grid + 1) / 2 * grid.new_tensor([width - 1, height - 1]) + 0.5


def warp_latents(z: torch.Tensor, grid: torch.Tensor, mode: str = "nearest") -> torch.Tensor:
    """Latents (1, C, h, w) fetched at a grid (h, w, 2): "nearest", "bilinear" or "bicubic"; reflected outside."""
    if mode not in MODES[:3]:
        raise UserError(f"warp is {mode!r}.", f"Choose from: {', '.join(MODES)}.")
    grid = grid.to(z.device, z.dtype)[None]
    return functional.grid_sample(z, grid, mode=mode, padding_mode="reflection", align_corners=True)


def carry(places: torch.Tensor, remainder: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole cells to fetch from, with what nearest warping drops kept for later frames.

    Parameters
    ----------
    places: (h, w, 2) cells of the frame before.
    remainder: (h, w, 2) cells: the content of a cell of the frame before truly belongs this far from its centre.

    Returns centres of cells to fetch from, (h, w, 2), and the new remainder. Motion of a quarter of a cell a frame so
    becomes a step of a whole one every fourth frame; without this it would vanish.
    """
    limit = places.new_tensor([places.shape[1] - 1, places.shape[0] - 1])
    cell = (places.floor()).clamp(places.new_zeros(2), limit).long()
    better = places - remainder[cell[..., 1], cell[..., 0]]
    cell = better.floor().clamp(places.new_zeros(2), limit).long()
    centre = cell + 0.5
    error = centre + remainder[cell[..., 1], cell[..., 0]] - places
    # places beyond the border have nothing to fetch: that is no remainder to be made up for
    return centre, error.clamp(-1, 1)


def splat_latents(z: torch.Tensor, flow: torch.Tensor, importance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents (1, C, h, w) thrown forward along `forward_motion`; and (h, w) bool, where anything arrived."""
    from simcraft.observe.warp import softmax_splat

    flow, importance = flow.to(z.device, z.dtype), importance.to(z.device, z.dtype)
    thrown = softmax_splat(torch.cat([z, torch.ones_like(z[:, :1])], 1), flow, importance)
    return thrown[:, :-1], thrown[0, -1] > 0.5


def spatial_eta(new: np.ndarray | torch.Tensor, eta: float, elsewhere: float = 0.0) -> torch.Tensor:
    """(1, 1, h, w) float32: `eta` where content is new, so that it is sampled anew, `elsewhere` in all other cells."""
    mask = torch.as_tensor(new)
    return torch.where(mask, eta, elsewhere)[None, None].float()


def nearest_known(known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(h, w, 2) cell centres to fill unknown cells from: the nearest known cell of the same instance, else of any.

    Known cells point to themselves. With nothing known at all every cell does.
    """
    from scipy.ndimage import distance_transform_edt

    height, width = known.shape
    places = pixel_centres(height, width)
    if not known.any():
        return places
    for label in [None, *np.unique(labels[~known])]:
        source = known if label is None else known & (labels == label)
        if source.any():
            rows, columns = distance_transform_edt(~source, return_distances=False, return_indices=True)
            mine = ~known if label is None else ~known & (labels == label)
            places[mine] = np.stack([columns, rows], -1)[mine] + 0.5
    return places


def _spread(pixels: int, cells: int) -> np.ndarray:
    """(cells, k) pixel indices: k evenly spread points of each cell, one a pixel where sizes divide."""
    k = max(1, -(-pixels // cells))
    points = (np.arange(cells)[:, None] + (np.arange(k) + 0.5) / k) * pixels / cells
    return np.minimum(points.astype(np.int64), pixels - 1)


def _nanmedian(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, 2) median over the known ones of (h, w, k, 2) values."""
    return np.nanmedian(np.where(known, values, np.nan), axis=2)


def _smoke_changed(clip: MotionClip, t: int, size: tuple[int, int]) -> np.ndarray:
    """(h, w) bool: the alpha of the volumes differs from the one at the same surface or puff a frame ago."""
    assert clip.coverage is not None
    height, width = clip.image.shape[:2]
    there = (pixel_centres(height, width) + flow_between(clip, t, t - 1)).astype(np.int64)
    x, y = there[..., 0].clip(0, width - 1), there[..., 1].clip(0, height - 1)
    change = np.abs(np.asarray(clip.coverage[t]) - np.asarray(clip.coverage[t - 1])[y, x])
    return np.asarray(cell_samples(change, size).mean(-1) > _THICKER)


def _channels_first(flow: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(flow.astype(np.float32)).permute(2, 0, 1)[None]
