"""SimCraft: exact motion from physics, painted by a generator.

Four verbs, one function each; the command line has the same four::

    import simcraft as sc
    recording = sc.simulate("scenes/dominoes.blend", seed=7)
    clip = sc.observe(recording, size=(256, 256))
    video = sc.generate(clip, "warp")
    report = sc.evaluate(video, clip)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from simcraft.version import __version__

if TYPE_CHECKING:
    from simcraft.clip import MotionClip as MotionClip
    from simcraft.clip.store import load_clip as load_clip
    from simcraft.clip.store import save_clip as save_clip
    from simcraft.errors import Failure as Failure
    from simcraft.errors import SimcraftError as SimcraftError
    from simcraft.errors import UserError as UserError
    from simcraft.generate import generate as generate
    from simcraft.generate.prediction import predict as predict
    from simcraft.metrics import evaluate as evaluate
    from simcraft.observe import observe as observe
    from simcraft.pairs import counterfactual as counterfactual
    from simcraft.recording import Recording as Recording
    from simcraft.recording import load_recording as load_recording
    from simcraft.recording import save_recording as save_recording
    from simcraft.sheet import save_sheet as save_sheet
    from simcraft.sim import simulate as simulate
    from simcraft.video import Video as Video
    from simcraft.video import load_video as load_video
    from simcraft.video import save_video as save_video
    from simcraft.view import view as view

# public name -> the module that defines it; imported on first use, so that `import simcraft` stays light
_HOMES = {
    "simulate": "simcraft.sim",
    "counterfactual": "simcraft.pairs",
    "observe": "simcraft.observe",
    "generate": "simcraft.generate",
    "predict": "simcraft.generate.prediction",
    "evaluate": "simcraft.metrics",
    "Recording": "simcraft.recording",
    "load_recording": "simcraft.recording",
    "save_recording": "simcraft.recording",
    "MotionClip": "simcraft.clip",
    "load_clip": "simcraft.clip.store",
    "save_clip": "simcraft.clip.store",
    "Video": "simcraft.video",
    "load_video": "simcraft.video",
    "save_video": "simcraft.video",
    "save_sheet": "simcraft.sheet",
    "view": "simcraft.view",
    "SimcraftError": "simcraft.errors",
    "UserError": "simcraft.errors",
    "Failure": "simcraft.errors",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'simcraft' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
