"""Counterfactual pairs: the same scene and seed twice, with one thing changed. What would have happened if?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.errors import UserError
from simcraft.progress import Progress, silent
from simcraft.recording import Recording
from simcraft.video import Video


@dataclass(frozen=True)
class CounterfactualPair:
    """Two recordings that differ in nothing but `changes` and what follows from them."""

    factual: Recording
    counterfactual: Recording
    changes: Mapping[str, Any]


def counterfactual(
    scene: str | os.PathLike[str],
    changes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> CounterfactualPair:
    """Simulate `scene` as it is, and once more with `changes`.

    Everything that the seed draws is drawn from a stream of its own, so that a change of the domino gap leaves colours,
    camera and push as they are. Where a change leaves fewer or other bodies, names tell which belong together.

    Parameters
    ----------
    changes: parameters of a shipped scene, or settings of effects, with their new values.
    settings: those that both share.
    out: folder for `factual.recording` and `counterfactual.recording`; temporary folders by default.
    options: as for `simcraft.simulate` (seed, frames, size, preview, ...).

    Raises
    ------
    UserError, Failure: as `simcraft.simulate`; and where `changes` is empty.
    """
    from simcraft.sim import simulate

    if not changes:
        raise UserError("Nothing is changed.", "Name what should be different, for example --set gap=0.3.")

    def run(name: str, values: dict[str, Any]) -> Recording:
        folder = None if out is None else Path(out) / f"{name}.recording"

        def named(stage: str, step: int, steps: int, detail: str = "") -> None:
            progress(f"{name}: {stage}", step, steps, detail)

        return simulate(scene, settings=values, out=folder, progress=named, **options)

    # the change first: a mistake in it is found before the first simulation has run
    changed = run("counterfactual", {**(settings or {}), **changes})
    return CounterfactualPair(run("factual", dict(settings or {})), changed, dict(changes))


def pair_video(pair: CounterfactualPair, size: tuple[int, int], progress: Progress = silent) -> Video:
    """A video with the previews of both side by side, the factual one on the left; each of `size` pixels."""
    import numpy as np

    from simcraft.observe import preview_frames
    from simcraft.picture import draw_text

    names = ("as it is", ", ".join(f"{name} = {value}" for name, value in pair.changes.items()))
    recordings = (pair.factual, pair.counterfactual)
    count = min(r.frame_count for r in recordings)
    halves = []
    for name, recording in zip(names, recordings, strict=True):
        frames = preview_frames(recording, size, range(count), progress)
        halves.append(np.stack([draw_text(frame, name, (6, 4), size[1] / 16, (255, 255, 255)) for frame in frames]))
    return Video(np.concatenate(halves, axis=2), pair.factual.fps, {"counterfactual": dict(pair.changes)})
