"""Texts in panels, and errors of operators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import blf
import bpy

from ..errors import RecordError

MARGIN_PIXELS = 72
"""What of a sidebar's width its tabs, the borders of a panel and of a box in it, and the room about a text take."""
ICON_PIXELS = 22


def draw_text(layout: Any, context: Any, text: str, icon: str = "NONE") -> None:
    """A text over as many lines as the region's width needs; Blender cuts off what is longer than one."""
    scale = context.preferences.system.ui_scale
    margin = MARGIN_PIXELS + (0 if icon == "NONE" else ICON_PIXELS)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(wrapped(text, context.region.width - margin * scale, _width_of(context, scale))):
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1", translate=False)


def wrapped(text: str, width: float, width_of: Callable[[str], float]) -> list[str]:
    """The lines of `text`, none wider than `width` unless a single word is."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width_of(context: Any, scale: float) -> Callable[[str], float]:
    """What tells how many pixels wide a text is in the font of Blender's buttons."""
    points = context.preferences.ui_styles[0].widget.points * scale
    if bpy.app.version < (4, 0):
        blf.size(0, points, 72)
    else:
        blf.size(0, points)
    return lambda text: float(blf.dimensions(0, text)[0])


def reports_errors(execute: Callable[[Any, Any], set[str]]) -> Callable[[Any, Any], set[str]]:
    """Let the `execute` of an operator report what is wrong and what to do, instead of a traceback."""

    @functools.wraps(execute)
    def reporting(self: Any, context: Any) -> set[str]:
        try:
            return execute(self, context)
        except RecordError as error:
            self.report({"ERROR"}, f"{error.message} {error.fix}".strip())
            return {"CANCELLED"}

    return reporting
