"""Both stages of Motion Dreamer with tiny random networks: against loops written by hand, long clips, files."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from simcraft.clip.types import InstanceInfo, MotionClip
from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.arrows import arrow_flow, clip_flow
from simcraft.generate.motion_dreamer.clips import clip_of
from simcraft.generate.motion_dreamer.conditions import conditions_of, first_features
from simcraft.generate.motion_dreamer.enlarging import enlarged
from simcraft.generate.motion_dreamer.given_arrows import given_arrows
from simcraft.generate.motion_dreamer.moved import moved
from simcraft.generate.motion_dreamer.pictures import to_pictures
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.motion_dreamer.representation import MOTION, scene_representation
from simcraft.generate.motion_dreamer.sampling import karras_sigmas
from simcraft.generate.motion_dreamer.scene import FirstScene, first_scene, resize_scene
from simcraft.generate.motion_dreamer.stage_one import changed
from simcraft.generate.motioncraft.composite import Warped, composited
from simcraft.generate.motioncraft.pictures import resized
from tests.generate import tiny_dreamer, tiny_svd
from tests.generate.tiny_dreamer import LATENTS, LAYOUT, SUITS

pytestmark = pytest.mark.usefixtures("one_thread")
ARROWS = {"square 1": (9.0, 3.0)}


@pytest.fixture(scope="module")
def small_clip() -> MotionClip:
    return tiny_dreamer.small_clip(4)


@pytest.fixture(scope="module")
def small(small_clip: MotionClip) -> MotionDreamerPipeline:
    return tiny_dreamer.pipeline(small_clip)


@pytest.fixture
def scene(small_clip: MotionClip) -> FirstScene:
    return first_scene(small_clip)


SIZE = (40, 32)
"""What the clip has inside the network: multiples of 8."""


def by_hand(unet: Any, suits: dict[str, Any], noise: torch.Tensor, cells: torch.Tensor, **given: Any) -> torch.Tensor:
    """Residual latents by Euler's method, in plain arithmetic; frame 0 is known to be 0."""
    sigmas = karras_sigmas(suits["steps"], 0.02, suits["largest"])
    x = sigmas[0] * noise
    for sigma, following in pairwise(sigmas):
        seen = torch.cat([x / (sigma**2 + 1) ** 0.5, cells], 2)
        ids = torch.tensor([[6.0, 127.0, 0.0]])
        with torch.no_grad():
            output = unet(seen, sigma.log() / 4, added_time_ids=ids, **given).sample
        clean = output
        if unet.config["prediction"] == "v":
            clean = x / (sigma**2 + 1) - output * sigma / (sigma**2 + 1) ** 0.5
        clean[:, 0] = 0
        x = x + (following - sigma) * (x - clean) / sigma
    return x


def pixels(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_stage_two_is_a_loop_written_by_hand(small: MotionDreamerPipeline, small_clip: MotionClip) -> None:
    known = conditions_of(small_clip, SIZE, 4)
    hint = small.vae.encode(pixels(known.hint)).latents
    coded = small.representation_autoencoder.encode(torch.from_numpy(known.pictures())).latents
    first = hint[:1].expand_as(hint)
    rest = torch.from_numpy(known.new)[:, None], coded, torch.from_numpy(known.geometry)
    cells = torch.cat([first, hint, *rest], 1)[None]
    noise = torch.randn(1, 4, LATENTS, 8, 10, generator=torch.Generator().manual_seed(3))
    embedded = small.image_encoder(hint[:1])
    camera = torch.from_numpy(known.camera)[None]
    made = by_hand(small.stage_two, SUITS["stage_two"], noise, cells, encoder_hidden_states=embedded, camera=camera)
    latents = hint + 0.5 * made[0]
    warped = Warped.of(small_clip)
    frames = small(small_clip, seed=3).frames
    plain = small(small_clip, seed=3, composite=False).frames
    assert frames.shape == (4, 48, 64, 3) and np.array_equal(frames[0], small_clip.image)
    for t in range(1, 4):
        shown = []
        for z in (latents[t], hint[t]):
            picture = small.vae.decode(z[None]).sample[0].permute(1, 2, 0)
            shown.append(resized(((picture + 1) * 127.5).round().clamp(0, 255).byte().numpy(), (64, 48)))
        assert np.abs(plain[t].astype(int) - shown[0]).max() <= 1
        expected = composited(shown[0], warped.frames[t], shown[1], np.zeros((48, 64), bool))
        assert np.abs(frames[t].astype(int) - expected).max() <= 2
    assert np.abs(plain.astype(int) - frames).max() > 20  # the network paints something


def test_what_is_painted_anew_keeps_no_detail_of_what_was_made_up(
    small: MotionDreamerPipeline, small_clip: MotionClip
) -> None:
    """A network that does not add to the picture of `warp`, as Stable Video Diffusion's."""
    anew = MotionDreamerPipeline(
        vae=small.vae,
        image_encoder=small.image_encoder,
        stage_two=tiny_dreamer.unet("2", 2, residual_scale=0.0),
        representation_autoencoder=small.representation_autoencoder,
        suits=SUITS,
    )
    frames, plain = anew(small_clip).frames, anew(small_clip, composite=False).frames
    warped = Warped.of(small_clip)
    lossy = small.vae(pixels(np.stack([resized(frame, SIZE) for frame in warped.frames]))).sample
    for t in (1, 3):
        picture = ((lossy[t].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
        expected = composited(plain[t], warped.frames[t], resized(picture, (64, 48)), warped.new(t))
        assert np.abs(frames[t].astype(int) - expected).max() <= 2


def test_stage_one_is_a_loop_written_by_hand(small: MotionDreamerPipeline, scene: FirstScene) -> None:
    first, at_size = scene_representation(scene, SIZE, {1}), resize_scene(scene, SIZE)
    flow = arrow_flow(scene, given_arrows(ARROWS, scene.size), 4, 1.0, SIZE)
    image = small.vae.encode(pixels(at_size.image[None])).latents
    there = moved(first, flow, np.tile(np.eye(4), (4, 1, 1)), at_size.intrinsics).representation
    coded = small.representation_autoencoder.encode(torch.from_numpy(to_pictures(there))).latents
    cells = torch.cat([image.expand(4, -1, -1, -1), coded], 1)[None]
    noise = torch.randn(1, 4, coded.shape[1], 8, 10, generator=torch.Generator().manual_seed(5))
    made = by_hand(
        small.stage_one,
        SUITS["stage_one"],
        noise,
        cells,
        encoder_hidden_states=small.image_encoder(image),
        camera=torch.zeros(1, 4, 12),
        first=torch.from_numpy(first_features(at_size.image, first, flow))[None],
        instance_flow=torch.from_numpy(flow.flow).permute(2, 0, 1)[None],
    )
    decoder = small.representation_autoencoder
    decoded, lossy = (decoder.decode(z).sample.detach().numpy() for z in (coded + 0.5 * made[0], coded))
    expected = clip_of(changed(there, decoded, lossy, first), scene)
    clip = small.predict(scene, ARROWS, frames=4, seed=5)
    again = enlarged(expected, scene)
    np.testing.assert_allclose(clip.flow_backward, again.flow_backward, atol=2e-3)
    assert (clip.instances == again.instances).mean() > 0.999


def test_stage_one_leaves_alone_what_it_hardly_changes(scene: FirstScene) -> None:
    """And what it does change is as it says, but in the first frame, which is known."""
    first = scene_representation(resize_scene(scene, SIZE), SIZE, {1})
    arrows = arrow_flow(scene, given_arrows(ARROWS, scene.size), 4, 1.0, SIZE)
    there = moved(first, arrows, np.tile(np.eye(4), (4, 1, 1))).representation
    lossy = np.random.default_rng(0).normal(size=to_pictures(there).shape).astype(np.float32)
    more = replace(there, flow=there.flow + np.float32(0.6 * MOTION * SIZE[0]), depth=1.02 * there.depth)
    more.flow[2, :5] += 2
    more.depth[0], more.depth[3, :5] = there.depth[0], 2 * there.depth[3, :5]
    found = changed(there, lossy + to_pictures(more) - to_pictures(there), lossy, first)
    flow, depth = there.flow.copy(), there.depth.copy()
    flow[2, :5], depth[3, :5] = more.flow[2, :5], more.depth[3, :5]
    np.testing.assert_allclose(found.flow, flow, atol=1e-3)
    np.testing.assert_allclose(found.depth, depth, rtol=1e-3)
    np.testing.assert_array_equal(found.segmentation, there.segmentation)


def test_a_prediction_is_a_clip_as_any_other(small: MotionDreamerPipeline, scene: FirstScene) -> None:
    clip = small.predict(scene, ARROWS, frames=4, fps=7.5)
    assert clip.frame_count == 4 and clip.size == scene.size and clip.fps == 7.5
    assert np.array_equal(clip.image, scene.image) and clip.instances is not None and clip.depth is not None
    assert np.array_equal(clip.instances[0], scene.instances) and clip.instance_table == scene.instance_table
    assert np.array_equal(clip.depth[0], scene.depth)
    np.testing.assert_array_equal(clip.camera_to_world, np.tile(np.eye(4), (4, 1, 1)))
    np.testing.assert_array_equal(clip.intrinsics[2], scene.intrinsics)  # type: ignore[index]
    painted = small(clip, seed=1).frames
    video = small.dream(scene, ARROWS, frames=4, seed=1)
    again = small(small.predict(scene, ARROWS, frames=4, seed=1), partial=True, seed=1).frames
    assert painted.shape == video.frames.shape and np.array_equal(video.frames, again)
    assert video.fps == 12


def test_arrows_and_cameras_matter(small: MotionDreamerPipeline, scene: FirstScene, small_clip: MotionClip) -> None:
    def flow(arrows: Any, **more: Any) -> np.ndarray:
        return small.predict(scene, arrows, frames=4, **more).flow_backward

    still = flow({})
    assert not np.allclose(flow(ARROWS), still)
    assert not np.allclose(flow(ARROWS), flow({"square 1": (-9.0, 3.0)}))
    np.testing.assert_allclose(flow(ARROWS, delta=2.0), flow({"square 1": (18.0, 6.0)}), atol=1e-5)
    moving = np.tile(np.eye(4), (4, 1, 1))
    moving[:, 0, 3] = np.arange(4)
    assert not np.allclose(flow({}, camera_to_world=moving), still)
    # the clip's own mean motion, as training has it
    assert not np.allclose(flow(clip_flow(small_clip)), still)
    with pytest.raises(UserError, match=r"poses are \(4, 4, 4\); expected \(5, 4, 4\)"):
        small.predict(scene, {}, frames=5, camera_to_world=moving)


def test_both_stages_at_once_take_what_each_takes(
    small: MotionDreamerPipeline, scene: FirstScene, tmp_path: Path
) -> None:
    """A camera that moves, and the frames that arrows of a file are counted in."""
    row = {"name": "", "object": "square 1", "kind": "instance", "frames": [1, 8], "points": [[22, 22], [62, 22]]}
    file = tmp_path / "arrows.json"
    file.write_text(json.dumps({"version": 1, "size": [64, 48], "arrows": [row]}))
    poses = np.tile(np.eye(4), (4, 1, 1))
    poses[:, 0, 3] = np.arange(4)
    given: dict[str, Any] = {"frames": 4, "span": (1, 4), "camera_to_world": poses, "seed": 1}
    video = small.dream(scene, file, **given)
    assert np.array_equal(video.frames, small(small.predict(scene, file, **given), partial=True, seed=1).frames)
    for other in ({"span": (1, 8)}, {"camera_to_world": None}):
        assert not np.array_equal(video.frames, small.dream(scene, file, **{**given, **other}).frames)


def test_noise_comes_from_the_seed_or_a_generator(
    small: MotionDreamerPipeline, scene: FirstScene, small_clip: MotionClip
) -> None:
    one, other = (small(small_clip, seed=seed).frames for seed in (1, 2))
    drawn = small(small_clip, seed=2, generator=torch.Generator().manual_seed(1)).frames
    assert np.array_equal(one, drawn) and not np.array_equal(one, other)
    one, same, other = (small.predict(scene, ARROWS, frames=4, seed=s).flow_backward for s in (1, 1, 2))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_steps_are_told(small: MotionDreamerPipeline, scene: FirstScene, small_clip: MotionClip) -> None:
    told: list[tuple[int, float]] = []

    def step_done(pipeline: Any, step: int, sigma: float, latents: dict[str, torch.Tensor]) -> None:
        assert pipeline is small and latents["latents"].shape[1] in (4, LAYOUT.frames)
        told.append((step, sigma))

    small(small_clip, callback_on_step_end=step_done, steps=3)
    assert [step for step, _ in told] == [0, 1, 2] and told[0][1] == 10.0
    told.clear()
    small.predict(scene, ARROWS, frames=7, overlap=1, callback_on_step_end=step_done)
    assert len(told) == small.reasoning_steps(7, overlap=1) == 4


class Seen:
    """Frames that a network was called with."""

    def __init__(self, unet: Any) -> None:
        self.counts: list[int] = []
        self.hook = unet.register_forward_pre_hook(lambda module, given: self.counts.append(given[0].shape[1]))

    def __enter__(self) -> list[int]:
        return self.counts

    def __exit__(self, *_: object) -> None:
        self.hook.remove()


def test_networks_see_no_more_frames_than_they_were_trained_with(
    small: MotionDreamerPipeline, scene: FirstScene
) -> None:
    with Seen(small.stage_one) as seen:
        clip = small.predict(scene, ARROWS, frames=9, overlap=2)
    assert seen == [4] * 4 * 2
    assert clip.frame_count == 9
    with Seen(small.stage_two) as seen:
        frames = small(clip, overlap=1).frames
    assert seen == [4] * 4 * 2  # windows of frame 0 and three more, twice each
    assert len(frames) == 9


def test_windows_of_stage_one_agree_where_they_overlap(small: MotionDreamerPipeline, scene: FirstScene) -> None:
    """The first window is what a clip of its length is, and labels go on from it."""
    short = small.predict(scene, ARROWS, frames=4, seed=4)
    # the same arrow a frame
    long = small.predict(scene, {"square 1": (18.0, 6.0)}, frames=7, overlap=2, seed=4)
    np.testing.assert_allclose(long.flow_backward[:3], short.flow_backward, atol=1e-4)
    assert np.array_equal(long.instances[:4], short.instances)  # type: ignore[index]
    assert {1} == set(np.unique(long.instances).tolist()) - {0}  # type: ignore[arg-type]


def test_the_one_stage_model_paints_what_arrows_say(
    small: MotionDreamerPipeline, scene: FirstScene, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"no one stage.*--stage one"):
        small.dream_at_once(scene, ARROWS)
    alone = MotionDreamerPipeline(
        vae=small.vae,
        image_encoder=small.image_encoder,
        one_stage=tiny_dreamer.unet("one", 3),
        representation_autoencoder=small.representation_autoencoder,
        suits={"one_stage": SUITS["stage_one"]},
    )
    alone.save_pretrained(tmp_path)
    loaded = MotionDreamerPipeline.from_pretrained(tmp_path, local_files_only=True)
    videos = [loaded.dream_at_once(scene, arrows, seed=1).frames for arrows in (ARROWS, ARROWS, {})]
    assert videos[0].shape == (4, 48, 64, 3) and np.array_equal(videos[0][0], scene.image)
    assert np.array_equal(videos[0], videos[1]) and not np.array_equal(videos[0], videos[2])


def test_a_one_stage_model_that_adds_nothing_keeps_the_detail_of_the_moved_frame(
    small: MotionDreamerPipeline, scene: FirstScene
) -> None:
    idle = tiny_dreamer.unet("one", 3)
    torch.nn.init.zeros_(idle.conv_out.weight)
    torch.nn.init.zeros_(idle.conv_out.bias)
    alone = MotionDreamerPipeline(
        vae=small.vae,
        image_encoder=small.image_encoder,
        one_stage=idle,
        representation_autoencoder=small.representation_autoencoder,
        suits={"one_stage": {**SUITS["stage_one"], "resolution": min(scene.size)}},
    )
    colours = set(map(tuple, scene.image.reshape(-1, 3).tolist()))
    for composite in (True, False):
        frames = alone.dream_at_once(scene, ARROWS, composite=composite).frames
        kept = np.mean([tuple(pixel) in colours for pixel in frames[-1].reshape(-1, 3).tolist()])
        assert (kept > 0.99) == composite
    assert not np.array_equal(frames[-1], scene.image)


# ----------------------------------------------------------------------------------------------------------- precision


@pytest.mark.slow
def test_half_precision_is_near(small: MotionDreamerPipeline, small_clip: MotionClip, tmp_path: Path) -> None:
    small.save_pretrained(tmp_path)
    halved = MotionDreamerPipeline.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert halved.stage_two.dtype == torch.bfloat16
    expected, found = (pipeline(small_clip).frames.astype(int) for pipeline in (small, halved))
    assert 0 < np.abs(expected - found).mean() < 4
    assert halved.predict(first_scene(small_clip), ARROWS, frames=4).frame_count == 4


# --------------------------------------------------------------------------------------------------------------- files


def test_a_saved_model_is_the_same(small: MotionDreamerPipeline, small_clip: MotionClip, tmp_path: Path) -> None:
    small.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [
        "image_encoder", "representation_autoencoder", "stage_one", "stage_two", "vae",
    ]  # fmt: skip
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".bin", ".pt", ".ckpt")]
    loaded = MotionDreamerPipeline.from_pretrained(tmp_path, local_files_only=True)
    assert loaded.settings("stage_two").largest == 10 and loaded.settings("stage_one", steps=None).steps == 2
    assert np.array_equal(loaded(small_clip).frames, small(small_clip).frames)
    one, other = (p.predict(first_scene(small_clip), ARROWS, frames=4) for p in (loaded, small))
    # weights lie elsewhere in memory: sums differ in the last digit
    np.testing.assert_allclose(one.flow_forward, other.flow_forward, atol=1e-4)


def test_what_training_writes_loads(small: MotionDreamerPipeline, small_clip: MotionClip, tmp_path: Path) -> None:
    from simcraft.train.dreamer_export import save_stage
    from simcraft.train.dreamer_parts import Parts

    parts = Parts(small.vae, small.representation_autoencoder, small.image_encoder)
    save_stage(tmp_path, "2", small.stage_two, parts, suits={"steps": 1, "largest": 80.0, "delta": 1.0})
    loaded = MotionDreamerPipeline.from_pretrained(tmp_path)
    assert loaded.settings("stage_two").steps == 1 and loaded.stage_one is None
    assert loaded(small_clip).frames.shape == (4, 48, 64, 3)
    with pytest.raises(UserError, match=r"no stage one.*--stage 1"):
        loaded.predict(first_scene(small_clip), ARROWS)
    save_stage(tmp_path, "1", small.stage_one, parts, suits={"steps": 3, "largest": 80.0, "delta": 1.5})
    both = MotionDreamerPipeline.from_pretrained(tmp_path)
    assert both.settings("stage_one").delta == 1.5 and both.settings("stage_two").steps == 1
    assert both.predict(first_scene(small_clip), ARROWS, frames=4).frame_count == 4


# -------------------------------------------------------------------------------------------------------------- errors


def test_clips_that_lack_something(small: MotionDreamerPipeline, small_clip: MotionClip) -> None:
    flat = replace(small_clip, depth=None)
    with pytest.raises(UserError, match=r"Motion Dreamer \(without --partial yes\) needs depth, which"):
        small(flat)
    with pytest.raises(UserError, match="needs depth, instances"):
        small(replace(flat, instances=None))
    assert small(replace(flat, instances=None), partial=True).frames.shape == (4, 48, 64, 3)
    one = replace(flat, **{name: getattr(flat, name)[:0] for name in (
        "flow_forward", "flow_backward", "flow_valid_forward", "flow_valid_backward", "visible_forward",
        "visible_backward")}, tracks=None, track_visible=None, instances=None, intrinsics=None, camera_to_world=None,
        to_first=None, to_first_visible=None, frames=None)  # fmt: skip
    assert np.array_equal(small(one, partial=True).frames, small_clip.image[None])


def test_scenes_without_depth_can_be_dreamt_of(small: MotionDreamerPipeline, scene: FirstScene) -> None:
    flat = replace(scene, depth=None, intrinsics=None)
    clip = small.predict(flat, ARROWS, frames=4)
    assert clip.depth is None and clip.camera_to_world is None
    assert small.dream(flat, ARROWS, frames=4).frames.shape == (4, 48, 64, 3)


def test_more_instances_than_are_held(small: MotionDreamerPipeline, scene: FirstScene) -> None:
    many = np.arange(48 * 64).reshape(48, 64) // 100 + 1  # 31
    table = tuple(InstanceInfo(k, f"thing {k}") for k in range(1, 32))
    crowded = replace(scene, instances=many.astype(np.uint16), instance_table=table)
    with pytest.raises(UserError, match=r"holds 26 instances; here are 31.*Merge some"):
        small.predict(crowded, dict.fromkeys(range(1, 32), (1.0, 0.0)))
    clip = small.predict(crowded, {"thing 3": (5.0, 0.0)}, frames=4)  # what has no arrow is background
    assert set(np.unique(clip.instances[0])) == {0, 3}  # type: ignore[index]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"sampler": "dpm"}, "sampler is 'dpm'.*euler, heun"),
        ({"steps": 0}, "steps is 0"),
        ({"largest": 0.001}, "expected the larger one first"),
    ],
)
def test_wrong_settings(
    small: MotionDreamerPipeline, small_clip: MotionClip, settings: dict[str, Any], text: str
) -> None:
    with pytest.raises(UserError, match=text):
        small(small_clip, **settings)


# ----------------------------------------------------------------------------------------------- Stable Video Diffusion


def test_stable_video_diffusion_becomes_motion_dreamer(tmp_path: Path) -> None:
    """Loaded, saved and loaded again; stage two gives what Stable Video Diffusion's network gives of the same."""
    base = tiny_svd.save_svd(tmp_path / "svd")
    MotionDreamerPipeline.from_svd(str(base)).save_pretrained(tmp_path / "dreamer")
    assert json.loads((tmp_path / "dreamer" / "model_index.json").read_text())["_class_name"] == "MotionDreamerPipeline"
    loaded = MotionDreamerPipeline.from_pretrained(tmp_path / "dreamer", local_files_only=True)
    unet, vae = tiny_svd.unet(), loaded.vae
    scaled = torch.randn(1, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    first = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    cells = loaded.stage_two.config["in_channels"] - 8
    unknown = torch.randn(1, 3, cells, 8, 8, generator=torch.Generator().manual_seed(2))
    rest = {"encoder_hidden_states": torch.randn(1, 1, tiny_svd.WIDTH), "added_time_ids": torch.ones(1, 3)}
    with torch.no_grad():
        shown = first[:, None].expand(1, 3, 4, 8, 8)
        expected = unet(torch.cat([scaled, shown], 2), torch.tensor(0.3), **rest).sample
        given = torch.cat([scaled, shown * vae.config.scaling_factor, unknown], 2)
        found = loaded.stage_two(given, torch.tensor(0.3), **rest).sample
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_what_stable_video_diffusion_becomes_predicts_and_paints(small_clip: MotionClip, tmp_path: Path) -> None:
    MotionDreamerPipeline.from_svd(str(tiny_svd.save_svd(tmp_path / "svd"))).save_pretrained(tmp_path / "dreamer")
    loaded = MotionDreamerPipeline.from_pretrained(tmp_path / "dreamer", local_files_only=True)
    quick = {"steps": 1, "resolution": 64, "overlap": 1}
    painted = loaded(small_clip, **quick).frames
    assert painted.shape == (4, 48, 64, 3) and np.array_equal(painted[0], small_clip.image)
    assert loaded.predict(first_scene(small_clip), ARROWS, frames=3, **quick).frame_count == 3


def test_parts_of_stable_video_diffusion_that_are_missing(tmp_path: Path) -> None:
    import shutil

    base = tiny_svd.save_svd(tmp_path / "svd")
    shutil.rmtree(base / "image_encoder")
    with pytest.raises(UserError, match="svd is not a complete Stable Video Diffusion checkpoint"):
        MotionDreamerPipeline.from_svd(str(base))
