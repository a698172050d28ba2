"""One row of a manifest becomes a clip: its scene is simulated, observed, described and packed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from simcraft.clip import MotionClip
from simcraft.clip.store import npz_bytes
from simcraft.data.captions import captions_of
from simcraft.data.folder import Made
from simcraft.data.manifest import Row
from simcraft.data.recipe import KEPT
from simcraft.data.statistics import statistics_of
from simcraft.flowing import flowing_picture
from simcraft.observe import observe, preview_frames
from simcraft.progress import Progress, silent
from simcraft.recording import Recording
from simcraft.sim import simulate
from simcraft.sim.blender import BlenderSession
from simcraft.sim.families import check_settings, find_family

CLIP, PREVIEW = ".npz", ".preview.npz"
"""Suffixes of the files of a row."""


@dataclass(frozen=True)
class _Clock:
    """How long each stage took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)


def make_row(row: Row, *, session: BlenderSession, progress: Progress = silent) -> Made:
    """Make the clip of `row`: the same bytes in every process, whatever the session recorded before.

    Where the row asks for both renderers, the clip holds the pictures of Cycles, and a second one those of the preview
    with the flows.

    Raises what `simcraft.simulate` and `simcraft.observe` raise: `UserError` for settings that make no sense,
    `Failure` where Blender crashes or a simulation diverges.
    """
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="simcraft-row-") as folder:
        with clock.stage("simulate"):
            recording, for_plane = _simulate(row, Path(folder), session, progress)
        with clock.stage("observe"):
            whole = _observe(recording, row, for_plane, progress)
        with clock.stage("describe"):
            captions = captions_of(recording, whole, row)
            clip = replace(_only(whole, row.annotations), captions=captions)
            statistics = statistics_of(clip)
        previewed = None
        if row.renderer == "both":
            with clock.stage("preview"):
                previewed = _previewed(recording, clip)
    with clock.stage("pack"):
        files = {CLIP: npz_bytes(clip)}
        if previewed is not None:
            files[PREVIEW] = npz_bytes(previewed)
    return Made(files, captions, statistics, clock.seconds)


def _simulate(
    row: Row, folder: Path, session: BlenderSession, progress: Progress
) -> tuple[Recording, dict[str, object] | None]:
    """The recording, and the settings of what flows in the picture's plane, None where nothing does."""
    in_plane = find_family(row.family).image_plane is not None
    own, others = check_settings(row.family, row.settings)
    rendered = row.renderer != "preview"
    recording = simulate(
        row.family,
        settings=own if in_plane else row.settings,
        frames=(row.first, row.last),
        every=row.every,
        size=row.size,
        seed=row.seed,
        preview=not rendered,
        # in the picture's plane the first picture is all that can be rendered
        true_frames=rendered and "frames" in row.annotations and not in_plane,
        samples=row.samples if rendered else None,
        out=folder / "recording",
        session=session,
        progress=progress,
    )
    return recording, others if in_plane else None


def _observe(recording: Recording, row: Row, for_plane: dict[str, object] | None, progress: Progress) -> MotionClip:
    if for_plane is not None:
        plan = find_family(row.family).image_plane
        assert plan is not None
        return flowing_picture(recording, plan, for_plane, progress)
    return observe(recording, tracks=row.tracks, true_frames="frames" in row.annotations, progress=progress)


def _only(clip: MotionClip, annotations: tuple[str, ...]) -> MotionClip:
    """`clip` without the annotations that nobody asked for."""
    dropped = {name: None for annotation, names in KEPT.items() if annotation not in annotations for name in names}
    source = None if "frames" in dropped else clip.frames_source
    return replace(clip, **dropped, frames_source=source)  # type: ignore[arg-type]


def _previewed(recording: Recording, clip: MotionClip) -> MotionClip:
    """`clip` with pictures by the preview in place of rendered ones, and without annotations beyond the flows."""
    wanted = range(recording.frame_count if clip.frames is not None else 1)
    pictures = preview_frames(recording, clip.size, frames=wanted)
    bare = _only(clip, ())
    if clip.frames is None:
        return replace(bare, image=pictures[0], image_source="preview")
    return replace(bare, image=pictures[0], image_source="preview", frames=pictures, frames_source="preview")
