"""The Recording format: the copy in the add-on's zip, or the original in a checkout or an installed package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_HERE = Path(__file__).resolve()
_ORIGINALS = (
    _HERE.parents[1] / "simcraft/recording/format/__init__.py",  # a checkout
    _HERE.parents[2] / "recording/format/__init__.py",  # simcraft/_assets/blender_addon in an installed package
)


def _load() -> ModuleType:
    try:
        from . import recording_format  # type: ignore[attr-defined]
    except ImportError:
        source = next((path for path in _ORIGINALS if path.is_file()), None)
        if source is None:
            raise ImportError(f"SimCraft's add-on in {_HERE.parent} is incomplete: install it again") from None
        name = f"{__package__}.recording_format"
        spec = importlib.util.spec_from_file_location(name, source, submodule_search_locations=[str(source.parent)])
        assert spec is not None and spec.loader is not None
        recording_format = importlib.util.module_from_spec(spec)
        # its own modules, and dataclasses, look it up while it is being executed
        sys.modules[name] = recording_format
        spec.loader.exec_module(recording_format)
    return recording_format


recording_format = _load()
