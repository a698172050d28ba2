"""The command `simcraft train dreamer`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Json, Quiet, finish
from simcraft.cli_train_options import (
    BatchSize,
    Checkpoint,
    Data,
    Evaluate,
    Layout,
    Minutes,
    OfAutocast,
    Out,
    Precision,
    Rate,
    Run,
    Steps,
    Threads,
    TrainingSeed,
    changes,
    run_folder,
)


class DreamerStageName(str, Enum):
    """Networks that are trained by themselves."""

    reasoning = "1"
    painting = "2"
    one = "one"


class Masking(str, Enum):
    """How arrows are hidden in training."""

    cells = "cells"
    instances = "instances"
    both = "both"


def dreamer(
    stage: Annotated[DreamerStageName, typer.Option(help="What to train; see below.")],
    data: Data,
    out: Out,
    minutes: Minutes = None,
    steps: Steps = None,
    run: Run = None,
    layout: Layout = "small",
    autoencoder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Of frames. Default: OUT/vae, or the embedded image model's."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A model whose weights of this stage it starts from.")
    ] = None,
    masked: Annotated[
        float, typer.Option(min=0, max=1, metavar="P", help="Share of the arrows that are hidden (p).")
    ] = 0.5,
    masking: Annotated[Masking, typer.Option(help="Hide single pixels, whole instances, or either.")] = Masking.both,
    threshold: Annotated[
        float,
        typer.Option(min=0, metavar="TAU", help="Motion a frame that counts as motion, in widths of the picture."),
    ] = 0.004,
    enhancement: Annotated[
        float, typer.Option(min=0, metavar="LAMBDA", help="Weight of what moves in stage 1's loss; 1: as all else.")
    ] = 4.0,
    delta: Annotated[float, typer.Option(metavar="DELTA", help="Scale of a user's arrows, told to the model.")] = 1.0,
    batch: BatchSize = None,
    rate: Rate = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Hold fewer activations and compute them again: for large networks.")
    ] = False,
    precision: OfAutocast = Precision.bf16,
    threads: Threads = None,
    seed: TrainingSeed = 0,
    checkpoint: Checkpoint = 5,
    evaluate: Evaluate = 15,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one stage of Motion Dreamer.

    **1**: motion reasoning, from the first frame and arrows to flow, instances and depth of all frames.

    **2**: painting, from the first frame and these to the frames. A simulated clip needs no other stage.

    **one**: frames from the first one and arrows at once, for comparison.

    Each writes its own network into the model's folder, and can be trained before or after the others. Stopped by
    Ctrl-C, killed, or at the end of its time, the same command goes on where it was, exactly. A page with curves,
    figures on held-out clips and sheets is RUN/report.html. On several GPUs: `accelerate launch -m simcraft train
    dreamer ...`, the same options.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.train.dreamer_loss import Options
        from simcraft.train.dreamer_run import train_dreamer
        from simcraft.train.dreamer_samples import Hiding
        from simcraft.train.loop import Budget

        return train_dreamer(
            stage.value,
            data,
            out,
            run_folder(run, out, stage.value),
            Budget(steps, minutes, checkpoint, evaluate),
            layout=layout,
            autoencoder=autoencoder,
            start=start,
            options=Options(Hiding(masked, masking.value), threshold, enhancement, delta),
            checkpointing=checkpointing,
            changes=changes(batch, rate, precision, seed),
            threads=threads,
            progress=progress,
        )

    finish(work, as_json, quiet)
