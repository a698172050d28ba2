"""The builders of the shipped scenes: the copy in the add-on's zip, or the original in a checkout or an installed
package. They become the sub-package `builders` of the add-on, wherever they lie, and are loaded when first needed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_PLACES = (
    # in the zip the index lies among the builders
    (_HERE / "builders", _HERE / "builders/index.json"),
    # a checkout, or simcraft/_assets in an installed package
    (_HERE.parent / "scenes/builders", _HERE.parent / "scenes/index.json"),
)


def _place() -> tuple[Path, Path]:
    """(folder of the builders, what `catalogue.index` says of all families). Raises `ImportError` without them."""
    for folder, index in _PLACES:
        if (folder / "__init__.py").is_file() and index.is_file():
            return folder, index
    raise ImportError(f"SimCraft's add-on in {_HERE} is incomplete, its scenes are missing: install it again")


@cache
def index() -> dict[str, Any]:
    """What the families are called and which parameters they have, without loading them: see `catalogue.index`."""
    return dict(json.loads(_place()[1].read_text(encoding="utf-8")))


def catalogue() -> Any:
    """The builders' module `catalogue`, which makes scenes of the families."""
    name = f"{__package__}.builders"
    if name not in sys.modules:
        folder = _place()[0]
        spec = importlib.util.spec_from_file_location(
            name, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        assert spec is not None and spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{name}.catalogue")
