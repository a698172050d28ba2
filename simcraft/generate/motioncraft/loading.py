"""Loading a checkpoint: a folder, a single .safetensors file, or, only when asked for, a hub. Never a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.generate.motioncraft.checkpoints import find_checkpoint
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from simcraft.generate.placing import device_of, dtype_of, first_line, placed, quiet_libraries


def load_pipeline(
    model: str | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    offload: str = "none",
    hub: bool = False,
    config: str | None = None,
    compiled: bool = False,
) -> MotionCraftPipeline:
    """The pipeline for a checkpoint, ready on its device.

    Parameters
    ----------
    model: what `checkpoints.find_checkpoint` takes: a folder, a .safetensors file, an embedded model's name, an
        "organisation/name" of the hub; None is the embedded model.
    device: "auto" (a GPU where there is one) or a torch device.
    dtype: "auto" (float32 on a CPU, bfloat16 or float16 on a GPU) or one of `placing.DTYPES`.
    offload: one of `placing.OFFLOADS`.
    hub: may anything be downloaded? Nothing is otherwise.
    config: for a single file without the hub, a folder of its family in diffusers' layout (of which only the
        configuration and the tokenizer are read).
    compiled: compile the UNet, when it is first used: minutes, after which each step is faster.

    Raises `UserError` for what is missing, unknown, or pickled.
    """
    checkpoint = find_checkpoint(model, hub=hub, config=config)
    where = device_of(device)
    kind = dtype_of(dtype, where)
    with quiet_libraries():
        if checkpoint.folder is not None:
            pipeline = _from_folder(checkpoint.folder, kind)
        elif checkpoint.file is not None:
            pipeline = _from_file(checkpoint.file, kind, hub, config)
        else:
            pipeline = _from_hub(checkpoint.name, kind)
    pipeline.set_progress_bar_config(disable=True)
    pipeline = placed(pipeline, where, offload, ("unet", "vae"))
    if compiled:
        # whole: what attention remembers of other frames is an argument of the graph, and breaks it nowhere
        pipeline.unet.compile(fullgraph=True)
    return pipeline


def _from_folder(folder: Path, dtype: torch.dtype) -> MotionCraftPipeline:
    try:
        return MotionCraftPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{folder} is not a complete Stable Diffusion checkpoint ({first_line(error)}).",
            "It needs vae, text_encoder, tokenizer, unet and scheduler, in safetensors.",
        ) from error


def _from_file(path: Path, dtype: torch.dtype, hub: bool, config: str | None) -> MotionCraftPipeline:
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as weights:
            large = any(key.startswith("conditioner.embedders.1.") for key in weights.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({first_line(error)}).") from None
    family = StableDiffusionXLPipeline if large else StableDiffusionPipeline
    try:
        loaded = family.from_single_file(
            str(path), dtype=dtype, config=config, local_files_only=not hub, **({} if large else _UNCHECKED)
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(
            f"{path} could not be read as a Stable Diffusion checkpoint ({first_line(error)}).",
            "Is the configuration that of its family (1.x, 2.x or XL)?",
        ) from error
    parts = ("vae", "text_encoder", "tokenizer", "unet", "scheduler", "text_encoder_2", "tokenizer_2")
    components: dict[str, Any] = {name: getattr(loaded, name, None) for name in parts}
    return MotionCraftPipeline(**components)


_UNCHECKED = {"safety_checker": None}


def _from_hub(model: str, dtype: torch.dtype) -> MotionCraftPipeline:
    try:
        return MotionCraftPipeline.from_pretrained(model, dtype=dtype)
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{model}' could not be loaded from the hub.",
            "Is the network up, is the name right, and are its weights safetensors? A folder works without a network.",
        ) from error
