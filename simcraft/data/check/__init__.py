"""Is a data set whole, unchanged and true to itself? `check_set` tells, and writes a page with a contact sheet."""

from simcraft.data.check.exported import check_export, is_export
from simcraft.data.check.report import CheckReport, ClipReport, Problem
from simcraft.data.check.run import check_set

__all__ = ["CheckReport", "ClipReport", "Problem", "check_export", "check_set", "is_export"]
