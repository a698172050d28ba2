"""Motion at the resolution of latents: cells that move like their larger part, what is new, what nearest owes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motioncraft.warping import (
    carry,
    cell_samples,
    first_places,
    forward_motion,
    from_grid,
    latent_motion,
    nearest_known,
    spatial_eta,
    splat_latents,
    to_grid,
    warp_latents,
)
from tests.analytic import sliding_square


def moving(flow_x: float, cells: tuple[int, int] = (8, 6), factor: int = 4, frames: int = 3) -> MotionClip:
    """Everything moves `flow_x` pixels to the right a frame; what comes in from the left is new."""
    width, height = cells[0] * factor, cells[1] * factor
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)
    flow = np.zeros((frames - 1, height, width, 2), np.float32)
    flow[..., 0] = flow_x
    valid = np.ones(flow.shape[:3], bool)
    seen = np.broadcast_to(np.arange(width) + 0.5 >= flow_x, valid.shape).copy()
    return MotionClip(image, flow, -flow, valid, valid, visible_backward=seen, visible_forward=seen[:, :, ::-1].copy())


def cells_of(size: tuple[int, int]) -> torch.Tensor:
    """(1, 2, h, w) latents that hold their own place."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    return torch.from_numpy(np.stack([x, y])).float()[None]


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_a_shift_by_whole_cells_shifts_the_latents(mode: str) -> None:
    motion = latent_motion(moving(8), 1, (8, 6))
    z = torch.randn(1, 4, 6, 8)
    warped = warp_latents(z, to_grid(torch.from_numpy(motion.places)), mode)
    torch.testing.assert_close(warped[..., 2:], z[..., :-2], rtol=1e-4, atol=1e-4)
    assert motion.new[:, :2].all() and not motion.new[:, 2:].any()


def test_bilinear_fetches_between_cells() -> None:
    motion = latent_motion(moving(1), 1, (8, 6))
    warped = warp_latents(cells_of((8, 6)), to_grid(torch.from_numpy(motion.places)), "bilinear")
    expected = cells_of((8, 6)) - torch.tensor([0.25, 0]).view(1, 2, 1, 1)
    torch.testing.assert_close(warped[..., 1:], expected[..., 1:])


@pytest.mark.parametrize("per_frame", [0.25, 0.4, -0.3, 1.6])
def test_nearest_keeps_up_with_slow_motion_by_its_remainder(per_frame: float) -> None:
    """No cell is ever more than half a cell from where it belongs; without the remainder, slow ones stand still."""
    places = cells_of((40, 4))[0].permute(1, 2, 0) - torch.tensor([per_frame, 0.0])
    kept = dropped = cells_of((40, 4))
    remainder = torch.zeros(4, 40, 2)
    for frame in range(1, 11):
        whole, remainder = carry(places, remainder)
        kept = warp_latents(kept, to_grid(whole), "nearest")
        dropped = warp_latents(dropped, to_grid(places), "nearest")
        moved = (cells_of((40, 4)) - kept)[0, 0, :, 18:22]
        assert (moved - per_frame * frame).abs().max() <= 0.5 + 1e-4
        # the remainder says where the content truly belongs
        torch.testing.assert_close(remainder[:, 18:22, 0], per_frame * frame - moved, rtol=0, atol=1e-4)
    if abs(per_frame) < 0.5:
        assert torch.equal((cells_of((40, 4)) - dropped)[0, 0, :, 18:22], torch.zeros(4, 4))


def test_a_cell_moves_like_its_larger_part() -> None:
    clip = moving(0, frames=2)
    flow = clip.flow_backward.copy()
    flow[0, :, 1:4] = (-4, 0)  # three of four columns of cell 0, one of the next
    flow[0, :, 4:5] = (-4, 0)
    motion = latent_motion(replace(clip, flow_backward=flow), 1, (8, 6))
    assert np.allclose(motion.places[:, 0], [[-0.5, y + 0.5] for y in range(6)])
    assert np.allclose(motion.places[:, 1], [[1.5, y + 0.5] for y in range(6)])


def test_what_is_not_visible_does_not_move_its_cell() -> None:
    clip = moving(0, frames=2)
    flow, seen = clip.flow_backward.copy(), np.ones_like(clip.flow_valid_backward)
    flow[0, :, :3], seen[0, :, :3] = (-40, 0), False
    motion = latent_motion(replace(clip, flow_backward=flow, visible_backward=seen), 1, (8, 6))
    assert np.allclose(motion.places[:, 0, 0], 0.5) and motion.new[:, 0].all() and not motion.new[:, 1:].any()


def test_sizes_that_do_not_divide() -> None:
    field = np.arange(10.0)[None].repeat(7, 0)
    samples = cell_samples(field, (4, 3))
    assert samples.shape[:2] == (3, 4) and np.all(np.diff(samples.mean(-1)[0]) >= 2)
    finer = cell_samples(field, (20, 14))
    assert np.array_equal(finer[0, :, 0], np.repeat(np.arange(10.0), 2))
    motion = latent_motion(moving(4), 1, (5, 4))
    assert np.allclose(motion.places[..., 0], np.arange(5) + 0.5 - 4 / (32 / 5), atol=1e-5)


def test_grids_and_places_are_inverse() -> None:
    places = torch.rand(5, 7, 2) * torch.tensor([7.0, 5.0])
    torch.testing.assert_close(from_grid(to_grid(places)), places)
    corners = to_grid(cells_of((7, 5))[0].permute(1, 2, 0))
    assert corners[0, 0].tolist() == [-1, -1] and corners[-1, -1].tolist() == [1, 1]


def test_occlusion_by_a_known_object() -> None:
    """What the square uncovers is new; what the first frame shows is found there."""
    clip = sliding_square(count=4)
    width, height = clip.size
    cells = (width // 2, height // 2)
    motion = latent_motion(clip, 2, cells)
    visible = clip.visible_backward
    assert visible is not None
    share = (visible & clip.flow_valid_backward)[1].reshape(cells[1], 2, cells[0], 2).mean((1, 3))
    assert np.array_equal(motion.new, share < 0.5) and motion.new.any()
    assert set(np.unique(motion.labels)) == {0, 1}
    places, seen = first_places(clip, 2, cells)
    assert clip.to_first is not None
    inside = seen & (motion.labels == 1)
    moved = np.asarray(clip.to_first[2]).reshape(cells[1], 2, cells[0], 2, 2).mean((1, 3)) / 2
    assert inside.sum() > 4 and np.median(np.abs(places - moved)[inside]) < 0.3


def test_splatting_lands_where_the_backward_warp_fetches() -> None:
    clip, z = moving(8), torch.randn(1, 4, 6, 8)
    flow, importance = forward_motion(clip, 1, (8, 6))
    thrown, arrived = splat_latents(z, flow, importance)
    torch.testing.assert_close(thrown[..., 2:], z[..., :-2])
    assert arrived[:, 2:].all() and not arrived[:, :2].any()


def test_smoke_that_thickens_is_new() -> None:
    clip = moving(0, frames=2)
    height, width = clip.image.shape[:2]
    coverage = np.zeros((2, height, width), np.float32)
    coverage[1, :8] = 0.9
    motion = latent_motion(replace(clip, coverage=coverage), 1, (8, 6))
    assert motion.new[:2].all() and not motion.new[2:].any()


def test_flow_alone_finds_what_is_new_by_consistency() -> None:
    clip = replace(moving(8), visible_backward=None, visible_forward=None)
    motion = latent_motion(clip, 1, (8, 6))
    assert motion.new[:, :2].all() and not motion.new[:, 2:].any()


def test_unknown_cells_are_filled_from_their_own_instance() -> None:
    known = np.zeros((3, 6), bool)
    known[:, 0] = known[:, 5] = True
    labels = np.zeros((3, 6), np.uint16)
    labels[:, 0] = labels[:, 4] = 1
    places = nearest_known(known, labels)
    assert np.allclose(places[:, 4, 0], 0.5) and np.allclose(places[:, 1:4, 0], 5.5)
    assert np.allclose(places[:, 5, 0], 5.5)
    orphans = nearest_known(known, np.arange(18, dtype=np.uint16).reshape(3, 6))
    assert np.allclose(orphans[:, 1, 0], 0.5) and np.allclose(orphans[:, 4, 0], 5.5)
    nothing = nearest_known(np.zeros((3, 6), bool), labels)
    assert np.allclose(nothing[..., 0], np.arange(6) + 0.5)


def test_eta_is_where_content_is_new() -> None:
    new = np.array([[True, False]])
    assert spatial_eta(new, 0.8, 0.2).tolist() == [[[[pytest.approx(0.8), pytest.approx(0.2)]]]]


def test_unknown_warp() -> None:
    with pytest.raises(UserError, match="nearest, bilinear, bicubic"):
        warp_latents(torch.zeros(1, 4, 2, 2), torch.zeros(2, 2, 2), "lanczos")
