"""The generators that come with SimCraft; light, so that a list of them imports nothing heavy."""

from __future__ import annotations

from simcraft.generate.motion_dreamer.options import GENERATOR as MOTION_DREAMER
from simcraft.generate.motioncraft.options import GENERATOR as MOTIONCRAFT
from simcraft.generate.registry import Generator, Option

WARP = Generator(
    "warp",
    "The first frame, moved along the exact motion; holes are inpainted. The baseline of every generator.",
    "simcraft.generate.warp:warp",
    (
        Option(
            "interpolation", str, "bicubic", "How colours between pixels are found.", ("bicubic", "bilinear", "nearest")
        ),
        Option("inpaint_radius", int, 4, "Neighbourhood of the inpainting, in pixels.", minimum=1),
    ),
)
SHIPPED = (WARP, MOTIONCRAFT, MOTION_DREAMER)
"""Registered when `simcraft.generate` is imported."""
