"""The page does in a browser what it should: state in the address, playing, keys and toggles."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.view import view

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH"),
]

REPORT = """
<script>
const report = {};
function note(name) {
  const shown = layers.filter((layer) => !layer.figure.hidden);
  report[name] = {
    frame: state.frame, playing: state.playing, hash: location.hash, moment: find("moment").textContent,
    pressed: layers.filter((layer) => layer.button.getAttribute("aria-pressed") === "true").map((layer) => layer.id),
    boxes: Object.fromEntries(shown.map((layer) => {
      const box = layer.canvas.getBoundingClientRect();
      return [layer.id, [box.left, box.top, box.width, box.height]];
    })),
    height: innerHeight, overflow: document.documentElement.scrollWidth > innerWidth,
  };
}
const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const go = (hash) => { history.replaceState(null, "", hash); restore(); };
%s
setTimeout(() => { note("end"); document.body.dataset.report = JSON.stringify(report); }, 1500);
</script>
"""


@pytest.fixture(scope="module")
def page(clip: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "clip.html"
    view(clip, page=path)
    return path


def chromium(page: Path, hash: str, *options: str, size: tuple[int, int] = (1200, 800)) -> str:
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={page.parent / 'profile'}",
        "--virtual-time-budget=3000",
        f"--window-size={size[0]},{size[1]}",
        *options,
        f"file://{page}{hash}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def visit(page: Path, hash: str = "", script: str = "", size: tuple[int, int] = (1200, 800)) -> dict[str, Any]:
    """What the page was like wherever `script` called `note(name)`, and at the "end"."""
    watched = page.with_name("watched.html")
    watched.write_text(page.read_text().replace("</body>", REPORT % script + "</body>"))
    found = re.search(r'data-report="([^"]*)"', chromium(watched, hash, "--dump-dom", size=size))
    assert found
    return json.loads(html.unescape(found[1]))


def test_the_address_says_what_is_shown(page: Path) -> None:
    script = """
    go("#frame=5&layer=flow,depth"); note("asked");
    go("#frame=99&layer=all"); note("all");
    layers[0].id = "a, b: 100%:picture"; remember(); restore(); note("commas");
    go("#layer=%,depth"); note("stray");
    """
    told = visit(page, "#frame=2", script + 'layers[0].id = "picture"; go("#frame=2");')
    assert (told["end"]["frame"], told["end"]["playing"]) == (2, False)
    assert told["end"]["pressed"] == ["picture", "flow", "depth", "instances", "tracks"]
    assert (told["asked"]["frame"], told["asked"]["pressed"]) == (5, ["flow", "depth"])
    assert re.sub(r"\s+", " ", told["asked"]["moment"]) == "frame 5 / 5 · 0.21 s"
    assert len(told["commas"]["pressed"]) == 6
    assert told["stray"]["pressed"] == ["depth"]
    assert (told["all"]["frame"], len(told["all"]["pressed"])) == (5, 6)


def test_keys_and_buttons(page: Path) -> None:
    script = """
    go("#frame=4&layer=flow"); press("ArrowRight"); note("right");
    press("ArrowRight"); note("around");
    press("End"); press("ArrowLeft"); note("left");
    layers[2].button.click(); press("1"); press("2"); note("toggled");
    press("2"); press("4"); press("5"); layers[2].canvas.click(); note("alone"); layers[2].canvas.click(); note("back");
    find("slider").value = 3; find("slider").dispatchEvent(new Event("input")); note("slid");
    """
    told = visit(page, "", script)
    assert (told["right"]["frame"], told["right"]["hash"]) == (5, "#frame=5&layer=flow")
    assert told["around"]["frame"] == 0
    assert told["left"]["frame"] == 4
    assert (told["toggled"]["pressed"], told["toggled"]["hash"]) == (
        ["picture", "depth"],
        "#frame=4&layer=picture,depth",
    )
    assert told["alone"]["pressed"] == ["depth"]
    assert told["alone"]["boxes"]["depth"][2] > told["back"]["boxes"]["depth"][2]  # and larger
    assert told["back"]["pressed"] == ["picture", "flow", "depth", "instances", "visibility"]
    assert told["slid"]["frame"] == 3


def test_the_pointer_tells_the_name_of_the_instance(page: Path) -> None:
    """Over the flow, in the middle of the square and beside it."""
    script = """
    const move = (x, y) => {
      const box = layers[1].canvas.getBoundingClientRect();
      const place = { clientX: box.left + (x / 96) * box.width, clientY: box.top + (y / 72) * box.height };
      layers[1].canvas.dispatchEvent(new PointerEvent("pointermove", { ...place, bubbles: true }));
      return find("hint").hidden ? "" : find("hint").textContent;
    };
    go("#frame=3&layer=flow,instances");
    setTimeout(() => { note("read"); report.read.names = [move(52, 48), move(5, 5)]; }, 800);
    """
    assert visit(page, "", script)["read"]["names"] == ["1 · square 1", ""]


def test_it_plays_and_pauses(page: Path) -> None:
    script = """
    press(" "); note("playing"); press(" "); note("paused"); go("#frame=0&play=1"); note("asked");
    setTimeout(() => note("later"), 700); setTimeout(() => find("play").click(), 900);
    """
    told = visit(page, "", script)
    assert [told[name]["playing"] for name in ("playing", "paused", "asked", "end")] == [True, False, True, False]
    assert told["later"]["playing"]
    assert told["end"]["hash"].startswith(f"#frame={told['end']['frame']}&")


@pytest.mark.parametrize("size", [(1200, 800), (500, 844)])  # narrower than 500 no window of chromium's gets
def test_what_is_drawn_is_the_clip(size: tuple[int, int], page: Path, clip: MotionClip) -> None:
    """In a screenshot, the middle of the moving square has the flow's colour, and its instance that of the palette."""
    from simcraft.view.layers import clip_layers

    chrome = size[1] - visit(page, size=size)["end"]["height"]  # of the window; a screenshot has none
    told = visit(page, "#frame=3&layer=flow,instances", size=(size[0], size[1] + chrome))["end"]
    assert not told["overflow"]
    shot = page.with_name("shot.png")
    chromium(page, "#frame=3&layer=flow,instances", f"--screenshot={shot}", size=size)
    screen = cv2.imread(str(shot))[..., ::-1]
    for layer in clip_layers(clip):
        if layer.key not in told["boxes"]:
            continue
        left, top, width, height = told["boxes"][layer.key]
        assert width > 150
        assert abs(width / height - 96 / 72) < 0.05
        for x, y in ((10, 10), (52, 40), (60, 58), (90, 30)):
            expected = layer.draw(3)[y, x].astype(int)
            seen = screen[int(top + (y + 0.5) * height / 72), int(left + (x + 0.5) * width / 96)]
            assert np.abs(seen - expected).max() <= 2, (layer.key, x, y)


def test_tracks_are_drawn_over_the_dimmed_picture(page: Path) -> None:
    told = visit(page, "#frame=5&layer=tracks")["end"]
    shot = page.with_name("tracks.png")
    chromium(page, "#frame=5&layer=tracks", f"--screenshot={shot}")
    left, top, width, height = map(int, told["boxes"]["tracks"])
    panel = cv2.imread(str(shot))[top : top + height, left : left + width].astype(int)
    vivid = np.ptp(panel, axis=-1) > 120
    assert 0.002 < vivid.mean() < 0.2
    assert np.median(panel.max(-1)) < 110
