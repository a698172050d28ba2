"""The instances of a photo: from a painted mask, a folder of masks, or a Segment Anything checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import read_errors, read_png, read_rgb
from simcraft.clip.types import InstanceInfo
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.segmenting import segment
from simcraft.generate.motion_dreamer.vision_models import is_checkpoint
from simcraft.progress import Progress, silent
from simcraft.sim.silhouette import read_mask

Instances = tuple[np.ndarray, tuple[InstanceInfo, ...]]
"""(H, W) uint16, 0 = background, and the names."""

MOST_COLOURS = 255
"""A painted mask with more has no hard edges."""
_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
_PLAIN_COLOURS = {
    0xFF0000: "red",
    0x00FF00: "green",
    0x0000FF: "blue",
    0xFFFF00: "yellow",
    0x00FFFF: "cyan",
    0xFF00FF: "magenta",
    0xFFFFFF: "white",
    0x808080: "grey",
    0xFF8000: "orange",
    0x8000FF: "violet",
}


def photo_instances(
    masks: np.ndarray | str | os.PathLike[str],
    photo: np.ndarray,
    *,
    points: Sequence[tuple[float, float]] = (),
    device: Any = "cpu",
    progress: Progress = silent,
) -> Instances:
    """The instances of a photo.

    Parameters
    ----------
    masks: an array as `painted_instances` takes it, or the path of a painted mask, of a folder of masks
        (`folder_instances`) or of a Segment Anything checkpoint (`segmenting.segment`).
    photo: (H, W, 3) uint8.
    points, device, progress: for Segment Anything.

    Raises `UserError` where there is no such file, its size is another than the photo's, nothing is inside, or there
    are points and no Segment Anything.
    """
    size = (photo.shape[1], photo.shape[0])
    path = None if isinstance(masks, np.ndarray) else Path(masks)
    if path is not None and not path.exists():
        raise UserError(
            f"There are no masks at {path}.",
            "Give a painted PNG, a folder of masks, or the folder of a Segment Anything checkpoint.",
        )
    if path is not None and is_checkpoint(path):
        found = segment(photo, path, points=points, device=device, progress=progress)
        return stacked({str(number): mask for number, mask in enumerate(found, 1)})
    if points:
        raise useless_points()
    if path is None:
        return painted_instances(np.asarray(masks), size)
    return folder_instances(path, size) if path.is_dir() else read_painted(path, size)


def useless_points() -> UserError:
    """That points are given, and nothing that could tell what is there."""
    return UserError(
        "Points ask Segment Anything for what is there, and the masks are no folder of it.",
        "Name the folder of a Segment Anything checkpoint with --masks, or leave the points out.",
        ("masks",),
    )


def read_painted(path: str | os.PathLike[str], size: tuple[int, int]) -> Instances:
    """The instances in a painted PNG, see `painted_instances`; what is transparent belongs to none.

    Raises `UserError` as that does, and for any other kind of file: JPEG changes colours.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UserError(f"{path} is no PNG, and other files may change colours.", "Save the painted mask as PNG.")
    pixels = read_png(path)
    if pixels.ndim == 2 and _has_palette(path):
        pixels = read_rgb(path)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        seen = pixels[..., -1:] > np.iinfo(pixels.dtype).max // 2
        pixels = np.where(seen, pixels[..., :-1], 0).astype(pixels.dtype)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        pixels = _without_edges(pixels)
    elif pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    return painted_instances(pixels, size, f"The mask {path}")


def painted_instances(pixels: np.ndarray, size: tuple[int, int], what: str = "The mask") -> Instances:
    """Each colour is an instance, black is none.

    Parameters
    ----------
    pixels: (H, W, 3) uint8, instances named after their colours ("red", or "#7f00c8"): a colour counts if it fills 2x2
        pixels somewhere; the mixed ones that soft brushes leave along edges go to what is nearest. Or (H, W) unsigned
        numbers, which are the ids themselves.
    size: (width, height) of the photo, which has to be the mask's, too.

    Raises `UserError`, beginning with `what`, for another size, an empty mask and too many colours.
    """
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or pixels.dtype.kind != "u":
        raise UserError(f"{what} is {pixels.dtype} {pixels.shape}; expected (H, W) unsigned or (H, W, 3) uint8.")
    if pixels.shape[:2] != size[::-1]:
        raise UserError(
            f"{what} has {pixels.shape[1]}x{pixels.shape[0]} pixels, but the picture {size[0]}x{size[1]}.",
            "Both should have the same size: draw the mask on a copy of the picture.",
        )
    if not pixels.any():
        raise UserError(f"{what} is empty: it is black throughout.", "Paint each thing in a colour of its own.")
    if pixels.ndim == 2:
        return _numbered(pixels, what)
    codes = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    codes = _without_edges(codes)
    colours = [int(code) for code in np.unique(codes) if code]
    if not colours or len(colours) > MOST_COLOURS:
        raise UserError(
            f"{what} has {len(colours)} colours that fill 2x2 pixels somewhere; expected 1 to {MOST_COLOURS}.",
            "Paint each thing in one colour with a hard brush, and save it as PNG.",
        )
    names = [_PLAIN_COLOURS.get(code, f"#{code:06x}") for code in colours]
    labels = np.searchsorted([0, *colours], codes).astype(np.uint16)
    return labels, tuple(InstanceInfo(number, name) for number, name in enumerate(names, 1))


def folder_instances(folder: str | os.PathLike[str], size: tuple[int, int]) -> Instances:
    """Each picture in `folder` is the mask of an instance, white or opaque inside, and its name is the instance's.

    Where masks overlap the smaller one is in front. Raises `UserError` where there is none, two have the same name,
    or one is empty, full or of another size than the photo.
    """
    folder = Path(folder)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _PICTURES)
    if not files:
        raise UserError(
            f"{folder} has no masks and no checkpoint.",
            "Put a PNG for each instance there, white where it is, or config.json and model.safetensors.",
        )
    masks: dict[str, np.ndarray] = {}
    for file in files:
        if file.stem in masks:
            raise UserError(f"{folder} has two masks called '{file.stem}'.", "Rename or remove one.")
        masks[file.stem] = read_mask(file, size)
    labels, table = stacked(masks)
    if hidden := set(masks) - {info.name for info in table}:
        raise UserError(
            f"The mask '{min(hidden)}' in {folder} lies hidden under smaller ones.", "Remove it, or make it larger."
        )
    return labels, table


def stacked(masks: Mapping[str, np.ndarray]) -> Instances:
    """Named masks, (H, W) bool, as one map of labels 1, 2, ... in their order; the smaller a mask, the more in front.

    One that is hidden by smaller ones is not in the table.
    """
    names, layers = list(masks), list(masks.values())
    labels = np.zeros(layers[0].shape, np.uint16)
    for k in sorted(range(len(layers)), key=lambda k: -np.count_nonzero(layers[k])):
        labels[layers[k]] = k + 1
    return labels, tuple(InstanceInfo(int(k), names[k - 1]) for k in np.unique(labels) if k)


def _numbered(pixels: np.ndarray, what: str) -> Instances:
    """Grey levels are ids; the whitest possible is called white."""
    ids = [int(number) for number in np.unique(pixels) if number]
    if ids[-1] > np.iinfo(np.uint16).max:
        raise UserError(f"{what} has the id {ids[-1]}; ids end at {np.iinfo(np.uint16).max}.")
    white = np.iinfo(pixels.dtype).max
    return pixels.astype(np.uint16), tuple(InstanceInfo(i, "white" if i == white else str(i)) for i in ids)


def _without_edges(codes: np.ndarray) -> np.ndarray:
    """`codes` (H, W), where those that nowhere fill 2x2 pixels are replaced by the nearest that do, or by 0."""
    from scipy.ndimage import distance_transform_edt

    corner = codes[:-1, :-1]
    solid = (corner == codes[1:, :-1]) & (corner == codes[:-1, 1:]) & (corner == codes[1:, 1:])
    counts = np.isin(codes, np.unique(corner[solid]))
    if not counts.any():
        return np.zeros_like(codes)
    row, column = distance_transform_edt(~counts, return_distances=False, return_indices=True)
    return codes[row, column]


def _has_palette(path: Path) -> bool:
    from PIL import Image

    with read_errors(path, "a PNG image"), Image.open(path) as image:
        return image.mode == "P"
