"""What the web pages of this project share: colours and letters, and how texts, data and pictures get into them.

A page is one file that needs no server, and all in it that comes from a data set is text: nothing of it can become a
tag or a script.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_SHARED_STYLE = Path(__file__).with_name("webpage.css")


def style(own: Path) -> str:
    """The style that all pages share, and behind it the page's `own` (a .css file)."""
    return _SHARED_STYLE.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")


def filled(template: Path, **values: str) -> str:
    """The text of `template` with every `{{name}}` replaced; what looks like one inside a value stays."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template.read_text(encoding="utf-8"))


def script_data(value: Any) -> str:
    """JSON values as an expression of a script in a page; no text in them can end the script."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def css_colour(colour: Sequence[int] | np.ndarray) -> str:
    """An sRGB colour, 0 to 255, as style sheets have it."""
    return "#" + "".join(f"{int(c):02x}" for c in colour)


def data_uri(data: bytes, media_type: str) -> str:
    """The content of a file as an address, so that the page needs no file beside it."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
