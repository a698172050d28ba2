"""Checkpoints that hold pickles are not opened: a pickle can run any program."""

from __future__ import annotations

from pathlib import Path

from simcraft.errors import UserError

PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
"""What files with pickled weights end in."""
_WEIGHTS = ("unet", "vae", "text_encoder", "text_encoder_2", "image_encoder", "stage_one", "stage_two", "one_stage",
            "representation_autoencoder")  # fmt: skip
"""The networks of Stable Diffusion, Stable Video Diffusion and Motion Dreamer."""


def refuse_pickles(folder: Path) -> None:
    """Raise `UserError` where a network in `folder` has no safetensors, naming its pickle and how to convert it."""
    for name in _WEIGHTS:
        part = folder / name
        if not part.is_dir() or list(part.glob("*.safetensors")):
            continue
        pickles = [file for file in sorted(part.iterdir()) if file.suffix in PICKLES]
        if pickles:
            raise UserError(
                f"{pickles[0]} holds a pickle, which can run any program when it is opened.",
                'If you trust where it comes from, convert it: python -c "import diffusers; diffusers.DiffusionPipeline'
                f".from_pretrained('{folder}', use_safetensors=False).save_pretrained('{folder}-safe')\"",
                ("model",),
            )
