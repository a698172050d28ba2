"""Speed of warping: tensors fetched and splatted, and frames made by the warp generator.

    python -m benchmarks.warp [--quick] [--json PATH]

CPU seconds, summed over all threads, are given beside the wall clock, because they hold when other processes share the
machine. Every number is the median of several runs, after one that does not count.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from simcraft.generate import generate
from simcraft.observe.warp import backward_warp, softmax_splat
from tests.analytic import sliding_square


@dataclass(frozen=True)
class Row:
    """One operation; milliseconds an image or frame."""

    what: str
    size: str
    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes and few runs only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    arguments = parser.parse_args()
    runs = 3 if arguments.quick else 15
    rows = []
    for channels, side in ((4, 64),) if arguments.quick else ((4, 64), (3, 256), (3, 512)):
        rows += tensor_rows(channels, side, runs)
    for side in (128,) if arguments.quick else (256, 512):
        rows.append(generator_row(side, 1 if arguments.quick else 3))
    print(f"{'':24}{'size':>14}{'wall ms':>10}{'CPU ms':>10}")
    for row in rows:
        print(f"{row.what:24}{row.size:>14}{row.wall:10.2f}{row.cpu:10.2f}")
    if arguments.json:
        about = {"torch": torch.__version__, "threads": torch.get_num_threads(), "machine": platform.machine()}
        arguments.json.write_text(json.dumps({**about, "rows": [asdict(row) for row in rows]}, indent=1))


def tensor_rows(channels: int, side: int, runs: int) -> list[Row]:
    """Fetching and splatting one image, and the gradients of the splat."""
    random = torch.Generator().manual_seed(0)
    image = torch.rand(1, channels, side, side, generator=random)
    flow = (torch.rand(1, 2, side, side, generator=random) - 0.5) * 20
    importance = torch.rand(1, 1, side, side, generator=random)
    wanting = image.clone().requires_grad_()
    size = f"{side}x{side}x{channels}"
    return [
        measured("backward warp", size, runs, lambda: backward_warp(image, flow)),
        measured("softmax splat", size, runs, lambda: softmax_splat(image, flow, importance)),
        measured("splat and gradient", size, runs, lambda: softmax_splat(wanting, flow, importance).sum().backward()),
    ]


def generator_row(side: int, runs: int) -> Row:
    """The warp generator on a square that slides over a background."""
    clip = sliding_square(side, side, 13, (side / 80, 0.6))
    row = measured("generate, a frame", f"{side}x{side}x3", runs, lambda: generate(clip, "warp"))
    return Row(row.what, row.size, row.wall / (clip.frame_count - 1), row.cpu / (clip.frame_count - 1))


def measured(what: str, size: str, runs: int, work: Callable[[], object]) -> Row:
    work()
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append((time.perf_counter() - wall) * 1000)
        cpus.append((time.process_time() - cpu) * 1000)
    return Row(what, size, statistics.median(walls), statistics.median(cpus))


if __name__ == "__main__":
    main()
