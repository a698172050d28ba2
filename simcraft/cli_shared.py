"""What the commands share: their common options, and how they run, report and fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from simcraft.console import explain, progress_display, show_error, show_result

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Size = Annotated[str | None, typer.Option(metavar="WxH", help="Pixels, e.g. 512x512. Another aspect is cropped.")]
Preview = Annotated[bool, typer.Option("--preview", help="First frame from the quick preview, not the render engine.")]
Seed = Annotated[int | None, typer.Option(help="Random seed of the simulation and the render.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a parameter or setting; repeatable.")
]
Frames = Annotated[str | None, typer.Option(metavar="A:B", help="First and last frame, both included.")]
Generator = Annotated[
    str, typer.Option("--generator", "-g", help="What paints: warp, motioncraft, motion_dreamer, auto.")
]


def finish(work: Callable[..., dict[str, Any]], as_json: bool, quiet: bool) -> None:
    """Run `work(progress=...)` with a progress display, print its result, or its error with the right exit code."""
    try:
        with progress_display(quiet) as progress:
            result = work(progress=progress)
        for warning in result.get("warnings", ()):
            print(f"warning: {warning}", file=sys.stderr)
        show_result(result, as_json)
    except (Exception, KeyboardInterrupt) as error:
        known = explain(error)
        if known is None:
            raise
        show_error(known.message, known.fix, as_json)
        raise typer.Exit(known.exit_code) from None
