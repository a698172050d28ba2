"""`simcraft compare`: one option of a generator, several values, side by side."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Force, Generator, Json, Quiet, finish
from simcraft.options import parse_pairs


def compare(
    context: typer.Context,
    clip: Annotated[Path, typer.Argument(help="A clip (.zarr, .npz).")],
    vary: Annotated[
        str, typer.Option(metavar="OPTION=VALUE,...", help='What differs; "quotes" round a value with a comma in it.')
    ],
    generator: Generator = "motioncraft",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to make. Default: CLIP_OPTION.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Generate a clip several times with one option changed, measure every video, and show all side by side.

    The ablation of the MotionCraft paper, which frames a new frame looks at:

        simcraft compare dominoes.zarr --vary attention=none,first,previous,both

    How much is painted anew, with eight steps a frame:

        simcraft compare dominoes.zarr --vary strength=0.2,0.4,0.8 --steps 8

    Any option of any generator can vary; every other --name value goes to the generator, alike for all. `warp`, the
    baseline, and the true frames stand beside them (`simcraft observe --true-frames` keeps these). The model is loaded
    once. Stopped, the same command goes on; values can be added later.

    In the table, error is the end-point error where things move, floor that of the estimator itself on the true frames,
    still that of a video that does not move; new is the PSNR of what the first frame does not show. DIR has VALUE.mp4,
    comparison.mp4, comparison.png and comparison.json.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.clip.store import load_clip
        from simcraft.compare import compare, plan

        option, values = parse_variation(vary)
        options = parse_pairs(context.obj or ())
        for trial in plan(generator, option, values, options):  # mistakes are told before the clip is read
            trial.generator.check(trial.options)
        folder = out or Path(f"{clip.resolve().stem}_{option}")
        loaded = load_clip(clip, progress)
        made = compare(loaded, generator, option, values, folder, options=options, force=force, progress=progress)
        return {**made.to_dict(), **made.files} if as_json else {**made.files, **made.table()}

    finish(work, as_json, quiet)


def parse_variation(text: str) -> tuple[str, list[str]]:
    """`"attention=none,both"` to ("attention", ["none", "both"]); a value in double quotes may have commas.

    Raises `UserError` for anything else.
    """
    from simcraft.errors import UserError

    name, equals, listed = text.partition("=")
    if not name or not equals or not listed:
        raise UserError(f"--vary {text} is not OPTION=VALUE,...", "Write for example --vary attention=none,first,both.")
    values = next(csv.reader([listed], skipinitialspace=True))
    return name.strip().removeprefix("--").replace("-", "_"), [value.strip() for value in values]
