"""Motion Dreamer's model folder: one subfolder a part, in the layout of diffusers, float16 safetensors.

stage_one/, stage_two/, one_stage/     networks, those that are trained
vae/, representation_autoencoder/      autoencoders of frames and of R
image_encoder/
model_index.json                       what is there, and how to sample with it
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simcraft.clip.files import read_errors
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.checkpoints import NETWORKS
from simcraft.train.dreamer_parts import Parts
from simcraft.train.export import half, replacing

_CLASS = "MotionDreamerPipeline"


def save_stage(out: Path, kind: str, unet: Any, parts: Parts, *, suits: dict[str, Any]) -> None:
    """Write one network and the frozen parts; networks of other stages, and a model card, stay.

    `suits`: how to sample with it, beside what the network's own config says. Raises `UserError` as `read_index` does.
    """
    modules = {
        NETWORKS[kind]: unet,
        "vae": parts.vae,
        "representation_autoencoder": parts.representation,
        "image_encoder": parts.image_encoder,
    }
    with replacing(out) as temporary:
        for name, module in modules.items():
            half(module).save_pretrained(temporary / name)
        content = {**read_index(out), **{name: _place(module) for name, module in modules.items()}}
        content["suits"] = {**content.get("suits", {}), NETWORKS[kind]: suits}
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        (temporary / "model_index.json").write_text(text, encoding="utf-8")


def read_index(out: Path) -> dict[str, Any]:
    """What the model's folder says already; `UserError` where it is the folder of another kind of model."""
    import diffusers

    path, begun = out / "model_index.json", {"_class_name": _CLASS}
    if path.is_file():
        with read_errors(path, "the index of a model"):
            begun = dict(json.loads(path.read_text(encoding="utf-8")))
    if begun.get("_class_name") != _CLASS:
        raise UserError(
            f"{out} holds a {begun.get('_class_name')}; expected a {_CLASS}, or nothing yet.",
            "Name another folder with -o.",
        )
    return {**begun, "_diffusers_version": diffusers.__version__}


def _place(module: Any) -> list[str]:
    """Module and class, as diffusers writes them."""
    return [type(module).__module__, type(module).__name__]
