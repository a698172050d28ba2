"""Starting from Stable Video Diffusion: its weights in a network with more inputs, which gives just what it gave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.network import MotionDreamerUNet
from simcraft.generate.motioncraft.checkpoints import find_checkpoint

_CLASS = "UNetSpatioTemporalConditionModel"
_ADDED = ("first_encoder.", "camera_encoder.")
"""What the names of layers begin with that the base has not."""


def from_svd(
    model: str | Path,
    in_channels: int,
    out_channels: int,
    *,
    places: Sequence[int] | None = None,
    hub: bool = False,
    **more: Any,
) -> MotionDreamerUNet:
    """A network with the weights of a pretrained one, which gives the same for the same before it is trained on.

    Whatever it sees beyond the base's input it begins to see with weights of zero, and what it gives beyond the base's
    output begins as zero.

    Parameters
    ----------
    model: a folder in the layout of `stabilityai/stable-video-diffusion-img2vid`, or that name itself with `hub`.
    in_channels, out_channels: of the new network, at least those of the base.
    places: which of the `in_channels` are the base's (noisy latents, then the first frame's), in its order; by default
        the first ones. The base's output channels are always the first ones.
    hub: may it be downloaded?
    more: `first_channels`, `first_factor`, `camera_channels`, `prediction`, `residual_scale` of `MotionDreamerUNet`.

    Weights are float32, whatever precision they are stored in. Raises `UserError` for what is missing, pickled, of
    another layout, or has more channels.
    """
    folder = _folder(str(model), hub)
    config = _config(folder)
    places = range(config["in_channels"]) if places is None else places
    _check_channels(config, in_channels, out_channels, places)
    unet = MotionDreamerUNet(**{**config, "in_channels": in_channels, "out_channels": out_channels, **more})
    _copy_weights(unet, _weight_files(folder), places)
    return unet


def _folder(model: str, hub: bool) -> Path:
    """unet/ of the checkpoint."""
    checkpoint = find_checkpoint(model, hub=hub)
    if checkpoint.file is not None:
        raise UserError(
            f"{model} is a single file.", "Give a folder in diffusers' layout, with unet/config.json and its weights."
        )
    if checkpoint.folder is not None:
        return checkpoint.folder / "unet"
    from huggingface_hub import snapshot_download

    try:
        return (
            Path(snapshot_download(checkpoint.name, allow_patterns=["unet/config.json", "unet/*.safetensors"])) / "unet"
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{model}' could not be downloaded from the hub.",
            "Is the network up, and is the name right? A folder works without a network.",
        ) from error


def _config(folder: Path) -> dict[str, Any]:
    """The base's arguments; `UserError` where it is another network."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder} has no readable config.json ({error}).", "Give a whole checkpoint.") from None
    if config.get("_class_name") != _CLASS:
        raise UserError(
            f"{folder} holds a {config.get('_class_name')}; expected {_CLASS}.",
            "Give a checkpoint in the layout of stabilityai/stable-video-diffusion-img2vid.",
        )
    return {name: value for name, value in config.items() if not name.startswith("_")}


def _check_channels(config: Mapping[str, Any], in_channels: int, out_channels: int, places: Sequence[int]) -> None:
    if in_channels < config["in_channels"] or out_channels < config["out_channels"]:
        raise UserError(
            f"The base takes {config['in_channels']} channels and gives {config['out_channels']}; "
            f"the new network would take {in_channels} and give {out_channels}.",
            "Ask for as many or more.",
        )
    if len(set(places)) != config["in_channels"] or not set(places) <= set(range(in_channels)):
        raise UserError(
            f"places are {list(places)}; expected {config['in_channels']} different numbers below {in_channels}."
        )


def _weight_files(folder: Path) -> list[Path]:
    """One or several files of full weights; the halved ones where there are no others."""
    files = sorted(folder.glob("diffusion_pytorch_model*.safetensors"))
    if not files:
        raise UserError(
            f"{folder} has no weights in safetensors.",
            'Convert them: python -c "import diffusers; diffusers.'
            f"{_CLASS}.from_pretrained('{folder}', use_safetensors=False).save_pretrained('{folder}')\"",
            ("model",),
        )
    return [file for file in files if ".fp16" not in file.name] or files


@torch.no_grad()
def _copy_weights(unet: MotionDreamerUNet, files: Sequence[Path], places: Sequence[int]) -> None:
    """Tensor by tensor: the published network has 1.5 billion weights, of which two copies may not fit."""
    from safetensors import SafetensorError, safe_open

    left = {name: tensor for name, tensor in unet.state_dict().items() if not name.startswith(_ADDED)}
    for file in files:
        try:
            with safe_open(file, "pt") as weights:
                for name in weights.keys():  # noqa: SIM118
                    _copy(name, weights.get_tensor(name), left, places)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{file} is not a readable safetensors file ({error}).") from None
    if left:
        raise UserError(
            f"{files[0].parent} has no weights '{min(left)}', and {len(left) - 1} more are missing.",
            "Its files and its config.json do not belong together, or one of several files is missing.",
        )


def _copy(name: str, source: torch.Tensor, left: dict[str, torch.Tensor], places: Sequence[int]) -> None:
    """Take `name` out of `left`, and give it the base's weights."""
    target = left.pop(name, None)
    where: Any = ...
    if name == "conv_in.weight":
        where = (slice(None), list(places))
    elif name in ("conv_out.weight", "conv_out.bias"):
        where = slice(len(source))
    if target is None or target[where].shape != source.shape:
        raise UserError(
            f"The base's '{name}' {tuple(source.shape)} have no place in the network of its config.json.",
            "Give a whole checkpoint, as it was published.",
        )
    target.zero_()
    target[where] = source.to(target)
