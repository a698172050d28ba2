"""What the worker does for each request; heavy modules are imported when they are first needed."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import simcraft
from simcraft.errors import SimcraftError, UserError
from simcraft.pipeline import RenderRequest, check_output, check_request, render, render_clip
from simcraft.progress import Progress
from simcraft.recording import Recording, load_recording
from simcraft.worker_files import Session
from simcraft.worker_requests import Request

if TYPE_CHECKING:
    from simcraft.generate.embedded import Choice
    from simcraft.generate.registry import Generator, Option
    from simcraft.paint import FrameWritten
    from simcraft.video import Video


class LoadedModel:
    """The function that painted last, with its model: the next video of the same needs no loading."""

    def __init__(self) -> None:
        self._key: object = None
        self._painter: Callable[..., Video] | None = None

    def open(self, choice: Choice, progress: Progress) -> Callable[..., Video]:
        """As `Generator.open` for this choice; raises what that raises."""
        from simcraft.generate import complete_options, find_generator
        from simcraft.generate.streaming import opened

        generator = find_generator(choice.generator)
        options = complete_options(generator, choice.options)
        key = (generator.name, sorted(generator.split(options)[0].items()), generator.check(options))
        if self._painter is None or key != self._key:
            self.forget()
            self._painter, self._key = opened(generator, options, progress), key
        return self._painter

    def forget(self) -> None:
        """Give the memory back."""
        had_one, self._painter, self._key = self._painter is not None, None, None
        if had_one and "torch" in sys.modules:
            import torch

            gc.collect()
            torch.cuda.empty_cache()


@dataclass
class Desk:
    """What stays between requests."""

    model: LoadedModel = field(default_factory=LoadedModel)
    session: Session | None = None
    """The folder of a caller on another machine; None where paths are ours."""
    estimator: Any = None
    """`simcraft.estimate.Estimator`, once one was asked for."""

    def place(self, path: str) -> Path:
        """Where the path in a request is."""
        return Path(path) if self.session is None else self.session.place(path)


Task = Callable[[dict[str, Any], Desk, Progress, "FrameWritten"], dict[str, Any]]
"""(fields, desk, progress, frame_written) -> the fields of the "result"."""


def carry_out(request: Request, desk: Desk, progress: Progress, frame_written: FrameWritten) -> dict[str, Any]:
    """Do what was asked; returns the fields of the "result". Raises whatever goes wrong."""
    return TASKS[request.kind](request.fields, desk, progress, frame_written)


# ---------------------------------------------------------------------------------------------------------------- jobs


def _render(fields: dict[str, Any], desk: Desk, progress: Progress, frame_written: FrameWritten) -> dict[str, Any]:
    return render(RenderRequest(**fields), progress, frame_written, desk.model.open)


def _generate(fields: dict[str, Any], desk: Desk, progress: Progress, frame_written: FrameWritten) -> dict[str, Any]:
    from simcraft.clip.store import load_clip

    request = _from_clip(fields)
    check_request(request)
    return render_clip(load_clip(fields["clip"], progress), request, progress, frame_written, desk.model.open)


def _check(fields: dict[str, Any], *_: Any) -> dict[str, Any]:
    check_request(RenderRequest(**fields) if "recording" in fields else _from_clip(fields))
    return {}


def _from_clip(fields: dict[str, Any]) -> RenderRequest:
    """What to make of a clip that is there already; the clip stands in the recording's place, and is not written."""
    others = {name: value for name, value in fields.items() if name != "clip"}
    return RenderRequest(recording=fields["clip"], **others)


def _solve(fields: dict[str, Any], desk: Desk, progress: Progress, *_: Any) -> dict[str, Any]:
    """Simulate the effects of the recording and write it again with what they add.

    Where one diverges, the frames until then are kept beside "out", or else beside the recording, which stays.
    """
    from simcraft.sim.solving import solve

    folder = fields["recording"]
    return {"warnings": list(load_recording(solve(folder, folder, {}, fields.get("out", folder), progress)).warnings)}


def _observe(fields: dict[str, Any], desk: Desk, progress: Progress, *_: Any) -> dict[str, Any]:
    """A clip on disk, pictures of what it knows, and warnings where the motion is none or absurd."""
    from simcraft.clip.lazy import open_clip
    from simcraft.observe import observe_to
    from simcraft.overlays import save_overlays

    path, force = fields["clip"], fields.get("force", False)
    if path.suffix != ".zarr":
        raise UserError(f"The clip cannot be written as {path}.", "End the name in .zarr.")
    check_output(path, force)
    recording = load_recording(fields["recording"])
    # the true frames tell `generate` how well motion can be measured here at all
    warnings = observe_to(
        recording,
        path,
        fields.get("size"),
        preview=fields.get("preview", False),
        true_frames=True,
        force=force,
        progress=progress,
    )
    clip = open_clip(path)
    result = {
        "clip": str(path),
        "frames": clip.frame_count,
        "size": list(clip.size),
        "warnings": [*warnings, *suspicions(recording)],
    }
    if "overlays" in fields:
        result["overlays"] = str(save_overlays(clip, fields["overlays"], progress))
    return result


def suspicions(recording: Recording) -> tuple[str, ...]:
    """What is odd about the motion of simulated bodies."""
    from simcraft.sim.explosion import dead_warnings, explosion_warnings

    return (*dead_warnings(recording.bodies, recording.fps), *explosion_warnings(recording.bodies, recording.fps))


# ----------------------------------------------------------------------------------------------------------- questions


def _describe(*_: Any) -> dict[str, Any]:
    """What this engine has: versions, device, memory, generators with their options, models."""
    from simcraft.doctor import compute_device, examine
    from simcraft.generate import find_generator, generator_names
    from simcraft.generate.embedded import best_generator, embedded_models, model_bytes

    device = compute_device()
    models, best = {}, ""
    with contextlib.suppress(SimcraftError):  # the doctor tells
        models, best = embedded_models(), best_generator().sentence
    return {
        "simcraft": simcraft.__version__,
        "python": platform.python_version(),
        "device": device.name,
        "memory_bytes": device.memory_bytes,
        "generators": [_described(find_generator(name)) for name in generator_names()],
        "models": [
            {"name": name, "path": str(folder), "megabytes": round(model_bytes(folder) / 1e6, 1)}
            for name, folder in models.items()
        ],
        "best": best,
        "doctor": [{**dataclasses.asdict(check), "state": _state(check.name, check.state)} for check in examine()],
    }


def _state(name: str, state: str) -> str:
    """Blender is the caller: that the engine has none of its own breaks nothing."""
    return "note" if state == "missing" and name in ("Blender", "System libraries") else state


def _described(generator: Generator) -> dict[str, Any]:
    options = [_option(option) for option in generator.options]
    return {"name": generator.name, "summary": generator.summary, "options": options}


def _option(option: Option) -> dict[str, Any]:
    told = {name: getattr(option, name) for name in ("name", "default", "help", "minimum", "maximum", "unset")}
    return {**told, "type": option.type.__name__, "choices": list(option.choices)}


def _estimate(fields: dict[str, Any], desk: Desk, progress: Progress, *_: Any) -> dict[str, Any]:
    from simcraft.estimate import Estimator

    if desk.estimator is None:
        desk.estimator = Estimator(desk.model.open)
    size, options = fields["size"], fields.get("options", {})
    estimate = desk.estimator.estimate(fields["generator"], options, size, fields["frames"], progress)
    return dataclasses.asdict(estimate)


# --------------------------------------------------------------------------------------------------------------- files


def _open_session(fields: dict[str, Any], desk: Desk, *_: Any) -> dict[str, Any]:
    if desk.session is not None and desk.session.folder.name != fields["name"]:
        raise UserError("This engine serves another session already.", "Start another engine.")
    if desk.session is None:
        desk.session = Session(fields["name"])
    return {}


def _session(desk: Desk) -> Session:
    if desk.session is None:
        raise UserError("No session is open, so no files travel.", "Send 'session' first.")
    return desk.session


def _offer(fields: dict[str, Any], desk: Desk, *_: Any) -> dict[str, Any]:
    return _session(desk).offer(fields["path"], fields["files"])


def _write(fields: dict[str, Any], desk: Desk, *_: Any) -> dict[str, Any]:
    return _session(desk).write(fields["path"], fields["offset"], fields["data"])


def _list(fields: dict[str, Any], desk: Desk, *_: Any) -> dict[str, Any]:
    return _session(desk).list_files(fields["path"])


def _read(fields: dict[str, Any], desk: Desk, *_: Any) -> dict[str, Any]:
    return _session(desk).read(fields["path"], fields["offset"], fields["bytes"])


TASKS: dict[str, Task] = {
    "render": _render,
    "check": _check,
    "solve": _solve,
    "observe": _observe,
    "generate": _generate,
    "describe": _describe,
    "estimate": _estimate,
    "session": _open_session,
    "offer": _offer,
    "write": _write,
    "list": _list,
    "read": _read,
}
