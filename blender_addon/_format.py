"""The Recording format: the copy that travels with the add-on, or the original where this is a checkout."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def _load() -> ModuleType:
    try:
        from . import recording_format  # type: ignore[attr-defined]
    except ImportError:
        source = Path(__file__).resolve().parent.parent / "simcraft/recording/format/__init__.py"
        name = f"{__package__}.recording_format"
        spec = importlib.util.spec_from_file_location(name, source, submodule_search_locations=[str(source.parent)])
        if spec is None or spec.loader is None or not source.is_file():
            raise ImportError(f"SimCraft's add-on is incomplete: {source} is missing") from None
        recording_format = importlib.util.module_from_spec(spec)
        # its own modules, and dataclasses, look it up while it is being executed
        sys.modules[name] = recording_format
        spec.loader.exec_module(recording_format)
    return recording_format


recording_format = _load()
