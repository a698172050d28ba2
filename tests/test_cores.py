"""The number of cores, on systems that tell which ones a process may use and on others."""

from __future__ import annotations

import os

import pytest

from simcraft.cores import core_count, usable_cores


def test_cores_that_a_process_may_not_use_do_not_count() -> None:
    before = usable_cores()
    try:
        os.sched_setaffinity(0, {min(before)})
        assert (usable_cores(), core_count()) == ({min(before)}, 1)
    finally:
        os.sched_setaffinity(0, before)
    assert core_count() == len(before)


def test_where_the_system_does_not_tell_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert (usable_cores(), core_count()) == (set(), 6)
