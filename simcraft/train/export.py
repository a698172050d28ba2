"""The model's folder: stock diffusers layout, float16 safetensors, for `StableDiffusionPipeline.from_pretrained`."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simcraft.clip.files import read_errors, write_errors
from simcraft.errors import UserError
from simcraft.generate.placing import first_line, quiet_libraries
from simcraft.train.layout import build_scheduler
from simcraft.train.tokenizer import save_tokenizer


def save_autoencoder(autoencoder: Any, folder: Path) -> Path:
    """Write `folder`/vae; what else is in the folder stays."""
    with replacing(folder) as temporary:
        half(autoencoder).save_pretrained(temporary / "vae")
    return folder / "vae"


def save_pipeline(
    folder: Path,
    *,
    vae: Any,
    text_encoder: Any,
    tokenizer: Any,
    unet: Any,
    scheduler: Any = None,
    pipeline: type | None = None,
    index: Mapping[str, Any] | None = None,
) -> Path:
    """Write a whole model; files that are no part of it, such as a model card, stay.

    Parameters
    ----------
    scheduler: `layout.build_scheduler()` by default.
    pipeline: the class that model_index.json names, `StableDiffusionPipeline` by default.
    index: further entries there: arguments of `MotionCraftPipeline`, which stock pipelines pass over.
    """
    made = build_pipeline(
        vae=half(vae),
        text_encoder=half(text_encoder),
        tokenizer=tokenizer,
        unet=half(unet),
        scheduler=scheduler,
        pipeline=pipeline,
    )
    with replacing(folder) as temporary:
        made.save_pretrained(temporary)
        save_tokenizer(tokenizer, temporary / "tokenizer")
        # transformers loads in the precision that the config names, diffusers in float32: on a CPU they must agree
        _update(temporary / "text_encoder" / "config.json", {"dtype": "float32"})
        _update(temporary / "model_index.json", index or {})
    return folder


def _update(path: Path, entries: Mapping[str, Any]) -> None:
    content = {**json.loads(path.read_text(encoding="utf-8")), **entries}
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def build_pipeline(
    *, vae: Any, text_encoder: Any, tokenizer: Any, unet: Any, scheduler: Any = None, pipeline: type | None = None
) -> Any:
    """A stock pipeline of these parts, without a safety checker."""
    from diffusers import StableDiffusionPipeline

    chosen: Any = pipeline or StableDiffusionPipeline
    return chosen(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler or build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def load_autoencoder(folder: Path) -> Any:
    """The autoencoder in `folder`, as `load_part` gives it; `UserError` where there is none."""
    from simcraft.generate.patch_autoencoder import PatchAutoencoder

    if not (folder / "config.json").is_file():
        raise UserError(
            f"There is no autoencoder in {folder}.",
            "Train one first with --stage autoencoder, or name the folder of one with --autoencoder.",
        )
    return load_part(folder, PatchAutoencoder)


def load_part(folder: Path, kind: Any) -> Any:
    """A part of a model, in float32, ready to be used and not to be trained.

    `kind` is its class, one of diffusers' models. Raises `UserError` where `folder` holds another class, or weights
    that are pickled, damaged or not all there: no part of it would stay random.
    """
    with read_errors(folder / "config.json", f"the configuration of a {kind.__name__}"):
        named = json.loads((folder / "config.json").read_text(encoding="utf-8"))["_class_name"]
    if named != kind.__name__:
        raise UserError(f"{folder} holds a {named}; expected a {kind.__name__}.", "Name the folder of one.")
    try:
        with quiet_libraries():
            part, told = kind.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise _unfit(folder, first_line(error)) from error
    if told["missing_keys"]:
        raise _unfit(folder, f"{min(told['missing_keys'])} is missing")
    return part.float().eval().requires_grad_(False)


def _unfit(folder: Path, reason: str) -> UserError:
    return UserError(
        f"{folder} could not be loaded ({reason}).",
        "It needs config.json and diffusion_pytorch_model.safetensors that were saved together.",
    )


def half(module: Any) -> Any:
    """A float16 copy: what is trained stays in float32."""
    return copy.deepcopy(module).half()


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A temporary folder whose entries take their places in `folder` when the block ends well."""
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder))
        try:
            yield temporary
            _forget_origins(temporary)
            for made in sorted(temporary.iterdir()):
                place = folder / made.name
                if place.is_dir():
                    shutil.rmtree(place)
                made.replace(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _forget_origins(folder: Path) -> None:
    """Take from all configurations where on this machine their parts were loaded from, which diffusers writes down."""
    for path in folder.rglob("config.json"):
        config = json.loads(path.read_text(encoding="utf-8"))
        if config.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
