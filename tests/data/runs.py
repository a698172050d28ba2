"""Drivers in processes of their own, to disturb, and what they leave in the log."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from simcraft.data.recipe import LoadedRecipe


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """`folder` as a disk of `size` (such as "300k"); the test is skipped where nobody may mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nobody may mount a disk here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def drive(recipe: LoadedRecipe, out: Path, maker: str, count: int) -> subprocess.Popen[str]:
    """Start making a set; see `tests.data.drive`."""
    command = [sys.executable, "-m", "tests.data.drive", str(recipe.path), str(count), str(out), maker]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def until_made(driver: subprocess.Popen[str], number: int) -> list[psutil.Process]:
    """Wait until the run has made so many clips; returns all processes below the driver."""
    assert driver.stderr is not None
    said = ""
    for line in driver.stderr:
        said += line
        if (found := re.match(r"make: (\d+) of", line)) and int(found[1]) >= number:
            return psutil.Process(driver.pid).children(recursive=True)
    raise AssertionError(f"it left with {driver.wait()}: {said}")


def log(folder: Path, event: str) -> list[dict]:
    """The log's entries of that kind."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if entry["event"] == event]
