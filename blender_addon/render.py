"""Frames rendered by the scene's own engine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .restore import Changes


def prepare_render(
    scene: Any, size: tuple[int, int], samples: int | None, engine: str | None, changes: Changes
) -> None:
    """Set the scene up for plain, sharp frames of `size` pixels.

    Motion blur is off: a clip's motion is exact at one instant. So are border, stamp, compositor and sequencer, which
    could move pixels or write files of their own. `engine` replaces the scene's own, where that cannot run.
    """
    render = scene.render
    if engine is not None:
        changes.set(render, "engine", engine)
    for name in ("use_border", "use_stamp", "use_compositing", "use_sequencer", "use_multiview", "use_motion_blur"):
        changes.set(render, name, False)
    changes.set(render, "resolution_x", size[0])
    changes.set(render, "resolution_y", size[1])
    changes.set(render, "resolution_percentage", 100)
    changes.set(render, "film_transparent", False)
    settings = render.image_settings
    # since 5.0 the kind of media comes first
    changes.set(settings, "media_type", "IMAGE")
    changes.set(settings, "file_format", "PNG")
    changes.set(settings, "color_mode", "RGB")
    changes.set(settings, "color_depth", "8")
    if render.engine == "CYCLES":
        if not _has_denoiser():
            changes.set(scene.cycles, "use_denoising", False)
        if samples is not None:
            changes.set(scene.cycles, "samples", samples)
    elif samples is not None and hasattr(scene, "eevee"):
        changes.set(scene.eevee, "motion_blur_steps", 1)
        changes.set(scene.eevee, "use_motion_blur", False)
        changes.set(scene.eevee, "taa_render_samples", samples)


def render_frame(scene: Any, changes: Changes) -> np.ndarray:
    """(H, W, 3) uint8 sRGB of the scene's current frame."""
    import bpy

    with tempfile.TemporaryDirectory(prefix="simcraft-render-") as folder:
        path = Path(folder) / "frame.png"
        changes.set(scene.render, "filepath", str(path))
        bpy.ops.render.render(write_still=True, scene=scene.name)
        return read_png(path)


def read_png(path: Path) -> np.ndarray:
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
