"""What the tests of data sets share."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from simcraft.data.export import export_set
from tests.data.sets import make_small_set

# how long an example takes says more of the machine than of the code
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished set of six analytic clips with all annotations; copy it to change something in it."""
    return make_small_set(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def exports(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the folder of the small set's export in a format, made when first asked for; shards hold two clips."""
    folder = tmp_path_factory.mktemp("exports")

    @cache
    def exported(name: str) -> Path:
        export_set(small_set, name, folder / name, **({"clips": 2} if name == "webdataset" else {}))
        return folder / name

    return exported
