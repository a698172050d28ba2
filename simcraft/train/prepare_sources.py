"""The clips that are prepared, file by file: of finished data sets, and of exported WebDataset shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simcraft.clip import MotionClip
from simcraft.data.export.files import read_json
from simcraft.data.export.run import HEADER
from simcraft.data.folder import DataSet, open_set
from simcraft.data.manifest import Row
from simcraft.errors import UserError
from simcraft.train.prepared import TRAIN, Size


@dataclass(frozen=True)
class About:
    """What is told of a clip beside its arrays."""

    id: str
    """NAME/000012: of its set, and in it."""
    split: str
    family: str
    captions: tuple[str, ...]
    digest: str
    """Of the clip's file."""


class Source(Protocol):
    """One file; worker processes are handed these."""

    @property
    def count(self) -> int:
        """Of its clips."""

    def read(self) -> Iterator[tuple[About, MotionClip]]:
        """Its clips in their order. Raises `UserError` where the file is damaged."""


@dataclass(frozen=True)
class ClipFile:
    """A clip of a data set."""

    path: Path
    about: About
    count: int = 1

    def read(self) -> Iterator[tuple[About, MotionClip]]:
        from simcraft.clip.store import load_clip

        yield self.about, load_clip(self.path)


@dataclass(frozen=True)
class ShardFile:
    """A shard of an export of the set `name`."""

    path: Path
    name: str
    count: int

    def read(self) -> Iterator[tuple[About, MotionClip]]:
        from simcraft.data.export.sample import META, decode_clip, read_meta
        from simcraft.data.shards import decoding, read_shard

        for key, entries in read_shard(self.path, self.count):
            with decoding(self.path, key):
                # which holds the checksums of all the rest
                digest = hashlib.sha256(entries[META]).hexdigest()
                meta = read_meta(entries)
                clip = decode_clip(entries, f"{self.path}, clip {key}")
            yield About(f"{self.name}/{key}", meta["split"], meta["family"], clip.captions, digest), clip


@dataclass(frozen=True)
class Sources:
    """All files of the folders that are prepared, in their order."""

    files: tuple[Source, ...]
    size: Size
    """(width, height) of the clips, in pixels."""


def find_sources(folders: Sequence[str | Path], needs: Sequence[str]) -> Sources:
    """The finished clips of data sets, in the order of their manifests, and those of exports.

    Parameters
    ----------
    folders: of data sets, or written by `simcraft dataset export --format webdataset`.
    needs: annotations that the clips must have.

    Raises `UserError` where a folder is neither, sizes differ, an annotation is missing, no clip is for training, or
    none is held out.
    """
    files: list[Source] = []
    sizes: set[Size] = set()
    splits: set[str] = set()
    for folder in map(Path, folders):
        finder = _of_export if (folder / HEADER).is_file() else _of_set
        found, found_sizes, found_splits = finder(folder, needs)
        files += found
        sizes |= found_sizes
        splits |= found_splits
    _check_splits(splits, ", ".join(map(str, folders)))
    if len(sizes) > 1:
        shown = ", ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise UserError(f"The clips have different sizes: {shown}.", "Prepare sets of one size.")
    return Sources(tuple(files), sizes.pop())


Found = tuple[list[Source], set[Size], set[str]]
"""Files, sizes of their clips, and splits."""


def _of_set(folder: Path, needs: Sequence[str]) -> Found:
    data_set = open_set(folder)
    rows = data_set.done()
    for row in rows:
        _check_annotations(row.annotations, needs, folder)
    files: list[Source] = [ClipFile(data_set.clip_path(row), _about(data_set, row)) for row in rows]
    return files, {row.size for row in rows}, {row.split for row in rows}


def _about(data_set: DataSet, row: Row) -> About:
    marker = data_set.marker(row)
    captions, digest = tuple(marker["captions"]), marker["files"][f"{row.id}.npz"]
    return About(f"{data_set.name}/{row.id}", row.split, row.family, captions, digest)


def _of_export(folder: Path, needs: Sequence[str]) -> Found:
    from simcraft.data.shards import COPY_AGAIN, read_index

    files: list[Source] = []
    splits = sorted(path.stem for path in folder.glob("*.json") if path.name != HEADER)
    for split in splits:
        index = read_index(folder, split)
        _check_annotations(index.annotations, needs, folder)
        for shard in index.shards:
            if damage := shard.damage():
                raise UserError(damage, COPY_AGAIN)
            files.append(ShardFile(shard.path, str(read_json(folder / HEADER)["set"]), shard.clips))
    sizes = {next(file.read())[1].size for file in files[:1]}
    return files, sizes, set(splits)


def _check_annotations(found: Sequence[str], needs: Sequence[str], folder: Path) -> None:
    for needed in needs:
        if needed not in found:
            raise UserError(
                f"The clips of {folder} were made without the annotation '{needed}'.",
                "Add it to the recipe's annotations, and make the set again.",
            )


def _check_splits(found: set[str], where: str) -> None:
    if TRAIN not in found:
        raise UserError(f"No finished clip in {where} is of the split '{TRAIN}'.", "Make clips of such a split.")
    if found == {TRAIN}:
        raise UserError(
            f"All finished clips in {where} are of the split '{TRAIN}'; none is held out to measure on.",
            "Add a split to the recipe, such as `validation: 0.05`, or make more clips.",
        )
