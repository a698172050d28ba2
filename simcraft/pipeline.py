"""From a recording to a video with its sheet and report: what the demo, the worker and render_video.py share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simcraft.errors import UserError
from simcraft.progress import Progress, silent

if TYPE_CHECKING:
    from simcraft.clip import MotionClip
    from simcraft.generate.embedded import Choice
    from simcraft.paint import FrameWritten
    from simcraft.recording import Recording
    from simcraft.video import Video

OpenPainter = Callable[["Choice", Progress], Callable[..., "Video"]]
"""The function that paints as chosen, as `Generator.open` returns it; its model may be loaded already."""


@dataclass(frozen=True)
class RenderRequest:
    """What to make of one recording."""

    recording: Path
    """Folder of the recording."""
    out: Path
    """The video to write; its suffix chooses the format."""
    size: tuple[int, int] | None = None
    """(width, height) in pixels; None for the recording's own."""
    generator: str = "warp"
    """A generator's name, or "auto"."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The generator's own options, as text or values."""
    clip: Path | None = None
    """Where to keep the MotionClip (.zarr or .npz); None to let it go."""
    sheet: Path | None = None
    """Where to write the picture sheet (.png or .mp4)."""
    report: Path | None = None
    """Where to write the adherence report (.json, with a .png beside it)."""
    preview: bool = False
    """Take the first frame from the built-in preview even where the recording holds a rendered one."""
    force: bool = False
    """Replace files that are there."""

    @property
    def outputs(self) -> dict[str, Path]:
        """Every file or folder that the request will make, by name."""
        named = {"out": self.out, "clip": self.clip, "sheet": self.sheet, "report": self.report}
        if self.report is not None:
            named["report's picture"] = report_picture(self.report)
        return {name: path for name, path in named.items() if path is not None}


def report_picture(report: Path) -> Path:
    """Where the picture of the report `NAME.json` goes: NAME.png."""
    return report.with_suffix(".png")


def check_report_path(path: Path) -> None:
    """Raise `UserError` where no report can be written as `path`."""
    if path.suffix.lower() != ".json":
        raise UserError(f"The report cannot be written as {path}.", "End the name in .json.")


def check_request(request: RenderRequest) -> None:
    """Raise `UserError` for everything that can be known to be wrong before any work: names, formats, options."""
    from simcraft.clip.store import check_clip_path
    from simcraft.paint import check_choice
    from simcraft.sheet import check_sheet_path
    from simcraft.video import check_video_path

    check_choice(request.generator, request.options)
    check_video_path(request.out)
    if request.clip is not None:
        check_clip_path(request.clip)
    if request.sheet is not None:
        check_sheet_path(request.sheet)
    if request.report is not None:
        check_report_path(request.report)
    taken: dict[Path, str] = {}
    for name, path in request.outputs.items():
        if (other := taken.setdefault(path.absolute(), name)) != name:
            raise UserError(
                f"The {name} and the {other} would both be written to {path}.", "Give them different names."
            )
        check_output(path, request.force)


def check_output(path: Path, force: bool) -> None:
    """Raise `UserError` before any work where `path` cannot become the output."""
    if path.exists() and not force:
        raise UserError(f"{path} exists.", "Give another --out, or --force to replace it.", ("out",))
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise UserError(f"{parent} is a file, so {path} cannot be written.", "Write elsewhere with --out.", ("out",))
    probe = parent / f".{path.name}.probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        message = f"{parent} cannot be written to: {error.strerror}."
        raise UserError(message, "Write elsewhere with --out.", ("out",)) from None


def render(
    request: RenderRequest,
    progress: Progress = silent,
    frame_written: FrameWritten | None = None,
    open_painter: OpenPainter | None = None,
) -> dict[str, Any]:
    """Observe the recording, generate the video and write everything that the request names.

    `frame_written` is called as in `simcraft.paint.paint_to`; `open_painter` finds a model that is loaded already.
    Returns the paths written, by name ("video", "clip", "sheet", "report"), plus "summary" (one sentence on adherence),
    "generator", where that was to be chosen "chosen" (one sentence on it) and "warnings". Raises `UserError`, `Failure`
    or `Cancelled`; what was written before stays.
    """
    from simcraft.observe import moves, observe
    from simcraft.recording import load_recording

    check_request(request)
    recording = load_recording(request.recording)
    clip = observe(
        recording, request.size, preview=request.preview, true_frames=request.report is not None, progress=progress
    )
    if not moves(clip):
        raise why_still(recording, clip)
    return render_clip(clip, request, progress, frame_written, open_painter)


def render_clip(
    clip: MotionClip,
    request: RenderRequest,
    progress: Progress = silent,
    frame_written: FrameWritten | None = None,
    open_painter: OpenPainter | None = None,
) -> dict[str, Any]:
    """Generate the video of `clip` and write everything that the request names; results and errors as of `render`."""
    from simcraft.clip.store import save_clip
    from simcraft.metrics import evaluate
    from simcraft.paint import check_choice, paint_to
    from simcraft.sheet import save_sheet

    result: dict[str, Any] = {}
    if request.clip is not None:
        result["clip"] = str(save_clip(clip, request.clip, force=request.force, progress=progress))
    choice = check_choice(request.generator, request.options)
    painter = None if open_painter is None else open_painter(choice, progress)
    video = paint_to(request.out, clip, choice, painter=painter, frame_written=frame_written, progress=progress)
    result["video"] = str(request.out)
    if request.sheet is not None:
        result["sheet"] = str(save_sheet(clip, video, request.sheet, progress=progress))
    if request.report is not None:
        report = evaluate(video, clip, progress=progress)
        report.save(request.report)
        report.save_picture(report_picture(request.report))
        result["report"] = str(request.report)
        result["summary"] = report.summary
    result["generator"] = choice.generator
    if choice.why:
        result["chosen"] = choice.sentence
    result["warnings"] = list(clip.metadata.get("warnings", ()))
    return result


def why_still(recording: Recording, clip: MotionClip) -> UserError:
    """What is wrong with a clip in which nothing moves."""
    import numpy as np

    frames = f"between frames {recording.frame_numbers[0]} and {recording.frame_numbers[-1]}"
    if clip.depth is not None and np.isinf(clip.depth).all():
        near, far = np.min(recording.camera.clip_start), np.max(recording.camera.clip_end)
        return UserError(
            f"The camera of '{recording.name}' sees no surface {frames}.",
            f"Turn it towards the scene, or change its clip distances (now {near:g} to {far:g} m).",
        )
    return UserError(
        f"Nothing moves in '{recording.name}' {frames} as the camera sees it.",
        "Animate an object or the camera, bake the simulation, or choose other --frames."
        + "".join(f"\n       Note: {warning}" for warning in recording.warnings),
        ("frames",),
    )
