"""Instance flow: one arrow an object, on its mask in the first frame."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from simcraft.errors import UserError
from simcraft.observe.instance_flow import instance_flow
from tests.analytic import Layer, make_clip, sliding_square, still, waves


def test_an_object_that_leaves_its_mask_keeps_its_motion() -> None:
    clip = sliding_square(step=(3.25, -1.5))
    flow = instance_flow(clip)
    square = clip.instances[0] == 1
    np.testing.assert_allclose(flow[square], [[3.25, -1.5]] * square.sum(), atol=1e-4)
    assert (flow[~square] == 0).all()


def test_literal_is_the_papers_equations() -> None:
    clip = sliding_square(step=(3.25, -1.5))
    square = clip.instances[0] == 1
    expected = clip.flow_forward.mean(0)[square].mean(0)
    flow = instance_flow(clip, literal=True)
    np.testing.assert_allclose(flow[square], [expected] * square.sum(), atol=1e-4)
    assert np.linalg.norm(expected) < 0.9 * np.linalg.norm([3.25, -1.5])  # diluted by what comes to light


def test_motion_that_changes_is_averaged_over_time() -> None:
    shift = np.array([[0, 0], [4, 0], [4, 0], [10, 2]])
    layers = [
        Layer((-99, -99, 199, 199), *still(4), waves((90, 90, 90), 20, 0), 9.0),
        Layer((10, 10, 20, 30), shift, np.ones(4), waves((90, 90, 90), 20, 1), 2.0),
    ]
    clip = make_clip(layers, 48, 64)
    np.testing.assert_allclose(instance_flow(clip)[clip.instances[0] == 1][0], [10 / 3, 2 / 3], atol=1e-5)


def test_background_is_an_option() -> None:
    layers = [
        Layer((-99, -99, 199, 199), np.arange(3)[:, None] * [2.0, 1.0], np.ones(3), waves((9, 90, 90), 9, 0), 9.0)
    ]
    clip = make_clip(layers, 24, 32)
    assert (instance_flow(clip) == 0).all()
    np.testing.assert_allclose(
        instance_flow(clip, background=True), np.broadcast_to([2.0, 1.0], (24, 32, 2)), atol=1e-5
    )


def test_pixels_without_correspondence_do_not_count() -> None:
    clip = sliding_square(step=(3, 0))
    invalid = np.zeros_like(clip.flow_valid_forward)
    invalid[:, :, ::2] = True
    flow = np.where(invalid[..., None], 0, clip.flow_forward).astype(np.float32)
    for literal in (False, True):
        spoilt = dataclasses.replace(clip, flow_forward=flow, flow_valid_forward=~invalid)
        whole, part = instance_flow(clip, literal=literal), instance_flow(spoilt, literal=literal)
        np.testing.assert_allclose(part, whole, atol=0.1)
    nothing = dataclasses.replace(clip, flow_valid_forward=np.zeros_like(invalid))
    assert (instance_flow(nothing) == 0).all()


def test_needs_instances() -> None:
    with pytest.raises(UserError, match="Instance flow needs instances"):
        instance_flow(dataclasses.replace(sliding_square(count=3), instances=None))
