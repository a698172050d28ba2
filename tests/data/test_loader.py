"""The training loader: every clip once, in an order that can be had again, whatever is damaged."""

from __future__ import annotations

import io
import itertools
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.data.export import export_set
from simcraft.data.export.sample import PACKED
from simcraft.data.folder import open_set
from simcraft.data.loader import Order, clip_loader
from simcraft.data.shards import Shard, load_sample
from simcraft.errors import UserError
from tests.data.sets import make_small_set

QUICK = ("image",)


@pytest.fixture(scope="session")
def larger_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine clips of one split that need little time: flow and instances only."""
    folder = tmp_path_factory.mktemp("larger")
    return make_small_set(folder, count=12, annotations=("instances",))


@pytest.fixture(scope="session")
def shards(larger_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its export: four shards of two clips in the split "train", two in "validation"."""
    out = tmp_path_factory.mktemp("shards") / "out"
    export_set(larger_set, "webdataset", out, clips=2)
    return out


@pytest.fixture
def copy(shards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shards, tmp_path / "copy"))


def train_ids(folder: Path) -> list[str]:
    index = json.loads((folder / "train.json").read_text())
    return [id for part in index["parts"] for id in part["ids"]]


def shard_of(folder: Path, id: str) -> str:
    index = json.loads((folder / "train.json").read_text())
    return next(part["name"] for part in index["parts"] if id in part["ids"])


def ids_of(batches: Iterable[dict[str, Any]]) -> list[str]:
    return [id for batch in batches for id in batch["id"]]


def loader(source: Path, **settings: Any) -> Any:
    return clip_loader(source, **{"workers": 0, "keys": QUICK, "batch_size": 3, **settings})


def test_a_batch_is_the_clips(small_set: Path, tmp_path: Path) -> None:
    export_set(small_set, "webdataset", tmp_path / "out", exact=True)
    data_set = open_set(small_set)
    rows = {row.id: row for row in data_set.rows}
    (batch,) = clip_loader(tmp_path / "out", batch_size=4, workers=0, seed=3)
    assert sorted(batch["id"]) == train_ids(tmp_path / "out")
    for place, id in enumerate(batch["id"]):
        clip = data_set.clip(rows[id])
        assert batch["family"][place] == rows[id].family and batch["split"][place] == "train"
        assert tuple(batch["captions"][place]) == clip.captions and batch["fps"][place] == clip.fps
        for name, value in batch.items():
            if isinstance(value, torch.Tensor):
                np.testing.assert_array_equal(value[place].numpy(), getattr(clip, name), err_msg=name)
    kept = {"frames", "depth", "instances", "tracks", "track_visible", "to_first", "to_first_visible", "normals"}
    assert kept <= batch.keys() and batch["instances"].dtype == torch.int32


def test_workers_on_nodes_give_every_clip_once_an_epoch(shards: Path) -> None:
    """Two nodes, on one of them two real processes, two epochs."""
    loaders = [loader(shards, workers=2, nodes=(0, 2), batch_size=1), loader(shards, nodes=(1, 2), batch_size=1)]
    epochs = [[ids_of(each) for each in loaders] for _ in range(2)]
    for nodes in epochs:
        assert sorted(nodes[0] + nodes[1]) == train_ids(shards)
        assert [len(ids) for ids in nodes] == [4, 4]
    assert epochs[0] != epochs[1]
    # the order is that of its workers, which take turns
    order = loaders[0].order
    for epoch in range(2):
        for worker in range(2):
            expected = [s.path.name for s in order.of_worker(epoch, 0, worker)]
            found = epochs[epoch][0][worker::2]
            assert {shard_of(shards, id) for id in found} == set(expected)


def test_a_training_script_needs_no_guard_against_its_workers(shards: Path, tmp_path: Path) -> None:
    """Spawned processes would run it again; these do not, so that it says what it says once."""
    script = tmp_path / "train.py"
    script.write_text(
        "from simcraft.data.loader import clip_loader\n"
        f"loader = clip_loader({str(shards)!r}, keys=['image'], batch_size=2, workers=2)\n"
        "print(sorted(id for batch in loader for id in batch['id']))\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"{train_ids(shards)}\n"


@settings(max_examples=60, deadline=None)
@given(
    clips=st.lists(st.integers(1, 9), min_size=1, max_size=20),
    nodes=st.integers(1, 5),
    workers=st.integers(0, 4),
    shuffle=st.integers(0, 12),
    epoch=st.integers(0, 3),
)
def test_any_number_of_nodes_and_workers_shares_the_shards(
    clips: list[int], nodes: int, workers: int, shuffle: int, epoch: int
) -> None:
    every = tuple(Shard(Path(f"{n}.tar"), count, 0) for n, count in enumerate(clips))
    orders = [Order(every, 7, shuffle, node, nodes, workers) for node in range(nodes)]
    seen: Counter = Counter()
    for order, worker in itertools.product(orders, range(max(workers, 1))):
        read = [(s.path, k) for s in order.of_worker(epoch, order.node, worker) for k in range(s.clips)]
        given_out = list(order.shuffled(iter(read), epoch, worker))
        assert sorted(given_out) == sorted(read)
        seen.update(given_out)
    assert seen == Counter((s.path, k) for s in every for k in range(s.clips))
    least = {order.batches(epoch, 2, equal=True) for order in orders}
    assert least == {min(order.batches(epoch, 2, equal=False) for order in orders)}


def test_the_order_follows_from_seed_and_epoch(shards: Path) -> None:
    first, second = loader(shards, seed=1), loader(shards, seed=1)
    orders = [ids_of(first) for _ in range(3)]
    assert orders == [ids_of(second) for _ in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    assert ids_of(loader(shards, seed=2)) != orders[0]
    later = loader(shards, seed=1)
    later.epoch = 2
    assert ids_of(later) == orders[2]


def test_without_shuffling_the_order_is_the_manifest_s(shards: Path) -> None:
    kept = loader(shards, shuffle=0)
    assert ids_of(kept) == ids_of(kept) == train_ids(shards)


def test_the_length_is_the_number_of_batches(shards: Path) -> None:
    for size in (1, 3, 8, None):
        every = loader(shards, batch_size=size)
        assert len(every) == len(list(every)) == -(-8 // (size or 1))


def test_single_clips_without_a_batch(shards: Path) -> None:
    (first, *rest) = loader(shards, batch_size=None, shuffle=0)
    assert first["image"].shape == (32, 48, 3) and first["id"] == "000000" and len(rest) == 7


def test_nodes_are_told_by_the_environment(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for node in range(3):
        monkeypatch.setenv("RANK", str(node))
        monkeypatch.setenv("WORLD_SIZE", "3")
        found += ids_of(loader(shards))
    assert sorted(found) == train_ids(shards)
    monkeypatch.setenv("RANK", "first")
    with pytest.raises(UserError, match="RANK and WORLD_SIZE"):
        loader(shards)


def test_equal_nodes_give_as_many_batches_as_each_other(shards: Path) -> None:
    # four shards on three nodes: one has twice as many
    nodes = [loader(shards, nodes=(node, 3), batch_size=1, equal=True) for node in range(3)]
    for _ in range(2):
        assert [len(node) for node in nodes] == [2, 2, 2]
        assert [len(ids_of(node)) for node in nodes] == [2, 2, 2]


def test_a_node_that_skips_a_shard_repeats_its_last_batch(copy: Path) -> None:
    nodes = [loader(copy, nodes=(n, 2), batch_size=1, equal=True, skip_damaged=True, shuffle=0) for n in range(2)]
    cut(copy / "train-000002.tar", 700)
    with pytest.warns(UserWarning, match=r"train-000002\.tar is damaged"):
        found = ids_of(nodes[0])
    assert found == [*train_ids(copy)[:2], *[train_ids(copy)[1]] * 2]
    assert ids_of(nodes[1]) == [*train_ids(copy)[2:4], *train_ids(copy)[6:]]


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"workers": -1}, {"shuffle": -5}])
def test_numbers_out_of_range(shards: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=r"(batch_size|workers|shuffle) is .* Give [01] or more"):
        loader(shards, **wrong)


def test_fewer_shards_than_workers_or_nodes(shards: Path) -> None:
    with pytest.warns(UserWarning, match="9 workers are too many for the shards, 2 a node"):
        few = loader(shards, workers=9, nodes=(0, 2))
    assert few.order.workers == 2
    with pytest.raises(UserError, match=r"4 shards of the split 'train' for 5 nodes.*clips"):
        loader(shards, nodes=(0, 5))
    with pytest.raises(UserError, match="Node 2 of 2"):
        loader(shards, nodes=(2, 2))


def test_several_exports_are_mixed(shards: Path, small_set: Path, tmp_path: Path) -> None:
    export_set(small_set, "webdataset", tmp_path / "out", clips=2)
    both = clip_loader([shards, tmp_path / "out"], batch_size=12, workers=0)
    (batch,) = both
    assert len(batch["id"]) == 12
    # only what both sets were made with
    assert "instances" in batch and "depth" not in batch and "tracks" not in batch


def test_keys_that_are_not_there(shards: Path) -> None:
    with pytest.raises(UserError, match=r"no field 'optical_flow'.*flow_forward"):
        loader(shards, keys=["optical_flow"])
    with pytest.raises(UserError, match=r"no 'depth' in clip 0000.*Leave 'depth' out of keys"):
        list(loader(shards, keys=["depth"]))
    batch = next(iter(loader(shards, keys=["coverage"])))
    assert batch["coverage"].shape == (3, 6, 32, 48) and not batch["coverage"].any()


def test_a_folder_that_is_no_export_of_this_kind(small_set: Path, tmp_path: Path, shards: Path) -> None:
    with pytest.raises(UserError, match="holds no exported set"):
        loader(small_set)
    export_set(small_set, "tapvid", tmp_path / "out")
    with pytest.raises(UserError, match="format 'tapvid'"):
        loader(tmp_path / "out")
    with pytest.raises(UserError, match=r"no split 'test'.*train, validation"):
        loader(shards, split="test")


def cut(shard: Path, rest: int = 0) -> None:
    """Cut a shard `rest` bytes into its second clip."""
    with tarfile.open(shard) as tar:
        members = tar.getmembers()
    second = next(m for m in members if m.name.split(".")[0] != members[0].name.split(".")[0])
    shard.write_bytes(shard.read_bytes()[: second.offset + rest])


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_shard_is_found_at_once(copy: Path, kept: float) -> None:
    victim = copy / "train-000001.tar"
    whole = victim.read_bytes()
    victim.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(UserError, match=rf"train-000001\.tar is damaged: it has {int(len(whole) * kept)} of"):
        loader(copy)


@pytest.mark.parametrize("rest", [0, 700])
def test_a_shard_that_breaks_off_later_is_named(copy: Path, rest: int) -> None:
    every = loader(copy)
    cut(copy / "train-000001.tar", rest)
    with pytest.raises(UserError, match=r"train-000001\.tar is damaged" if rest else "it has 1 of 2 clips"):
        list(every)


@settings(max_examples=25, deadline=None)
@given(place=st.floats(0, 0.8), entry=st.integers(0, 20))
def test_a_changed_byte_is_found(shards: Path, place: float, entry: int) -> None:
    victim = shards / "train-000001.tar"
    whole = victim.read_bytes()
    with tarfile.open(victim) as tar:
        members = [m for m in tar.getmembers() if not m.name.endswith("meta.json")]
    member = members[entry % len(members)]
    changed = bytearray(whole)
    changed[member.offset_data + int(place * member.size)] ^= 1
    try:
        victim.write_bytes(changed)
        with pytest.raises(UserError, match=r"train-000001\.tar is damaged: clip 0000.*missing or damaged"):
            list(loader(shards))
    finally:
        victim.write_bytes(whole)


def test_a_worker_s_damaged_shard_is_told_without_its_traceback(copy: Path) -> None:
    victim = copy / "train-000002.tar"
    replace_entries(victim, {"image.png": b"no picture"})
    with pytest.raises(UserError) as caught:
        list(loader(copy, workers=1))
    assert caught.value.message.startswith(f"The shard {victim} is damaged") and "Traceback" not in str(caught.value)


def test_damaged_and_missing_shards_are_skipped_with_a_warning(copy: Path) -> None:
    (copy / "train-000000.tar").unlink()
    with pytest.raises(UserError, match=r"train-000000\.tar is missing"):
        loader(copy)
    with pytest.warns(UserWarning, match=r"train-000000\.tar is missing.*left out"):
        lenient = loader(copy, skip_damaged=True)
    # one breaks off in its second clip before the first is given, one has clips that cannot be decoded
    cut(copy / "train-000001.tar", 700)
    replace_entries(copy / "train-000002.tar", {"image.png": b"no picture"})
    with pytest.warns(UserWarning) as told:
        found = ids_of(lenient)
    assert sorted(found) == train_ids(copy)[6:]
    messages = " ".join(str(w.message) for w in told)
    assert "train-000001.tar is damaged" in messages and f"clip {train_ids(copy)[4]}" in messages


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return Path.write_text, (self.target, "boom")


def replace_entries(shard: Path, entries: dict[str, bytes], only: str = "") -> None:
    """Put entries into every clip of a shard, or `only` one, or exchange them, with right checksums and size."""
    with tarfile.open(shard) as tar:
        content = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    for id in {name.split(".")[0] for name in content if name.startswith(only)}:
        meta = json.loads(content[f"{id}.meta.json"])
        for name, data in entries.items():
            content[f"{id}.{name}"] = data
            meta["crc32"][name] = zlib.crc32(data)
        content[f"{id}.meta.json"] = json.dumps(meta).encode()
    with tarfile.open(shard, "w") as tar:
        for name, data in sorted(content.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    index = json.loads((shard.parent / "train.json").read_text())
    next(part for part in index["parts"] if part["name"] == shard.name)["bytes"] = shard.stat().st_size
    (shard.parent / "train.json").write_text(json.dumps(index))


def test_pickles_in_a_shard_are_not_read(copy: Path, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "boom"))
    replace_entries(copy / "train-000000.tar", dict.fromkeys(("a.pyd", "a.pickle", "a.pkl", "a.pth"), bomb))
    assert sorted(ids_of(loader(copy, keys=("image", "instances")))) == train_ids(copy)
    load_sample(copy / "train-000000.tar", "000000")
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.array([Bomb(tmp_path / "boom")]) for name in PACKED["instances.npz"]})
    replace_entries(copy / "train-000000.tar", {"instances.npz": buffer.getvalue()})
    with pytest.raises(UserError, match=r"train-000000\.tar is damaged"):
        list(loader(copy, keys=("image", "instances")))
    assert not (tmp_path / "boom").exists()


def test_an_index_can_run_nothing_and_leads_nowhere_else(copy: Path, tmp_path: Path) -> None:
    index = json.loads((copy / "train.json").read_text())
    for name in (f"pipe:touch {tmp_path}/boom", "../other.tar", "/etc/passwd", 7):
        index["parts"][0]["name"] = name
        (copy / "train.json").write_text(json.dumps(index))
        with pytest.raises(UserError, match=r"train\.json is damaged"):
            loader(copy)
    assert not (tmp_path / "boom").exists()


def test_clips_of_different_shapes_do_not_fit_into_a_batch(copy: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, instances=np.zeros((6, 16, 16), np.uint16))
    replace_entries(copy / "train-000001.tar", {"instances.npz": buffer.getvalue()})
    with pytest.raises(UserError, match=r"'instances' is .* in clip 0000.*do not fit.*batch_size=None"):
        list(loader(copy, keys=("instances",), batch_size=8))
    assert len(list(loader(copy, keys=("instances",), batch_size=None))) == 8


def test_a_clip_that_is_not_in_the_shard(shards: Path) -> None:
    with pytest.raises(UserError, match=r"train-000000\.tar has no clip 000099"):
        load_sample(shards / "train-000000.tar", "000099")
    with pytest.raises(UserError, match=r"train-000009\.tar is missing"):
        load_sample(shards / "train-000009.tar", "000099")


def test_clips_with_fewer_tracks_are_filled_up_with_points_that_do_not_exist(small_set: Path, tmp_path: Path) -> None:
    export_set(small_set, "webdataset", tmp_path / "out", clips=4)
    shard, few = tmp_path / "out" / "train-000000.tar", io.BytesIO()
    np.savez(few, tracks=np.ones((3, 6, 2), np.float32), track_visible=np.ones((3, 6), bool))
    replace_entries(shard, {"tracks.npz": few.getvalue()}, "000003")
    (batch,) = loader(tmp_path / "out", keys=("tracks", "track_visible"), batch_size=4, shuffle=0)
    assert batch["tracks"].shape == (4, 12, 6, 2) and batch["track_visible"].shape == (4, 12, 6)
    place = batch["id"].index("000003")
    assert (batch["tracks"][place, :3] == 1).all() and batch["tracks"][place, 3:].isnan().all()
    assert batch["track_visible"][place].sum() == 18
