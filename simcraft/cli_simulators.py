"""The commands that simulate: a scene, a scene twice with a difference, a photo that flows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from simcraft.cli_shared import Force, Frames, Json, Preview, Quiet, Seed, Set, Size, finish
from simcraft.options import parse_frames, parse_size


def simulate(
    context: typer.Context,
    scene: Annotated[
        str | None, typer.Argument(help="A .blend file, or the name of a shipped scene (simcraft demo --list).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the recording. Default: SCENE.recording here.")
    ] = None,
    changes: Set = None,
    frames: Frames = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Record every Nth frame.")] = 1,
    size: Size = None,
    seed: Seed = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Cycles samples of rendered frames.")] = None,
    preview: Preview = False,
    true_frames: Annotated[bool, typer.Option("--true-frames", help="Render every frame, for evaluation.")] = False,
    blender: Annotated[
        Path | None, typer.Option(help="Blender to use. Default: SIMCRAFT_BLENDER, the bpy package, PATH.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    show_help: Annotated[bool, typer.Option("--help", help="This text, and what --set can change in SCENE.")] = False,
) -> None:
    """Run a scene's physics and record what moves: geometry over time, cameras, the first frame.

    Blender moves rigid bodies and cloth; smoke, liquids, materials, flocks, crowds and traffic are simulated beside it.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.parameters import parse_settings
        from simcraft.pipeline import check_output
        from simcraft.sim import simulate

        assert scene is not None
        target = out or Path(f"{Path(scene).stem}.recording")
        check_output(target, force)
        recording = simulate(
            scene,
            settings=parse_settings(changes or ()),
            frames=parse_frames(frames) if frames else None,
            every=every,
            size=parse_size(size) if size else None,
            seed=seed,
            samples=samples,
            preview=preview,
            true_frames=true_frames,
            blender=blender,
            out=target,
            progress=progress,
        )
        return {
            "recording": str(target),
            "frames": recording.frame_count,
            "bodies": len(recording.bodies),
            "warnings": list(recording.warnings),
        }

    def teach(progress: Any) -> dict[str, Any]:
        from simcraft.sim.families import explain_settings

        print(context.get_help())
        if not show_help:
            print("error: SCENE is missing.", file=sys.stderr)
        print(explain_settings(scene))
        raise typer.Exit(0 if show_help else 2)

    finish(teach if show_help or scene is None else work, as_json, quiet)


def image_plane(
    context: typer.Context,
    photo: Annotated[Path | None, typer.Argument(help="A picture: the first frame.")] = None,
    mask: Annotated[Path | None, typer.Argument(help="A picture of its size, white where it flows.")] = None,
    kind: Annotated[str, typer.Option(help="smoke, fire or liquid.")] = "liquid",
    obstacles: Annotated[Path | None, typer.Option(help="A mask of what it runs into.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Clip to write, .zarr or .npz. Default: PHOTO.zarr here.")
    ] = None,
    changes: Set = None,
    frames: Annotated[int, typer.Option(min=2, help="Length of the clip.")] = 48,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 24.0,
    seed: Annotated[int, typer.Option(help="Random seed of the simulation.")] = 0,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    show_help: Annotated[bool, typer.Option("--help", help="This text, and what --set can change.")] = False,
) -> None:
    """Let a part of a photo flow, melt, burn or smoke in the picture's own plane: a photo and a mask become a clip."""

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.clip.store import check_clip_path, save_clip
        from simcraft.parameters import parse_settings
        from simcraft.pipeline import check_output
        from simcraft.sim.image_plane import image_plane
        from simcraft.sim.solver import SimulationStopped

        assert photo is not None and mask is not None
        target = out or Path(f"{photo.stem}.zarr")
        check_clip_path(target)
        check_output(target, force)
        settings: dict[str, Any] = parse_settings(changes or ())
        given: dict[str, Any] = {
            "kind": kind,
            "obstacles": obstacles,
            "frames": frames,
            "fps": fps,
            "seed": seed,
            "name": photo.stem,
        }
        try:
            clip = image_plane(photo, mask, progress=progress, **given, **settings)
        except SimulationStopped as stopped:
            if stopped.clip is not None:
                kept = target.with_name(f"{target.stem}.until_it_diverged{target.suffix}")
                save_clip(stopped.clip, kept, force=True)
                stopped.message += f" The {stopped.clip.frame_count} frames until then are in {kept}."
            raise
        save_clip(clip, target, force=force, progress=progress)
        return {"clip": str(target), "warnings": list(clip.metadata.get("warnings", ()))}

    def teach(progress: Any) -> dict[str, Any]:
        from simcraft.parameters import help_text
        from simcraft.sim.image_plane import parameters

        print(context.get_help())
        if not show_help:
            missing = "PHOTO and MASK are" if photo is None else "MASK, a picture that is white where it flows, is"
            print(f"error: {missing} missing.", file=sys.stderr)
        print(f"--set changes, for --kind {kind}:\n\n{help_text(parameters(kind))}")
        raise typer.Exit(0 if show_help else 2)

    finish(teach if show_help or photo is None or mask is None else work, as_json, quiet)


def counterfactual(
    scene: Annotated[str, typer.Argument(help="A .blend file, or the name of a shipped scene.")],
    changes: Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="What is different; repeatable.")],
    out: Annotated[Path, typer.Option(help="Folder for what is made.")] = Path("out"),
    frames: Frames = None,
    size: Size = None,
    seed: Seed = None,
    preview: Preview = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a scene twice with the same seed, as it is and with something changed: what would have happened if?

    Makes two recordings, their clips, and a video with both side by side. `simcraft simulate SCENE --help` lists what
    can be changed.
    """

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.observe import observe_to
        from simcraft.pairs import counterfactual, pair_video
        from simcraft.parameters import parse_settings
        from simcraft.video import save_video

        shape = parse_size(size) if size else (256, 256)
        folder = out / f"{Path(scene).stem}_counterfactual"
        options: dict[str, Any] = {"size": shape, "seed": seed, "preview": preview, "out": folder}
        options["frames"] = parse_frames(frames) if frames else None
        pair = counterfactual(scene, parse_settings(changes), progress=progress, **options)
        result: dict[str, Any] = {"warnings": []}
        for name, recording in (("factual", pair.factual), ("counterfactual", pair.counterfactual)):
            clip = folder / f"{name}.zarr"
            warnings = observe_to(recording, clip, preview=preview, true_frames=True, force=True, progress=progress)
            result |= {name: str(folder / f"{name}.recording"), f"{name} clip": str(clip)}
            result["warnings"] += [f"{name}: {warning}" for warning in warnings]
        video = save_video(pair_video(pair, shape, progress), folder / "pair.mp4", progress)
        return {**result, "video": str(video)}

    finish(work, as_json, quiet)
