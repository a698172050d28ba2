"""Texts in panels, and errors of operators."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable
from typing import Any

from ..errors import RecordError

LETTER_PIXELS = 6.2
"""How wide a letter of Blender's interface is, on average, at its normal size."""
MARGIN_PIXELS = 48
"""What of a sidebar's width its tabs, borders and an icon take."""


def draw_text(layout: Any, context: Any, text: str, icon: str = "NONE") -> None:
    """A text over as many lines as the region's width needs; Blender cuts off what is longer than one."""
    scale = context.preferences.system.ui_scale
    letters = int((context.region.width / scale - MARGIN_PIXELS) / LETTER_PIXELS)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, max(letters, 20))):
        column.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1", translate=False)


def reports_errors(execute: Callable[[Any, Any], set[str]]) -> Callable[[Any, Any], set[str]]:
    """Let the `execute` of an operator report what is wrong and what to do, instead of a traceback."""

    @functools.wraps(execute)
    def wrapped(self: Any, context: Any) -> set[str]:
        try:
            return execute(self, context)
        except RecordError as error:
            self.report({"ERROR"}, f"{error.message} {error.fix}".strip())
            return {"CANCELLED"}

    return wrapped
