"""The models that SimCraft ships, and the generator that scored best with them; light, nothing is loaded.

They lie in `models/`, one folder each: in the checkout or inside the installed package; the folder that the environment
variable SIMCRAFT_MODELS names comes before. `models/default.json` says what `auto` stands for::

    {"generator": "motioncraft", "model": "simcraft-image-inpaint", "options": {}, "why": "PSNR ..."}

Without it, `auto` is `warp`.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simcraft.assets import asset
from simcraft.errors import Failure, UserError

VARIABLE = "SIMCRAFT_MODELS"
"""Environment variable: a folder of models, to be looked into first."""
PREFERRED = ("simcraft-image-inpaint", "simcraft-image")
"""Which embedded model serves where none is named: the first one that is there."""
AUTO = "auto"
"""The name that stands for the best generator."""
_INDEX = "model_index.json"
_BASELINE = "warp"


def models_folders() -> tuple[Path, ...]:
    """The folders that may hold models, in the order to look.

    Raises `UserError` where SIMCRAFT_MODELS names no folder.
    """
    folders = []
    if given := os.environ.get(VARIABLE):
        folders.append(Path(given).expanduser())
        if not folders[0].is_dir():
            message = f"{VARIABLE} is {given}, which is no folder."
            raise UserError(message, "Name a folder that has one folder a model.", ("models",))
    with contextlib.suppress(Failure):  # an installation without models is a whole one
        folders.append(asset("models"))
    return tuple(folders)


def embedded_models() -> dict[str, Path]:
    """Name -> folder of every model that is there, sorted by name."""
    found: dict[str, Path] = {}
    for folder in models_folders():
        for index in folder.glob(f"*/{_INDEX}"):
            found.setdefault(index.parent.name, index.parent)
    return dict(sorted(found.items()))


def model_bytes(folder: Path, pattern: str = "*") -> int:
    """Size of all files of a model, or of those of a name."""
    return sum(path.stat().st_size for path in folder.rglob(pattern) if path.is_file())


def embedded_model(name: str | None = None) -> Path:
    """The folder of the model `name`, or of the first of `PREFERRED` that is there.

    Raises `UserError` that says how to get or train one.
    """
    models = embedded_models()
    for wanted in PREFERRED if name is None else (name,):
        if wanted in models:
            return models[wanted]
    raise UserError(
        f"The embedded model {name or ' or '.join(PREFERRED)} is not here.",
        f"Train one (docs/training.md), name a folder that has it in {VARIABLE}, or give any Stable Diffusion "
        "checkpoint with --model PATH.",
        ("models", "model"),
    )


@dataclass(frozen=True)
class Choice:
    """A generator with its options, and why it was chosen."""

    generator: str
    options: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    """What speaks for it, without a full stop; empty where the user has named the generator."""

    @property
    def sentence(self) -> str:
        """Generator, model and reason."""
        model = f" with {self.options['model']}" if self.options.get("model") else ""
        return f"{self.generator}{model}: {self.why}"


def choose(generator: str, options: Mapping[str, Any]) -> Choice:
    """`generator` with `options`; where it is "auto", the best one, with its own options below the given ones.

    Raises `Failure` where models/default.json is damaged.
    """
    if generator != AUTO:
        return Choice(generator, dict(options))
    best = best_generator()
    return Choice(best.generator, {**best.options, **options}, best.why)


def best_generator() -> Choice:
    """What `models/default.json` says; the baseline where there is none, or where its model is missing."""
    index = next((f / "default.json" for f in models_folders() if (f / "default.json").is_file()), None)
    if index is None:
        measured = "none of the models here has been measured (there is no default.json beside them)"
        return Choice(_BASELINE, why=measured if embedded_models() else "there is no model here")
    try:
        chosen = json.loads(index.read_text(encoding="utf-8"))
        best = Choice(str(chosen["generator"]), dict(chosen.get("options", {})), str(chosen["why"]))
        model = chosen.get("model")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure(
            f"{index} is damaged ({type(error).__name__}: {error}).",
            "Name a generator with -g, or install again.",
            ("generator", "engine"),
        ) from None
    if model is None:
        return best
    if model not in embedded_models():
        return Choice(_BASELINE, why=f"the model {model} of {best.generator}, which scored better, is not here")
    return Choice(best.generator, {"model": model, **best.options}, best.why)
