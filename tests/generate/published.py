"""MotionCraft as its authors published it, literally: diffusers' schedulers and plain loops, nothing of SimCraft.

Follows clip_maker_latent.py and the schedulers of the published repository (mezzelfo/MotionCraft): what tests compare
the reference mode with.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import DDIMInverseScheduler, DDIMScheduler, UNet2DConditionModel


class PatternAttention:
    """Self-attention of frame i over the tokens of the frames pattern[i]; text attention as usual."""

    def __init__(self, pattern: list[list[int]]) -> None:
        self.pattern = pattern

    def __call__(self, attn, image_tokens, encoder_hidden_states=None, attention_mask=None):
        text = image_tokens if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(image_tokens), attn.to_k(text), attn.to_v(text)
        results = []
        frames = len(self.pattern)
        for sample in range(len(query)):
            guidance, frame = divmod(sample, frames)
            if encoder_hidden_states is None:
                attended = [guidance * frames + other for other in self.pattern[frame]]
            else:
                attended = [sample]
            keys = torch.cat([key[other] for other in attended])
            values = torch.cat([value[other] for other in attended])
            heads = []
            width = query.shape[-1] // attn.heads
            for head in range(attn.heads):
                part = slice(head * width, (head + 1) * width)
                scores = query[sample][:, part] @ keys[:, part].T / width**0.5
                heads.append(F.softmax(scores, -1) @ values[:, part])
            results.append(torch.cat(heads, -1))
        return attn.to_out[1](attn.to_out[0](torch.stack(results)))


def published_schedulers(config, tau: int, steps: int, double: bool):
    """The last tau (generation) and the first tau (inversion) of `steps` timesteps."""
    generation, inversion = DDIMScheduler.from_config(config), DDIMInverseScheduler.from_config(config)
    for scheduler in (generation, inversion):
        if double:  # diffusers keeps its tables in float32, which would limit the agreement in float64
            scheduler.alphas_cumprod = scheduler.alphas_cumprod.double()
        scheduler.set_timesteps(steps)
    if double:
        generation.final_alpha_cumprod = generation.final_alpha_cumprod.double()
        inversion.initial_alpha_cumprod = inversion.initial_alpha_cumprod.double()
    count = round(tau * steps / 1000)
    generation.timesteps, inversion.timesteps = generation.timesteps[-count:], inversion.timesteps[:count]
    return generation, inversion


@torch.no_grad()
def published_inversion(unet: UNet2DConditionModel, inversion, z, prompt):
    unet.set_attn_processor(PatternAttention([[0]]))
    for t in inversion.timesteps:
        output = unet(z, t, encoder_hidden_states=prompt).sample
        z = inversion.step(output, t, z).prev_sample
    return z


@torch.no_grad()
def published_frame(
    unet: UNet2DConditionModel,
    config,
    z_tau_orig,
    z_tau,
    flow,
    spatial_eta,
    prompt,
    negative,
    generator,
    *,
    tau=400,
    steps=200,
    guidance=7.5,
    pattern=((0, 0), (1, 1), (0, 1)),
    mode="nearest",
):
    """One frame: (its clean latents, its inverted latents). `flow` is (h, w, 2), `spatial_eta` (1, 1, h, w) or None."""
    generation, inversion = published_schedulers(config, tau, steps, z_tau.dtype == torch.float64)
    warped = F.grid_sample(z_tau, flow.unsqueeze(0), align_corners=True, mode=mode, padding_mode="reflection")
    z = torch.cat([z_tau_orig, z_tau, warped])
    texts = torch.cat([prompt, prompt, negative, prompt, prompt, prompt])
    if spatial_eta is not None:
        spatial_eta = spatial_eta.repeat(3, 1, 1, 1).clone()
        spatial_eta[:-1] = 0.0
    unet.set_attn_processor(PatternAttention([list(row) for row in pattern]))
    get_variance = generation._get_variance
    for t in generation.timesteps:
        output = unet(torch.cat([z, z]), t, encoder_hidden_states=texts).sample
        unconditional, conditional = output.chunk(2)
        output = unconditional + guidance * (conditional - unconditional)
        if spatial_eta is None:
            z = generation.step(output, t, z, eta=0.0).prev_sample
        else:
            # the authors' way to an eta per pixel: a variance that has it inside, and eta = 1
            generation._get_variance = lambda now, before: get_variance(now, before) * spatial_eta**2
            z = generation.step(output, t, z, eta=1.0, generator=generator).prev_sample
    z_0 = z[[-1]]
    return z_0, published_inversion(unet, inversion, z_0, prompt)
