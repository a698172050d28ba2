"""What Motion Dreamer learns from is what the clips say, from sets, exports and packs, mirrored, and in part hidden."""

import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from simcraft.data.export.run import export_set
from simcraft.data.folder import open_set
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import clip_flow
from simcraft.generate.motion_dreamer.cameras import camera_vectors
from simcraft.generate.motion_dreamer.conditions import conditions_of
from simcraft.generate.motion_dreamer.representation import representation_of
from simcraft.generate.warp import warp
from simcraft.train.dreamer_prepare import beginning, dreamer_preparation, ready_dreamer_clip
from simcraft.train.dreamer_prepared import PreparedDreamer
from simcraft.train.dreamer_samples import NOTHING_HIDDEN, Hiding, Sample, drawn, mirrored, read_sample, without
from simcraft.train.layout import FACTOR
from simcraft.train.pack import pack_prepared, unpack_prepared
from simcraft.train.prepare import ReadyClip, prepare, write_prepared
from simcraft.train.prepare_sources import About
from simcraft.train.prepared import PreparedSet, open_prepared
from tests.data.sets import analytic_clip
from tests.train.conftest import DREAMER_FRAMES
from tests.train.dreamer_sets import mirror_image, moving_camera


def test_prepared_arrays_are_the_clips(clips: Path, dreamer: PreparedDreamer) -> None:
    data_set = open_set(clips)
    assert dreamer.length == DREAMER_FRAMES
    for row, ready in zip(data_set.rows, dreamer.clips, strict=True):
        clip = beginning(data_set.clip(row), DREAMER_FRAMES)
        assert (ready.id, ready.split, ready.frames) == (f"small/{row.id}", row.split, DREAMER_FRAMES)
        sample = read_sample(dreamer, ready, decodable=True)
        assert np.array_equal(sample.frames, clip.frames)
        assert np.array_equal(sample.hint, warp(clip).frames)
        expected = representation_of(clip, decodable=True)
        assert np.allclose(sample.representation.flow, expected.flow, rtol=1e-3, atol=1e-3)
        assert np.array_equal(sample.representation.flow_valid, expected.flow_valid)
        assert np.array_equal(sample.representation.segmentation, expected.segmentation)
        assert np.allclose(sample.representation.depth, expected.depth, rtol=1e-3)
        assert np.array_equal(sample.camera, camera_vectors(clip, expected.usual_depth))
        assert np.array_equal(sample.arrows.known, clip_flow(clip).known)
        assert np.allclose(sample.arrows.flow, clip_flow(clip).flow, rtol=1e-3, atol=1e-3)
        assert sample.geometry.any() and sample.new[0].max() == 0
    assert dreamer.new.max() == 255


def test_a_clip_is_cut_to_its_beginning(clips: Path) -> None:
    data_set = open_set(clips)
    clip = data_set.clip(data_set.rows[0])
    short = beginning(clip, 3)
    assert short.frame_count == 3 and short.tracks.shape[1] == 3
    assert np.array_equal(short.flow_backward, clip.flow_backward[:2])
    with pytest.raises(UserError, match="has 6 frames; expected 9"):
        beginning(clip, 9)


def test_an_export_gives_the_same(clips: Path, dreamer: PreparedDreamer, tmp_path: Path) -> None:
    export_set(clips, "webdataset", tmp_path / "shards", exact=True, clips=3)
    found = prepare([tmp_path / "shards"], tmp_path / "data", dreamer_preparation(DREAMER_FRAMES))
    there = {clip.id: clip for clip in dreamer.clips}
    assert {clip.id for clip in found.clips} == there.keys()
    for clip in found.clips:
        assert (clip.split, clip.captions) == (there[clip.id].split, there[clip.id].captions)
        one, two = (read_sample(data, at, decodable=False) for data, at in ((found, clip), (dreamer, there[clip.id])))
        assert_same(one, two)
    shutil.move(tmp_path / "shards" / "train-000000.tar", tmp_path / "away.tar")
    with pytest.raises(UserError, match=r"train-000000\.tar is missing"):
        prepare([tmp_path / "shards"], tmp_path / "more", dreamer_preparation(DREAMER_FRAMES))


def test_a_pack_unpacks_to_the_same(dreamer: PreparedDreamer, tmp_path: Path) -> None:
    assert pack_prepared(dreamer, tmp_path / "pack.zip", 2**20) == 6
    unpacked = unpack_prepared(tmp_path / "pack.zip", tmp_path / "out")
    assert isinstance(unpacked, PreparedDreamer)
    there = {clip.id: clip for clip in dreamer.clips}
    for clip in unpacked.clips:
        for decodable in (True, False):
            assert_same(
                read_sample(unpacked, clip, decodable=decodable),
                read_sample(dreamer, there[clip.id], decodable=decodable),
            )


def test_data_for_something_else_is_refused(dreamer: PreparedDreamer, prepared: PreparedSet) -> None:
    with pytest.raises(UserError, match="has format 3; expected dreamer-2") as refused:
        open_prepared(prepared.folder, PreparedDreamer)
    assert "--for dreamer" in refused.value.fix
    with pytest.raises(UserError, match="has format dreamer-2; expected 3"):
        open_prepared(dreamer.folder, PreparedSet)


def test_a_mirrored_sample_is_the_sample_of_the_mirrored_clip(clips: Path, tmp_path: Path) -> None:
    row = open_set(clips).rows[1]
    clip = moving_camera(analytic_clip(row))
    made = []
    for name, each in (("own", clip), ("mirrored", mirror_image(clip))):
        arrays = ready_dreamer_clip(each, DREAMER_FRAMES)
        assert arrays is not None
        ready = ReadyClip(About("0", "train", "", (), ""), arrays)
        data = write_prepared([ready], clip.size, tmp_path / name, PreparedDreamer)
        made.append(read_sample(data, data.clips[0], decodable=True))
    own, other = made
    found = mirrored(own)
    assert np.abs(own.camera[-1]).min() > 1e-3
    # bilinear sampling and inpainting have a direction, and cells at the edge of an instance are rounded either way
    assert np.abs(found.hint.astype(int) - other.hint).mean() < 1
    assert np.abs(found.geometry - other.geometry).mean() < 5e-3
    assert_same(replace(found, hint=other.hint, geometry=other.geometry), other, close=1e-3)
    assert not np.allclose(own.geometry, other.geometry, atol=0.05)
    assert_same(mirrored(found), own)


def test_hidden_things_are_unknown(dreamer: PreparedDreamer) -> None:
    sample = read_sample(dreamer, dreamer.clips[0], decodable=False)
    assert sample.representation.flow.any() and sample.arrows.known.any()
    hidden = without(sample, flow=True, segmentation=True, depth=True, arrows=True)
    assert not hidden.representation.flow.any() and not hidden.representation.flow_valid.any()
    assert hidden.representation.segmentation is None and hidden.representation.depth is None
    assert np.array_equal(hidden.hint, np.broadcast_to(sample.frames[:1], sample.frames.shape))
    assert hidden.new.min() == 1 and not hidden.geometry.any() and not hidden.arrows.known.any()
    # without flow depth still tells of the frames themselves, and of none before
    now, before = np.split(without(sample, flow=True).geometry, 2, 1)
    assert now.any() and not before.any()
    assert not without(sample, geometry=True).geometry.any()


def test_without_depth_the_cameras_way_is_told_as_in_use(clips: Path, tmp_path: Path) -> None:
    """In training and in use: how it turns, and nothing of how far it goes."""
    clip = moving_camera(analytic_clip(open_set(clips).rows[1]))
    arrays = ready_dreamer_clip(clip, DREAMER_FRAMES)
    assert arrays is not None
    ready = ReadyClip(About("0", "train", "", (), ""), arrays)
    data = write_prepared([ready], clip.size, tmp_path / "data", PreparedDreamer)
    sample = read_sample(data, data.clips[0], decodable=False)
    hidden = without(sample, depth=True)
    used = conditions_of(replace(beginning(clip, DREAMER_FRAMES), depth=None), clip.size, FACTOR)
    assert np.array_equal(hidden.camera, used.camera)
    where, turns = np.split(hidden.camera.reshape(DREAMER_FRAMES, 2, 6), 2, 2)
    assert not where.any() and np.array_equal(turns, sample.camera.reshape(DREAMER_FRAMES, 2, 6)[..., 3:])
    assert sample.camera[:, :3].any() and turns.any()


def test_rates_are_kept(dreamer: PreparedDreamer) -> None:
    sample = read_sample(dreamer, dreamer.clips[0], decodable=True)
    rng = np.random.default_rng(0)
    hiding = Hiding(ratio=0.5, masking="instances", arrows=0.25, segmentation=0.4, depth=0.3, flow=0.2, geometry=0.5)
    examples = [drawn(sample, hiding, rng) for _ in range(400)]
    flow = np.mean([not example.representation.flow.any() for example in examples])
    depth = np.mean([example.representation.depth is None for example in examples])
    none = np.mean([not example.arrows.known.any() for example in examples])
    segmentation = np.mean([example.representation.segmentation is None for example in examples])
    geometry = np.mean([not example.geometry.any() for example in examples])
    assert flow == pytest.approx(0.2, abs=0.06) and depth == pytest.approx(0.3, abs=0.07)
    assert segmentation == pytest.approx(0.4, abs=0.07)
    # without depth there is none either
    assert geometry == pytest.approx(0.5 + 0.5 * 0.3, abs=0.07)
    # two squares, each with or without its arrow
    labels = len(np.unique(sample.representation.segmentation[0][sample.arrows.known]))
    assert none == pytest.approx(0.25 + 0.75 * 0.5**labels, abs=0.08)
    turned = np.mean([not np.array_equal(example.frames, sample.frames) for example in examples])
    assert turned == pytest.approx(0.5, abs=0.08)
    whole = drawn(sample, NOTHING_HIDDEN, rng)
    assert whole.arrows.known.sum() == sample.arrows.known.sum()


def test_pixels_are_hidden_at_the_ratio(dreamer: PreparedDreamer) -> None:
    sample = read_sample(dreamer, dreamer.clips[0], decodable=True)
    hiding = replace(NOTHING_HIDDEN, ratio=0.3, masking="cells")
    rng = np.random.default_rng(1)
    kept = np.mean([drawn(sample, hiding, rng).arrows.known.sum() for _ in range(50)])
    assert kept / sample.arrows.known.sum() == pytest.approx(0.7, abs=0.05)


def test_wrong_rates_and_maskings_are_refused() -> None:
    with pytest.raises(UserError, match=r"rate 'depth' is 1\.5"):
        Hiding(depth=1.5)
    with pytest.raises(UserError, match="Choose from: cells, instances, both") as refused:
        Hiding(masking="none")
    assert refused.value.message.startswith("The masking is")


def test_cells_are_those_of_latents(dreamer: PreparedDreamer) -> None:
    sample = read_sample(dreamer, dreamer.clips[0], decodable=False)
    width, height = dreamer.size
    assert sample.new.shape == (DREAMER_FRAMES, height // FACTOR, width // FACTOR)
    assert sample.geometry.shape == (DREAMER_FRAMES, 8, height // FACTOR, width // FACTOR)


def assert_same(one: Sample, two: Sample, close: float = 0.0) -> None:
    """All that two samples hold, R and arrows included."""
    for a, b in ((one, two), (one.representation, two.representation), (one.arrows, two.arrows)):
        for field in fields(a):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if isinstance(x, np.ndarray):
                assert np.allclose(x, y, rtol=close, atol=close), field.name
