"""The page does in a browser what it should: state in the address, playing, keys and toggles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from simcraft.clip import MotionClip
from simcraft.view import view
from simcraft.view.layers import clip_layers
from tests.browser import Tab, chromium_tab, contrasts, needs_chromium

pytestmark = [pytest.mark.browser, needs_chromium]

TOLD = """
const shown = layers.filter((layer) => !layer.figure.hidden);
await until(() => shown.every((layer) => layer.key === "tracks" || picture(layer.index, state.frame).complete));
return {
  frame: state.frame, playing: state.playing, hash: location.hash, moment: find("moment").textContent,
  pressed: layers.filter((layer) => layer.button.getAttribute("aria-pressed") === "true").map((layer) => layer.id),
  boxes: Object.fromEntries(shown.map((layer) => {
    const box = layer.canvas.getBoundingClientRect();
    return [layer.id, [box.left, box.top, box.width, box.height]];
  })),
  overflow: document.documentElement.scrollWidth > innerWidth,
};
"""


class Page:
    """The page of the clip in a tab."""

    def __init__(self, tab: Tab, path: Path) -> None:
        self.tab, self.path = tab, path

    def open(self, address: str = "", **window: Any) -> dict[str, Any]:
        self.tab.open(self.path, address, **window)
        return self.told()

    def told(self, script: str = "") -> dict[str, Any]:
        """What it is like after `script`."""
        told = self.tab.run(script + TOLD)
        assert self.tab.console == []
        return told

    def press(self, *keys: str) -> dict[str, Any]:
        for key in keys:
            self.tab.key(key)
        return self.told()


@pytest.fixture(scope="module")
def page(clip: MotionClip, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    path = tmp_path_factory.mktemp("page") / "clip.html"
    view(clip, page=path)
    with chromium_tab() as tab:
        yield Page(tab, path)


def test_the_address_says_what_is_shown(page: Page) -> None:
    told = page.open("frame=2")
    assert (told["frame"], told["playing"]) == (2, False)
    assert told["pressed"] == ["picture", "flow", "depth", "instances", "tracks"]
    told = page.open("frame=5&layer=flow,depth")
    assert (told["frame"], told["pressed"]) == (5, ["flow", "depth"])
    assert re.sub(r"\s+", " ", told["moment"]) == "frame 5 / 5 · 0.21 s"
    told = page.open("frame=99&layer=all")
    assert (told["frame"], len(told["pressed"])) == (5, 6)
    commas = page.told('layers[0].id = "a, b: 100%:picture"; remember(); restore();')
    assert len(commas["pressed"]) == 6
    assert page.open("layer=%,depth")["pressed"] == ["depth"]


def test_keys_and_buttons(page: Page) -> None:
    page.open("frame=4&layer=flow")
    told = page.press("ArrowRight")
    assert (told["frame"], told["hash"]) == (5, "#frame=5&layer=flow")
    assert page.press("ArrowRight")["frame"] == 0
    assert page.press("End", "ArrowLeft")["frame"] == 4
    page.tab.run("layers[2].button.click(); document.activeElement.blur();")
    told = page.press("1", "2")
    assert (told["pressed"], told["hash"]) == (["picture", "depth"], "#frame=4&layer=picture,depth")
    page.press("2", "4", "5")
    alone = page.told("layers[2].canvas.click();")
    back = page.told("layers[2].canvas.click();")
    assert alone["pressed"] == ["depth"]
    assert alone["boxes"]["depth"][2] > back["boxes"]["depth"][2]  # and larger
    assert back["pressed"] == ["picture", "flow", "depth", "instances", "visibility"]
    slid = page.told('find("slider").value = 3; find("slider").dispatchEvent(new Event("input"));')
    assert slid["frame"] == 3


def test_the_pointer_tells_the_name_of_the_instance(page: Page) -> None:
    """Over the flow, in the middle of the square and beside it."""
    left, top, width, height = page.open("frame=3&layer=flow,instances")["boxes"]["flow"]
    names = []
    for x, y in ((52, 48), (5, 5)):
        page.tab.move(left + x / 96 * width, top + y / 72 * height)
        names.append(page.tab.run('return find("hint").hidden ? "" : find("hint").textContent;'))
    assert names == ["1 · square 1", ""]


def test_it_plays_and_pauses(page: Page) -> None:
    page.open()
    assert [page.press(" ")["playing"] for _ in range(2)] == [True, False]
    assert page.open("frame=0&play=1")["playing"]
    assert page.tab.run("return await until(() => state.frame > 1) && state.playing")
    told = page.told('find("play").click();')
    assert not told["playing"]
    assert told["hash"].startswith(f"#frame={told['frame']}&")


def screen(page: Page, path: Path) -> np.ndarray:
    """What the window shows, (H, W, 3), once all of it is drawn."""
    page.tab.run("show(state.frame); await new Promise(requestAnimationFrame);")
    return cv2.imread(str(page.tab.screenshot(path)))[..., ::-1]


@pytest.mark.parametrize("size", [(1200, 800), (390, 844)])
def test_what_is_drawn_is_the_clip(size: tuple[int, int], page: Page, clip: MotionClip, tmp_path: Path) -> None:
    """In a screenshot, the middle of the moving square has the flow's colour, and its instance that of the palette."""
    told = page.open("frame=3&layer=flow,instances", size=size)
    assert not told["overflow"]
    window = screen(page, tmp_path / "shot.png")
    for layer in clip_layers(clip):
        if layer.key not in told["boxes"]:
            continue
        left, top, width, height = told["boxes"][layer.key]
        assert width > 150
        assert abs(width / height - 96 / 72) < 0.05
        for x, y in ((10, 10), (52, 40), (60, 58), (90, 30)):
            expected = layer.draw(3)[y, x].astype(int)
            seen = window[int(top + (y + 0.5) * height / 72), int(left + (x + 0.5) * width / 96)]
            assert np.abs(seen - expected).max() <= 2, (layer.key, x, y)


def test_tracks_are_drawn_over_the_dimmed_picture(page: Page, tmp_path: Path) -> None:
    left, top, width, height = map(int, page.open("frame=5&layer=tracks")["boxes"]["tracks"])
    panel = screen(page, tmp_path / "tracks.png")[top : top + height, left : left + width].astype(int)
    vivid = np.ptp(panel, axis=-1) > 120
    assert 0.002 < vivid.mean() < 0.2
    assert np.median(panel.max(-1)) < 110


def test_light_and_dark_follow_the_system_and_text_is_readable_in_both(page: Page) -> None:
    paper = []
    for dark in (True, False):
        page.open("layer=all", dark=dark)
        paper.append(page.tab.run("return getComputedStyle(document.body).backgroundColor"))
        parts = (
            "h1",
            "#facts",
            "nav button",
            "nav [aria-pressed=true]",
            "figcaption b",
            ".key",
            "blockquote",
            "th",
            "td",
        )
        assert {what: ratio for what, ratio in contrasts(page.tab, parts).items() if ratio < 4.5} == {}
    assert paper[0] != paper[1]
