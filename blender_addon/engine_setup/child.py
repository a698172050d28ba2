"""Installs an engine, in a process of its own: started by a `JobQueue`, told by its stdin, left when Blender dies."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

ADDON = Path(__file__).resolve().parent.parent


def main() -> int:
    """Serve one request; returns the exit code."""
    sys.path.insert(0, str(ADDON.parent))
    child_side = importlib.import_module(f"{ADDON.name}.jobs.child_side")
    installation = importlib.import_module(f"{ADDON.name}.engine_setup.installation")
    request = importlib.import_module(f"{ADDON.name}.engine_setup.request")

    def answer(message: dict[str, Any], progress: Any) -> dict[str, Any]:
        return installation.install(request.parse(message), progress)

    return child_side.serve(answer)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # a Blender that has nothing to save need not be taken down piece by piece
    os._exit(code)
