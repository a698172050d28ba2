"""How many processor cores there are for this process."""

from __future__ import annotations

import os


def usable_cores() -> set[int]:
    """The numbers of the cores that this thread may run on; empty where the system does not tell."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def core_count() -> int:
    """How many they are; all that the machine has where the system does not tell."""
    return len(usable_cores()) or os.cpu_count() or 1
