"""Folders with tiny checkpoints, as users have them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.generate import tiny


def save_checkpoint(folder: Path) -> Path:
    """A Stable Diffusion checkpoint as others save it, with random weights."""
    from diffusers import StableDiffusionPipeline

    nothing = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    StableDiffusionPipeline(**tiny.stable_diffusion(), **nothing).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    # as in published checkpoints, a part that MotionCraft has no use for; here it is not even there
    index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder
