"""What a check found: of each clip, and of the set as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import complete_file, write_errors, write_json
from simcraft.data.statistics import OCTAVES

DARK, BRIGHT, FLAT = 0.1, 0.92, 0.03
"""Luma: a mean below or above, or a deviation below, makes a first image an outlier."""
ALIKE = 1.5
"""Levels of 255, root mean square over 8 x 8 patches: first images that differ by less are near-duplicates."""
STATES = ("done", "failed", "missing")


@dataclass(frozen=True)
class Problem:
    """Something in a set that is not as it should be."""

    row: str
    """The row's id; "" for what concerns the set."""
    what: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.row}: " if self.row else ""
        return f"{where}{self.what}; expected {self.expected}."


@dataclass(frozen=True)
class ClipReport:
    """One row of the manifest, and what became of it."""

    id: str
    split: str
    family: str
    state: str
    """"done", "failed" or "missing"."""
    checked: bool = False
    """Was its clip read? Not where only a sample is."""
    problems: tuple[Problem, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)
    """As `statistics_of` gives them, of the clip that is there; empty where it was not read."""
    captions: tuple[str, ...] = ()
    failure: str = ""
    """Why a failed row could not be made."""
    signature: np.ndarray | None = None
    """(8, 8, 3) float32: mean colours of the first image's patches, 0 to 255."""
    picture: bytes = b""
    """WebP: the first image, and beside it the flow where most moves; empty where there is none."""
    speed: float = 0.0
    """Pixels a frame that have the full colour in the picture."""

    @property
    def dead(self) -> bool:
        """Does nothing move in the picture?"""
        return bool(self.statistics.get("dead"))

    @property
    def only_camera(self) -> bool:
        """Does the camera move, and nothing else?"""
        own = self.statistics.get("moving_itself")
        return not self.dead and bool(self.statistics.get("camera_moves")) and own is not None and own < 1e-4


@dataclass(frozen=True)
class CheckReport:
    """The whole set."""

    folder: Path
    name: str
    clips: tuple[ClipReport, ...]
    """All rows, in the manifest's order."""
    wanted: Mapping[str, Mapping[str, float]]
    """Share that the recipe gives to each of its "families" and "splits"."""
    set_problems: tuple[Problem, ...] = ()
    """Those that no single row has."""

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """All of them, the set's first."""
        return (*self.set_problems, *(problem for clip in self.clips for problem in clip.problems))

    @property
    def exit_code(self) -> int:
        """1 where there are problems, else 0. Failed rows, dead clips and likenesses are told, but are none."""
        return 1 if self.problems else 0

    @property
    def checked(self) -> tuple[ClipReport, ...]:
        """The clips that were read."""
        return tuple(clip for clip in self.clips if clip.checked)

    @property
    def counts(self) -> dict[str, int]:
        """State -> number of rows."""
        found = Counter(clip.state for clip in self.clips)
        return {state: found[state] for state in STATES}

    @property
    def summary(self) -> str:
        """One sentence, for people."""
        counts, checked = self.counts, len(self.checked)
        parts = [f"{counts['done']} of {len(self.clips)} clips are made"]
        parts += [f"{counts[state]} {state}" for state in STATES[1:] if counts[state]]
        parts.append(f"{checked} checked")
        if dead := sum(clip.dead for clip in self.clips):
            parts.append(f"{dead} do not move" if dead > 1 else "one does not move")
        number = len(self.problems)
        return f"{', '.join(parts)}: {'no problems' if not number else _plural(number, 'problem')}."

    @cached_property
    def near_duplicates(self) -> tuple[tuple[str, ...], ...]:
        """Ids of clips whose first images are about the same, in groups."""
        return _alike([clip for clip in self.clips if clip.signature is not None])

    @property
    def odd_brightness(self) -> dict[str, tuple[str, ...]]:
        """ "dark", "bright" and "flat" -> ids of the clips whose first image is that."""
        found: dict[str, list[str]] = {"dark": [], "bright": [], "flat": []}
        for clip in self.checked:
            brightness = clip.statistics.get("brightness", {"mean": 0.5, "deviation": 0.5})
            if brightness["mean"] < DARK:
                found["dark"].append(clip.id)
            if brightness["mean"] > BRIGHT:
                found["bright"].append(clip.id)
            if brightness["deviation"] < FLAT:
                found["flat"].append(clip.id)
        return {name: tuple(ids) for name, ids in found.items()}

    def of(self, **group: str) -> tuple[ClipReport, ...]:
        """The rows of a family or split: `of(family="tower")`."""
        return tuple(c for c in self.clips if all(getattr(c, key) == value for key, value in group.items()))

    def save(self, out: str | Path | None = None) -> dict[str, str]:
        """Write check.json and check.html into `out` (the set's own folder by default).

        Returns "summary", and the paths "report" and "page".

        Raises `UserError` or `Failure` where they cannot be written.
        """
        from simcraft.data.check.page import page_of

        out = self.folder if out is None else Path(out)
        with write_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        write_json(out / "check.json", to_json(self))
        with complete_file(out / "check.html") as temporary:
            temporary.write_text(page_of(self), encoding="utf-8")
        return {"summary": self.summary, "report": str(out / "check.json"), "page": str(out / "check.html")}


def to_json(report: CheckReport) -> dict[str, Any]:
    """What check.json holds: the same for the same set."""
    return {
        "name": report.name,
        "rows": report.counts,
        "checked": len(report.checked),
        "problems": [asdict(problem) for problem in report.problems],
        "failed": {clip.id: clip.failure for clip in report.clips if clip.state == "failed"},
        "dead": [clip.id for clip in report.clips if clip.dead],
        "only_camera": [clip.id for clip in report.clips if clip.only_camera],
        "near_duplicates": report.near_duplicates,
        "brightness": report.odd_brightness,
        "groups": {
            kind: {name: _group(report, kind, name) for name in names_of(report, kind)} for kind in ("family", "split")
        },
        "motion": {"octaves": OCTAVES, "pixels": histogram(report.clips).tolist()},
    }


def names_of(report: CheckReport, kind: str) -> list[str]:
    """All families or splits ("family", "split"), in the manifest's order."""
    return list(dict.fromkeys(getattr(clip, kind) for clip in report.clips))


def share_wanted(report: CheckReport, kind: str, name: str) -> float | None:
    """The share of the clips that the recipe gives to a family or split; None where that is not known."""
    return report.wanted.get({"family": "families", "split": "splits"}[kind], {}).get(name)


def histogram(clips: Iterable[ClipReport]) -> np.ndarray:
    """(16,) int: pixels of all clips between the speeds `OCTAVES`."""
    total = np.zeros(len(OCTAVES) + 1, np.int64)
    for clip in clips:
        total += np.array(clip.statistics.get("flow", {}).get("histogram", total * 0), np.int64)
    return total


def _group(report: CheckReport, kind: str, name: str) -> dict[str, Any]:
    clips = report.of(**{kind: name})
    wanted = share_wanted(report, kind, name)
    return {
        "rows": len(clips),
        "done": sum(clip.state == "done" for clip in clips),
        "share": round(len(clips) / len(report.clips), 4),
        "share_wanted": None if wanted is None else round(wanted, 4),
        "dead": sum(clip.dead for clip in clips),
        "motion": histogram(clips).tolist(),
    }


def _alike(clips: list[ClipReport]) -> tuple[tuple[str, ...], ...]:
    """Groups of ids whose signatures are linked by `ALIKE`, in order."""
    if len(clips) < 2:
        return ()
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    points = np.stack([np.asarray(clip.signature, np.float64).ravel() for clip in clips])
    pairs = cKDTree(points).query_pairs(ALIKE * np.sqrt(points.shape[1]), output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), tuple(pairs.T)), (len(clips), len(clips)))
    _, label = connected_components(links, directed=False)
    groups: dict[int, list[str]] = {}
    for clip, group in zip(clips, label, strict=True):
        groups.setdefault(int(group), []).append(clip.id)
    return tuple(tuple(ids) for ids in groups.values() if len(ids) > 1)


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
