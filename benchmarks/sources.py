"""What results depend on, as digests: source code and models."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[1]
_LOADED = (".safetensors", ".json", ".txt")
"""Endings of the files that a model is loaded from; a model card changes nothing."""
_INDEX = "model_index.json"
"""The file that says which parts a model has, and what suits them."""


@cache
def source_digest(places: tuple[str, ...], without: Collection[str] = ()) -> str:
    """SHA-256 of Python files and folders of them, below the checkout, but files of the names `without`.

    Layout, comments and docstrings do not count.
    """
    digest = hashlib.sha256()
    for place in places:
        path = _ROOT / place
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in (file for file in files if file.name not in without):
            tree = _WithoutTexts().visit(ast.parse(file.read_text("utf-8")))
            digest.update(f"{file.relative_to(_ROOT)}\n{ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def model_digest(folder: Path, without: Collection[str] = ()) -> str:
    """SHA-256 of a model's weights, configuration and vocabulary, but of its parts `without`."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.suffix in _LOADED):
        name = path.relative_to(folder)
        if name.parts[0] not in without:
            content = path.read_bytes()
            if without and str(name) == _INDEX:
                content = json.dumps(_pruned(json.loads(content), without), sort_keys=True).encode()
            digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _pruned(value: Any, without: Collection[str]) -> Any:
    """JSON without what has one of these names, however deep."""
    if not isinstance(value, dict):
        return value
    return {name: _pruned(each, without) for name, each in value.items() if name not in without}


def result_name(readable: str, depends: Mapping[str, Any]) -> str:
    """The name of a result: readable, and a digest of all that it depends on, JSON values."""
    digest = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()
    return f"{''.join(letter if letter.isalnum() else '-' for letter in readable)}-{digest[:16]}"


class _WithoutTexts(ast.NodeTransformer):
    """Removes docstrings."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node
