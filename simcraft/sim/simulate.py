"""The verb `simulate`: a Blender scene becomes a Recording, in a child process that may crash without harm."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from simcraft.assets import asset
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.progress import Progress, silent
from simcraft.recording import Recording, load_recording
from simcraft.recording.format import BeingWritten, only_writer, replace_folder
from simcraft.sim.blender import BlenderSession, ChildCrash, find_blender, run_child
from simcraft.sim.families import check_settings, scene_source
from simcraft.sim.solving import add_pictures, solve
from simcraft.sim.stage import working_folder

# how a .blend file starts: plain, gzip (older than 3.0), Zstandard (3.0 and newer)
_BLEND_MAGIC = (b"BLENDER", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")


def simulate(
    scene: str | os.PathLike[str],
    *,
    settings: Mapping[str, Any] | None = None,
    frames: tuple[int, int] | None = None,
    every: int = 1,
    size: tuple[int, int] | None = None,
    seed: int | None = None,
    preview: bool = False,
    true_frames: bool = False,
    samples: int | None = None,
    out: str | os.PathLike[str] | None = None,
    blender: str | os.PathLike[str] | None = None,
    session: BlenderSession | None = None,
    progress: Progress = silent,
) -> Recording:
    """Record what moves in a Blender scene: rigid bodies, cloth, armatures, instances, particles and the camera.

    What the scene asks for beyond that, smoke or a flock, is simulated afterwards by SimCraft's own solvers: see
    `simcraft.sim.effects`.

    Parameters
    ----------
    scene: path of a .blend, or the name of a shipped scene such as "dominoes".
    settings: what to change: parameters of a shipped scene (`{"gap": 0.3}`), and settings of effects, as "setting",
        "effect.setting" or "effect.thing.setting". Values may be texts. docs/scenes.md and docs/effects.md list them.
    frames: first and last frame, both included; the scene's own range by default.
    every: record every such frame only, 2 for every other one. Physics steps through all of them. The recording's frame
        rate is the scene's divided by `every`, and effects are simulated at that rate.
    size: (width, height) in pixels of the picture that the camera is for; the scene's own by default.
    seed: 0 to 2^31 - 1, kept in the recording. Of a shipped scene it makes another one of its family. Effects draw
        their random numbers from it. In any scene it is set as the custom property "seed" and as Cycles' sampling seed
        before anything is simulated: Blender's own solvers draw no random numbers, so their motion changes only where
        drivers or geometry nodes read that property.
    preview: render nothing; `Recording.image` is None and `observe` shades a quick picture in its place.
    true_frames: render every frame into `Recording.frames`, to compare a video with.
    samples: render samples a pixel; the scene's own by default.
    out: folder for the recording. By default it lies in a temporary folder that is removed when Python exits: long
        arrays are mapped from it, so save what you want to keep (`simcraft.save_recording`).
    blender: a Blender executable; by default the one in SIMCRAFT_BLENDER, else the bpy package, else PATH.
    session: a running `simcraft.sim.blender_session`, which saves the start of a Blender for each of many scenes.

    Raises
    ------
    UserError: the scene or the request is wrong (missing or damaged .blend, no camera, frames beyond a cache, ...).
    Failure: Blender crashed, the simulation exploded, or the disk is full. Where an effect diverges (it is a
        `SimulationStopped` then), the frames until then are in the folder that the text names.

    Scripts inside the .blend are never executed, and the .blend is never written.
    """
    if settings is not None and not (isinstance(settings, Mapping) and all(isinstance(name, str) for name in settings)):
        raise UserError("The settings are not a mapping from names to values.", 'Write settings={"gap": 0.3}.')
    path, others = find_scene(scene), dict(settings or {})
    options = {"frames": frames, "size": size, "seed": seed, "samples": samples, "every": every}
    options |= {"preview": preview, "true_frames": true_frames}
    check_seed(seed)
    with tempfile.TemporaryDirectory(prefix="simcraft-scene-") as folder:
        source: dict[str, Any] = {"blend": str(path)}
        if path.parent == asset("scenes").resolve():
            own, others = check_settings(path.stem, others)
            source = scene_source(path.stem, seed, own, Path(folder))
        return record_in_child(
            source, options, settings=others, out=out, blender=blender, session=session, progress=progress
        )


def find_scene(scene: str | os.PathLike[str]) -> Path:
    """The .blend at this path, or the shipped scene of this name; it exists and looks like a .blend.

    Raises `UserError` where it is missing or is not a Blender file.
    """
    path = Path(scene)
    if not path.exists() and path.suffix == "" and path.name == str(scene):
        shipped = {p.stem: p for p in asset("scenes").glob("*.blend")}
        if path.name not in shipped:
            raise UserError(
                f"There is no file '{scene}' and no shipped scene of that name.",
                f"Shipped are: {', '.join(sorted(shipped)) or 'none'}.",
            )
        path = shipped[path.name]
    if not path.is_file():
        raise UserError(f"The scene {path} does not exist.", "Give the path of a .blend file.")
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise UserError(f"The scene {path} cannot be read: {error.strerror}.") from None
    if not start.startswith(_BLEND_MAGIC):
        raise UserError(f"{path} is not a Blender file: it does not start like one.", "Save it again from Blender.")
    return path.resolve()


def check_seed(seed: int | None) -> None:
    """Raise `UserError` for a seed that Blender does not know."""
    if seed is not None and not 0 <= seed < 2**31:
        raise UserError(f"The seed is {seed}.", f"Give a whole number from 0 to {2**31 - 1}.")


def record_in_child(
    source: dict[str, Any],
    options: dict[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    blender: str | os.PathLike[str] | None = None,
    session: BlenderSession | None = None,
    progress: Progress = silent,
) -> Recording:
    """Record the scene that `source` opens or builds (see `blender_child`: {"blend": ...} or {"build": {...}}).

    `options` are the keyword arguments of the add-on's `record_scene`, `settings` those of the scene's effects; the
    others are those of `simulate`. Blender's output is kept: as `simulate.log` inside the recording, or as `NAME.log`
    beside it after a failure.
    """
    check_seed(options.get("seed"))
    if session is not None and blender is not None:
        raise UserError("Both a session and a Blender were given.", "Name the Blender where the session is made.")
    run = partial(run_child, find_blender(blender)) if session is None else session.run
    target = Path(out).absolute() if out is not None else _lasting_folder() / "recording"
    log = target.with_name(f"{target.name}.log")
    # beside the target, so that a rename completes the work, and gone afterwards, however the child ends
    with working_folder(target) as stage:
        images, solved = stage / "images", stage / "solved"

        def solve_recorded(recorded: Path) -> Path:
            # where Blender crashed while it rendered, it starts again, but what was simulated is there already
            return solved if solved.exists() else solve(recorded, solved, settings or {}, target, progress)

        request = {"addon": str(asset("blender_addon").resolve()), **source, "options": options}
        request |= {"out": str(stage / "recording"), "images": str(images)}
        try:
            path = _run_with_fallback(run, request, log, solve_recorded, progress)
            if path == images:
                path = add_pictures(solved, images, stage / "complete")
            else:
                path = solve_recorded(path)
        except (UserError, Cancelled, KeyboardInterrupt):
            log.unlink(missing_ok=True)
            raise
        shutil.move(log, path / "simulate.log")
        _commit(path, target)
    return load_recording(target)


def _commit(path: Path, target: Path) -> None:
    try:
        with only_writer(target):
            replace_folder(path, target)
    except BeingWritten as error:
        raise UserError(str(error), "Choose another output folder.") from None
    except OSError as error:
        raise Failure(f"The recording cannot be given the name {target}: {error.strerror}.", "Try again.") from error


def _run_with_fallback(
    run: Callable[..., Path],
    request: dict[str, Any],
    log: Path,
    solve_recorded: Callable[[Path], Path],
    progress: Progress,
) -> Path:
    """Run the request; where the render brings Blender down (no graphics driver), once more with Cycles."""
    try:
        return run(request, log, progress, solve_recorded)
    except ChildCrash as crash:
        if crash.stage != "render" or crash.killed:
            raise
        request = {**request, "options": {**request["options"], "engine": "CYCLES"}}
        return run(request, log, progress, solve_recorded)


def _lasting_folder() -> Path:
    """A temporary folder that is there until Python exits: recordings map their arrays from it."""
    folder = Path(tempfile.mkdtemp(prefix="simcraft-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
