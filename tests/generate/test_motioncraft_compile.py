"""The UNet compiles whole, with what attention remembers, and gives what it gave before."""

import pytest
import torch

from simcraft.generate.motioncraft.generator import settings_for
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from tests.analytic import sliding_square
from tests.generate import tiny

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def test_compiled_frames_are_the_same() -> None:
    """Every mode's calls in one graph each; "eager" runs what was traced without a compiler for C++ or a GPU."""
    clip = sliding_square(count=4)
    pipeline = MotionCraftPipeline(**tiny.stable_diffusion())
    settings = settings_for(pipeline, clip, {"prompt": "a ball", "steps": 2, "guidance": 2.0})
    plain = [made.z_0 for made in pipeline.stream(clip, settings)]
    torch._dynamo.reset()
    pipeline.unet.compile(fullgraph=True, backend="eager")
    compiled = [made.z_0 for made in pipeline.stream(clip, settings)]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 4
    assert all(torch.equal(a, b) for a, b in zip(plain, compiled, strict=True))
