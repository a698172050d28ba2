"""What the registry is told of the generator; light, so that a list of generators does not import torch."""

from __future__ import annotations

from simcraft.generate.registry import Generator, Option

LOADING = (
    Option("model", str, None,
           "A folder in diffusers' layout, a .safetensors file, an embedded model's name, or a hub id (with --hub).",
           unset="the embedded one", loading=True),
    Option("device", str, "auto", "auto, cpu, cuda, cuda:1.", loading=True),
    Option("dtype", str, "auto", "Precision of the networks.", ("auto", "float32", "bfloat16", "float16"),
           loading=True),
    Option("offload", str, "none", "Keep networks off the GPU until they are used.",
           ("none", "model", "sequential"), loading=True),
    Option("compile", bool, False, "Compile the UNet when it is first used: minutes; for long clips on a GPU.",
           loading=True),
    Option("hub", bool, False, "Allow downloads from the hub.", loading=True),
    Option("model_config", str, None, "For a .safetensors file: a folder with its configuration and tokenizer.",
           loading=True),
)  # fmt: skip
"""They choose and place the model."""
PAINTING = (
    Option("prompt", str, None, "What the video shows.", unset="the clip's caption"),
    Option("negative_prompt", str, "", "What it must not look like."),
    Option("mode", str, "fast", "Fast, turbo (a quarter of the steps), or as published (9 times the work).",
           ("fast", "turbo", "reference")),
    Option("strength", float, None, "How much is painted anew, 0 to 1: tau of the paper.", minimum=0, maximum=1,
           unset="the model's, or 0.4"),
    Option("steps", int, None, "Denoising steps a frame.", minimum=1,
           unset="the model's, or 20 fast, 5 turbo, 80 reference"),
    Option("guidance", float, None, "How closely to follow the prompt; 1 takes a third less time.", minimum=1,
           unset="the model's, or 7.5"),
    Option("attention", str, None, "The frames that a new one looks at: the paper's ablation.",
           ("none", "first", "previous", "both"), unset="the model's, or both"),
    Option("source", str, None, "What latents start from (in reference mode: the frame before).",
           ("previous", "first", "picture"), unset="the model's, or picture"),
    Option("warp", str, None, "How latents are moved.", ("nearest", "bilinear", "bicubic", "splat"),
           unset="the model's, or nearest"),
    Option("eta", float, None, "Noise where content is new, 0 to 1; elsewhere there is none.", minimum=0, maximum=1,
           unset="the model's, or 1.0"),
    Option("invert", bool, None, "Invert each frame for the next one.", unset="the model's, or yes"),
    Option("renew", bool, None, "Start new content from fresh noise (not in reference mode).",
           unset="the model's, or yes"),
    Option("composite", bool, None, "Add the detail that the autoencoder loses of what warp paints.",
           unset="the model's, or no"),
    Option("resolution", int, None, "Shorter side inside the model, in pixels.", minimum=8, unset="the model's"),
    Option("seed", int, 0, "Of the noise.", minimum=0),
)  # fmt: skip
"""They are `settings.Settings`; what is None the checkpoint may choose."""
GENERATOR = Generator(
    "motioncraft",
    "MotionCraft: the latents of an image diffusion model, moved along the motion; what it reveals is painted anew.",
    "simcraft.generate.motioncraft.generator:motioncraft",
    (*PAINTING, *LOADING),
    loads=True,
    streams=True,
    checks="simcraft.generate.motioncraft.checkpoints:check_model",
)
"""Registered by `simcraft.generate`."""
