"""Speed and memory of MotionCraft with networks of Stable Diffusion's sizes; weights are random, which costs the same.

    python -m benchmarks.motioncraft_networks [--quick] [--json PATH] [--device cuda] [--compile]

Needs no download. Every mode runs on the same card in the same process; the ratio is to the reference mode. What the
first frame costs, compiling among it, is told apart from what each frame after it costs. `--quick` takes a network in
miniature, on a CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import measuring
from simcraft.generate.motioncraft.pipeline import MotionCraftPipeline
from tests.analytic import sliding_square
from tests.generate import tiny

MODES = ("reference", "fast", "turbo")
FRAMES = 4
"""Of the clip: the first is given, the second pays for everything that is done once."""


@dataclass(frozen=True)
class Row:
    """One mode of one network."""

    network: str
    size: int
    """Pixels a side."""
    mode: str
    start: float
    """Seconds until the second frame is there."""
    seconds: float
    """A frame after that."""
    evaluations: float
    """Samples through the UNet a frame."""
    gigabytes: float | None
    """The most memory of the GPU that was held; None on a CPU."""


def main() -> None:
    """Measure, print one table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a network in miniature")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true", help="compile the UNet; the first frame pays for it")
    parser.add_argument("--networks", nargs="+", choices=("sd15", "sdxl"), default=["sd15", "sdxl"])
    options = parser.parse_args()
    device = torch.device(options.device)
    sizes = [("tiny", 32)] if options.quick else [(n, s) for n in options.networks for s in (512, 1024)]
    heads = "".join(f"{head:>10}" for head in ("first s", "s/frame", "frames/s", "UNet", "GB", "ratio"))
    print(f"{'network':<9}{'size':>6}  {'mode':<10}{heads}")
    rows: list[Row] = []
    for network, size in sizes:
        pipeline = build(network, device)
        if options.compile:
            pipeline.unet.compile(fullgraph=True)
        reference = 0.0
        for mode in MODES:
            row = measured(network, pipeline, size, mode, device)
            rows.append(row)
            reference = row.seconds if mode == "reference" else reference
            held = "-" if row.gigabytes is None else f"{row.gigabytes:.1f}"
            numbers = f"{row.start:10.2f}{row.seconds:10.3f}{1 / row.seconds:10.2f}{row.evaluations:10.0f}{held:>10}"
            print(f"{network:<9}{size:>6}  {mode:<10}{numbers}{reference / row.seconds:10.1f}", flush=True)
        del pipeline
    about = torch.cuda.get_device_name(device) if device.type == "cuda" else measuring.machine()
    print(f"{about}; torch {torch.__version__}; compiled: {'yes' if options.compile else 'no'}")
    if options.json:
        content = {"machine": about, "torch": torch.__version__, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(content, indent=1))


def build(network: str, device: torch.device) -> MotionCraftPipeline:
    """ "tiny", "sd15" or "sdxl" with random weights; bfloat16 on a GPU. Texts are read by small encoders."""
    if network == "tiny":
        return MotionCraftPipeline(**tiny.stable_diffusion()).to(device)
    parts: dict[str, Any] = {**(tiny.stable_diffusion() if network == "sd15" else tiny.stable_diffusion_xl())}
    parts |= {"unet": _unet(network, parts), "vae": _autoencoder()}
    pipeline = MotionCraftPipeline(**parts).to(device)
    if device.type == "cuda":
        pipeline.to(torch.bfloat16)
        pipeline.unet.to(memory_format=torch.channels_last)
        pipeline.vae.to(memory_format=torch.channels_last)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def measured(network: str, pipeline: MotionCraftPipeline, size: int, mode: str, device: torch.device) -> Row:
    """Paint a clip of `FRAMES` frames of size x size."""
    clip = sliding_square(size, size, FRAMES, (size / 40, 0.6))
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    resolution = None if network == "tiny" else size
    settings = pipeline.settings(prompt="a ball", mode=mode, source="previous", resolution=resolution)
    times = [time.perf_counter()]
    for _ in pipeline.stream(clip, settings):
        # the frame is a numpy array by now: the GPU has finished
        times.append(time.perf_counter())
    return Row(
        network=network,
        size=size,
        mode=mode,
        start=times[1] - times[0],
        seconds=(times[-1] - times[1]) / (FRAMES - 2),
        evaluations=pipeline.evaluations_per_frame(FRAMES),
        gigabytes=torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None,
    )


def _unet(network: str, parts: dict[str, Any]) -> Any:
    """In the published layouts, but for the width of texts, which is that of the small encoders."""
    from diffusers import UNet2DConditionModel

    width = parts["unet"].config.cross_attention_dim
    if network == "sd15":
        return UNet2DConditionModel(sample_size=64, cross_attention_dim=width)
    blocks = ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D")
    config = parts["unet"].config
    return UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        down_block_types=blocks,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(blocks)),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=width,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=config.addition_time_embed_dim,
        projection_class_embeddings_input_dim=config.projection_class_embeddings_input_dim,
    )


def _autoencoder() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
    )


if __name__ == "__main__":
    main()
