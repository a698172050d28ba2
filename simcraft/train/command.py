"""What the commands that train have in common, whatever they train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simcraft.generate.embedded import model_bytes
from simcraft.progress import Progress, silent
from simcraft.train.loop import Budget, train
from simcraft.train.stage import Settings, Stage


def train_model(
    stage: Stage,
    run: Path,
    settings: Settings,
    budget: Budget,
    out: Path,
    *,
    weights: Path,
    limit: int,
    progress: Progress = silent,
) -> dict[str, Any]:
    """What `loop.train` returns, and where the model and the run's page are.

    There is a warning where the weights in the folder `weights` have more than `limit` bytes, too many to be shipped.
    """
    result = train(stage, run, settings, budget, out=out, progress=progress)
    size = model_bytes(weights, "*.safetensors")
    warning = f"{weights} has {size / 1e6:.1f} MB; shipped it may have {limit / 1e6:.0f}."
    return {
        "model": str(out),
        "page": str(run / "report.html"),
        **result,
        "warnings": [warning] if size > limit else [],
    }


def quieten_libraries() -> None:
    """Diffusers and transformers comment on stock configurations, and draw bars of their own."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
