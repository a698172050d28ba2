"""Reading exported WebDataset shards: which there are, their samples, and single clips."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simcraft.clip import MotionClip
from simcraft.clip.files import PathLike
from simcraft.data.export.files import read_json
from simcraft.data.export.run import HEADER
from simcraft.data.export.sample import decode_clip
from simcraft.errors import UserError

Entries = dict[str, bytes]
_NAME = re.compile(r"[\w-]+-\d{6}\.tar")
COPY_AGAIN = "Copy the shard again, or export the set again."


@dataclass(frozen=True)
class Shard:
    """A tar file of clips."""

    path: Path
    clips: int
    bytes: int

    def damage(self) -> str:
        """What is wrong with it, as far as its size tells; "" where nothing is."""
        if not self.path.is_file():
            return f"The shard {self.path} is missing."
        size = self.path.stat().st_size
        return "" if size == self.bytes else f"The shard {self.path} is damaged: it has {size} of {self.bytes} bytes."


@dataclass(frozen=True)
class SplitIndex:
    """What an export says of one split."""

    shards: tuple[Shard, ...]
    annotations: tuple[str, ...]
    """Those of the recipe, keys of `recipe.KEPT`."""


def read_index(folder: PathLike, split: str) -> SplitIndex:
    """The shards of a split, as the export's index has them, be they there or not.

    Raises `UserError` where `folder` is no export of this kind, lacks the split, or its index is damaged.
    """
    folder = Path(folder)
    if not (folder / HEADER).is_file():
        raise UserError(
            f"{folder} holds no exported set.",
            "Make one with `simcraft dataset export DIR --format webdataset -o OUT`.",
        )
    kind = read_json(folder / HEADER).get("format")
    if kind != "webdataset":
        raise UserError(f"{folder} is an export of the format '{kind}'.", "Export the set with --format webdataset.")
    if not (folder / f"{split}.json").is_file():
        there = sorted(p.stem for p in folder.glob("*.json") if p.name != HEADER)
        found = f"It has {', '.join(there)}." if there else "Its export was not finished: run it again."
        raise UserError(f"{folder} has no split '{split}'.", found)
    index = read_json(folder / f"{split}.json")
    try:
        shards = tuple(
            Shard(folder / _checked_name(part["name"]), int(part["clips"]), int(part["bytes"]))
            for part in index["parts"]
        )
        return SplitIndex(shards, tuple(index["annotations"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder / split}.json is damaged: {error!r}.", "Export the set again.") from None


def read_shard(path: PathLike, clips: int | None = None) -> Iterator[tuple[str, Entries]]:
    """The samples of a shard in their order: id and entries (name -> bytes), not decoded.

    Raises `UserError` that names the shard where it is missing, damaged, or does not hold `clips` samples.
    """
    from webdataset.tariterators import tarfile_samples

    path, seen = Path(path).absolute(), 0
    if not path.is_file():
        raise UserError(f"The shard {path} is missing.", COPY_AGAIN)
    try:
        for sample in tarfile_samples([{"url": str(path)}]):
            seen += 1
            yield sample["__key__"], {name: data for name, data in sample.items() if not name.startswith("__")}
    except Exception as error:  # tar files break in many ways
        raise UserError(f"The shard {path} is damaged: {_first(error)}.", COPY_AGAIN) from None
    if clips is not None and seen != clips:
        raise UserError(f"The shard {path} is damaged: it has {seen} of {clips} clips.", COPY_AGAIN)


def load_sample(path: PathLike, id: str) -> MotionClip:
    """One clip of a shard, complete. Raises `UserError` where it is not there, or the shard is damaged."""
    for key, entries in read_shard(path):
        if key == id:
            with decoding(path, id):
                return decode_clip(entries, f"{path}, clip {id}")
    raise UserError(f"The shard {path} has no clip {id}.", "SPLIT.json beside it tells where each clip is.")


@contextlib.contextmanager
def decoding(path: PathLike, id: str) -> Iterator[None]:
    """Turn any error in the block into a `UserError` that names the shard and the clip."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"The shard {path} is damaged: clip {id}: {_first(error)}.", COPY_AGAIN) from None


def _checked_name(name: Any) -> str:
    """A shard lies beside its index: no path, no command for WebDataset to run."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no shard's name")
    return name


def _first(error: Exception) -> str:
    """What went wrong, without what WebDataset adds."""
    return str(error.args[0]) if error.args else repr(error)
