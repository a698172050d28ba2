"""What the registry is told of the generator; light, so that a list of generators does not import torch."""

from __future__ import annotations

from simcraft.generate.registry import Generator, Option

GENERATOR = Generator(
    "motioncraft",
    "MotionCraft: the latents of an image diffusion model, moved along the motion; what it reveals is painted anew.",
    "simcraft.generate.motioncraft.generator:motioncraft",
    (
        Option("prompt", str, None, "What the video shows; by default the clip's caption."),
        Option("negative_prompt", str, "", "What it must not look like."),
        Option("model", str, None, "A folder in diffusers' layout, a .safetensors file, or a hub id (with --hub)."),
        Option("mode", str, "fast", "Fast, turbo (a quarter of the steps), or as published (9 times the work).",
               ("fast", "turbo", "reference")),
        Option("strength", float, 0.4, "How much is painted anew, 0 to 1: tau of the paper.", minimum=0),
        Option("steps", int, None, "Denoising steps a frame; by default 20 fast, 5 turbo, 80 reference.", minimum=1),
        Option("guidance", float, 7.5, "How closely to follow the prompt; 1 takes half the time.", minimum=1),
        Option("attention", str, "both", "The frames that a new one looks at.", ("none", "first", "previous", "both")),
        Option("source", str, "picture", "What latents start from (in reference mode: the frame before).",
               ("previous", "first", "picture")),
        Option("warp", str, "nearest", "How latents are moved.", ("nearest", "bilinear", "bicubic", "splat")),
        Option("eta", float, 1.0, "Noise where content is new, 0 to 1; elsewhere there is none.", minimum=0),
        Option("invert", bool, True, "Invert each frame for the next one."),
        Option("renew", bool, True, "Start new content from fresh noise (not in reference mode)."),
        Option("resolution", int, None, "Shorter side inside the model, in pixels; by default the model's.", minimum=8),
        Option("seed", int, 0, "Of the noise.", minimum=0),
        Option("device", str, "auto", "auto, cpu, cuda, cuda:1."),
        Option("dtype", str, "auto", "Precision of the networks.", ("auto", "float32", "bfloat16", "float16")),
        Option("offload", str, "none", "Keep networks off the GPU until they are used.",
               ("none", "model", "sequential")),
        Option("hub", bool, False, "Allow downloads from the hub."),
        Option("model_config", str, None, "For a .safetensors file: a folder with its configuration and tokenizer."),
        Option("keep", str, None, "A folder to keep finished frames in, and to go on from."),
    ),
    loads=True,
)  # fmt: skip
"""Register it with `simcraft.generate.registry.register`."""
