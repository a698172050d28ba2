"""What the tests of training share: a prepared set of analytic clips, and a model of the tiny layout."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from simcraft.generate.motion_dreamer.layouts import layout_of as layout_named
from simcraft.train.diffusion import Material, load_material
from simcraft.train.dreamer_parts import Parts, load_parts
from simcraft.train.dreamer_prepare import dreamer_preparation
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.export import save_autoencoder
from simcraft.train.layout import LAYOUTS, build_autoencoder, layout_of
from simcraft.train.pictures import to_tensor
from simcraft.train.prepare import IMAGE, prepare
from simcraft.train.prepared import PreparedSet
from tests.data.sets import make_small_set
from tests.threads import one_torch_thread


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of six clips, 48 x 32 pixels and 6 frames; four are for training."""
    return make_small_set(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def prepared(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    """That set, prepared."""
    return prepare([clips], tmp_path_factory.mktemp("prepared") / "data", IMAGE)


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


DREAMER_FRAMES = 4
"""Of a clip that Motion Dreamer's tests learn from."""


@pytest.fixture(scope="session")
def dreamer(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedDreamer:
    """The set, prepared for Motion Dreamer."""
    return prepare([clips], tmp_path_factory.mktemp("dreamer") / "data", dreamer_preparation(DREAMER_FRAMES))


@pytest.fixture(scope="session")
def fitted_vae(dreamer: PreparedDreamer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an autoencoder of the tiny layout that is fitted to the frames, as it is before any training."""
    autoencoder = build_autoencoder(LAYOUTS["tiny"]).fit(to_tensor(dreamer.frames))
    return save_autoencoder(autoencoder, tmp_path_factory.mktemp("fitted"))


@pytest.fixture(scope="session")
def parts(dreamer: PreparedDreamer, fitted_vae: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """What Motion Dreamer's stages share."""
    return load_parts(dreamer, layout_named("tiny"), tmp_path_factory.mktemp("none"), fitted_vae)
