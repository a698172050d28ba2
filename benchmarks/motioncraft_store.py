"""Results of the benchmark of MotionCraft on disk: a run that is broken off goes on where it was.

A result is found again by all that it depends on: the clip, the method and its settings, the model's files, the number
of threads, and the source of what paints. Its frames are kept, so that measures whose own source has changed are taken
anew without painting.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.motioncraft_cases import Case
from benchmarks.motioncraft_measures import Measures
from benchmarks.motioncraft_methods import Made, Method, Model
from benchmarks.sources import result_name, source_digest
from simcraft.picture import write_bytes

_PAINTING = (
    "simcraft/generate/motioncraft",
    *(f"simcraft/generate/{name}.py" for name in ("warp", "correspondence", "inpainting", "texture", "sampling")),
    *(f"benchmarks/motioncraft_{name}.py" for name in ("methods", "zero")),
)
_NOT_PAINTING = ("checkpoints.py", "generator.py", "kept.py", "loading.py", "options.py", "pickles.py")
"""They find and keep, and change no pixel."""
_MEASURING = ("simcraft/metrics", "benchmarks/motioncraft_measures.py", "benchmarks/motioncraft_cases.py")


@dataclass(frozen=True)
class Result:
    """One method on one case."""

    method: str
    case: str
    evaluations_per_frame: float
    """Samples that went through the UNet, by the frames that were made (all but the first)."""
    first_evaluations: int
    """And for the first frame's inversion, once a clip."""
    seconds_per_frame: float
    """Wall clock, inversion of the first frame and all of `warp` included."""
    measures: Measures


@dataclass(frozen=True)
class Store:
    """A folder of results."""

    folder: Path

    def frames(self, key: str) -> np.ndarray | None:
        """(T, H, W, 3) uint8 of a result; None where there is none."""
        path = self._path(key, ".npz")
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as file:
            return np.asarray(file["frames"])

    def result(self, key: str, measure: Callable[[np.ndarray], Measures], measured_by: str) -> Result | None:
        """A finished result; measured again where that was done by something else than `measured_by`."""
        path = self._path(key, ".json")
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("measured_by") != measured_by:
            frames = self.frames(key)
            if frames is None:
                return None
            content["measures"] = measure(frames)
            self._write(key, Result(**content), measured_by)
        return Result(**content)

    def keep(self, key: str, frames: np.ndarray, result: Result, measured_by: str) -> None:
        """Write a result: its frames, and then what marks it as finished."""
        data = io.BytesIO()
        np.savez_compressed(data, frames=frames)
        write_bytes(data.getvalue(), self._path(key, ".npz"))
        self._write(key, result, measured_by)

    def values(self, key: str, compute: Callable[[], Measures]) -> Measures:
        """Named numbers that belong to no video, computed where they are not there."""
        path = self._path(key, ".json")
        if not path.is_file():
            write_bytes(json.dumps(compute(), indent=1).encode(), path)
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def _write(self, key: str, result: Result, measured_by: str) -> None:
        content = {**asdict(result), "measured_by": measured_by}
        write_bytes(json.dumps(content, indent=1).encode(), self._path(key, ".json"))

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / f"{key}{suffix}"


def result_of(method: Method, case: Case, made: Made, seconds: float, measures: Measures) -> Result:
    """The result for a video that took `seconds`."""
    count = max(len(made.frames) - 1, 1)
    return Result(
        method=method.name,
        case=case.name,
        evaluations_per_frame=made.evaluations / count,
        first_evaluations=made.first_evaluations,
        seconds_per_frame=seconds / count,
        measures=measures,
    )


def key_of(what: str, case: Case, model: Model | None, settings: dict[str, Any], threads: int) -> str:
    """The name of a result: readable, and a digest of all that it depends on."""
    depends = {
        "what": what,
        "case": case.digest,
        "settings": settings,
        "weights": None if model is None else model.digest,
        "threads": threads,
        "source": source_digest(_PAINTING, _NOT_PAINTING),
    }
    return result_name(f"{case.name} {what}", depends)


def measuring_digest(clip_model: Path | None) -> str:
    """Of the source of the measures, and of the CLIP model that they use."""
    return f"{source_digest(_MEASURING, _NOT_PAINTING)} {clip_model or ''}"
