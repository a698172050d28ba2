"""Data sets in other formats: `export_set`, and `FORMATS`, the table of all of them."""

from simcraft.data.export.format import ExportFormat
from simcraft.data.export.formats import FORMATS, find_format
from simcraft.data.export.run import Exported, export_set

__all__ = ["FORMATS", "ExportFormat", "Exported", "export_set", "find_format"]
