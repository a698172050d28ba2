"""Other people's networks that look at a photo, from local folders in transformers' layout. Never a pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from simcraft.errors import UserError
from simcraft.generate.motioncraft.pickles import PICKLES


def is_checkpoint(folder: str | os.PathLike[str]) -> bool:
    """Is it a folder in transformers' layout?"""
    return (Path(folder) / "config.json").is_file()


def check_checkpoint(folder: str | os.PathLike[str], what: str, kinds: Collection[str]) -> dict[str, Any]:
    """The configuration of the checkpoint in `folder`, which holds `what` and is of one of `kinds` (model types).

    Cheap: call it before the work. Raises `UserError` for a folder that is none, of another kind, without weights, or
    with weights that are pickled.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} has no readable config.json: it is no checkpoint in transformers' layout.",
            f"Give the folder of {what}, with config.json, preprocessor_config.json and model.safetensors.",
        ) from error
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind not in kinds:
        raise UserError(f"{folder} holds a checkpoint of type {kind!r}, not {what}.", f"Known: {', '.join(kinds)}.")
    if not list(folder.glob("*.safetensors")):
        pickles = sorted(file for file in folder.iterdir() if file.suffix in PICKLES)
        if pickles:
            raise UserError(
                f"{pickles[0]} is a pickle, which can run any program when it is opened.",
                "If you trust where it comes from, convert it: load it with transformers' "
                "from_pretrained(..., use_safetensors=False) and save it with save_pretrained.",
            )
        raise UserError(f"{folder} has no weights.", "It needs model.safetensors.")
    return config


def load_checkpoint(folder: str | os.PathLike[str], network: Any, device: Any) -> tuple[Any, Any]:
    """The network, ready on `device`, and its image processor.

    `network` is the class in transformers, or one of its Auto classes. Nothing is downloaded, and no code of the
    checkpoint is run. Raises `UserError` where the files do not fit the class, so that no part of it would stay random.
    """
    from transformers import AutoImageProcessor
    from transformers.utils import logging

    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model, told = network.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # to tell them below
            output_loading_info=True,
        )
    except Exception as error:  # whatever the library stumbles over in files that are not what they should be
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{folder} could not be loaded ({reason}).",
            "It needs config.json, preprocessor_config.json and model.safetensors that belong together.",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
    wrong = sorted({*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])})
    if wrong:
        raise UserError(
            f"{folder} has other weights than its config.json says: {wrong[0]} is missing or of another shape"
            + (f", and {len(wrong) - 1} more." if len(wrong) > 1 else "."),
            "Download it again, all files of one model.",
        )
    return model.to(device).eval(), processor
