"""What was ordered, free of Blender's data, and the steps that carry it out: the scene may be gone while they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..jobs.types import Job, Step
from .kept import Motion
from .options import ARROWS
from .stores import Facts


@dataclass(frozen=True)
class MotionOrder:
    """The motion of a scene is to be made."""

    folder: Path
    """Where to; it holds the scene's copy."""
    scene_name: str
    """Of the scene in that copy."""
    facts: Facts
    """What is known beforehand; it has no warnings yet."""
    changes: int
    """How many changes of the open file it knows of."""
    preview: bool
    """The first frame is the engine's quick preview."""
    samples: int | None
    """Of a rendered first frame; None for the scene's own."""
    has_effects: bool
    """Is there something to simulate that Blender does not?"""

    @property
    def copy(self) -> Path:
        """The scene's .blend, as it was when this was ordered."""
        return self.folder / "scene.blend"

    @property
    def motion(self) -> Motion:
        """What will be there when all is done."""
        return Motion(self.folder, True, (), self.facts.frames, self.facts.size)


@dataclass(frozen=True)
class VideoOrder:
    """A video is to be made from a motion."""

    scene: str
    """The key of its scene."""
    motion: Path
    """The folder of its motion, which may still be in the making."""
    folder: Path
    """For log, report and result."""
    wanted: Path
    """The name that was asked for."""
    out: Path
    """The video: that name, with the seed of a variation, and a number where there is such a file."""
    generator: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        return self.folder / "report.json"

    @property
    def follows_arrows(self) -> bool:
        """Does it not move as simulated, but as arrows say?"""
        return ARROWS in self.options


@dataclass(frozen=True)
class Order:
    """One job: a motion, a video, or a motion and its first video."""

    name: str
    """For people."""
    motion: MotionOrder | None
    video: VideoOrder | None
    later: VideoOrder | None = None
    """A video of another order that needs the motion of this one: mistakes in it are better known beforehand."""

    @property
    def scene(self) -> str:
        """The key of its scene."""
        if self.motion is not None:
            return self.motion.facts.scene
        assert self.video is not None
        return self.video.scene

    @property
    def for_video(self) -> bool:
        """Is there a video that somebody waits for?"""
        return self.video is not None or self.later is not None

    @property
    def motion_folder(self) -> Path:
        """The motion that it makes or needs."""
        if self.motion is not None:
            return self.motion.folder
        assert self.video is not None
        return self.video.motion

    def with_options(self, **options: Any) -> Order:
        """The same, with other options of the generator."""
        assert self.video is not None
        video = dataclasses.replace(self.video, options={**self.video.options, **options})
        return dataclasses.replace(self, video=video)

    def with_name(self, out: Path) -> Order:
        """The same, whose video is another file."""
        assert self.video is not None
        return dataclasses.replace(self, name=out.name, video=dataclasses.replace(self.video, out=out))


def job_of(order: Order) -> Job:
    """The job that carries out all of an order."""
    steps = steps_before_video(order)
    if order.video is not None:
        steps = (*steps, video_step(order.video))
    return Job(order.name, steps, order.video.folder if order.video else order.motion_folder)


def steps_before_video(order: Order) -> tuple[Step, ...]:
    """The steps that make the motion, before them a look at whether the video could be made of it."""
    if order.motion is None:
        return ()
    video = order.video or order.later
    check = () if video is None else (Step("engine", {**video_step(video).request, "request": "check"}),)
    return (*check, *motion_steps(order.motion))


def motion_steps(order: MotionOrder) -> tuple[Step, ...]:
    """Record the scene's copy, simulate its effects, render its first frame with them in it, observe it all."""
    motion, quick = order.motion, order.preview
    scene = {"blend": order.copy, "scene": order.scene_name, "recording": motion.recording, "samples": order.samples}
    record = {"size": motion.size, "preview": quick or order.has_effects}
    steps = [Step("blender", {"request": "record", **scene, **record})]
    if order.has_effects:
        # what diverges is kept beside the recording, to be looked at
        steps.append(Step("engine", {"request": "solve", "recording": motion.recording, "out": motion.recording}))
        if not quick:
            steps.append(Step("blender", {"request": "first_frame", **scene}))
    observe = {"recording": motion.recording, "clip": motion.clip, "overlays": motion.overlays, "preview": quick}
    # what is there was left by an attempt that did not come to its end
    return (*steps, Step("engine", {"request": "observe", **observe, "force": True}))


def video_step(order: VideoOrder) -> Step:
    """Generate the video, and, where it should move as simulated, say how well it does."""
    clip = Motion(order.motion, True, (), (0, 0), (0, 0)).clip
    files = {"clip": clip, "out": order.out}
    if not order.follows_arrows:
        files["report"] = order.report
    # its name was free when it was ordered, and finished frames beside it may be of this very order
    request = {"request": "generate", **files, "generator": order.generator, "options": order.options, "force": True}
    return Step("engine", request)


def free_path(path: Path, take: Callable[[Path], bool]) -> Path:
    """`path`, with a number at its name's end where it exists or somebody else has it: `take` tries that."""
    candidate, number = path, 1
    while candidate.exists() or not take(candidate):
        number += 1
        candidate = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return candidate
