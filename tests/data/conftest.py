"""What the tests of data sets share."""

from pathlib import Path

import pytest

from tests.data.sets import make_small_set


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished set of six analytic clips with all annotations; copy it to change something in it."""
    return make_small_set(tmp_path_factory.mktemp("small"))
