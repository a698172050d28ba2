"""The training loader: clips streamed from WebDataset shards, shuffled, by several workers on several nodes.

Shards are made by `simcraft dataset export DIR --format webdataset -o OUT`. In every epoch each clip is given exactly
once, to one worker of one node; the order follows from the seed, the epoch and the numbers of nodes and workers alone.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from simcraft.clip.files import PathLike
from simcraft.data.export.sample import FIELDS, decode_fields, read_meta
from simcraft.data.recipe import KEPT
from simcraft.data.shards import COPY_AGAIN, Entries, Shard, decoding, read_index, read_shard
from simcraft.errors import UserError

Sample = dict[str, Any]

ALWAYS = ("image", "flow_forward", "flow_backward", "flow_valid_forward", "flow_valid_backward")
"""The fields that every clip has."""
ABOUT = ("id", "split", "family", "captions", "fps")
"""What a sample says beside its fields."""


def clip_loader(
    source: PathLike | Sequence[PathLike],
    split: str = "train",
    *,
    batch_size: int | None = 8,
    workers: int = 2,
    shuffle: int = 64,
    keys: Collection[str] | None = None,
    seed: int = 0,
    nodes: tuple[int, int] | None = None,
    equal: bool = False,
    skip_damaged: bool = False,
) -> ClipLoader:
    """Batches of clips from exported shards, an epoch for each time it is iterated over.

    A batch is a dictionary: MotionClip's fields as tensors with a first axis for the clips, of their shapes and types
    (`instances` int32; clips with fewer tracks than others are filled up with points that do not exist, NaN and not
    visible), and the lists `id`, `split`, `family`, `captions` and `fps`.

    Parameters
    ----------
    source: a folder written by `export_set(..., "webdataset", ...)`, or several that are mixed.
    batch_size: clips a batch, less in the last one of each worker; None for single clips without that axis.
    workers: processes (spawned) that read; 0 reads in this one. With fewer shards than that, there are fewer.
    shuffle: clips that a worker holds ready to pick from at random, of shards in random order; 0 keeps the order.
    keys: the fields to decode, of `sample.FIELDS`; None for the image, the flows and all annotations of the set.
        `coverage`, and the cameras, come where they are named; coverage is 0 in clips without smoke.
    seed: of the order.
    nodes: (number of this node, number of nodes); None for torch.distributed's, or RANK and WORLD_SIZE, or (0, 1).
    equal: give as many batches on every node, as distributed training wants; what other nodes have more is left out,
        which differs from epoch to epoch, and a node that skips damaged shards repeats its last batch.
    skip_damaged: warn of missing and damaged shards and go on, instead of raising.

    Raises `UserError` for a folder without such shards, an unknown key, a number out of range, a missing or cut shard,
    and fewer shards than nodes; while iterating, for a damaged shard, a clip without a field of `keys`, and clips of
    different shapes in a batch.
    """
    least = {"batch_size": (batch_size, 1), "workers": (workers, 0), "shuffle": (shuffle, 0)}
    for name, (value, minimum) in least.items():
        if value is not None and value < minimum:
            raise UserError(f"{name} is {value}.", f"Give {minimum} or more.")
    folders = [source] if isinstance(source, str | os.PathLike) else list(source)
    indices = [read_index(folder, split) for folder in folders]
    shards = _whole([shard for index in indices for shard in index.shards], skip_damaged)
    if not shards:
        raise UserError(f"There is no clip of the split '{split}' in {folders[0]}.", "Export the set again.")
    node, count = nodes or _nodes_of_this_run()
    if not 0 <= node < count:
        raise UserError(f"Node {node} of {count} nodes does not exist.", "Nodes are counted from 0.")
    if len(shards) < count:
        raise UserError(
            f"There are {len(shards)} shards of the split '{split}' for {count} nodes.",
            "Export the set with fewer clips a shard (the option clips).",
        )
    annotations = set(KEPT).intersection(*(index.annotations for index in indices))
    order = Order(tuple(shards), seed, shuffle, node, count, _fitting(workers, len(shards) // count))
    return ClipLoader(order, _checked_keys(keys, annotations), batch_size, equal, skip_damaged)


class ClipLoader:
    """What `clip_loader` gives: iterate over it once an epoch."""

    epoch: int = 0
    """The epoch that the next iteration gives; set it to go on with a training that was broken off."""

    def __init__(
        self, order: Order, keys: tuple[str, ...], batch_size: int | None, equal: bool, skip_damaged: bool
    ) -> None:
        self.keys = keys
        self.order, self._batch_size, self._equal = order, batch_size, equal
        # workers live on from epoch to epoch and see which one it is in shared memory
        self._shared_epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        workers: dict[str, Any] = {}
        if order.workers > 0:
            # not forked: a fork after Taichi has run hangs
            workers = {"num_workers": order.workers, "multiprocessing_context": _Spawned(), "persistent_workers": True}
        batches = _Batches(order, keys, batch_size, skip_damaged, self._shared_epoch)
        self._loader: DataLoader = DataLoader(batches, batch_size=None, **workers)

    def __len__(self) -> int:
        """Batches in the next epoch, on this node; less where damaged shards are skipped."""
        return self.order.batches(self.epoch, self._batch_size, self._equal)

    def __iter__(self) -> Iterator[Sample]:
        left = len(self)
        self._shared_epoch[0] = self.epoch
        self.epoch += 1
        if left == 0:
            return
        batch = None
        for item in self._loader:
            if isinstance(item, _Skipped):
                warnings.warn(item.message, stacklevel=2)
                continue
            if isinstance(item, _Stopped):
                raise UserError(item.message, item.fix)
            batch = item
            yield batch
            left -= 1
            if self._equal and left == 0:
                return
        if self._equal and batch is not None:
            yield from itertools.repeat(batch, left)


class _SpawnedProcess(SpawnProcess):
    """A spawned process that does not run the script of this one again.

    Nothing in a worker is of that script. Run again, a training without `if __name__ == "__main__":` would start a
    training in each worker, and any other would load there what only the training needs.
    """

    @staticmethod
    def _Popen(process: BaseProcess) -> Any:  # noqa: N802 - multiprocessing's name
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process)
        finally:
            sys.modules["__main__"] = script


class _Spawned(SpawnContext):
    Process = _SpawnedProcess


@dataclass(frozen=True)
class Order:
    """Which clips come when, on which node and worker."""

    shards: tuple[Shard, ...]
    seed: int
    shuffle: int
    node: int
    nodes: int
    workers: int

    def of_worker(self, epoch: int, node: int, worker: int) -> list[Shard]:
        """The shards that this worker of this node reads, in their order."""
        order = list(self.shards)
        if self.shuffle:
            random.Random(f"{self.seed} {epoch}").shuffle(order)
        return order[node :: self.nodes][worker :: max(self.workers, 1)]

    def shuffled(self, samples: Iterable[Any], epoch: int, worker: int) -> Iterator[Any]:
        """The samples by way of a store of `shuffle`: for each one that is put in, any one is taken."""
        dice = random.Random(f"{self.seed} {epoch} {self.node} {worker}")
        store: list[Any] = []
        for sample in samples:
            store.append(sample)
            if len(store) > self.shuffle:
                yield _take(store, dice)
        while store:
            yield _take(store, dice)

    def batches(self, epoch: int, batch_size: int | None, equal: bool) -> int:
        """How many batches this node gives, or where they are to be `equal`, the node that has the fewest."""

        def of_node(node: int) -> int:
            clips = [sum(s.clips for s in self.of_worker(epoch, node, w)) for w in range(max(self.workers, 1))]
            return sum(-(-count // (batch_size or 1)) for count in clips)

        return min(of_node(node) for node in range(self.nodes)) if equal else of_node(self.node)


@dataclass(frozen=True)
class _Skipped:
    """A worker's word that it left a shard."""

    message: str


@dataclass(frozen=True)
class _Stopped:
    """A worker's word that it cannot go on; raised there, it would come with the worker's traceback."""

    message: str
    fix: str


class _Batches(IterableDataset):
    """What one worker reads of an epoch: ready batches, and its words on shards."""

    def __init__(
        self,
        order: Order,
        keys: tuple[str, ...],
        batch_size: int | None,
        skip_damaged: bool,
        epoch: torch.Tensor,
    ) -> None:
        super().__init__()
        self.order, self.keys, self.batch_size, self.skip_damaged = order, keys, batch_size, skip_damaged
        self.epoch = epoch

    def __iter__(self) -> Iterator[Sample | _Skipped | _Stopped]:
        info = get_worker_info()
        worker, epoch = (0 if info is None else info.id), int(self.epoch[0])
        shards = self.order.of_worker(epoch, self.order.node, worker)
        gathered: list[Sample] = []
        try:
            for item in self.order.shuffled(self._read(shards), epoch, worker):
                sample = item if isinstance(item, _Skipped) else self._decode(*item)
                if isinstance(sample, _Skipped):
                    yield sample
                elif self.batch_size is None:
                    yield _as_tensors(sample)
                else:
                    gathered.append(sample)
                    if len(gathered) == self.batch_size:
                        yield _stacked(gathered)
                        gathered = []
            if gathered:
                yield _stacked(gathered)
        except UserError as error:
            yield _Stopped(error.message, error.fix)

    def _read(self, shards: Iterable[Shard]) -> Iterator[tuple[Path, str, Entries] | _Skipped]:
        for shard in shards:
            try:
                for id, entries in read_shard(shard.path, shard.clips):
                    yield shard.path, id, entries
            except UserError as error:
                if not self.skip_damaged:
                    raise
                yield _Skipped(f"{error.message} Its other clips are left out.")

    def _decode(self, path: Path, id: str, entries: Entries) -> Sample | _Skipped:
        try:
            with decoding(path, id):
                return _sample_of(entries, self.keys, f"clip {id} in {path}")
        except UserError as error:
            if not self.skip_damaged:
                raise
            return _Skipped(f"{error.message} The clip is left out.")


def _sample_of(entries: Entries, keys: tuple[str, ...], where: str) -> Sample:
    """The fields as numpy arrays, and what else is told of the clip."""
    meta = read_meta(entries)
    fields = decode_fields(entries, meta, keys)
    if "coverage" in keys and "coverage" not in fields:
        shapes = meta["clip"]["arrays"]
        fields["coverage"] = np.zeros((shapes["flow_forward"][0] + 1, *shapes["image"][:2]), np.float32)
    sample: Sample = {name: meta[name] for name in ABOUT}
    for name in keys:
        if name not in fields:
            raise UserError(f"There is no '{name}' in {where}.", f"Leave '{name}' out of keys.")
        # torch can do little with uint16
        sample[name] = fields[name].astype(np.int32) if name == "instances" else fields[name]
    return sample


def _as_tensors(sample: Sample) -> Sample:
    return {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in sample.items()}


def _stacked(samples: Sequence[Sample]) -> Sample:
    """One batch; stacked by numpy, whose copy is not handed to threads that all workers would fight for."""
    batch: Sample = {}
    for name, first in samples[0].items():
        values = [sample[name] for sample in samples]
        if name in KEPT["tracks"]:
            batch[name] = _padded(values)
        elif isinstance(first, np.ndarray):
            for sample, value in zip(samples, values, strict=True):
                if value.shape != first.shape:
                    raise UserError(
                        f"'{name}' is {first.shape} in clip {samples[0]['id']} and {value.shape} in clip "
                        f"{sample['id']}: they do not fit into one batch.",
                        f"Leave '{name}' out of keys, or take single clips with batch_size=None.",
                    )
            batch[name] = np.stack(values)
        else:
            batch[name] = values
    return _as_tensors(batch)


def _padded(values: Sequence[np.ndarray]) -> np.ndarray:
    """(N, T, ...) each, in one array of the largest N; points that a clip lacks are as those that do not exist."""
    count = max(len(value) for value in values)
    missing = np.nan if values[0].dtype == np.float32 else False
    padded = np.full((len(values), count, *values[0].shape[1:]), missing, values[0].dtype)
    for place, value in zip(padded, values, strict=True):
        place[: len(value)] = value
    return padded


def _take(store: list[Any], dice: random.Random) -> Any:
    """Remove any one, at no cost that grows with the store."""
    place = dice.randrange(len(store))
    store[place], store[-1] = store[-1], store[place]
    return store.pop()


def _whole(shards: Sequence[Shard], skip_damaged: bool) -> list[Shard]:
    """The shards that are there in full length, as is found before a long training and not in it."""
    damages = {shard: damage for shard in shards if (damage := shard.damage())}
    for damage in damages.values():
        if not skip_damaged:
            raise UserError(damage, COPY_AGAIN)
        warnings.warn(f"{damage} It is left out.", stacklevel=3)
    return [shard for shard in shards if shard not in damages]


def _fitting(workers: int, shards: int) -> int:
    """As many workers as wanted, or as there are shards for on each node."""
    if workers > shards:
        warnings.warn(
            f"{workers} workers are too many for the shards, {shards} a node: each wants one of its own, so that many "
            "are started. Export the set with fewer clips a shard (the option clips).",
            stacklevel=3,
        )
    return min(workers, shards)


def _nodes_of_this_run() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    try:
        return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    except ValueError:
        raise UserError("RANK and WORLD_SIZE in the environment should be whole numbers.") from None


def _checked_keys(keys: Collection[str] | None, annotations: Collection[str]) -> tuple[str, ...]:
    """The fields to decode, in the order of `FIELDS`."""
    if keys is None:
        keys = (*ALWAYS, *(field for name in annotations for field in KEPT[name]))
    for name in keys:
        if name not in FIELDS:
            raise UserError(f"A clip has no field '{name}'.", f"Choose of {', '.join(FIELDS)}.")
    return tuple(name for name in FIELDS if name in keys)
