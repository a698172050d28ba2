"""`simcraft view`: look at clips, recordings and videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Force, Json, Quiet, finish
from simcraft.options import parse_size


def view(
    sources: Annotated[
        list[Path], typer.Argument(metavar="CLIP|RECORDING|VIDEO...", help="What to show, on one timeline.")
    ],
    save: Annotated[Path | None, typer.Option(help="Write this .rrd for Rerun's viewer and do not start it.")] = None,
    page: Annotated[bool, typer.Option("--html", help="Write a static web page, NAME.html.")] = False,
    sheet: Annotated[bool, typer.Option("--png", help="Write a picture of a few moments, NAME.png.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="NAME", help="Name of the files, without ending. Default: the first input's.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Pixels that pictures are shrunk to fit, in proportion.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show clips, recordings and videos in Rerun: bodies and camera in 3D, pictures, flow, depth, instances, tracks.

    Without a screen, or without Rerun (extra [view]), it writes a web page that needs no server and a picture instead.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.view.inputs import name_of
        from simcraft.view.rerun_sinks import INSTALL, rerun_problem
        from simcraft.view.showing import Wanted, has_screen, show

        problem = rerun_problem()
        stem = str(out or (save.with_suffix("") if save else name_of(sources[0])))
        paths = {"page": Path(f"{stem}.html"), "sheet": Path(f"{stem}.png")}
        if save or page or sheet:
            wanted = Wanted(save, paths["page"] if page else None, paths["sheet"] if sheet else None)
        elif problem:
            wanted = Wanted(None, **paths)
        else:
            wanted = Wanted() if has_screen() else Wanted(Path(f"{stem}.rrd"), **paths)
        bounds = parse_size(size) if size else None
        notes = show(sources, wanted, size=bounds, force=force, progress=progress)
        if problem and not (save or page or sheet):
            notes.append(f"{problem} Written without it. {INSTALL}")
        result: dict[str, Any] = {name: str(path) for name, path in wanted.files.items()}
        return {**(result or {"viewer": "started"}), "warnings": notes}

    finish(work, as_json, quiet)
