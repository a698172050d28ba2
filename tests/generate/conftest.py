"""What the tests of generators share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simcraft.clip.types import MotionClip
from tests.analytic import sliding_square


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks run much faster in one thread than in several that wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
