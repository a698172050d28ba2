"""The commands below `simcraft train`: prepare data, and train the embedded models stage by stage."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Json, Quiet, finish
from simcraft.cli_train_dreamer import dreamer
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

app = typer.Typer(
    name="train",
    help="Train the embedded models on your own clips, on one CPU or many GPUs.",
    epilog="""In this order:

  simcraft dataset make recipes/train-image.yaml -n 1500 -o out/clips

  simcraft train prepare out/clips -o out/prepared

  simcraft train image --stage autoencoder --data out/prepared -o models/mine --minutes 30

  simcraft train image --stage unet --data out/prepared -o models/mine --minutes 60

The model then is a folder for StableDiffusionPipeline.from_pretrained and for simcraft generate --model.

Motion Dreamer likewise: recipes/train-dreamer.yaml, prepare --for dreamer, simcraft train dreamer --stage 2.""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


class Use(str, Enum):
    """What data is prepared for."""

    image = "image"
    dreamer = "dreamer"


class StageName(str, Enum):
    """Parts of the model that are trained one after the other."""

    autoencoder = "autoencoder"
    unet = "unet"
    inpaint = "inpaint"


@app.command()
def prepare(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SET...", help="Data sets, or exports of them (webdataset); or one pack, to unpack."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of prepared data to make.")],
    use: Annotated[Use, typer.Option("--for", help="What is to be trained on it.")] = Use.image,
    frames: Annotated[int | None, typer.Option(min=2, help="For dreamer, of each clip.", show_default="14")] = None,
    pack: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also pack it into one file, for another machine.")
    ] = None,
    limit: Annotated[float, typer.Option(min=0.1, metavar="MIB", help="Largest size of the pack.")] = 60,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make training arrays from data sets: frames, what `warp` paints, motion, geometry.

    Training reads these instead of the clips, which would have to be unpacked again and again. A pack holds as many
    clips as fit, evenly of all families; `simcraft train prepare FILE -o DIR` unpacks it.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.train.dreamer_prepare import FRAMES, dreamer_preparation
        from simcraft.train.pack import pack_prepared, unpack_prepared
        from simcraft.train.prepare import IMAGE, prepare
        from simcraft.train.prepared import Prepared

        data: Prepared
        if len(sources) == 1 and sources[0].is_file():
            data = unpack_prepared(sources[0], out, progress=progress)
        elif use == Use.dreamer:
            data = prepare(sources, out, dreamer_preparation(frames or FRAMES), progress=progress)
        else:
            data = prepare(sources, out, IMAGE, progress=progress)
        result = {
            "data": str(out),
            "clips": f"{len(data.of_training(True))} for training, {len(data.of_training(False))} held out",
            "frames": sum(clip.frames for clip in data.clips),
        }
        if pack is not None:
            packed = pack_prepared(data, pack, limit=int(limit * 2**20), progress=progress)
            result |= {"pack": str(pack), "packed": f"{packed} of {len(data.clips)} clips"}
        return result

    finish(work, as_json, quiet)


@app.command()
def image(
    stage: Annotated[StageName, typer.Option(help="What to train; see below.")],
    data: Data,
    out: Out,
    minutes: Minutes = None,
    steps: Steps = None,
    run: Run = None,
    layout: Layout = "small",
    autoencoder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The trained one, for unet and inpaint. Default: OUT/vae.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A model whose weights and words unet or inpaint starts from.")
    ] = None,
    batch: BatchSize = None,
    rate: Rate = None,
    min_snr: Annotated[
        float | None, typer.Option(min=0, help="Weight noise levels by min(SNR, this); 5 is usual. Default: all alike.")
    ] = None,
    precision: OfAutocast = Precision.bf16,
    threads: Threads = None,
    seed: TrainingSeed = 0,
    checkpoint: Checkpoint = 5,
    evaluate: Evaluate = 15,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train one stage of an image model.

    **autoencoder**: pictures to latents and back; it writes OUT/vae. The other stages need it.

    **unet**: painting, by text and by the frames before: what MotionCraft uses. It writes the whole model.

    **inpaint**: painting over the warped picture, of which a mask says what is made up. Into its own folder, and on
    from the trained unet: -o models/mine-inpaint --autoencoder models/mine/vae --start models/mine.

    Stopped by Ctrl-C, killed, or at the end of its time, the same command goes on where it was, exactly. A page with
    curves, figures on held-out clips and sheets is RUN/report.html. On several GPUs: `accelerate launch -m simcraft
    train image ...`, the same options.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.train.image import train_image
        from simcraft.train.loop import Budget

        return train_image(
            stage.value,
            data,
            out,
            run_folder(run, out, stage.value),
            Budget(steps, minutes, checkpoint, evaluate),
            layout=layout,
            autoencoder=autoencoder,
            start=start,
            min_snr=min_snr,
            changes=changes(batch, rate, precision, seed),
            threads=threads,
            progress=progress,
        )

    finish(work, as_json, quiet)


app.command()(dreamer)


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="Folder of the model.")],
    runs: Annotated[list[Path], typer.Option("--run", metavar="DIR", help="A run that made it; in order, once each.")],
    hardware: Annotated[
        str | None, typer.Option(help="What it was trained on. Default: this machine.", show_default=False)
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a model card: MODEL/README.md with curves, held-out figures, sheets, hours and limits.

    For example: simcraft train card models/mine --run out/train/mine-autoencoder --run out/train/mine-unet
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.train.card import write_card

        return {"card": str(write_card(model, runs, hardware=hardware))}

    finish(work, as_json, quiet)
