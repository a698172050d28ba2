"""Frames rendered by the scene's own engine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._format import recording_format as fmt
from .physics import hold_caches
from .restore import Changes, temporary_changes


@dataclass(frozen=True)
class RenderWish:
    """What to render."""

    first: bool
    all: bool
    samples: int | None = None
    """Samples a pixel; None for the scene's own."""
    engine: str | None = None
    """Render with this engine instead of the scene's own, which cannot run here."""


@dataclass(frozen=True)
class Rendered:
    first: np.ndarray | None = None
    """(H, W, 3) uint8 sRGB."""
    all: np.ndarray | None = None
    """(T, H, W, 3) uint8 sRGB."""
    warnings: tuple[str, ...] = ()


def render_frames(
    scene: Any,
    frames: tuple[int, ...],
    size: tuple[int, int],
    wish: RenderWish,
    work: Path,
    progress: Callable[[str, int, int], None],
) -> Rendered:
    """Render the first of `frames` or all of them; the simulation must lie in its caches.

    Where the scene's engine cannot run (no graphics driver), Cycles renders on the processor, with a warning.
    """
    if not (wish.first or wish.all):
        return Rendered()
    numbers = frames if wish.all else frames[:1]
    images = None
    if wish.all:
        images = fmt.open_array(work, "frames", (len(numbers), size[1], size[0], 3), np.dtype(np.uint8))
    first = None
    progress("render", 0, len(numbers))
    with temporary_changes(scene) as changes:
        warnings = _prepare(scene, size, wish, changes)
        hold_caches(scene, changes)
        for t, frame in enumerate(numbers):
            scene.frame_set(frame)
            try:
                pixels = _render_frame(scene, changes)
            except RuntimeError:
                if t or scene.render.engine == "CYCLES":
                    raise
                warnings += _prepare(scene, size, RenderWish(True, True, wish.samples, "CYCLES"), changes)
                pixels = _render_frame(scene, changes)
            if t == 0 and wish.first:
                first = pixels
            if images is not None:
                images[t] = pixels
            progress("render", t + 1, len(numbers))
    return Rendered(first, images, tuple(warnings))


def _prepare(scene: Any, size: tuple[int, int], wish: RenderWish, changes: Changes) -> list[str]:
    """Set the scene up for plain, sharp frames of `size` pixels; returns warnings.

    Motion blur is off: a clip's motion is exact at one instant. So are border, stamp, compositor and sequencer, which
    could move pixels or write files of their own.
    """
    render, warnings = scene.render, []
    if wish.engine is not None and wish.engine != render.engine:
        warnings.append(f"The scene's engine {render.engine} cannot run here; {wish.engine} rendered instead.")
        changes.set(render, "engine", wish.engine)
    for name in ("use_border", "use_stamp", "use_compositing", "use_sequencer", "use_multiview", "use_motion_blur"):
        changes.set(render, name, False)
    changes.set(render, "resolution_x", size[0])
    changes.set(render, "resolution_y", size[1])
    changes.set(render, "resolution_percentage", 100)
    changes.set(render, "film_transparent", False)
    # since 5.0 the kind of media comes before the format
    changes.set(render.image_settings, "media_type", "IMAGE")
    changes.set(render.image_settings, "file_format", "PNG")
    changes.set(render.image_settings, "color_mode", "RGB")
    changes.set(render.image_settings, "color_depth", "8")
    if render.engine == "CYCLES":
        # what stays the same from frame to frame is prepared once: small pictures take a tenth of the time
        changes.set(render, "use_persistent_data", True)
        changes.set(scene.cycles, "use_denoising", scene.cycles.use_denoising and _has_denoiser())
        changes.set(scene.cycles, "samples", wish.samples or scene.cycles.samples)
    elif hasattr(scene, "eevee"):
        # until 4.1 EEVEE had a switch of its own
        changes.set(scene.eevee, "use_motion_blur", False)
        changes.set(scene.eevee, "taa_render_samples", wish.samples or scene.eevee.taa_render_samples)
    return warnings


def _render_frame(scene: Any, changes: Changes) -> np.ndarray:
    """(H, W, 3) uint8 sRGB of the scene's current frame."""
    import bpy

    with tempfile.TemporaryDirectory(prefix="simcraft-render-") as folder:
        path = Path(folder) / "frame.png"
        changes.set(scene.render, "filepath", str(path))
        bpy.ops.render.render(write_still=True, scene=scene.name)
        return _read_png(path)


def _read_png(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, row 0 on top, of an 8-bit picture."""
    import bpy

    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        width, height = image.size
        values = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(values)
    finally:
        bpy.data.images.remove(image)
    pixels = values.reshape(height, width, -1)[::-1, :, :3]
    return (pixels * 255 + 0.5).astype(np.uint8)


def _has_denoiser() -> bool:
    try:
        import _cycles  # type: ignore[import-not-found]
    except ImportError:
        return False
    return bool(getattr(_cycles, "with_openimagedenoise", False))
