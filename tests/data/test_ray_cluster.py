"""Joining a Ray cluster: what goes wrong before any row is made."""

import sys

import pytest

from simcraft.data.ray_cluster import connected, node_unlike
from simcraft.errors import UserError

ray = pytest.importorskip("ray")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "somewhere"])
def test_where_no_cluster_answers_the_address_is_named_at_once(address: str) -> None:
    with pytest.raises(UserError, match=f"no Ray cluster to join at '{address}'") as raised, connected(address):
        pass
    assert raised.value.fix


def test_without_ray_the_fix_is_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"Ray is not installed.*\.\[ray\]"), connected("auto"):
        pass


def test_a_node_is_like_the_driver_or_told_apart_by_name() -> None:
    here = {"simcraft": "0.1.0", "code": "abc", "bpy": "4.5.15"}
    assert node_unlike(here, dict(here)) is None
    other_code, no_blender = node_unlike(here, {**here, "code": "abd"}), node_unlike(here, {**here, "bpy": "none"})
    assert other_code is not None and "other source code of simcraft: abd, not abc" in other_code.message
    assert no_blender is not None and "another bpy: none, not 4.5.15" in no_blender.message
