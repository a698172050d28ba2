"""Where a checkpoint is, and whether it may be opened; light, so that mistakes are told before anything is loaded."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.errors import UserError
from simcraft.generate.embedded import embedded_model, embedded_models
from simcraft.generate.motioncraft.pickles import PICKLES, refuse_pickles


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found, or that the hub is to be asked for."""

    name: str
    """What the description of a video calls it."""
    folder: Path | None = None
    """In diffusers' layout; None for a single file and for the hub."""
    file: Path | None = None
    """A .safetensors file."""

    def stamp(self) -> str:
        """Tells one state of the weights from another: of names, sizes and times of the files; "" for the hub."""
        root = self.folder or self.file
        if root is None:
            return ""
        files = sorted(root.rglob("*.safetensors")) if root.is_dir() else [root]
        states = [(path.relative_to(root.parent).as_posix(), *_size_and_time(path)) for path in files]
        return hashlib.sha256(repr(states).encode()).hexdigest()


def find_checkpoint(model: str | None, *, hub: bool = False, config: str | None = None) -> Checkpoint:
    """The checkpoint that `model` means.

    Parameters
    ----------
    model: a folder in diffusers' layout, a .safetensors file, the name of an embedded model, or an "organisation/name"
        of the hub; None is the embedded model that serves best.
    hub: may anything be downloaded?
    config: for a single file, a folder with the configuration and the tokenizer of its family.

    Raises `UserError` for what is missing, pickled, or would have to be downloaded unasked.
    """
    if model is None:
        folder = embedded_model()
        return _folder(folder, folder.name)
    path = Path(model).expanduser()
    if path.is_dir():
        return _folder(path, model)
    if path.is_file():
        return _file(path, model, hub, config)
    if model in embedded_models():
        return _folder(embedded_model(model), model)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        known = ", ".join(embedded_models())
        raise UserError(
            f"There is no checkpoint at {model}.",
            "Give --model a folder in diffusers' layout, a .safetensors file"
            + (f", or an embedded model: {known}." if known else "."),
            ("model",),
        )
    if not hub:
        raise UserError(
            f"There is no folder {model}, and nothing is downloaded unasked.",
            "Give a folder, or, if you meant the hub's model of this name, allow the download with --hub yes.",
            ("model",),
        )
    return Checkpoint(model)


def check_model(model: str | None, hub: bool, model_config: str | None, **_: Any) -> str:
    """The stamp of the model's weights; raises as `find_checkpoint` does. The registry calls it before any work."""
    return find_checkpoint(model, hub=hub, config=model_config).stamp()


def _size_and_time(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def _folder(folder: Path, name: str) -> Checkpoint:
    if not (folder / "model_index.json").is_file():
        raise UserError(
            f"{folder} has no model_index.json: it is no checkpoint in diffusers' layout.",
            "Give the folder above unet/, vae/ and the rest, or a .safetensors file.",
        )
    refuse_pickles(folder)
    return Checkpoint(name, folder=folder)


def _file(path: Path, name: str, hub: bool, config: str | None) -> Checkpoint:
    if path.suffix in PICKLES:
        raise UserError(
            f"{path} is a pickle, which can run any program when it is opened.",
            'If you trust where it comes from, convert it: python -c "import torch, safetensors.torch as s; '
            f"w = torch.load('{path}', weights_only=True); s.save_file({{k: v.contiguous() for k, v in "
            f"w.get('state_dict', w).items() if hasattr(v, 'shape')}}, '{path.with_suffix('.safetensors')}')\"",
            ("model",),
        )
    if config is not None and not Path(config).is_dir():
        raise UserError(
            f"--model-config {config} is no folder.",
            "Give one that has the configuration and tokenizer of the family.",
            ("model_config",),
        )
    if config is None and not hub:
        raise UserError(
            f"{path} has no tokenizer and no configuration in it.",
            "Name a folder that has them (--model-config FOLDER), or allow --hub yes to download them.",
            ("model",),
        )
    return Checkpoint(name, file=path)
