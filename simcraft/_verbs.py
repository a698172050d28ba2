"""`sc.observe(...)` is a verb and `simcraft.observe` the room that implements it: the module itself is callable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def make_callable(module: str, function: Callable[..., Any]) -> None:
    """Let the imported module named `module` be called like `function`."""

    class Verb(ModuleType):
        __call__ = staticmethod(function)

    sys.modules[module].__class__ = Verb
