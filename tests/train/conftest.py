"""What the tests of training share: a prepared set of analytic clips, and a model of the tiny layout."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from simcraft.train.diffusion import Material, load_material
from simcraft.train.export import save_autoencoder
from simcraft.train.layout import build_autoencoder, layout_of
from simcraft.train.prepare import prepare
from simcraft.train.prepared import PreparedSet
from tests.data.sets import make_small_set


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny tensors: more threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six clips, 48 x 32 pixels and 6 frames; four are for training."""
    return make_small_set(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def prepared(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    """That set, prepared."""
    return prepare([clips], tmp_path_factory.mktemp("prepared") / "data")


@pytest.fixture(scope="session")
def vae(prepared: PreparedSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an untrained autoencoder of the tiny layout."""
    torch.manual_seed(3)
    autoencoder = build_autoencoder(layout_of("tiny", prepared.size))
    return save_autoencoder(autoencoder, tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def material(prepared: PreparedSet, vae: Path) -> Material:
    """What the stages "unet" and "inpaint" learn from."""
    return load_material(prepared, layout_of("tiny", prepared.size), vae)
