"""Where and how networks run: device, precision, offloading, and what is said when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from simcraft.errors import Failure, UserError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
OFFLOADS = ("none", "model", "sequential")
"""Networks stay on the device; each goes there when it is used; each layer does (slow, smallest)."""
_MEMORY_WORDS = ("out of memory", "not enough memory", "allocate memory")


def device_of(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one. Raises `UserError` for one that is not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(f"There is no device '{name}'.", "Use auto, cpu, cuda or cuda:1.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"Device {name} is not available: torch sees no GPU.", "Use --device cpu.", ("device",))
    return device


def dtype_of(name: str, device: torch.device) -> torch.dtype:
    """One of `DTYPES`, or "auto": float32 on a CPU, bfloat16 or float16 on a GPU. `UserError` for anything else."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if name not in DTYPES:
        raise UserError(f"dtype is {name!r}.", f"Choose from: auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def placed(pipeline: Any, device: torch.device, offload: str, convolutional: Sequence[str] = ()) -> Any:
    """The diffusers pipeline, on `device` or offloaded as one of `OFFLOADS` says.

    `convolutional` are those of its networks that are made of convolutions of pictures. Raises `UserError` for another
    `offload`, and for any but "none" on the CPU.
    """
    if offload not in OFFLOADS:
        raise UserError(f"offload is {offload!r}.", f"Choose from: {', '.join(OFFLOADS)}.")
    if device.type == "cuda":
        # the order of axes that their convolutions are fastest in; on CPUs it was 10 % slower
        for name in convolutional:
            getattr(pipeline, name).to(memory_format=torch.channels_last)
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


@contextmanager
def quiet_libraries() -> Iterator[None]:
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


@contextmanager
def loading_memory(name: str) -> Iterator[None]:
    """Turn running out of memory while the checkpoint `name` is loaded into a `Failure` that says what to try."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise Failure(
            f"Out of memory while {name} was loaded.",
            "Try --offload model or sequential, --dtype bfloat16, or --device cpu.",
            ("offload", "device"),
        ) from error


@contextmanager
def painting_memory(pipeline: Any, told: Callable[[str], tuple[str, str]]) -> Iterator[None]:
    """Turn running out of memory while the diffusers pipeline works into a `Failure`.

    `told` gives its message and its advice; it is passed the options that save memory on that device, at the same size.
    """
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        torch.cuda.empty_cache()
        on_cpu = pipeline._execution_device.type == "cpu"
        message, fix = told("--dtype bfloat16" if on_cpu else "--offload model (or sequential)")
        raise Failure(message, fix, ("size",) if on_cpu else ("offload", "size")) from error


def out_of_memory(error: Exception) -> bool:
    """Is memory what was missing?"""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # libraries of the GPU's maker, and torch on a CPU, raise plain errors
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _MEMORY_WORDS)


def first_line(error: Any) -> str:
    """Of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
