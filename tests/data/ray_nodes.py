"""A Ray cluster of several nodes on this machine, for tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from simcraft.data.pool import MakeRow
from tests.data.makers import out_of_space

SMALL = {"object_store_memory": 100 * 2**20, "include_dashboard": False}


@contextlib.contextmanager
def small_cluster(nodes: int = 2) -> Iterator[Any]:
    """A head without cores and `nodes` nodes with one core each, processes of their own; `.address` joins it."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1, **SMALL)
        yield cluster
    finally:
        cluster.shutdown()


@contextlib.contextmanager
def full_disk(recycle: int) -> Iterator[MakeRow]:
    """A maker on a node whose disk is full."""
    yield out_of_space
