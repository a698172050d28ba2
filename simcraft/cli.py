"""The command line: one command a verb, the same names as in Python. Nothing heavy is imported before it is used."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft import __version__
from simcraft.cli_compare import compare
from simcraft.cli_dataset import app as dataset_app
from simcraft.cli_predict import predict
from simcraft.cli_shared import Force, Generator, Json, Preview, Quiet, Seed, Set, Size, finish
from simcraft.cli_simulators import counterfactual, image_plane, simulate
from simcraft.cli_train import app as train_app
from simcraft.cli_view import view
from simcraft.console import show_result
from simcraft.options import parse_pairs, parse_size

app = typer.Typer(
    name="simcraft",
    help="Physics becomes video: simulate a scene, observe its exact motion, generate a video that moves the same way.",
    epilog="Start with: simcraft demo    Check the installation with: simcraft doctor",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="markdown",
)

# commands whose unknown --name value pairs belong to the generator
PASSING = ("generate", "demo", "compare", "predict")


# these explain themselves what --help should say of the scene or kind that is named
app.command(context_settings={"help_option_names": []})(simulate)
app.command("image-plane", context_settings={"help_option_names": []})(image_plane)
app.command()(counterfactual)
app.command()(compare)
app.command()(predict)
app.command()(view)
app.add_typer(dataset_app)
app.add_typer(train_app)


@app.command()
def observe(
    recording: Annotated[Path, typer.Argument(help="Folder of a recording.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Clip to write, .zarr or .npz. Default: RECORDING.zarr here.")
    ] = None,
    size: Size = None,
    tracks: Annotated[int, typer.Option(min=0, help="Number of point tracks.")] = 1024,
    preview: Preview = False,
    true_frames: Annotated[
        bool, typer.Option("--true-frames", help="Keep all frames; previewed if unrendered.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compute what the camera sees: exact optical flow, depth, instances, visibility and point tracks.

    A .zarr clip is written frame by frame; after an interruption the same command goes on where it stopped.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.clip.store import check_clip_path, save_clip
        from simcraft.observe import observe, observe_to
        from simcraft.pipeline import check_output

        target = out or Path(f"{recording.resolve().name.removesuffix('.recording')}.zarr")
        check_clip_path(target)
        check_output(target, force)
        options: dict[str, Any] = {"tracks": tracks, "preview": preview, "true_frames": true_frames}
        shape = parse_size(size) if size else None
        if target.suffix == ".zarr":
            warnings = observe_to(recording, target, shape, **options, force=force, progress=progress)
        else:
            clip = observe(recording, shape, **options, progress=progress)
            save_clip(clip, target, force=force, progress=progress)
            warnings = clip.metadata["warnings"]
        return {"clip": str(target), "warnings": list(warnings)}

    finish(work, as_json, quiet)


@app.command()
def generate(
    context: typer.Context,
    clip: Annotated[
        Path | None,
        typer.Argument(help="A clip (.zarr, .npz), or a Kubric, BlenderProc or .flo folder.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Video: .mp4, .gif, .webm, or a folder of PNG. Default: CLIP.mp4."),
    ] = None,
    generator: Generator = "warp",
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A data set: one video of each clip, in --out or DIR/videos/GENERATOR."),
    ] = None,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Make these on a Ray cluster: auto, ...")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for finished frames. Default: .VIDEO.frames, until it is written."),
    ] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also write a picture sheet (.png or .mp4).")] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Paint a video that moves as the clip says.

    Every other --name value goes to the generator; `simcraft generators` lists what each one takes.

    **motioncraft** makes one frame after the other. Each is a PNG in the folder of finished frames as soon as it is
    made: look at them while it runs. Stopped by Ctrl-C, killed, or out of memory, the same command goes on after the
    last one.

    **motion_dreamer** makes all frames at once, of the clip's own motion, or of what it predicts from --arrows:

        simcraft generate dominoes.zarr -g motion_dreamer --arrows "Ball=40,0; Block=0,0"
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.clip.store import load_clip
        from simcraft.errors import UserError
        from simcraft.paint import check_choice, paint_to
        from simcraft.pipeline import check_output
        from simcraft.sheet import check_sheet_path, save_sheet
        from simcraft.video import check_video_path

        choice = check_choice(generator, parse_pairs(context.obj or ()))
        if clip is None and manifest is not None and keep is None:
            from simcraft.data.generate_set import generate_set

            made = generate_set(manifest, choice.generator, choice.options, out=out, ray=ray, progress=progress)
            return {**made.result, **({"chosen": choice.sentence} if choice.why else {})}
        if clip is None or manifest is not None or ray is not None:
            raise UserError("Expected one CLIP, or --manifest DIR, perhaps with --ray.", "Give one of them.")
        target = out or Path(f"{clip.resolve().stem}.mp4")
        check_video_path(target)
        check_output(target, force)
        if sheet is not None:
            check_sheet_path(sheet)
            check_output(sheet, force)
        loaded = load_clip(clip, progress)
        video = paint_to(target, loaded, choice, keep=keep, progress=progress)
        result = {"video": str(target), **({"chosen": choice.sentence} if choice.why else {})}
        if sheet is not None:
            result["sheet"] = str(save_sheet(loaded, video, sheet, progress=progress))
        return result

    finish(work, as_json, quiet)


# how values of an option's type are written
_KINDS = {str: "text", int: "number", float: "number", bool: "yes|no"}


@app.command()
def generators(as_json: Json = False) -> None:
    """List the generators and their options."""
    from simcraft.generate.registry import find_generator, generator_names

    known = [find_generator(name) for name in generator_names()]
    if as_json:
        show_result({"generators": [asdict(generator) for generator in known]}, True)
        return
    for generator in known:
        print(f"{generator.name}\n    {generator.summary}")
        for option in generator.options:
            kind = "|".join(map(str, option.choices)) or _KINDS[option.type]
            flag = f"--{option.name.replace('_', '-')} {kind}"
            print(f"    {flag}\n        {option.help} Default: {option.usual}.")


@app.command()
def evaluate(
    video: Annotated[Path, typer.Argument(help="The generated video.")],
    clip: Annotated[Path, typer.Argument(help="The clip that it should move like.")],
    truth: Annotated[Path | None, typer.Option(help="The true video, where there is one: adds PSNR and SSIM.")] = None,
    clip_model: Annotated[Path | None, typer.Option(help="Folder of CLIP weights, for frame consistency.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Report, .json; a .png goes beside it. Default: VIDEO.report.json."),
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure whether a video moves as simulated, beside the floor of the flow estimator itself."""

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.clip.store import load_clip
        from simcraft.metrics import evaluate
        from simcraft.pipeline import check_output, check_report_path, report_picture
        from simcraft.video import load_video

        target = out or video.with_suffix(".report.json")
        picture = report_picture(target)
        check_report_path(target)
        for path in (target, picture):
            check_output(path, force)
        generated = load_video(video)
        true_video = load_video(truth) if truth else None
        motion = load_clip(clip, progress)
        report = evaluate(generated, motion, true_video, clip_model=clip_model, progress=progress)
        report.save(target)
        report.save_picture(picture)
        return {"summary": report.summary, "report": str(target), "picture": str(picture)}

    finish(work, as_json, quiet)


@app.command()
def demo(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A shipped scene.")] = "dominoes",
    list_scenes: Annotated[bool, typer.Option("--list", help="Print the names of the shipped scenes.")] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for what is made.")] = Path("out"),
    changes: Set = None,
    size: Size = None,
    generator: Generator = "auto",
    seed: Seed = None,
    preview: Preview = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the video when there is a screen.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a video of a shipped scene: simulate, observe, generate and evaluate in one go.

    The generator `auto` is the one that scored best on held-out clips; `-g motioncraft` and `-g warp` name one. Every
    other --name value goes to it.
    """
    from simcraft import demos

    if list_scenes:
        for scene, title in demos.titles().items():
            print(scene if not sys.stdout.isatty() else f"{scene:<12} {title}")
        return

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.parameters import parse_settings

        return demos.run(
            name,
            out,
            size=parse_size(size) if size else (256, 256),
            generator=generator,
            options=parse_pairs(context.obj or ()),
            settings=parse_settings(changes or ()),
            seed=seed,
            preview=preview,
            progress=progress,
        )

    finish(work, as_json, quiet)
    if open_it:
        demos.open_on_screen(out / f"{name}.mp4")


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what is installed, which Blender and device are found, what is missing and how to get it."""
    from simcraft.doctor import examine, show

    checks = examine()
    if as_json:
        show_result({"checks": [vars(check) for check in checks]}, True)
    else:
        show(checks)
    if any(check.state == "missing" for check in checks):
        raise typer.Exit(1)


@app.command()
def worker() -> None:
    """Serve requests as JSON lines on stdin and stdout: what Blender starts. All of them are in docs/worker.md."""
    from simcraft.worker import main as serve

    serve()


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Options that stand before the command."""
    if version:
        print(f"simcraft {__version__}")
        raise typer.Exit


def split_arguments(arguments: list[str], known: Mapping[str, bool]) -> tuple[list[str], list[str]]:
    """Our own arguments, and the `--name value` pairs in between that we do not know: those of the generator.

    `known` says of each option of ours whether a value follows it.
    """
    own: list[str] = []
    passed: list[str] = []
    words = iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        follows = not equals and known.get(name, True)
        chosen = own if name in known or not name.startswith("--") or name == "--" else passed
        chosen.append(word)
        if follows and name.startswith("-") and name != "--" and (value := next(words, None)) is not None:
            chosen.append(value)
    return own, passed


def stop(*_: object) -> None:
    """SIGTERM ends the work as Ctrl-C does: children are stopped, temporary files removed."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line. Exit codes: 0 done, 2 a mistake in the request, 1 a failure, 130 Ctrl-C."""
    signal.signal(signal.SIGTERM, stop)
    command = typer.main.get_command(app)
    own = sys.argv[1:]
    passed: list[str] = []
    if own and own[0] in PASSING:
        options = command.commands[own[0]].params  # type: ignore[attr-defined]
        known = {name: not option.is_flag for option in options for name in option.opts if hasattr(option, "is_flag")}
        own, passed = split_arguments(own, known | {"--help": False})
    command(args=own, obj=passed, prog_name="simcraft")
