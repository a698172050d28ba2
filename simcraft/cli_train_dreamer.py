"""The command `simcraft train dreamer`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    from simcraft.train.dreamer_loss import Options


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


_LOOKED_AT = {
    DreamerStageName.reasoning: ("masked", "masking", "threshold", "enhancement", "delta"),
    DreamerStageName.painting: (),
    DreamerStageName.one: ("masked", "masking", "delta"),
}
"""Which of the options of `options_of` a stage depends on."""


def options_of(stage: DreamerStageName, **given: Any) -> Options:
    """What the paper leaves open, where it is given; None: as usual. `UserError` for what the stage does not use."""
    from simcraft.errors import UserError
    from simcraft.train.dreamer_loss import Options
    from simcraft.train.dreamer_samples import Hiding

    said = {name: value for name, value in given.items() if value is not None}
    for name in said:
        if name not in _LOOKED_AT[stage]:
            raise UserError(f"Stage {stage.value} does not look at --{name}.", "Leave it out.")
    hiding = {field: said.pop(name) for name, field in (("masked", "ratio"), ("masking", "masking")) if name in said}
    return Options(Hiding(**hiding), **said)


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
        float | None,
        typer.Option(min=0, max=1, metavar="P", help="Share of the arrows that are hidden (p); default: 0.5."),
    ] = None,
    masking: Annotated[
        Masking | None, typer.Option(help="Hide single pixels, whole instances, or either; default: both.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="TAU",
            help="Motion a frame that counts as motion, in widths of the picture; stage 1 alone, default: 0.004.",
        ),
    ] = None,
    enhancement: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="LAMBDA",
            help="Weight of what moves in the loss, 1: as all else; stage 1 alone, default: 4.0.",
        ),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(metavar="DELTA", help="Scale of a user's arrows, told to the model; default: 1.0."),
    ] = None,
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

    **2**: painting, from the first frame and these to the frames. A simulated clip needs no other stage. It is given no
    arrows, and takes none of the options of how they are hidden, scaled and weighted.

    **one**: frames from the first one and arrows at once, for comparison.

    Each writes its own network into the model's folder, and can be trained before or after the others. Stopped by
    Ctrl-C, killed, or at the end of its time, the same command goes on where it was, exactly. A page with curves,
    figures on held-out clips and sheets is RUN/report.html. On several GPUs: `accelerate launch -m simcraft train
    dreamer ...`, the same options.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.train.dreamer_run import train_dreamer
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
            options=options_of(
                stage,
                masked=masked,
                masking=None if masking is None else masking.value,
                threshold=threshold,
                enhancement=enhancement,
                delta=delta,
            ),
            checkpointing=checkpointing,
            changes=changes(batch, rate, precision, seed),
            threads=threads,
            progress=progress,
        )

    finish(work, as_json, quiet)
