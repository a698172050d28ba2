"""What our diffusers pipelines have in common: they are loaded from safetensors alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from simcraft.generate.motioncraft.pickles import refuse_pickles


class SafePipeline(DiffusionPipeline):
    """A diffusers pipeline that opens no pickle."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """As in any diffusers pipeline, but from safetensors only; pickles raise `UserError` with a way to convert."""
        folder = Path(pretrained_model_name_or_path)
        if folder.is_dir():
            refuse_pickles(folder)
        return super().from_pretrained(pretrained_model_name_or_path, **{**kwargs, "use_safetensors": True})
