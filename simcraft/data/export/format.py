"""What an export format is: how it cuts a set into parts, how one part is written, and what a reader finds there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simcraft.clip import MotionClip
from simcraft.data.manifest import Row
from simcraft.errors import UserError
from simcraft.recording.format import Parameter, SettingError, convert


class Unfit(Exception):
    """A clip holds something that the format cannot express; the text says what. The clip is left out."""


@dataclass(frozen=True)
class Part:
    """One file or folder of an export, written at once or not at all."""

    name: str
    """Path below the export's folder, with "/"."""
    split: str
    rows: tuple[Row, ...]
    """The clips that it holds; all of them were made."""


@dataclass(frozen=True)
class Written:
    """A part that lies in the export's folder, and what its writer noted about it."""

    part: Part
    notes: dict[str, Any]
    """JSON values: "sha256" and "bytes" of a file, and whatever the format's `finish` needs."""


@dataclass(frozen=True)
class Key:
    """One thing that a reader finds in a part."""

    name: str
    shape: str
    """In terms of T frames, H rows, W columns and N points, or "" where it is no array."""
    dtype: str
    meaning: str
    """With unit and frame; may hold markdown, no line breaks."""


Options = Mapping[str, Any]
Clips = Iterator[tuple[Row, MotionClip]]
"""The clips of a part, in its order, each read when it is asked for."""
PartWriter = Callable[[Clips, Path, Options], dict[str, Any]]
"""Write a part to a path that does not exist yet and give notes about it. May raise `Unfit` where it is one clip."""


def nothing_more(folder: Path, split: str, written: Sequence[Written], options: Options) -> None:
    """The `finish` of formats whose parts are all there is."""


@dataclass(frozen=True)
class ExportFormat:
    """One format; `FORMATS` has them all."""

    name: str
    title: str
    """A few words."""
    explanation: str
    """For whom it is and what it writes, in two or three sentences."""
    tree: str
    """The files of an export, one a line, with what they are."""
    keys: tuple[Key, ...]
    lost: str
    """What a clip holds and this format does not, or not exactly."""
    example: str
    """Python that reads an export in the folder "out", without SimCraft."""
    plan: Callable[[str, Sequence[Row], Options], list[Part]]
    """Split, its rows that were planned, options -> the parts; `Part.rows` may still hold rows that were not made."""
    write: PartWriter
    needs: tuple[str, ...] = ()
    """Annotations of the recipe (`recipe.KEPT`) without which it cannot be."""
    options: tuple[Parameter, ...] = field(default=())
    finish: Callable[[Path, str, Sequence[Written], Options], None] = nothing_more
    """Write what describes all parts of a split: called last, for every split in the folder."""


def one_a_clip(suffix: str) -> Callable[[str, Sequence[Row], Options], list[Part]]:
    """The plan of formats that write SPLIT/ID`suffix` for each clip."""

    def plan(split: str, rows: Sequence[Row], options: Options) -> list[Part]:
        return [Part(f"{split}/{row.id}{suffix}", split, (row,)) for row in rows]

    return plan


def check_options(form: ExportFormat, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of `form`, `given` ones converted (they may be texts) and the others at their defaults.

    Raises `UserError` that names an unknown option, or one that is of the wrong kind or out of range.
    """
    known = {parameter.name: parameter for parameter in form.options}
    for name in given:
        if name not in known:
            there = f"It has {', '.join(known)}." if known else "It has none."
            raise UserError(f"The export format '{form.name}' has no option '{name}'.", there)
    try:
        return {name: convert(p, given.get(name, p.default)) for name, p in known.items()}
    except SettingError as error:
        raise UserError(f"Export format '{form.name}': {error}.") from None
