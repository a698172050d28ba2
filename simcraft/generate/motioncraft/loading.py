"""Loading a checkpoint: a folder, a single .safetensors file, or, only when asked for, a hub. Never a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.generate.motioncraft.checkpoints import find_checkpoint
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OFFLOADS = ("none", "model", "sequential")
"""Networks stay on the device; each goes there when it is used; each layer does (slow, smallest)."""


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
    dtype: "auto" (float32 on a CPU, bfloat16 or float16 on a GPU) or one of `DTYPES`.
    offload: one of `OFFLOADS`.
    hub: may anything be downloaded? Nothing is otherwise.
    config: for a single file without the hub, a folder of its family in diffusers' layout (of which only the
        configuration and the tokenizer are read).
    compiled: compile the UNet, when it is first used: minutes, after which each step is faster.

    Raises `UserError` for what is missing, unknown, or pickled.
    """
    checkpoint = find_checkpoint(model, hub=hub, config=config)
    where = _device(device)
    kind = _dtype(dtype, where)
    with _quiet():
        if checkpoint.folder is not None:
            pipeline = _from_folder(checkpoint.folder, kind)
        elif checkpoint.file is not None:
            pipeline = _from_file(checkpoint.file, kind, hub, config)
        else:
            pipeline = _from_hub(checkpoint.name, kind)
    pipeline.set_progress_bar_config(disable=True)
    pipeline = _placed(pipeline, where, offload)
    if compiled:
        # whole: what attention remembers of other frames is an argument of the graph, and breaks it nowhere
        pipeline.unet.compile(fullgraph=True)
    return pipeline


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' own progress bars and hints: the stage has one line, and errors are told as ours."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
            library.disable_progress_bar()
        yield
    finally:
        for library, (verbosity, bar) in zip(libraries, before, strict=True):
            library.set_verbosity(verbosity)
            if bar:
                library.enable_progress_bar()


def _from_folder(folder: Path, dtype: torch.dtype) -> MotionCraftPipeline:
    try:
        return MotionCraftPipeline.from_pretrained(folder, dtype=dtype, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{folder} is not a complete Stable Diffusion checkpoint ({_first_line(error)}).",
            "It needs vae, text_encoder, tokenizer, unet and scheduler, in safetensors.",
        ) from error


def _from_file(path: Path, dtype: torch.dtype, hub: bool, config: str | None) -> MotionCraftPipeline:
    from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as weights:
            large = any(key.startswith("conditioner.embedders.1.") for key in weights.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({_first_line(error)}).") from None
    family = StableDiffusionXLPipeline if large else StableDiffusionPipeline
    try:
        loaded = family.from_single_file(
            str(path), dtype=dtype, config=config, local_files_only=not hub, **({} if large else _UNCHECKED)
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(
            f"{path} could not be read as a Stable Diffusion checkpoint ({_first_line(error)}).",
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


def _placed(pipeline: MotionCraftPipeline, device: torch.device, offload: str) -> MotionCraftPipeline:
    if offload not in OFFLOADS:
        raise UserError(f"offload is {offload!r}.", f"Choose from: {', '.join(OFFLOADS)}.")
    if device.type == "cuda":
        # the order of axes that its convolutions are fastest in; on CPUs it was 10 % slower
        for network in (pipeline.unet, pipeline.vae):
            network.to(memory_format=torch.channels_last)
    if offload == "none":
        return pipeline.to(device)
    if device.type == "cpu":
        raise UserError(
            "Offloading moves networks off a GPU; this runs on the CPU.", "Use --offload none.", ("offload",)
        )
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    return pipeline


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"There is no device '{name}'.", "Use auto, cpu, cuda or cuda:1.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"Device {name} is not available: torch sees no GPU.", "Use --device cpu.", ("device",))
    return device


def _dtype(name: str, device: torch.device) -> torch.dtype:
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if name not in DTYPES:
        raise UserError(f"dtype is {name!r}.", f"Choose from: auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def _first_line(error: Any) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
