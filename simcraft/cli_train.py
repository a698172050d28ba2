"""The commands below `simcraft train`: prepare data, and train the embedded image model stage by stage."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Json, Quiet, finish

app = typer.Typer(
    name="train",
    help="Train the embedded image model on your own clips, on one CPU or many GPUs.",
    epilog="""In this order:

  simcraft dataset make recipes/train-image.yaml -n 1500 -o out/clips

  simcraft train prepare out/clips -o out/prepared

  simcraft train image --stage autoencoder --data out/prepared -o models/mine --minutes 30

  simcraft train image --stage unet --data out/prepared -o models/mine --minutes 60

The model then is a folder for StableDiffusionPipeline.from_pretrained and for simcraft generate --model.""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


class StageName(str, Enum):
    """Parts of the model that are trained one after the other."""

    autoencoder = "autoencoder"
    unet = "unet"
    inpaint = "inpaint"


class Precision(str, Enum):
    """Of what autocast covers."""

    bf16 = "bf16"
    fp32 = "fp32"


@app.command()
def prepare(
    sources: Annotated[list[Path], typer.Argument(metavar="SET...", help="Data sets; or one pack, to unpack.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of prepared data to make.")],
    pack: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also pack it into one file, for another machine.")
    ] = None,
    limit: Annotated[float, typer.Option(min=0.1, metavar="MIB", help="Largest size of the pack.")] = 60,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make training arrays from data sets: frames, motion at the resolution of latents, captions.

    Training reads these instead of the clips, which would have to be unpacked again and again. A pack holds as many
    clips as fit, evenly of all families; `simcraft train prepare FILE -o DIR` unpacks it.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.train.pack import pack_prepared, unpack_prepared
        from simcraft.train.prepare import prepare

        if len(sources) == 1 and sources[0].is_file():
            data = unpack_prepared(sources[0], out, progress=progress)
        else:
            data = prepare(sources, out, progress=progress)
        result = {
            "data": str(out),
            "clips": f"{len(data.of_training(True))} for training, {len(data.of_training(False))} held out",
            "frames": len(data.frames),
        }
        if pack is not None:
            packed = pack_prepared(data, pack, limit=int(limit * 2**20), progress=progress)
            result |= {"pack": str(pack), "packed": f"{packed} of {len(data.clips)} clips"}
        return result

    finish(work, as_json, quiet)


@app.command()
def image(
    stage: Annotated[StageName, typer.Option(help="What to train; see below.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Prepared data.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model, such as models/mine.")],
    minutes: Annotated[float | None, typer.Option(min=0, help="End after this time.", show_default=False)] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="End after so many steps, of all calls together.", show_default=False)
    ] = None,
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Checkpoints, log and page. Default: out/train/MODEL-STAGE.")
    ] = None,
    layout: Annotated[str, typer.Option(help="Sizes of the model: small, or tiny to try things.")] = "small",
    autoencoder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The trained one, for unet and inpaint. Default: OUT/vae.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A model whose weights unet or inpaint starts from.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples a step and process.", show_default=False)] = None,
    rate: Annotated[float | None, typer.Option(min=0, help="Largest learning rate.", show_default=False)] = None,
    min_snr: Annotated[
        float | None, typer.Option(min=0, help="Weight noise levels by min(SNR, this); 5 is usual. Default: all alike.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="bf16 is faster, also on many CPUs.")] = Precision.bf16,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; as many as there are idle cores.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and examples.")] = 0,
    checkpoint: Annotated[float, typer.Option(min=0.01, metavar="MINUTES", help="Between checkpoints.")] = 5,
    evaluate: Annotated[float, typer.Option(min=0.01, metavar="MINUTES", help="Between evaluations.")] = 15,
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

        wanted = {"batch": batch, "learning_rate": rate, "precision": precision.value, "seed": seed}
        return train_image(
            stage.value,
            data,
            out,
            run or Path("out/train") / f"{out.name}-{stage.value}",
            Budget(steps, minutes, checkpoint, evaluate),
            layout=layout,
            autoencoder=autoencoder,
            start=start,
            min_snr=min_snr,
            changes={name: value for name, value in wanted.items() if value is not None},
            threads=threads,
            progress=progress,
        )

    finish(work, as_json, quiet)


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
