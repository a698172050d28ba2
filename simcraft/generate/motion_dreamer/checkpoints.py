"""Where a Motion Dreamer model is; light, so that mistakes are told before anything is loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from simcraft.clip.files import read_errors
from simcraft.errors import UserError
from simcraft.generate.embedded import embedded_models
from simcraft.generate.motioncraft.checkpoints import Checkpoint, find_checkpoint

EMBEDDED = "simcraft-dreamer"
"""The model that serves where none is named."""
NETWORKS = {"1": "stage_one", "2": "stage_two", "one": "one_stage"}
"""Stage, as training calls it -> its network in the pipeline, and its folder in the model's."""
_CLASS = "MotionDreamerPipeline"
_SVD = "StableVideoDiffusionPipeline"
_HUB = re.compile(r"[\w.-]+/[\w.-]+$")
_TRAIN = "simcraft train dreamer --stage 2 (and 1, for arrows)"


def find_model(model: str | None, *, hub: bool = False) -> Checkpoint:
    """The Motion Dreamer model that `model` means.

    Parameters
    ----------
    model: a folder that `simcraft train dreamer` has written or `MotionDreamerPipeline.save_pretrained`, the name of an
        embedded model, or an "organisation/name" of the hub; None is the embedded `simcraft-dreamer`.
    hub: may anything be downloaded?

    Raises `UserError` for what is missing, pickled, of another layout, or would have to be downloaded unasked.
    """
    if model is None and EMBEDDED not in embedded_models():
        raise UserError(
            f"The embedded model {EMBEDDED} is not here: no trained weights of Motion Dreamer are shipped yet.",
            f"Train one with {_TRAIN}, see docs/motion_dreamer.md, and name its folder with --model PATH.",
            ("models", "model"),
        )
    if model is not None and not (Path(model).expanduser().exists() or model in embedded_models() or _HUB.match(model)):
        raise UserError(
            f"There is no model '{model}'.", f"Give the folder of one, such as {_TRAIN} writes.", ("model",)
        )
    found = find_checkpoint(model or EMBEDDED, hub=hub)
    if found.file is not None:
        raise UserError(f"{found.file} is a single file.", "Give the folder of a whole model.", ("model",))
    if found.folder is not None:
        _check_layout(found)
    return found


def check_painting(model: str | None, hub: bool, arrows: str | None = None, **_: Any) -> str:
    """The stamp of the model's weights, for the generator; the registry calls it before any work.

    Raises as `find_model` does, for arrows that cannot be read, and where the model lacks a stage that is needed.
    """
    from simcraft.generate.motion_dreamer.given_arrows import arrows_from_option, given_arrows

    if arrows is None:
        return _stamp(model, hub, "stage_two")
    given_arrows(arrows_from_option(arrows), (1, 1))
    return _stamp(model, hub, "stage_one", "stage_two")


def check_reasoning(model: str | None, hub: bool, **_: Any) -> str:
    """As `check_painting`, for a prediction alone."""
    return _stamp(model, hub, "stage_one")


def missing_stage(name: str) -> UserError:
    """That a model does not have the network `name`, one of `NETWORKS`."""
    (stage,) = (stage for stage, network in NETWORKS.items() if network == name)
    return UserError(
        f"This model has no {name.replace('_', ' ')}.",
        f"Train it into the model's folder: simcraft train dreamer --stage {stage}.",
        ("model",),
    )


def suited_delta(model: str | None, *, hub: bool = False) -> float | None:
    """The scale of arrows that suits a model, as its folder says; None where that says nothing, or none is embedded."""
    if model is None and EMBEDDED not in embedded_models():
        return None
    found = find_model(model, hub=hub)
    if found.folder is None:
        return None
    delta = _index(found.folder).get("suits", {}).get("stage_one", {}).get("delta")
    return None if delta is None else float(delta)


def _stamp(model: str | None, hub: bool, *stages: str) -> str:
    found = find_model(model, hub=hub)
    for stage in stages:
        if found.folder is not None and not (found.folder / stage).is_dir():
            raise missing_stage(stage)
    return found.stamp()


def _index(folder: Path) -> dict[str, Any]:
    """What the folder of a model says of itself."""
    path = folder / "model_index.json"
    with read_errors(path, "the index of a model"):
        return dict(json.loads(path.read_text(encoding="utf-8")))


def _check_layout(found: Checkpoint) -> None:
    """Raise `UserError` for a folder of another kind of model."""
    assert found.folder is not None
    kind = _index(found.folder).get("_class_name")
    if kind == _CLASS:
        return
    if kind == _SVD:
        raise UserError(
            f"{found.folder} is Stable Video Diffusion, which has not been trained as Motion Dreamer.",
            f"Start from it: MotionDreamerPipeline.from_svd('{found.folder}').save_pretrained(...), "
            "see docs/motion_dreamer.md.",
            ("model",),
        )
    raise UserError(
        f"{found.folder} holds a {kind}; expected a {_CLASS}.",
        f"Give the folder of one, such as {_TRAIN} writes.",
        ("model",),
    )
