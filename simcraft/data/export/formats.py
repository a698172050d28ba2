"""The table of all export formats."""

from __future__ import annotations

from simcraft.data.export import coco, kubric, tapvid, webdataset, zarr_folders
from simcraft.data.export.format import ExportFormat
from simcraft.errors import UserError

FORMATS: dict[str, ExportFormat] = {
    module.FORMAT.name: module.FORMAT for module in (webdataset, zarr_folders, kubric, tapvid, coco)
}
"""Name -> format, in the order of the documentation."""


def find_format(name: str) -> ExportFormat:
    """The format called `name`. Raises `UserError` where there is none."""
    if name not in FORMATS:
        raise UserError(f"There is no export format '{name}'.", f"Choose one of: {', '.join(FORMATS)}.")
    return FORMATS[name]
