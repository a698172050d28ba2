"""Finding a checkpoint: a folder, a single .safetensors file, or, only when asked for, a hub. Never a pickle."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.generate.motioncraft.pickles import PICKLES, refuse_pickles
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OFFLOADS = ("none", "model", "sequential")
"""Networks stay on the device; each goes there when it is used; each layer does (slow, smallest)."""
EMBEDDED = Path(__file__).resolve().parents[3] / "models" / "simcraft-image"
"""The project's own model, in a checkout."""


def load_pipeline(
    model: str | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    offload: str = "none",
    hub: bool = False,
    config: str | None = None,
) -> MotionCraftPipeline:
    """The pipeline for a checkpoint, ready on its device.

    Parameters
    ----------
    model: a folder in diffusers' layout, a .safetensors file, or an "organisation/name" of the hub; None is the
        project's own.
    device: "auto" (a GPU where there is one) or a torch device.
    dtype: "auto" (float32 on a CPU, bfloat16 or float16 on a GPU) or one of `DTYPES`.
    offload: one of `OFFLOADS`.
    hub: may anything be downloaded? Nothing is otherwise.
    config: for a single file without the hub, a folder of its family in diffusers' layout (of which only the
        configuration and the tokenizer are read).

    Raises `UserError` for what is missing, unknown, or pickled.
    """
    where = _device(device)
    kind = _dtype(dtype, where)
    model = str(EMBEDDED) if model is None else model
    path = Path(model)
    if path.is_dir():
        pipeline = _from_folder(path, kind)
    elif path.is_file():
        pipeline = _from_file(path, kind, hub, config)
    else:
        pipeline = _from_hub(model, kind, hub)
    pipeline.set_progress_bar_config(disable=True)
    return _placed(pipeline, where, offload)


def _from_folder(folder: Path, dtype: torch.dtype) -> MotionCraftPipeline:
    if not (folder / "model_index.json").is_file():
        raise UserError(f"{folder} has no model_index.json.", "Give a folder in diffusers' layout.")
    refuse_pickles(folder)
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

    if path.suffix in PICKLES:
        raise UserError(
            f"{path} is a pickle, which can run any program when it is opened.",
            'If you trust where it comes from, convert it: python -c "import torch, safetensors.torch as s; '
            f"w = torch.load('{path}', weights_only=True); s.save_file({{k: v.contiguous() for k, v in "
            f"w.get('state_dict', w).items() if hasattr(v, 'shape')}}, '{path.with_suffix('.safetensors')}')\"",
        )
    if config is None and not hub:
        raise UserError(
            f"{path} has no tokenizer and no configuration in it.",
            "Name a folder that has them (--model-config FOLDER), or allow --hub yes to download them.",
        )
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


def _from_hub(model: str, dtype: torch.dtype, hub: bool) -> MotionCraftPipeline:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        raise UserError(
            f"There is no checkpoint at {model}.", "Give one with --model: a folder, a .safetensors file or a hub id."
        )
    if not hub:
        raise UserError(
            f"There is no folder {model}, and nothing is downloaded unasked.",
            "Give a folder, or allow it with --hub yes.",
        )
    try:
        return MotionCraftPipeline.from_pretrained(model, dtype=dtype)
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{model}' could not be loaded from the hub ({_first_line(error)}).",
            "Is the network up, and does it have safetensors? A folder works without a network.",
        ) from error


def _placed(pipeline: MotionCraftPipeline, device: torch.device, offload: str) -> MotionCraftPipeline:
    if offload not in OFFLOADS:
        raise UserError(f"offload is {offload!r}.", f"Choose from: {', '.join(OFFLOADS)}.")
    if offload == "none":
        return pipeline.to(device)
    if device.type == "cpu":
        raise UserError("Offloading moves networks off a GPU; this runs on the CPU.", "Use --offload none.")
    try:
        importlib.import_module("accelerate")
    except ImportError:
        raise UserError("Offloading needs the package accelerate.", "Run: pip install accelerate") from None
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
        raise UserError(f"Device {name} is not available: torch sees no GPU.", "Use --device cpu.")
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
