"""What the tests of generators share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simcraft.clip.types import MotionClip
from tests.analytic import sliding_square
from tests.threads import one_torch_thread


@pytest.fixture
def one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture(scope="package")
def clip() -> MotionClip:
    """Four frames of a square that slides."""
    return sliding_square(count=4)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models, as SIMCRAFT_MODELS names one: `simcraft-image`, tiny and untrained."""
    from tests.generate.checkpoints import save_checkpoint

    folder = tmp_path_factory.mktemp("models")
    save_checkpoint(folder / "simcraft-image")
    return folder
