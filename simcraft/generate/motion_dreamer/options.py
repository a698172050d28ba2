"""What the registry is told of the generator; light, so that a list of generators does not import torch."""

from __future__ import annotations

from simcraft.generate.registry import Generator, Option

FPS = 12.0
"""Of what is predicted, frames a second: the embedded model has learnt from every second frame of 24 a second."""
LOADING = (
    Option("model", str, None, "A folder of simcraft train dreamer, an embedded model's name, or a hub id (--hub).",
           unset="the embedded one", loading=True),
    Option("device", str, "auto", "auto, cpu, cuda, cuda:1.", loading=True),
    Option("dtype", str, "auto", "Precision of the networks.", ("auto", "float32", "bfloat16", "float16"),
           loading=True),
    Option("offload", str, "none", "Keep networks off the GPU until they are used.",
           ("none", "model", "sequential"), loading=True),
    Option("hub", bool, False, "Allow downloads from the hub.", loading=True),
)  # fmt: skip
"""They choose and place the model."""
PAINTING = (
    Option("arrows", str, None,
           "What moves where, in pixels: ball=40,-5; cube=0,8 or a .json of arrows. Then stage one predicts the motion "
           "from the clip's first frame and camera, and the clip's own motion is not looked at.",
           unset="the clip's own motion"),
    Option("delta", float, None, "Scale of the arrows.", unset="the model's, or 1.0"),
    Option("steps", int, None, "Denoising steps of each stage.", minimum=1, unset="the model's, or 25"),
    Option("sampler", str, None, "How a step is made; heun asks the network twice.", ("euler", "heun"),
           unset="the model's, or euler"),
    Option("composite", bool, None, "Keep the detail of what warp paints, and change it as the network does.",
           unset="the model's, or yes"),
    Option("partial", bool, False, "Take clips without depth or instances, too."),
    Option("overlap", int, None, "Frames that neighbouring windows of a long clip share.", minimum=1,
           unset="the model's, or 4"),
    Option("resolution", int, None, "Shorter side inside the model, in pixels.", minimum=8, unset="the model's"),
    Option("seed", int, 0, "Of the noise.", minimum=0),
)  # fmt: skip
"""`pipeline.MotionDreamerPipeline.settings`, and what the generator is given beside them."""
REASONING = tuple(option for option in PAINTING if option.name not in ("arrows", "composite", "partial"))
"""Those that stage one looks at."""
GENERATOR = Generator(
    "motion_dreamer",
    "Motion Dreamer: a video diffusion model, given exact motion, or, with arrows, motion that it predicts first.",
    "simcraft.generate.motion_dreamer.generator:motion_dreamer",
    (*PAINTING, *LOADING),
    loads=True,
    checks="simcraft.generate.motion_dreamer.checkpoints:check_painting",
)
"""Registered by `simcraft.generate`."""
