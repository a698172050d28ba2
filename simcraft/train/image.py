"""`simcraft train image`: one stage of the embedded image model, from prepared data to the model's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.train.autoencoder import AutoencoderStage
from simcraft.train.command import quieten_libraries, train_model
from simcraft.train.diffusion import Material, load_material
from simcraft.train.frames import FramesStage
from simcraft.train.inpaint import InpaintStage
from simcraft.train.layout import BUDGET, layout_of
from simcraft.train.loop import Budget, without_gpu
from simcraft.train.prepared import PreparedSet, open_for_training
from simcraft.train.stage import Settings, Stage

DEFAULTS = {
    "autoencoder": Settings(batch=16, learning_rate=1e-3),
    "unet": Settings(batch=8, learning_rate=4e-4),
    "inpaint": Settings(batch=24, learning_rate=4e-4),
}
"""Stage -> settings that suit the small layout; a batch of "unet" holds three frames an example."""


def train_image(
    stage: str,
    data: Path,
    out: Path,
    run: Path,
    budget: Budget,
    *,
    layout: str = "small",
    autoencoder: Path | None = None,
    start: Path | None = None,
    min_snr: float | None = None,
    changes: dict[str, Any] | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train one stage of a model, or go on with it; returns what `train_model` returns.

    Parameters
    ----------
    stage: of `DEFAULTS`.
    data: a prepared folder.
    out: the model's folder; the stage "autoencoder" writes its vae alone, the others the whole model.
    run: where checkpoints, log and page go.
    autoencoder: folder of the trained one, for the other stages. Default: OUT/vae.
    start: folder of a model whose weights the stages "unet" and "inpaint" start from; they have its vocabulary then.
    changes: fields of `Settings` that differ from the stage's.
    threads: of torch in this process.

    Raises `UserError` for anything missing or that does not fit, and what `loop.train` raises.
    """
    quieten_libraries()
    if stage not in DEFAULTS:
        raise UserError(f"There is no stage '{stage}'.", f"Choose from: {', '.join(DEFAULTS)}.")
    if threads is not None:
        torch.set_num_threads(threads)
    settings = replace(DEFAULTS[stage], **(changes or {}))
    opened = open_for_training(data, PreparedSet)
    sizes = layout_of(layout, opened.size)
    if stage == "autoencoder":
        chosen: Stage = AutoencoderStage(opened, sizes, settings.seed)
    else:
        # a group's processes read the latents that the first one computes
        material = _first_process_first(
            lambda: load_material(opened, sizes, autoencoder or out / "vae", start, progress=progress)
        )
        kind = FramesStage if stage == "unet" else InpaintStage
        chosen = kind(material, min_snr, settings.seed, start)
    return train_model(chosen, run, settings, budget, out, weights=out, limit=BUDGET, progress=progress)


def _first_process_first(load: Callable[[], Material]) -> Material:
    from accelerate import PartialState

    state = PartialState(cpu=without_gpu())
    with state.main_process_first():
        material = load()
    material.autoencoder.to(state.device)
    return material
