"""`simcraft train dreamer`: one stage of Motion Dreamer, from prepared data to the model's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.checkpoints import NETWORKS
from simcraft.generate.motion_dreamer.layouts import layout_of
from simcraft.progress import Progress, silent
from simcraft.train.command import quieten_libraries, train_model
from simcraft.train.dreamer import STAGES
from simcraft.train.dreamer_export import read_index
from simcraft.train.dreamer_loss import Options
from simcraft.train.dreamer_parts import load_parts
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.loop import Budget, without_gpu
from simcraft.train.prepared import open_for_training
from simcraft.train.stage import Settings

DEFAULTS = Settings(batch=4, learning_rate=5e-4)
"""That suit the small layout."""
BUDGET = 20_000_000
"""Bytes that a shipped stage may have in float16."""


def train_dreamer(
    stage: str,
    data: Path,
    out: Path,
    run: Path,
    budget: Budget,
    *,
    layout: str = "small",
    autoencoder: Path | None = None,
    start: Path | None = None,
    options: Options | None = None,
    checkpointing: bool = False,
    changes: dict[str, Any] | None = None,
    threads: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train one stage, or go on with it; returns what `train_model` returns.

    Parameters
    ----------
    stage: of `dreamer.STAGES`.
    data: a folder prepared for this.
    out: the model's folder; other stages in it stay.
    run: where checkpoints, log and page go.
    layout: of `simcraft.generate.motion_dreamer.layouts.LAYOUTS`.
    autoencoder: folder of the frames' autoencoder. Default: OUT/vae, or that of the embedded image model.
    start: folder of a model whose weights for this stage are where the training starts.
    checkpointing: hold fewer activations, and compute them again.
    changes: fields of `Settings` that differ from `DEFAULTS`.
    threads: of torch in this process.

    Raises `UserError` for anything missing or that does not fit, and what `loop.train` raises.
    """
    from accelerate import PartialState

    quieten_libraries()
    if stage not in STAGES:
        raise UserError(f"There is no stage '{stage}'.", f"Choose from: {', '.join(STAGES)}.")
    if threads is not None:
        torch.set_num_threads(threads)
    read_index(out)  # a folder of something else is told before the work
    settings = replace(DEFAULTS, **(changes or {}))
    opened, sizes = open_for_training(data, PreparedDreamer), layout_of(layout)
    parts = load_parts(opened, sizes, out, autoencoder).to(PartialState(cpu=without_gpu()).device)
    chosen = STAGES[stage](
        opened,
        sizes,
        parts,
        options or Options(),
        settings.seed,
        None if start is None else start / NETWORKS[stage],
        checkpointing,
    )
    weights = out / NETWORKS[stage]
    return train_model(chosen, run, settings, budget, out, weights=weights, limit=BUDGET, progress=progress)
