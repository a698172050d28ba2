"""Advice in words of the command line says by name what it is about: Blender's panel has words of its own."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import simcraft

ERRORS = {"UserError", "Failure", "DiskFull", "SimulationStopped"}
OF_THE_COMMAND_LINE = re.compile(r"(^|[ (`])--[a-z]|SIMCRAFT_|\bmake demo|\bpip install|`simcraft |python -c")
ROOT = Path(simcraft.__file__).parent
ROOMS = ("clip", "generate", "metrics", "observe", "recording", "sim")
"""What the worker calls, beside the modules that lie at the top."""
NOT_THE_WORKERS = {
    "cli*.py", "compare.py", "demos.py", "options.py", "pairs.py", "parameters.py",
    "sim/blender*.py", "sim/families.py", "sim/image_plane/*.py", "metrics/likeness.py", "clip/zarr_store.py",
    "generate/*/given_arrows.py", "metrics/i3d.py",
}  # fmt: skip
"""Modules, or what they refuse, that only the command line and Python come to."""


def modules() -> list[Path]:
    found = [*ROOT.glob("*.py"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]
    own = {path for pattern in NOT_THE_WORKERS for path in ROOT.glob(pattern)}
    return sorted(set(found) - own)


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_flags_are_named_for_those_who_have_none(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ERRORS:
            continue
        words = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        if any(OF_THE_COMMAND_LINE.search(text) for text in words):
            assert len(node.args) == 3, f"{path}:{node.lineno}: say what it is about"
