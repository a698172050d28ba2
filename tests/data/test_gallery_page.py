"""The gallery in headless Chromium: every state that its address can name, and what mouse and keys do."""

from __future__ import annotations

import base64
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simcraft.clip.types import MotionClip
from simcraft.data.folder import DataSet, commit, give_up, open_set
from simcraft.data.gallery import make_gallery
from simcraft.data.gallery.make import typical_speed
from simcraft.data.gallery.sprites import LAYERS, layers_to_show
from simcraft.data.statistics import statistics_of
from simcraft.errors import Failure
from simcraft.video import Video, save_video
from tests.browser import Tab, chromium_tab, contrasts, needs_chromium
from tests.data.sets import made_of, make_small_set

pytestmark = [pytest.mark.browser, needs_chromium]

HELPERS = """
const cards = () => [...document.querySelectorAll(".card")];
const canvasOf = (id) => document.querySelector(`.card[data-id="${id}"] canvas`);
const panels = () => [...document.querySelectorAll("#panels figure:not([hidden]) canvas")];
const shows = (canvas, layer, frame) => canvas?.dataset.layer === layer && Number(canvas.dataset.frame) === frame;
const place = (element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return [x, y, width, height];
};
const pixels = (canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (const value of data) text += String.fromCharCode(value);
  return { width: canvas.width, height: canvas.height, data: btoa(text) };
};
"""


class Page:
    """The gallery of a set, open in a tab."""

    def __init__(self, tab: Tab, path: Path) -> None:
        self.tab, self.path = tab, path
        self.data_set: DataSet = open_set(path.parent.parent)

    def open(self, address: str = "", **how: Any) -> None:
        self.tab.open(self.path, address, **how)

    def run(self, body: str) -> Any:
        return self.tab.run(HELPERS + body)

    def ids(self) -> list[str]:
        """Of the cards, in order."""
        return self.run("return cards().map((card) => card.dataset.id)")

    def place(self, element: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element, which is a JavaScript expression."""
        return tuple(self.run(f"return place({element})"))

    def pixels(self, canvas: str, layer: str, frame: int) -> np.ndarray:
        """(H, W, 3) uint8 of a canvas as soon as it shows this layer and frame."""
        found = self.run(
            f"const canvas = {canvas}; await until(() => shows(canvas, '{layer}', {frame})); return pixels(canvas)"
        )
        data = np.frombuffer(base64.b64decode(found["data"]), np.uint8)
        return data.reshape(found["height"], found["width"], 4)[..., :3]

    def clip(self, number: int) -> MotionClip:
        return self.data_set.clip(self.data_set.rows[number])


@pytest.fixture(scope="module")
def made_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six rows: the second stands still, the fifth has failed, the sixth has a video made from it."""
    folder = make_small_set(tmp_path_factory.mktemp("gallery"), missing=2)
    data_set = open_set(folder)
    (folder / "work").mkdir()
    rows = data_set.rows
    clip = data_set.clip(rows[1])
    still = statistics_of(dataclasses.replace(clip, flow_forward=np.zeros_like(clip.flow_forward)))
    commit(data_set, rows[1], dataclasses.replace(made_of(data_set, rows[1]), statistics=still))
    give_up(data_set, rows[4], Failure("Blender stopped.", "Try again."), 2)
    commit(data_set, rows[5], made_of(data_set, rows[5]))
    frames = np.asarray(data_set.clip(rows[5]).frames)
    save_video(Video(frames[::-1], 12.0, {"generator": "warp"}), folder / "videos" / "warp #2" / "000005.mp4")
    shutil.rmtree(folder / "work")
    return make_gallery(folder)


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with chromium_tab() as tab:
        yield tab


@pytest.fixture
def page(tab: Tab, made_page: Path) -> Iterator[Page]:
    """The page; nothing may have been written to its console in the end."""
    yield Page(tab, made_page)
    assert tab.console == []


# ----------------------------------------------------------------------------------------------------- the address


@pytest.mark.parametrize(
    "address, chosen",
    [
        ("", lambda row: True),
        ("family=tower", lambda row: row.family == "tower"),
        ("family=tower,dominoes&split=validation", lambda row: row.split == "validation"),
        ("mark=failed,still", lambda row: row.id in ("000001", "000004")),
        ("q=SLIDE%20tower", lambda row: row.family == "tower" and row.id != "000004"),
        ("q=000002", lambda row: row.id == "000002"),
        ("q=nothing%20like%20it", lambda row: False),
    ],
)
def test_filters_are_in_the_address(page: Page, address: str, chosen: Any) -> None:
    page.open(address)
    ids = [row.id for row in page.data_set.rows if chosen(row)]
    assert page.ids() == ids
    assert page.run("return find('count').textContent") == ("6 clips" if len(ids) == 6 else f"{len(ids)} of 6 clips")
    assert page.run("return find('nothing').hidden") == bool(ids)


def test_sorted_by_motion_clips_without_figures_come_last(page: Page) -> None:
    motion = {row.id: typical_speed([page.data_set.marker(row)]) for row in page.data_set.done()}
    assert motion["000001"] == 0 and len(set(motion.values())) == 5
    rising = sorted(motion, key=motion.__getitem__)
    page.open("sort=slow")
    assert page.ids() == [*rising, "000004"]
    page.open("sort=fast")
    assert page.ids() == [*reversed(rising), "000004"]


@pytest.mark.parametrize("layer", ["flow", "depth", "instances", "visibility", "normals"])
def test_a_card_shows_the_layer_and_frame_of_the_address(page: Page, layer: str) -> None:
    page.open(f"layer={layer}&frame=3")
    shown = page.pixels("canvasOf('000002')", layer, 3)
    speed = page.run("return DATA.speed")
    drawn = {drawn.key: drawn for drawn in layers_to_show(page.clip(2), speed, LAYERS)}
    error = np.abs(shown.astype(int) - drawn[layer].draw(3)).max()
    assert error <= (2 if layer in ("flow", "normals") else 0)


def test_a_card_shows_the_picture_of_its_clip_and_frame(page: Page) -> None:
    """Pictures are stored with some loss: near the clip's frame, and nearer to it than to any other one."""
    page.open("frame=4")
    shown = page.pixels("canvasOf('000003')", "picture", 4).astype(float)
    errors = [float(((shown - frame) ** 2).mean()) for frame in np.asarray(page.clip(3).frames)]
    assert int(np.argmin(errors)) == 4 and errors[4] ** 0.5 < 12


def test_tracks_are_drawn_where_the_points_are(page: Page) -> None:
    page.open("layer=tracks&frame=0")
    shown, clip = page.pixels("canvasOf('000000')", "tracks", 0).astype(int), page.clip(0)
    assert clip.tracks is not None and clip.track_visible is not None
    scale = shown.shape[1] / clip.size[0]
    colourful = shown.max(-1) - shown.min(-1) > 120
    for x, y in clip.tracks[clip.track_visible[:, 0], 0]:
        rows = colourful[max(0, int((y - 1) * scale)) : int((y + 1) * scale) + 1]
        assert rows[:, max(0, int((x - 1) * scale)) : int((x + 1) * scale) + 1].any(), (x, y)
    assert colourful.mean() < 0.2


def test_the_last_flow_stays_where_the_pictures_have_one_frame_more(page: Page) -> None:
    page.open("clip=000000&frame=5")
    last = page.pixels("panels()[1]", "flow", 5)
    notes = page.run("return detail.views.map(({ layer, note }) => layer + note.textContent)")
    assert notes[:3] == ["picture", "flowof frame 4", "depth"]
    page.open("clip=000000&frame=4")
    assert np.array_equal(last, page.pixels("panels()[1]", "flow", 4))


def test_the_address_of_a_moment_opens_it_again(page: Page) -> None:
    address = "family=tower&q=squares&sort=fast&layer=flow&speed=0.5&clip=000003&frame=2&single=1"
    page.open(address)
    assert page.run("return addressOf()") == f"#{address}"
    page.open("layer=nonsense&clip=999999&frame=900&speed=7&sort=x")
    assert page.run("return addressOf()") == "#frame=5"


# ---------------------------------------------------------------------------------------------------- mouse and keys


def test_a_card_plays_while_the_mouse_is_over_it(page: Page) -> None:
    page.open()
    assert page.run("return await until(() => shows(canvasOf('000000'), 'picture', 3))")
    page.run(
        """window.seen = new Set();
        const canvas = canvasOf("000000");
        new MutationObserver(() => seen.add(canvas.dataset.frame)).observe(canvas, { attributes: true });"""
    )
    left, top, width, height = page.place("canvasOf('000000')")
    page.tab.move(left + width / 2, top + height / 2)
    assert page.run("return await until(() => seen.size === 6)")
    assert page.run("return canvasOf('000001').dataset.frame") == "3"
    page.tab.move(1, 1)
    assert page.run("return await until(() => shows(canvasOf('000000'), 'picture', 3))")
    assert page.run("return location.hash") == ""


def test_the_mouse_scrubs_along_the_lower_edge_of_a_card(page: Page) -> None:
    page.open()
    left, top, width, height = page.place("canvasOf('000000')")
    for share, frame in ((0.02, 0), (0.45, 2), (0.98, 5)):
        page.tab.move(left + share * width, top + 0.93 * height)
        assert page.run(f"return await until(() => shows(canvasOf('000000'), 'picture', {frame}))")


def test_number_keys_switch_the_layer_of_all_cards(page: Page) -> None:
    page.open()
    page.tab.key("3")
    everywhere = "['000000', '000001', '000002', '000003', '000005'].every((id) => shows(canvasOf(id), 'depth', 3))"
    assert page.run(f"return await until(() => {everywhere})")
    assert page.run("return document.querySelector('#layers [aria-pressed=true]').dataset.layer") == "depth"
    page.tab.key("8")
    assert page.run("return await until(() => shows(canvasOf('000005'), 'video-warp #2', 3))")
    assert page.run("return canvasOf('000000').hidden && canvasOf('000000').parentElement.innerText") == "no warp #2"
    assert page.run("return location.hash") == "#layer=video-warp%20%232"


def test_space_plays_all_cards_in_step(page: Page) -> None:
    page.open()
    page.tab.key(" ")
    page.run(
        """window.together = new Set();
        const frames = () => new Set(["000000", "000001", "000002", "000003"].map((id) => canvasOf(id).dataset.frame));
        await until(() => {
          if (frames().size === 1) together.add([...frames()][0]);
          return together.size === 6;
        });"""
    )
    assert page.run("return [together.size, location.hash]") == [6, "#play=1"]
    page.tab.key(" ")
    assert "play" not in page.run("return location.hash")


def test_a_click_opens_a_clip_with_all_that_is_known_of_it(page: Page) -> None:
    page.open()
    left, top, width, height = page.place("canvasOf('000005')")
    page.tab.click(left + width / 2, top + height / 2)
    page.run("await until(() => find('facts-of-clip').textContent.includes('Statistics'))")
    page.tab.key("ArrowRight")  # stops at the next frame
    assert page.run("return await until(() => !location.hash.includes('play'))")
    assert "clip=000005" in page.run("return location.hash")
    row, text = page.data_set.rows[5], page.run("return find('facts-of-clip').textContent")
    command = f"simcraft dataset row {page.data_set.folder} 000005"
    for fact in (*page.data_set.marker(row)["captions"], str(row.seed), row.hash[:16], command):
        assert fact in text, fact
    names = ["picture", "flow", "depth", "instances", "visibility", "tracks", "normals", "warp #2"]
    labels = page.run("return panels().map((canvas) => canvas.getAttribute('aria-label'))")
    assert labels == [f"{name} of clip 000005" for name in names]


def test_the_command_of_a_clip_is_copied_or_at_least_selected(page: Page) -> None:
    page.open("clip=000002")
    page.run("await until(() => document.querySelector('.command button'))")
    left, top, width, height = page.place("document.querySelector('.command button')")
    page.tab.click(left + width / 2, top + height / 2)
    told = page.run(
        "const b = document.querySelector('.command button'); await until(() => b.textContent !== 'Copy');"
        "return [b.textContent, getSelection().toString()]"
    )
    assert told in (["Copied", ""], ["Selected", f"simcraft dataset row {page.data_set.folder} 000002"])


def test_keys_step_through_frames_and_clips_and_close(page: Page) -> None:
    page.open("clip=000005&frame=5")
    page.tab.key("ArrowRight")
    assert page.run("return await until(() => panels().every((canvas) => canvas.dataset.frame === '0'))")
    page.tab.key("p")
    assert page.run("return await until(() => find('facts-of-clip').textContent.includes('Try again.'))")
    assert "Blender stopped." in page.run("return find('facts-of-clip').textContent")
    page.tab.key("p")
    assert page.run("return [state.clip, panels().length]") == ["000003", 7]
    page.tab.key("Escape")
    assert page.run("return [find('detail').open, state.clip]") == [False, None]
    page.run("history.back(); await until(() => find('detail').open)")
    assert page.run("return state.clip") == "000003"


def test_one_layer_of_a_clip_alone_and_the_next_in_its_place(page: Page) -> None:
    page.open("clip=000000&layer=flow&single=1&frame=2")
    assert page.run("return await until(() => panels().length === 1 && shows(panels()[0], 'flow', 2))")
    before = page.place("panels()[0]")
    page.tab.key("4")
    assert page.run("return await until(() => panels().length === 1 && shows(panels()[0], 'instances', 2))")
    assert page.place("panels()[0]") == before
    page.tab.key("0")
    assert page.run("return panels().length") == 7


def test_dragging_over_a_picture_scrubs_all_layers_and_a_click_enlarges(page: Page) -> None:
    page.open("clip=000000&frame=0")
    assert page.run("return await until(() => panels().length === 7 && shows(panels()[0], 'picture', 0))")
    left, top, width, _ = page.place("panels()[0]")
    page.tab.move(left + 4, top + 20)
    page.tab.press(left + 4, top + 20)
    page.tab.move(left + 4 + width / 2, top + 20, pressed=True)
    page.tab.release(left + 4 + width / 2, top + 20)
    assert page.run("return await until(() => panels().every((canvas) => canvas.dataset.frame === '3'))")
    assert page.run("return panels().length") == 7
    page.tab.click(left + 4, top + 20)
    assert page.run("return panels().length") == 1


def test_cards_are_reached_and_opened_by_keys_alone(page: Page) -> None:
    page.open("frame=0")
    page.run("cards()[0].focus()")
    page.tab.key("ArrowRight")
    page.tab.key("ArrowRight")
    page.tab.key("ArrowLeft")
    page.tab.key("Enter")
    assert page.run("return await until(() => find('detail').open) && state.clip") == "000001"


def test_chips_count_what_they_would_show(page: Page) -> None:
    page.open()
    chips = "return Object.fromEntries(chipButtons.map(({ value, count }) => [value, Number(count.textContent)]))"
    rows = page.data_set.rows
    before = page.run(chips)
    assert (before["dominoes"], before["tower"], before["still"], before["failed"], before["fine"]) == (3, 3, 1, 1, 4)
    left, top, width, height = page.place("chipButtons.find(({ value }) => value === 'tower').button")
    page.tab.click(left + width / 2, top + height / 2)
    counts = page.run(chips)
    tower = [row for row in rows if row.family == "tower"]
    assert counts["dominoes"] == 3 and counts["tower"] == 3
    assert counts["validation"] == sum(row.split == "validation" for row in tower)
    assert counts["failed"] == sum(row.id == "000004" for row in tower)
    assert page.run("return location.hash") == "#family=tower" and page.ids() == [row.id for row in tower]


def test_typing_searches(page: Page) -> None:
    page.open()
    page.tab.key("/")
    for letter in "000003":
        page.tab.key(letter)
    assert page.ids() == ["000003"] and page.run("return location.hash") == "#q=000003"


# ------------------------------------------------------------------------------------------------------ large, small


def test_of_a_thousand_clips_only_those_that_are_seen_are_loaded(page: Page, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(page.path.parent, tmp_path / "gallery"))
    many = "DATA.clips = Array.from({ length: 1000 }, "
    many += "(_, k) => ({ ...DATA.clips[k % 4], id: String(k).padStart(6, '0') }))"
    text = page.path.read_text(encoding="utf-8")
    (folder / "index.html").write_text(text.replace(";</script>", f"; {many};</script>", 1), encoding="utf-8")
    for number in range(6, 200):
        (folder / "clips" / f"{number:06d}").symlink_to(folder / "clips" / f"{number % 4:06d}")
    shutil.copytree(folder / "clips" / "000000", folder / "clips" / "000004", dirs_exist_ok=True)
    page.tab.open(folder / "index.html")
    count = "return [await until(() => sprites.size > 10) && cards().length, sprites.size, find('count').textContent]"
    shown, loaded, text = page.run(count)
    assert text == "1000 clips" and shown <= 180 and loaded < 80
    page.run("scrollTo(0, document.body.scrollHeight)")
    assert page.run(f"return await until(() => cards().length > {shown})")
    assert page.run("return cards().length") < 400


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_nothing_sticks_out_sideways(page: Page, width: int) -> None:
    excess = "(element) => element.scrollWidth - element.clientWidth"
    page.open("", size=(width, 740))
    assert page.run(f"return [document.documentElement, find('grid')].map({excess})") == [0, 0]
    page.open("clip=000005", size=(width, 740))
    page.run("await until(() => document.querySelector('#facts-of-clip table'))")
    assert (
        page.run(f"return ['#detail', '.body', '#panels'].map((s) => document.querySelector(s)).map({excess})")
        == [0] * 3
    )


def test_dark_and_light_follow_the_system(page: Page) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    page.open(dark=True)
    assert max(page.run(paper)) < 40
    page.open(dark=False)
    assert min(page.run(paper)) > 230


def test_text_is_readable_in_both(page: Page) -> None:
    for dark in (True, False):
        page.open("layer=visibility", dark=dark)
        parts = (".about p", ".about b", "#facts", "#layers button", "#layers [aria-pressed=true]", ".key", ".mark")
        assert {what: ratio for what, ratio in contrasts(page.tab, parts).items() if ratio < 4.5} == {}
