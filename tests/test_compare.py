"""One option with several values: what is made, what is not made twice, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from simcraft.cli_compare import parse_variation
from simcraft.clip.types import MotionClip
from simcraft.compare import compare, plan
from simcraft.errors import UserError
from simcraft.generate import registry
from simcraft.generate.registry import Generator, Option, register
from simcraft.progress import Progress, silent
from simcraft.side_by_side import Column, layout, save_side_by_side
from simcraft.video import Video, load_video
from tests.analytic import sliding_square

LOADS: list[str] = []
PAINTS: list[tuple[float, bool]] = []


def brightening(*, model: str) -> Callable[..., Video]:
    """Loads nothing, but notes it; then shows the true frames, more or less bright."""
    LOADS.append(model)

    def paint(clip: MotionClip, *, progress: Progress = silent, strength: float, soft: bool) -> Video:
        PAINTS.append((strength, soft))
        assert clip.frames is not None
        frames = (np.asarray(clip.frames) * strength).astype(np.uint8)
        frames[0] = clip.image
        return Video(frames, clip.fps, {"generator": "brightening", "evaluations_per_frame": 6})

    return paint


@pytest.fixture(autouse=True)
def generator() -> Iterator[Generator]:
    options = (
        Option("model", str, "small", loading=True),
        Option("strength", float, 0.5, minimum=0, maximum=1),
        Option("soft", bool, False),
    )
    known = Generator("brightening", "For these tests.", f"{__name__}:brightening", options, loads=True)
    register(known)
    LOADS.clear()
    PAINTS.clear()
    yield known
    del registry._GENERATORS["brightening"]


@pytest.fixture(scope="module")
def clip() -> MotionClip:
    return sliding_square(count=4)


def test_every_value_is_made_measured_and_shown(clip: MotionClip, tmp_path: Path) -> None:
    made = compare(clip, "brightening", "strength", ["1.0", "0.5"], tmp_path, options={"soft": "yes"})
    names = {"warp.mp4", "1.mp4", "0.5.mp4", "comparison.mp4", "comparison.png", "comparison.json"}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert LOADS == ["small"] and PAINTS == [(1.0, True), (0.5, True)]
    assert [outcome.label for outcome in made.outcomes] == ["warp (baseline)", "1", "0.5"]
    saved = json.loads((tmp_path / "comparison.json").read_text())
    errors = [video["report"]["likeness"]["psnr"] for video in saved["videos"]]
    assert errors[2] < errors[0] and errors[2] < (errors[1] or 99)
    new = [video["new_content_psnr"] for video in saved["videos"]]
    assert new[1] is None and new[2] < new[0] < errors[0]  # all equal; darkened; made up by the baseline
    assert saved["option"] == "strength" and saved["options"] == {"model": "small", "soft": True}
    # truth, baseline and two values
    side = load_video(tmp_path / "comparison.mp4")
    assert side.frame_count == clip.frame_count and side.size[0] > 4 * clip.size[0]
    head, *rows = made.table().items()
    assert head[0] == "strength" and [label for label, _ in rows] == ["warp (baseline)", "1", "0.5"]
    assert all(len(line.split()) == 9 for _, line in rows) and rows[1][1].split()[7] == "6"


def test_what_is_done_is_not_done_again_and_values_can_be_added(clip: MotionClip, tmp_path: Path) -> None:
    compare(clip, "brightening", "strength", [1.0, 0.5], tmp_path)
    before = (tmp_path / "1.mp4").read_bytes()
    PAINTS.clear()
    made = compare(clip, "brightening", "strength", [0.25, 1.0, 0.5], tmp_path)
    assert PAINTS == [(0.25, False)] and (tmp_path / "1.mp4").read_bytes() == before
    assert [outcome.label for outcome in made.outcomes][1:] == ["0.25", "1", "0.5"]
    (tmp_path / "1.mp4").unlink()
    PAINTS.clear()
    compare(clip, "brightening", "strength", [1.0, 0.5], tmp_path)
    assert PAINTS == [(1.0, False)]


def test_another_comparison_is_replaced_only_on_request(clip: MotionClip, tmp_path: Path) -> None:
    compare(clip, "brightening", "strength", [1.0, 0.5], tmp_path)
    with pytest.raises(UserError, match="another comparison"):
        compare(clip, "brightening", "strength", [1.0, 0.5], tmp_path, options={"soft": True})
    made = compare(clip, "brightening", "soft", ["yes", "no"], tmp_path, force=True)
    assert [outcome.video for outcome in made.outcomes] == ["warp.mp4", "yes.mp4", "no.mp4"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("precious")
    with pytest.raises(UserError, match="holds something else"):
        compare(clip, "brightening", "strength", [1.0, 0.5], tmp_path / "other")


def test_a_model_is_loaded_again_only_where_it_varies(clip: MotionClip, tmp_path: Path) -> None:
    compare(clip, "brightening", "model", ["a/small", "b/small"], tmp_path)
    assert LOADS == ["a/small", "b/small"]
    assert (tmp_path / "a_small.mp4").is_file() and (tmp_path / "b_small.mp4").is_file()


def test_the_baseline_compares_with_itself_alone() -> None:
    trials = plan("warp", "interpolation", ["nearest", "bicubic"], {})
    assert [trial.label for trial in trials] == ["nearest", "bicubic"]


def test_files_of_values_have_names_of_their_own() -> None:
    trials = plan("brightening", "model", ["warp", "comparison", "a b", "a/b"], {})
    assert [trial.stem for trial in trials] == ["warp", "warp_2", "comparison_2", "a_b", "a_b_2"]


@pytest.mark.parametrize(
    ("option", "values", "options", "text"),
    [
        ("speed", ["1", "2"], {}, "no option 'speed'"),
        ("strength", ["1", "2"], {}, "expected 1 or less"),
        ("strength", ["1"], {}, "nothing to compare"),
        ("strength", ["1", "1.0"], {}, "there twice"),
        ("strength", ["1", "0.5"], {"strength": "0.2"}, "both varies and is set"),
        ("strength", ["1", "0.5"], {"typo": "0.2"}, "no option 'typo'"),
    ],
)
def test_what_cannot_be_compared(option: str, values: list[str], options: dict[str, str], text: str) -> None:
    with pytest.raises(UserError, match=text):
        plan("brightening", option, values, options)


def test_variations_are_read() -> None:
    assert parse_variation("attention=none, both") == ("attention", ["none", "both"])
    assert parse_variation("--negative-prompt=blurred,") == ("negative_prompt", ["blurred", ""])
    assert parse_variation('prompt="red, shiny",blue') == ("prompt", ["red, shiny", "blue"])
    for wrong in ("attention", "=a,b", "attention="):
        with pytest.raises(UserError, match="OPTION=VALUE"):
            parse_variation(wrong)


# ------------------------------------------------------------------------------------------------------- side by side


@pytest.mark.parametrize(("count", "size"), [(1, (64, 48)), (6, (128, 128)), (5, (1920, 1080)), (12, (256, 256))])
def test_cells_fit_beside_each_other(count: int, size: tuple[int, int]) -> None:
    place = layout(count, size)
    corners = [place.corner(number) for number in range(count)]
    assert len(set(corners)) == count and place.across * place.rows >= count
    assert all(x + place.cell[0] <= place.size[0] and y + place.cell[1] <= place.size[1] for x, y in corners)
    assert place.size[0] <= 1922 and all(side % 2 == 0 for side in place.size)
    assert abs(place.cell[0] / place.cell[1] / (size[0] / size[1]) - 1) < 0.02


def test_each_video_is_in_its_cell(tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
    columns = [Column(f"c{k}", "", np.full((3, 24, 32, 3), colour, np.uint8)) for k, colour in enumerate(colours)]
    save_side_by_side(columns, "title", 8.0, video=tmp_path / "s.mp4", picture=tmp_path / "s.png")
    place, video = layout(3, (32, 24)), load_video(tmp_path / "s.mp4")
    assert video.size == place.size and video.frame_count == 3
    for number, colour in enumerate(colours):
        x, y = place.corner(number)
        middle = video.frames[1, y + place.cell[1] // 2, x + place.cell[0] // 2]
        assert np.abs(middle.astype(int) - colour).max() < 12
