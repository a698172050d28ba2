"""Sets made on a real Ray cluster of several nodes, which are processes of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from simcraft.data import ray_pool
from simcraft.data.folder import versions
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import Report, make_data_set
from simcraft.data.pool import clips_of_scenes
from simcraft.data.ray_pool import RayPool
from simcraft.data.recipe import load_recipe
from simcraft.errors import DiskFull, UserError
from tests.data import makers
from tests.data.ray_nodes import SMALL, full_disk, small_cluster
from tests.data.sets import contents, small_recipe

pytestmark = pytest.mark.slow
pytest.importorskip("ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with small_cluster() as nodes:
        yield nodes


def make(cluster: Any, folder: Path, maker: Callable = makers.formulas, count: int = 4, **options: float) -> Report:
    pool = RayPool(cluster.address, maker=maker, **options)
    return make_data_set(small_recipe(folder), count, folder / "set", pool=pool)


def log(folder: Path, event: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry["event"] == event]


def test_a_node_dies_in_the_middle_and_nothing_is_lost_nor_made_twice(
    cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe, count = small_recipe(tmp_path), 20
    make_data_set(recipe, count, tmp_path / "local", pool=LocalPool(1, maker=makers.formulas))
    doomed = [cluster.add_node(num_cpus=1, **SMALL)]
    alive = []

    def kill_a_node(stage: str, step: int, steps: int, detail: str = "") -> None:
        if step >= 6 and doomed:
            cluster.remove_node(doomed.pop(), allow_graceful=False)
            alive.append(step)

    pool = RayPool(cluster.address, maker=makers.slow_formulas)
    report = make_data_set(recipe, count, tmp_path / "ray", pool=pool, progress=kill_a_node)
    assert alive and alive[0] < count
    assert (report.made, report.failed, report.tried_again) == (count, {}, ())
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    made = log(tmp_path / "ray", "made")
    assert sorted(entry["id"] for entry in made) == [f"{number:06d}" for number in range(count)]
    # one process a node keeps its maker open from row to row, with one thread each
    assert len({entry["seconds"]["process"] for entry in made}) <= 4
    assert {entry["seconds"]["threads"] for entry in made} == {1.0}
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("maker", "limit", "message"),
    [
        (makers.crashing, 60.0, "The process that made it was killed by SIGABRT."),
        (makers.hanging_deaf, 3.0, "It was not made within 3 s."),
    ],
)
def test_a_crash_or_a_hang_costs_its_row_alone(
    cluster: Any, tmp_path: Path, maker: Callable, limit: float, message: str
) -> None:
    report = make(cluster, tmp_path, maker, time_limit=limit)
    assert (report.made, report.tried_again, list(report.failed)) == (3, (makers.BAD,), [makers.BAD])
    assert [entry["message"] for entry in log(tmp_path / "set", "failed")] == [message]


def test_a_node_with_other_versions_is_refused_by_name(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "versions", lambda: {**versions(), "code": "0123456789ab"})
    with pytest.raises(UserError, match=r"The node .+\(.+\) has other source code of simcraft: .*, not 0123456789ab"):
        make(cluster, tmp_path)


def test_a_node_that_can_make_nothing_is_named(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"The node .+ can make no clips: There is no Blender\. Install one\."):
        make(cluster, tmp_path, makers.unopenable)


def test_a_full_disk_of_a_node_ends_the_run_and_is_named(cluster: Any, tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match=r"On the node .+: The disk is full"):
        make(cluster, tmp_path, full_disk)


@pytest.mark.bpy
def test_real_scenes_on_a_cluster_are_those_of_one_process(cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("{name: real, size: 32x32, frames: 3, families: [dominoes, drop]}", encoding="utf-8")
    recipe = load_recipe(path)
    make_data_set(recipe, 4, tmp_path / "local", pool=LocalPool(1, maker=clips_of_scenes))
    report = make_data_set(recipe, 4, tmp_path / "ray", pool=RayPool(cluster.address))
    assert (report.made, report.failed) == (4, {})
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
