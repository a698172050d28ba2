"""A predicted clip in the first frame's own size."""

from dataclasses import replace

import numpy as np

from simcraft.generate.motion_dreamer.clips import clip_of
from simcraft.generate.motion_dreamer.enlarging import enlarged
from simcraft.generate.motion_dreamer.representation import representation_of
from simcraft.generate.motion_dreamer.scene import first_scene
from tests.analytic import sliding_square


def test_predictions_are_enlarged_with_sharp_silhouettes() -> None:
    """R of a clip at a quarter of its size: back in that size, labels and flow are nearly the clip's own."""
    clip = sliding_square(count=5)
    coarse = clip_of(representation_of(clip, (32, 24), decodable=True), first_scene(clip), fps=clip.fps)
    assert coarse.size == (32, 24)
    large = enlarged(coarse, first_scene(clip))
    assert large.size == clip.size and np.array_equal(large.image, clip.image)
    assert large.instances is not None and clip.instances is not None and large.to_first is not None
    for t in range(1, 5):
        wrong = large.instances[t] != clip.instances[t]
        blocks = np.kron(coarse.instances[t], np.ones((4, 4), np.uint16)) != clip.instances[t]  # type: ignore[index]
        assert wrong.mean() < 0.6 * blocks.mean() and wrong.mean() < 0.01
        error = np.hypot(*(large.flow_backward[t - 1] - clip.flow_backward[t - 1]).transpose(2, 0, 1))
        assert error[~wrong].max() < 0.1
        seen = large.to_first_visible[t] & clip.to_first_visible[t] & ~wrong  # type: ignore[index]
        assert seen.mean() > 0.85
        assert np.abs(large.to_first[t] - clip.to_first[t])[seen].max() < 0.2  # type: ignore[index]
        np.testing.assert_allclose(large.depth[t][~wrong], clip.depth[t][~wrong])  # type: ignore[index]
    for flow, valid in (
        (large.flow_forward, large.flow_valid_forward),
        (large.flow_backward, large.flow_valid_backward),
    ):
        assert not flow[~valid].any() and valid.mean() > 0.9
    assert enlarged(clip, first_scene(clip)) is clip


def test_nothing_of_the_sky_mixes_into_what_is_near_it() -> None:
    """Ground 10 m away up to a horizon: it is as far right below it."""
    clip = sliding_square(count=3)
    assert clip.depth is not None and clip.instances is not None
    ground = clip.instances == 0
    horizon = clip.size[1] // 2 + 2
    depth = clip.depth.copy()
    depth[:, :horizon][ground[:, :horizon]] = np.inf
    sky = replace(clip, depth=depth)
    large = enlarged(clip_of(representation_of(sky, (32, 24), decodable=True), first_scene(sky)), first_scene(sky))
    assert large.depth is not None and large.instances is not None
    for t in (1, 2):
        below = (large.instances[t] == 0) & np.isfinite(large.depth[t])
        np.testing.assert_allclose(large.depth[t][below], 10, rtol=1e-6)
        # the horizon itself is as coarse as the network sees it
        rows = np.arange(clip.size[1])[:, None]
        assert not below[rows[:, 0] < horizon - 4].any()
        assert below[(rows >= horizon + 4) & (large.instances[t] == 0)].all()
