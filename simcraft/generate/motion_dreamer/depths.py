"""The depth of a photo: from an array, from a file, or estimated by a checkpoint in a local folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import read_errors, read_png
from simcraft.clip.formats.exr import read_exr
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.vision_models import check_checkpoint, load_checkpoint

KINDS = ("depth_anything", "dpt", "glpn")
"""Model types of transformers whose numbers are known to be metres, or how near things are up to scale and shift."""
FARTHEST = 10.0
"""How many times as far as the nearest the farthest is taken to be, where only nearness is known."""
_PNG_UNIT = 1e-3
"""Metres a step of a 16-bit PNG, as depth cameras write them."""


def photo_depth(depth: np.ndarray | str | os.PathLike[str], photo: np.ndarray, *, device: Any = "cpu") -> np.ndarray:
    """(H, W) float32: planar z of each pixel of `photo` (H, W, 3), in metres, +inf where nothing is known.

    `depth` is an array of metres, a file that `read_depth` takes, or a folder that `estimate_depth` takes. Raises
    `UserError` where there is no such file, its size is another than the photo's, or it has no depth in it.
    """
    if isinstance(depth, np.ndarray):
        found, what = depth, "The depth"
    elif Path(depth).is_dir():
        return estimate_depth(photo, depth, device=device)
    else:
        found, what = read_depth(depth), f"The depth {depth}"
    if found.ndim != 2 or found.dtype.kind not in "fiu":
        raise UserError(f"{what} is {found.dtype} {found.shape}; expected (H, W) numbers, metres.")
    if found.shape != photo.shape[:2]:
        raise UserError(
            f"{what} has {found.shape[1]}x{found.shape[0]} pixels, but the picture {photo.shape[1]}x{photo.shape[0]}.",
            "Resize it to the picture's size, without mixing near and far: take the nearest pixel.",
        )
    metres = np.where(np.isfinite(found) & (found > 0), found, np.inf).astype(np.float32)
    if not np.isfinite(metres).any():
        raise UserError(f"{what} has no number above 0 in it.", "It should be metres from the camera.")
    return metres


def read_depth(path: str | os.PathLike[str]) -> np.ndarray:
    """The numbers in a file, metres.

    .npy or .npz (its array "depth", or its only one): metres. 16-bit grey PNG: millimetres, 0 where unknown. .exr: the
    layer of depth as Blender or `simcraft` writes it. Raises `UserError` where the file is none of these.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".exr":
        layer = read_exr(path).depth
        if layer is None:
            raise UserError(f"{path} has no layer of depth.", "Switch on the pass Depth (Z) and render it again.")
        return layer
    if kind == ".png":
        pixels = read_png(path)
        if pixels.dtype != np.uint16 or pixels.ndim != 2:
            raise UserError(
                f"{path} is {pixels.dtype} {pixels.shape}; depth is a grey PNG of 16 bits, in millimetres.",
                "Give .npy, .npz or .exr for metres, or the folder of a checkpoint that estimates depth.",
            )
        return pixels.astype(np.float32) * np.float32(_PNG_UNIT)
    if kind not in (".npy", ".npz"):
        raise UserError(
            f"{path} is no file of depth.", "Give .npy, .npz, a 16-bit .png, .exr, or the folder of a checkpoint."
        )
    with read_errors(path, "an array of numpy, without pickles"):
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            names = loaded.files
            if "depth" not in names and len(names) != 1:
                raise UserError(f"{path} has no array 'depth' but {', '.join(names) or 'none'}.", "Call it 'depth'.")
            return loaded["depth" if "depth" in names else names[0]]


def estimate_depth(photo: np.ndarray, folder: str | os.PathLike[str], *, device: Any = "cpu") -> np.ndarray:
    """(H, W) float32: the depth of `photo`, (H, W, 3) uint8, as a network sees it.

    `folder` is a checkpoint of depth estimation in transformers' layout, weights in safetensors: Depth Anything, DPT
    (MiDaS) or GLPN. Where it estimates metres, the result is metres. Where it estimates nearness, the median of the
    result is 1, and the farthest is `FARTHEST` times as far as the nearest: scale and shift are unknown.

    Raises `UserError` for a folder that holds no such checkpoint.
    """
    import torch
    from transformers import AutoModelForDepthEstimation

    config = check_checkpoint(folder, "a network that estimates depth", KINDS)
    model, processor = load_checkpoint(folder, AutoModelForDepthEstimation, device)
    with torch.inference_mode():
        inputs = processor(images=photo, return_tensors="pt").to(device)
        estimate = processor.post_process_depth_estimation(model(**inputs), [photo.shape[:2]])[0]["predicted_depth"]
    values = estimate.float().cpu().numpy()
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        raise UserError(f"{folder} estimates the same depth, or none, everywhere.", "Try another checkpoint.")
    return np.maximum(values, 1e-3, dtype=np.float32) if _estimates_metres(config) else depth_of_nearness(values)


def depth_of_nearness(nearness: np.ndarray) -> np.ndarray:
    """(H, W) float32 of median 1, from numbers that grow linearly with 1 / depth.

    The 1st and 99th percentile are taken for the farthest, `FARTHEST` times as far as the other, and the nearest.
    """
    low, high = np.percentile(nearness, (1, 99))
    level = np.clip((nearness - low) / max(high - low, 1e-12), 0, 1)
    depth = 1 / (1 / FARTHEST + (1 - 1 / FARTHEST) * level)
    return (depth / np.median(depth)).astype(np.float32)


def _estimates_metres(config: dict[str, Any]) -> bool:
    if config["model_type"] == "depth_anything":
        return config.get("depth_estimation_type") == "metric"
    if config["model_type"] == "glpn":
        return True
    # the published DPT heads on DINOv2 were trained on the metres of NYU and KITTI, MiDaS on nearness
    return (config.get("backbone_config") or {}).get("model_type") == "dinov2"
