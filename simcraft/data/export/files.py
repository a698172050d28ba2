"""JSON files of exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simcraft.errors import UserError


def read_json(path: Path) -> Any:
    """Read JSON. Raises `UserError` that names the file where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged or cannot be read: {error}.", "Export the set again.") from None
