"""What the add-on says of itself."""

from __future__ import annotations

import blender_addon
import simcraft as sc


def test_the_add_on_has_the_version_of_the_package() -> None:
    assert ".".join(map(str, blender_addon.bl_info["version"])) == sc.__version__
