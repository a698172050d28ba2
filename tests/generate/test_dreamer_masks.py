"""The instances of a photo: painted, in a folder of masks, and as Segment Anything sees them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BertConfig, SamModel, SamProcessor

from simcraft.clip.files import write_png
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer import segmenting
from simcraft.generate.motion_dreamer.masks import painted_instances, photo_instances, stacked
from simcraft.generate.motion_dreamer.segmenting import best_at, distinct, segment, stable, wholes
from tests.generate import vision

SIZE = (60, 40)
PHOTO = np.kron(np.random.default_rng(0).integers(0, 255, (5, 6, 3)), np.ones((8, 10, 1))).astype(np.uint8)


def painted() -> np.ndarray:
    """A red disc, a green square and a violet line, two pixels wide."""
    rows, columns = np.indices(SIZE[::-1])
    pixels = np.zeros((*SIZE[::-1], 3), np.uint8)
    pixels[(rows - 12) ** 2 + (columns - 14) ** 2 < 64] = (255, 0, 0)
    pixels[20:34, 30:44] = (0, 255, 0)
    pixels[4:6, 30:50] = (127, 0, 200)
    return pixels


def names(found: Any) -> dict[int, str]:
    return {info.id: info.name for info in found[1]}


# ------------------------------------------------------------------------------------------------------------ painted


def test_each_colour_is_an_instance(tmp_path: Path) -> None:
    write_png(tmp_path / "mask.png", painted())
    labels, table = photo_instances(tmp_path / "mask.png", PHOTO)
    named = {info.name: info.id for info in table}
    assert labels.dtype == np.uint16
    assert set(named) == {"red", "green", "#7f00c8"}
    for name, colour in (("red", (255, 0, 0)), ("green", (0, 255, 0)), ("#7f00c8", (127, 0, 200))):
        np.testing.assert_array_equal(labels == named[name], (painted() == colour).all(-1))


def test_soft_edges_are_no_instances(tmp_path: Path) -> None:
    """As a soft brush paints: mixed colours along the outlines go to one side or the other."""
    soft = np.asarray(Image.fromarray(painted()).resize((240, 160), Image.Resampling.NEAREST))
    soft = np.asarray(Image.fromarray(soft).rotate(7, Image.Resampling.BICUBIC).resize(SIZE, Image.Resampling.BOX))
    labels, table = painted_instances(np.ascontiguousarray(soft), SIZE)
    assert {info.name for info in table} <= {"red", "green", "#7f00c8"}
    red = next(info.id for info in table if info.name == "red")
    certain = (soft == (255, 0, 0)).all(-1)
    assert (labels[certain] == red).all()
    assert (labels == red).sum() < 1.35 * certain.sum()


def test_what_is_transparent_belongs_to_nothing(tmp_path: Path) -> None:
    opaque = np.zeros(SIZE[::-1], np.uint8)
    opaque[:, :40] = 255
    write_png(tmp_path / "mask.png", np.dstack([np.full((*SIZE[::-1], 3), 255, np.uint8), opaque]))
    found = photo_instances(str(tmp_path / "mask.png"), PHOTO)
    np.testing.assert_array_equal(found[0], opaque > 0)
    assert names(found) == {1: "white"}


def test_pictures_with_a_palette_have_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray((painted()[..., 0] > 200).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 128, 0])
    image.save(tmp_path / "mask.png")
    assert names(photo_instances(tmp_path / "mask.png", PHOTO)) == {1: "orange"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_levels_are_ids(tmp_path: Path, dtype: Any) -> None:
    grey = np.zeros(SIZE[::-1], dtype)
    grey[2:9, 3:9], grey[20:30, 20:30] = 7, np.iinfo(dtype).max
    write_png(tmp_path / "mask.png", grey)
    found = photo_instances(tmp_path / "mask.png", PHOTO)
    np.testing.assert_array_equal(found[0], grey)
    assert names(found) == {7: "7", int(np.iinfo(dtype).max): "white"}


def test_colours_of_16_bits_are_read(tmp_path: Path) -> None:
    write_png(tmp_path / "mask.png", painted().astype(np.uint16) * 257)
    assert set(names(photo_instances(tmp_path / "mask.png", PHOTO)).values()) == {"red", "green", "#7f00c8"}


def test_arrays_are_taken_as_they_are() -> None:
    ids = np.zeros(SIZE[::-1], np.uint32)
    ids[3, 3] = 900
    labels, table = photo_instances(ids, PHOTO)
    assert labels[3, 3] == 900
    assert table[0].name == "900"


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((30, 60), np.uint8), "The mask has 60x30 pixels, but the picture 60x40. Both should have the same"),
        (np.zeros((40, 60, 3), np.uint8), "The mask is empty: it is black throughout"),
        (np.ones((40, 60)), r"float64 \(40, 60\); expected \(H, W\) unsigned or"),
        (np.ones((40, 60, 2), np.uint8), "expected"),
        (np.full((40, 60), 70000, np.uint32), "has the id 70000; ids end at 65535"),
        (np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8), "has 0 colours"),
        (
            np.kron(np.arange(600, dtype=np.uint32).reshape(20, 30), np.ones((2, 2), np.uint32))[..., None]
            // [1, 40, 300]
            % 256,
            "has 599 colours that fill 2x2 pixels somewhere; expected 1 to 255",
        ),
    ],
)
def test_wrong_masks_are_told(pixels: np.ndarray, message: str) -> None:
    pixels = pixels.astype(np.uint8) if pixels.ndim == 3 else pixels
    with pytest.raises(UserError, match=message):
        photo_instances(pixels, PHOTO)


def test_masks_of_other_kinds_of_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There are no masks at"):
        photo_instances(tmp_path / "none.png", PHOTO)
    Image.fromarray(painted()).save(tmp_path / "mask.jpg")
    with pytest.raises(UserError, match=r"mask.jpg is no PNG, and other files may change colours"):
        photo_instances(tmp_path / "mask.jpg", PHOTO)
    (tmp_path / "mask.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing")
    with pytest.raises(UserError, match="damaged or not a PNG"):
        photo_instances(tmp_path / "mask.png", PHOTO)
    write_png(tmp_path / "small.png", painted()[:20])
    with pytest.raises(UserError, match=r"The mask .*small.png has 60x20 pixels, but the picture 60x40"):
        photo_instances(tmp_path / "small.png", PHOTO)


# ------------------------------------------------------------------------------------------------------------- folder


def masks_in(folder: Path, **boxes: tuple[slice, slice]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, box in boxes.items():
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[box] = 255
        write_png(folder / f"{name}.png", mask)
    return folder


def test_each_file_is_an_instance_and_the_smaller_is_in_front(tmp_path: Path) -> None:
    folder = masks_in(tmp_path / "masks", table=np.s_[10:30, 5:55], cup=np.s_[8:20, 20:30])
    found = photo_instances(folder, PHOTO)
    assert names(found) == {1: "cup", 2: "table"}
    assert (found[0][8:20, 20:30] == 1).all()
    assert (found[0] == 2).sum() == 20 * 50 - 10 * 10


def test_wrong_folders_are_told(tmp_path: Path) -> None:
    folder = masks_in(tmp_path / "masks")
    with pytest.raises(UserError, match="has no masks and no checkpoint"):
        photo_instances(folder, PHOTO)
    masks_in(folder, box=np.s_[10:20, 10:20], left=np.s_[10:20, 10:15], right=np.s_[10:20, 15:20])
    with pytest.raises(UserError, match=r"The mask 'box' in .* lies hidden under smaller ones"):
        photo_instances(folder, PHOTO)
    masks_in(folder, box=np.s_[10:20, 10:21])
    shutil.copy(folder / "box.png", folder / "box.PNG")
    with pytest.raises(UserError, match="two masks called 'box'"):
        photo_instances(folder, PHOTO)
    (folder / "box.PNG").unlink()
    write_png(folder / "left.png", np.eye(20, dtype=np.uint8) * 255)
    with pytest.raises(UserError, match=r"left.png has 20x20 pixels, but the picture 60x40"):
        photo_instances(folder, PHOTO)


# -------------------------------------------------------------------------------------------------- Segment Anything


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam")
    vision.save_segment_anything(folder)
    return folder


POINTS = [(5.5, 30.5), (50.0, 12.0)]


def test_points_get_the_masks_of_transformers_own_way(checkpoint: Path, one_thread: None) -> None:
    """Processor, network and the masks' way back to the photo's size: as transformers' documentation has it."""
    model = SamModel.from_pretrained(checkpoint).eval()
    processor = SamProcessor.from_pretrained(checkpoint)
    expected = []
    for x, y in POINTS:
        # the network sees 64x43 pixels, and counts from the centre of the first one
        there = [x - 0.5 * SIZE[0] / 64, y - 0.5 * SIZE[1] / 43]
        inputs = processor(images=PHOTO, input_points=[[there]], return_tensors="pt")
        assert inputs["reshaped_input_sizes"].tolist() == [[43, 64]]
        with torch.inference_mode():
            answer = model(pixel_values=inputs["pixel_values"], input_points=inputs["input_points"].float())
        sizes = inputs["original_sizes"], inputs["reshaped_input_sizes"]
        masks = processor.post_process_masks(answer.pred_masks, *sizes)[0][0].numpy()
        holds = masks[:, int(y), int(x)]
        scores = answer.iou_scores[0, 0].numpy()
        expected.append(masks[np.where(holds, scores + 100, scores).argmax()])
    found = [segment(PHOTO, checkpoint, points=[point])[0] for point in POINTS]
    for mask, other in zip(found, expected, strict=True):
        assert mask.shape == SIZE[::-1]
        assert (mask == other).mean() > 0.999
    assert len(segment(PHOTO, checkpoint, points=[*POINTS, POINTS[0]])) == len(
        distinct(torch.tensor(np.array(expected)), torch.tensor([1.0, 0.9]))
    )


def test_photos_are_segmented_as_a_whole(tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is sure of all its masks, and whose outlines are clear."""
    monkeypatch.setattr(segmenting, "GRID", 4)
    vision.save_segment_anything(tmp_path, confidence=1.0)
    steps: list[tuple[int, int]] = []
    labels, table = photo_instances(
        tmp_path, PHOTO, progress=lambda stage, step, steps_, detail="": steps.append((step, steps_))
    )
    assert labels.shape == SIZE[::-1]
    assert [info.name for info in table] == [str(info.id) for info in table]
    assert set(np.unique(labels)) - {0} == {info.id for info in table}
    assert steps[-1][0] == steps[-1][1] > 0
    vision.save_segment_anything(tmp_path, confidence=0.5)
    with pytest.raises(UserError, match=r"finds nothing in the picture. Paint a mask instead"):
        photo_instances(tmp_path, PHOTO)


def disc(x: float, y: float, radius: float, softness: float = 0.1) -> torch.Tensor:
    """(40, 60) logits of a disc; `softness` is how many pixels wide the step from -1 to 1 is."""
    rows, columns = np.indices(SIZE[::-1]) + 0.5
    return torch.tensor((radius - np.hypot(rows - y, columns - x)) / (softness / 2), dtype=torch.float32)


def test_masks_that_hold_their_point_go_before_better_ones() -> None:
    logits = torch.stack([disc(10, 10, 5), disc(10, 10, 9), disc(40, 20, 9)]).expand(3, -1, -1, -1)
    scores = torch.tensor([[0.5, 0.6, 0.9]]).expand(3, -1)
    chosen = best_at(logits, scores, np.array([[10.0, 10.0], [10.0, 13.0], [1.0, 39.9]]))
    assert chosen.int().argmax(1).tolist() == [1, 1, 2]
    assert (chosen.sum(1) == 1).all()


def test_only_sure_and_clear_masks_count() -> None:
    logits = torch.stack([disc(20, 20, 9), disc(20, 20, 9, softness=4), disc(20, 20, 0.1)])[None]
    assert stable(logits, torch.full((1, 3), 0.9)).tolist() == [[True, False, False]]
    assert stable(logits, torch.full((1, 3), 0.8)).sum() == 0


def test_one_of_several_equal_masks_stays_and_parts_go() -> None:
    masks = torch.stack([disc(15, 15, 10), disc(15, 16, 10), disc(13, 15, 4), disc(45, 20, 9), disc(30, 20, 60)]) > 0
    kept = distinct(masks, torch.tensor([0.90, 0.95, 0.99, 0.91, 0.97]))
    assert kept.tolist() == [2, 4, 1, 3]
    assert kept[wholes(masks[kept])].tolist() == [4, 1, 3]
    assert distinct(masks[:0], torch.zeros(0)).tolist() == []
    assert wholes(masks[:0]).tolist() == []


def test_masks_hidden_by_smaller_ones_are_not_in_the_table() -> None:
    whole, left = np.ones((4, 4), bool), np.arange(16).reshape(4, 4) % 4 < 2
    labels, table = stacked({"whole": whole, "left": left, "right": ~left})
    assert [info.name for info in table] == ["left", "right"]
    np.testing.assert_array_equal(labels, np.where(left, 2, 3))


def test_wrong_checkpoints_are_told(checkpoint: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sam"
    shutil.copytree(checkpoint, folder)

    def told(message: str) -> None:
        with pytest.raises(UserError, match=message) as caught:
            photo_instances(folder, PHOTO)
        assert "\n" not in str(caught.value)

    (folder / "preprocessor_config.json").rename(tmp_path / "kept.json")
    told("sam could not be loaded .* It needs config.json, preprocessor_config.json")
    (tmp_path / "kept.json").rename(folder / "preprocessor_config.json")
    config = json.loads((folder / "config.json").read_text())
    config["mask_decoder_config"]["iou_head_hidden_dim"] = 8
    (folder / "config.json").write_text(json.dumps(config))
    told("has other weights than its config.json says: mask_decoder.* missing or of another shape, and .* more")
    (folder / "model.safetensors").write_bytes(b"nothing at all")
    told("could not be loaded")
    (folder / "model.safetensors").unlink()
    told("has no weights. It needs model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    told(r"pytorch_model.bin is a pickle, which can run any program")
    BertConfig().save_pretrained(folder)
    told("checkpoint of type 'bert', not a Segment Anything model. Known: sam")
    (folder / "config.json").write_text("[")
    told("has no readable config.json")
