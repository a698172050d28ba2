"""What the command line offers beside the four verbs: settings, counterfactual pairs, pictures that flow."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import simcraft as sc
from simcraft.parameters import help_text, markdown_table, parse_settings
from simcraft.recording.format import KINDS
from simcraft.video import load_video
from tests.cli.conftest import Run


def test_the_help_of_a_scene_lists_its_parameters_with_unit_and_range(simcraft: Run) -> None:
    done = simcraft("simulate", "dominoes", "--help")
    assert done.returncode == 0
    assert "gap = 0.1  [0.02 to 0.8 m]" in done.stdout and "Space between neighbouring stones." in done.stdout


def test_without_a_scene_the_help_is_shown(simcraft: Run) -> None:
    done = simcraft("simulate")
    assert done.returncode == 2
    assert "dominoes" in done.stdout and "tower" in done.stdout


def test_every_setting_is_explained() -> None:
    for kind in KINDS.values():
        words, table = help_text(kind.parameters), markdown_table(kind.parameters)
        assert all(p.name in words and p.range in words and f"`{p.name}`" in table for p in kind.parameters)


def test_settings_are_read() -> None:
    assert parse_settings(["gap=0.3", "Smoke.wind_x = -1"]) == {"gap": "0.3", "Smoke.wind_x": "-1"}


def test_a_picture_flows(simcraft: Run, tmp_path: Path) -> None:
    photo = np.full((40, 48, 3), 90, np.uint8)
    mask = np.zeros((40, 48), np.uint8)
    cv2.circle(mask, (24, 14), 9, 255, -1)
    photo[mask > 0] = (200, 60, 40)
    cv2.imwrite(str(tmp_path / "photo.png"), photo)
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    done = simcraft("image-plane", "photo.png", "mask.png", "--frames", "6", "--set", "resolution=32", "--json")
    assert done.returncode == 0, done.stderr
    clip = sc.load_clip(tmp_path / json.loads(done.stdout)["clip"])
    assert clip.frame_count == 6 and clip.image.shape == (40, 48, 3)
    falling = clip.flow_forward[4][clip.instances[4] == 1]
    assert falling[:, 1].mean() > 0.2  # down the picture
    assert not clip.flow_forward[4][clip.instances[4] == 0].any()


@pytest.mark.bpy
@pytest.mark.slow
def test_a_counterfactual_differs_in_what_was_changed(simcraft: Run, tmp_path: Path) -> None:
    options = ("--size", "64x48", "--preview", "--frames", "1:24", "--json")
    done = simcraft("counterfactual", "dominoes", "--set", "push=1", *options)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    factual, changed = (sc.load_recording(tmp_path / result[name]) for name in ("factual", "counterfactual"))
    assert [b.name for b in factual.bodies] == [b.name for b in changed.bodies]
    starts = {b.name: b.transforms[0] for b in factual.bodies}
    for body in changed.bodies:
        np.testing.assert_allclose(body.transforms[0], starts[body.name], atol=1e-6)
    way = {
        n: next(b for b in r.bodies if b.name == "ball").transforms[-1, :3, 3] for n, r in enumerate((factual, changed))
    }
    assert np.linalg.norm(way[0] - way[1]) > 0.1
    assert load_video(tmp_path / result["video"]).frames.shape == (24, 48, 128, 3)
