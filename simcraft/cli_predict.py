"""`simcraft predict`: from a first frame and arrows to a motion clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Force, Json, Quiet, finish
from simcraft.options import parse_pairs, parse_point


def predict(
    context: typer.Context,
    first: Annotated[
        Path,
        typer.Argument(
            metavar="FIRST", help="A clip (.zarr, .npz), of which first frame and camera count; or a picture."
        ),
    ],
    arrow: Annotated[
        list[str] | None,
        typer.Option("--arrow", metavar="NAME=DX,DY", help="So many pixels, over the whole clip; repeatable."),
    ] = None,
    arrows: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Arrows as a .json: Blender's panel Motion Arrows writes it.")
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(help="Of a picture's things: painted PNG, folder of PNGs, or folder of a Segment Anything model."),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option("--point", metavar="X,Y", help="With Segment Anything: only what is there; repeatable."),
    ] = None,
    depth: Annotated[
        Path | None,
        typer.Option(help="Of a picture, metres: .npy, .npz, .exr, 16-bit .png (mm), or folder of a depth model."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Clip to write, .zarr or .npz. Default: FIRST_predicted.npz.")
    ] = None,
    show: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw what was understood. Without --out that is all, and needs no model."),
    ] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Default: the clip's, or 14.", show_default=False)] = None,
    fps: Annotated[float | None, typer.Option(min=0.1, help="Default: the clip's, or 12.", show_default=False)] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict motion from a first frame and a few arrows: stage one of Motion Dreamer.

    What will happen when the ball is pushed? Everything without an arrow moves as the model sees fit:

        simcraft predict dominoes.zarr --arrow Ball=40,0 -o pushed.npz

    The result is a clip as any other: `simcraft generate pushed.npz -g motion_dreamer` paints it. First look at what
    the arrows are understood to mean; names and ids of all that can move stand in the picture:

        simcraft predict dominoes.zarr --arrow Ball=40,0 --show understood.png

    A photo, with a mask in which each thing has a colour of its own (red, green, ... are its names):

        simcraft predict photo.png --masks painted.png --arrow red=60,-10 --arrow 310,95=0,25 -o photo.npz

    NAME may be a name, an id, or a point X,Y of the first frame; 0,0 says that something stays. x runs to the right
    and y down. Every other --name value goes to the model: --model FOLDER, --device cuda, --steps 8, --seed 1,
    --delta 1.5, ... (`simcraft generators` lists them under motion_dreamer).
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.clip.store import check_clip_path, save_clip
        from simcraft.generate.motion_dreamer.checkpoints import suited_delta
        from simcraft.generate.prediction import PREDICTOR, asked, load_and_predict, network_device
        from simcraft.generate.registry import complete_options
        from simcraft.pipeline import check_output

        options = complete_options(PREDICTOR, parse_pairs(context.obj or ()))
        target = out or (None if show is not None else Path(f"{first.resolve().stem}_predicted.npz"))
        if target is not None:
            check_clip_path(target)
            check_output(target, force)
            PREDICTOR.check(options)
        if show is not None:
            check_output(show, force)
        delta = options["delta"]
        if delta is None:
            delta = suited_delta(options["model"], hub=options["hub"])
        what = asked(
            first,
            given(arrow or [], arrows),
            masks=masks,
            depth=depth,
            points=[parse_point(text) for text in point or ()],
            frames=frames,
            fps=fps,
            delta=delta,
            device=network_device(options["device"]),
            progress=progress,
        )
        result: dict[str, Any] = {}
        if show is not None:
            from simcraft.clip.files import write_png

            write_png(show, what.picture())
            result["understood"] = str(show)
        if target is not None:
            clip = load_and_predict(what, options, progress)
            save_clip(clip, target, force=force, progress=progress)
            result |= {"clip": str(target), "frames": clip.frame_count}
        return result

    finish(work, as_json, quiet)


def given(texts: list[str], file: Path | None) -> list[str] | Path:
    """Arrows as words or as a file; `UserError` for both at once."""
    from simcraft.errors import UserError

    if file is not None and texts:
        raise UserError("--arrow and --arrows are both given.", "Give one of them: words, or a file.")
    return texts if file is None else file
