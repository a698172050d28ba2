"""Cross-frame attention: against diffusers' own attention, against a literal version, and from memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from simcraft.errors import UserError
from simcraft.generate.motioncraft.attention import (
    KINDS,
    PUBLISHED,
    Features,
    Frames,
    attend_across,
    install,
    memory_for,
    pattern_for,
    size_in_bytes,
)
from simcraft.generate.motioncraft.denoiser import Condition, Denoiser, inpainting_hint
from tests.generate import tiny
from tests.generate.published import PatternAttention

pytestmark = pytest.mark.usefixtures("one_thread")
DOUBLE = torch.float64

LAYOUTS = {
    "Stable Diffusion 1": tiny.unet,
    "Stable Diffusion 2": lambda: tiny.unet(attention_head_dim=(2, 4), use_linear_projection=True),
    "SDXL": tiny.sdxl_unet,
    "attention without text": lambda: tiny.unet(down_block_types=("CrossAttnDownBlock2D", "AttnDownBlock2D")),
}


def condition(seed: int, tokens: int = 5) -> Condition:
    return Condition(torch.randn(1, tokens, 32, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed)))


def latents(count: int) -> torch.Tensor:
    return torch.randn(count, 4, 8, 8, dtype=DOUBLE, generator=torch.Generator().manual_seed(9))


@pytest.fixture(scope="module")
def double() -> Any:
    return tiny.unet().double()


@torch.no_grad()
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_installed_without_frames_nothing_changes(make: Any) -> None:
    network = make().double()
    text = torch.randn(2, 5, network.config.cross_attention_dim, dtype=DOUBLE)
    added = {"text_embeds": torch.randn(2, 32, dtype=DOUBLE), "time_ids": torch.ones(2, 6, dtype=DOUBLE)}
    before = network(latents(2), 100, text, added_cond_kwargs=added).sample
    install(network)
    after = network(latents(2), 100, text, added_cond_kwargs=added).sample
    torch.testing.assert_close(after, before)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_patterns_are_those_of_the_literal_version(double: Any, kind: str) -> None:
    pattern = pattern_for(kind)
    z, texts = latents(3), [condition(k) for k in range(6)]
    mine = Denoiser(double)(torch.cat([z, z]), 300, texts, Frames(pattern))
    double.set_attn_processor(PatternAttention([list(row) for row in pattern]))
    literal = double(torch.cat([z, z]), 300, torch.cat([text.text for text in texts])).sample
    torch.testing.assert_close(mine, literal)


@torch.no_grad()
@pytest.mark.parametrize("make", LAYOUTS.values(), ids=LAYOUTS)
def test_memory_works_in_every_layout(make: Any) -> None:
    denoiser = Denoiser(make().double())
    text = torch.randn(1, 5, denoiser.unet.config.cross_attention_dim, dtype=DOUBLE)
    prompt, z = Condition(text, torch.randn(1, 32, dtype=DOUBLE), torch.ones(1, 6)), latents(3)
    together = denoiser(z, 300, [prompt] * 3, Frames(PUBLISHED))
    recorded: list[Features] = [{}, {}]
    for frame in (0, 1):
        denoiser(z[frame : frame + 1], 300, [prompt], Frames(record=recorded[frame]))
    alone = denoiser(z[2:], 300, [prompt], Frames(memory=tuple(recorded)))
    torch.testing.assert_close(alone, together[2:])


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("guidance", [1.0, 7.5])
def test_memory_gives_what_the_batch_gives(double: Any, kind: str, guidance: float) -> None:
    """One frame with remembered keys and values = the last of three that are computed together."""
    denoiser, z = Denoiser(double), latents(3)
    prompt, negative = condition(0), condition(1)
    together = denoiser.guided(z, 300, [prompt, prompt, negative], [prompt] * 3, guidance, Frames(pattern_for(kind)))
    first: Features = {}
    previous: Features = {}
    for frame, record in ((0, first), (1, previous)):
        denoiser(z[frame : frame + 1], 300, [prompt], Frames(record=record))
    assert size_in_bytes(first) == 2 * 8 * (3 * 64 * 32 + 16 * 64)  # keys and values, doubles, four layers
    memory = Frames(memory=memory_for(kind, first, previous))
    denoiser.evaluations = 0
    alone = denoiser.guided(z[2:], 300, [negative], [prompt], guidance, memory)
    assert denoiser.evaluations == (1 if guidance == 1 else 2)
    torch.testing.assert_close(alone, together[2:])


@torch.no_grad()
def test_frames_of_a_batch_depend_only_on_those_they_attend_to(double: Any) -> None:
    denoiser, z, texts = Denoiser(double), latents(3), [condition(0)] * 3
    changed = z.clone()
    changed[2] += 1
    before, after = (denoiser(frames, 300, texts, Frames(PUBLISHED)) for frames in (z, changed))
    torch.testing.assert_close(after[:2], before[:2])
    changed = z.clone()
    changed[1] += 1
    after = denoiser(changed, 300, texts, Frames(PUBLISHED))
    torch.testing.assert_close(after[:1], before[:1])
    assert not torch.allclose(after[2], before[2], atol=1e-3)


@torch.no_grad()
def test_features_recorded_while_attending_are_the_frames_own(double: Any) -> None:
    denoiser, z, prompt = Denoiser(double), latents(2), condition(0)
    other: Features = {}
    denoiser(z[:1], 300, [prompt], Frames(record=other))
    own: Features = {}
    denoiser.guided(z[1:], 300, [condition(1)], [prompt], 7.5, Frames(memory=(other,), record=own))
    assert own.keys() == other.keys() and all(key.shape[0] == 1 for key, _ in own.values())
    layer = next(iter(own))  # the first layer's input depends on nothing that is attended
    plain: Features = {}
    denoiser(z[1:], 300, [prompt], Frames(record=plain))
    torch.testing.assert_close(own[layer], plain[layer])


def test_gathering_keeps_the_guidance_halves_apart() -> None:
    tokens = torch.arange(6.0).view(6, 1, 1).expand(6, 2, 1)
    gathered = attend_across(tokens, PUBLISHED)
    assert gathered[:, ::2, 0].tolist() == [[0, 0], [1, 1], [0, 1], [3, 3], [4, 4], [3, 4]]


@torch.no_grad()
def test_sdxl_takes_its_further_conditions() -> None:
    denoiser = Denoiser(tiny.sdxl_unet().double())
    text = torch.randn(1, 5, 64, dtype=DOUBLE)
    one, two = (Condition(text, torch.full((1, 32), value), torch.ones(1, 6)) for value in (0.0, 1.0))
    z = latents(1)
    assert not torch.allclose(denoiser(z, 100, [one]), denoiser(z, 100, [two]))


@torch.no_grad()
def test_inpainting_networks_see_the_mask_and_the_latents() -> None:
    denoiser = Denoiser(tiny.unet(in_channels=9).double())
    assert denoiser.takes_hint and not Denoiser(tiny.unet()).takes_hint
    z, new = latents(1), torch.zeros(8, 8, dtype=torch.bool)
    new[2:4] = True
    hint = inpainting_hint(z, new)
    assert hint.shape == (1, 5, 8, 8) and torch.equal(hint[0, 0].bool(), new)
    assert (hint[0, 1:, new] == 0).all() and torch.equal(hint[0, 1:, ~new], z[0][:, ~new])
    plain = denoiser.guided(z, 100, [condition(0)], [condition(1)], 3.0, hint=inpainting_hint(z))
    assert not torch.allclose(denoiser.guided(z, 100, [condition(0)], [condition(1)], 3.0, hint=hint), plain)


def test_unknown_attention_lists_the_known() -> None:
    with pytest.raises(UserError, match="none, first, previous, both"):
        pattern_for("all")
