"""Results of the benchmark of Motion Dreamer on disk: a run that is broken off goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.dreamer_cases import Case
from benchmarks.dreamer_measures import Measured
from benchmarks.dreamer_rows import Made, Models, Row
from benchmarks.sources import model_digest, result_name, source_digest
from simcraft.picture import write_bytes

_SOURCES = (
    "simcraft/generate/motion_dreamer",
    "simcraft/generate/motioncraft",
    *(
        f"simcraft/generate/{name}.py"
        for name in ("warp", "correspondence", "inpainting", "texture", "sampling", "patch_autoencoder")
    ),
    *(f"simcraft/observe/{name}.py" for name in ("instance_flow", "warp")),
    "simcraft/metrics",
    *(f"simcraft/train/{name}.py" for name in ("dreamer_evaluate", "dreamer_loss", "dreamer_samples", "layout")),
    *(f"benchmarks/dreamer_{name}.py" for name in ("cases", "rows", "measures", "reasoning")),
)
_NEITHER = ("checkpoints.py", "generator.py", "kept.py", "loading.py", "options.py", "pickles.py", "understood.py")
"""They find, keep and show, and change neither a pixel nor a measure."""


@dataclass(frozen=True)
class Store:
    """A folder of results."""

    folder: Path

    def measured(self, key: str) -> Measured | None:
        """A finished result."""
        path = self.folder / f"{key}.json"
        return Measured(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None

    def arrays(self, key: str) -> dict[str, np.ndarray]:
        """Of a finished result, what there is of "frames" (T, H, W, 3) uint8, "flow" and "segmentation" of R."""
        path = self.folder / f"{key}.npz"
        if not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}

    def keep(self, key: str, made: Made, measured: Measured) -> None:
        """Write a result: its arrays, and then what marks it as finished."""
        arrays = {"frames": made.frames}
        if made.motion is not None:
            arrays |= {"flow": made.motion.flow.astype(np.float16), "segmentation": made.motion.segmentation}
        data = io.BytesIO()
        np.savez_compressed(data, **{name: value for name, value in arrays.items() if value is not None})
        write_bytes(data.getvalue(), self.folder / f"{key}.npz")
        self.keep_values(key, measured)

    def keep_values(self, key: str, measured: Measured) -> None:
        """Write what belongs to no video, or marks one as finished."""
        write_bytes(json.dumps(asdict(measured)).encode(), self.folder / f"{key}.json")


def key_of(what: str, needs: Sequence[str], case: Case, models: Models, measured_by: str = "") -> str:
    """The name of a result: readable, and a digest of all that it depends on."""
    depends = {
        "what": what,
        "case": case.digest,
        "models": {name: models[name].digest for name in needs},
        "source": source_digest(_SOURCES, _NEITHER),
        "measured_by": measured_by,
    }
    return result_name(f"{case.name} {what}", depends)


def row_key(row: Row, case: Case, models: Models, i3d: Path | None) -> str:
    """`key_of` a row; `i3d` is the folder of that network's weights."""
    return key_of(row.name, row.models, case, models, "" if i3d is None else _digest(i3d))


@cache
def _digest(folder: Path) -> str:
    return model_digest(folder)
