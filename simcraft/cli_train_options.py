"""Options that the commands that train have in common."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer


class Precision(str, Enum):
    """Of what autocast covers."""

    bf16 = "bf16"
    fp32 = "fp32"


Data = Annotated[Path, typer.Option(metavar="DIR", help="Prepared data.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder of the model, such as models/mine.")]
Minutes = Annotated[float | None, typer.Option(min=0, help="End after this time.", show_default=False)]
Steps = Annotated[
    int | None, typer.Option(min=1, help="End after so many steps, of all calls together.", show_default=False)
]
Run = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Checkpoints, log and page. Default: out/train/MODEL-STAGE.")
]
Layout = Annotated[str, typer.Option(help="Sizes of the model: small, or tiny to try things.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Examples a step and process.", show_default=False)]
Rate = Annotated[float | None, typer.Option(min=0, help="Largest learning rate.", show_default=False)]
OfAutocast = Annotated[Precision, typer.Option(help="bf16 is faster, also on many CPUs.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; as many as there are idle cores.", show_default=False)
]
TrainingSeed = Annotated[int, typer.Option("--seed", help="Of weights and examples.")]
Checkpoint = Annotated[float, typer.Option(min=0.01, metavar="MINUTES", help="Between checkpoints.")]
Evaluate = Annotated[float, typer.Option(min=0.01, metavar="MINUTES", help="Between evaluations.")]


def run_folder(run: Path | None, out: Path, stage: str) -> Path:
    """Where a run is kept: `run`, or a folder that is named after model and stage."""
    return run or Path("out/train") / f"{out.name}-{stage}"


def changes(batch: int | None, rate: float | None, precision: Precision, seed: int) -> dict[str, Any]:
    """Fields of `Settings` that are given."""
    wanted = {"batch": batch, "learning_rate": rate, "precision": precision.value, "seed": seed}
    return {name: value for name, value in wanted.items() if value is not None}
