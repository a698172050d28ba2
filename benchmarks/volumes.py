"""Speed of seeing smoke against a plain numpy and scipy ray march, in the same run.

    python -m benchmarks.volumes [--quick] [--json PATH]

Volumes of 64 cells a side fill most of an image of 256 x 256 pixels: a billowing plume, and a homogeneous box of thin
and of opaque smoke, which are the longest and the shortest march. Observe makes alpha, depth, owner, and flow to the
next and to the previous frame, from density and velocity as they are recorded; the plain march makes alpha, depth and
flow to the next frame, with steps of half a cell, all rays at a time (where smoke is opaque within a step, its flow is
the one that is off: it takes the step's middle for the surface). Then pictures of the plume, and frames with many
small spheres. Medians; CPU seconds, summed over all threads, are given beside the wall clock, because they hold when
other processes share the machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from benchmarks import measuring
from simcraft.observe.camera import crop_of, view_of
from simcraft.observe.flow import flow_of
from simcraft.observe.geometry import layout_of
from simcraft.observe.preview import preview_frames
from simcraft.observe.raster import Frame, render_frame
from simcraft.observe.smoke import Smoke, see_smoke
from simcraft.observe.volumes import grids_of
from simcraft.recording import Material, Particles, Recording, Volume
from tests.observe.ray_march import march
from tests.observe.scenes import camera, floor, look_at, moving_camera, recording, smoke_box

CELLS, SIZE = 64, (256, 256)
ROUNDS, QUICK_ROUNDS = 9, 3
PARTICLES, QUICK_PARTICLES = (20_000, 100_000), (20_000,)

Seconds = tuple[float, float]
"""Wall clock and CPU."""


@dataclass(frozen=True)
class Row:
    """One volume."""

    name: str
    observe: Seconds
    plain: Seconds
    alpha_difference: float
    """The largest one of a pixel between the two."""
    flow_difference: float
    """Pixels, the median one where alpha is above 0.05."""

    @property
    def ratio_wall(self) -> float:
        return self.plain[0] / self.observe[0]

    @property
    def ratio_cpu(self) -> float:
        return self.plain[1] / self.observe[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, and the plume only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    scenes = {"plume": scene(plume())}
    if not options.quick:
        scenes |= {"thin box": scene(np.full((CELLS,) * 3, 0.2)), "opaque box": scene(np.full((CELLS,) * 3, 1e4))}
    rows = [compare(name, recording, rounds) for name, recording in scenes.items()]
    picture = median(rounds, lambda: preview_frames(scenes["plume"], SIZE, [1]))
    bare = median(rounds, lambda: preview_frames(without_volumes(scenes["plume"]), SIZE, [1]))
    counts = QUICK_PARTICLES if options.quick else PARTICLES
    particles = {count: time_particles(count, rounds) for count in counts}
    machine = measuring.machine()
    print(report(rows, picture, bare, particles, machine))
    if options.json:
        numbers = [asdict(row) | {"ratio_wall": row.ratio_wall, "ratio_cpu": row.ratio_cpu} for row in rows]
        rest = {"preview": picture, "preview_without": bare, "particles": particles, "machine": machine}
        options.json.write_text(json.dumps({"volumes": numbers} | rest, indent=1))


def plume() -> np.ndarray:
    """(X, Y, Z) float32 optical density: a widening column with billows of all sizes."""
    x, y, z = (np.indices((CELLS,) * 3) + 0.5) / CELLS * 2 - 1
    rng = np.random.default_rng(0)
    scales = np.array((1.5, 3.0, 6.0)) * CELLS / 64
    noise = sum(gaussian_filter(rng.standard_normal(x.shape), s) * s**1.5 for s in scales)
    width = 0.25 + 0.3 * (z + 1) / 2
    inside = 1.3 - np.hypot(x, y) / width + 0.45 * noise / np.std(noise) - 3 * np.clip(z - 0.7, 0, 1)
    return (12 * np.clip(inside, 0, 1)).astype(np.float32)


def scene(density: np.ndarray) -> Recording:
    """A box of 2 m with smoke that rises a metre a second, over a floor, before a camera that moves."""
    smoke = smoke_box(density, speed=(0.0, 0.0, 1 / 24))
    assert isinstance(smoke, Volume)
    poses = [look_at((0.1 * t, -3.2, 1.4), (0, 0, 1)) for t in range(3)]
    return recording([floor(), smoke], camera(poses, SIZE), SIZE, materials=(Material("grey"),))


def without_volumes(scene: Recording) -> Recording:
    return dataclasses.replace(scene, bodies=tuple(b for b in scene.bodies if not isinstance(b, Volume)))


def compare(name: str, scene: Recording, rounds: int) -> Row:
    """Both ways on frame 1 of one scene, in the same process; the surfaces are left out of both."""
    layout, crop = layout_of(scene), crop_of(scene, None)
    before, here, after = (view_of(scene.camera, t, crop) for t in range(3))
    nothing = np.full(SIZE[::-1], np.inf, np.float32)

    def see() -> Smoke:
        return see_smoke(grids_of(scene, layout, 1), nothing, here, after, before, 1 / scene.fps)

    seconds = median(rounds, see)
    volume = next(body for body in scene.bodies if isinstance(body, Volume))
    start = time.perf_counter(), time.process_time()
    alpha, _, flow = march(volume, 1, here, after, 1 / scene.fps)
    plain = time.perf_counter() - start[0], time.process_time() - start[1]
    smoke, some = see(), alpha > 0.05
    error = np.linalg.norm(smoke.ways[0] - flow, axis=-1)[some]
    return Row(name, seconds, plain, float(np.abs(smoke.alpha - alpha).max()), float(np.median(error)))


def time_particles(count: int, rounds: int) -> dict[str, Seconds]:
    """Frames of many small spheres that fall side by side: raster and both flows, and pictures."""
    rng = np.random.default_rng(0)
    start = rng.uniform((-1.5, -1.5, 0.02), (1.5, 1.5, 1.0), (count, 3))
    positions = np.stack([start + np.array((0.02, 0, -0.01)) * t for t in range(3)]).astype(np.float32)
    grains = Particles("grains", positions, np.full(count, 0.01, np.float32))
    heap = recording([floor(), grains], moving_camera(SIZE), SIZE, materials=(Material("grey"),))
    layout, crop = layout_of(heap), crop_of(heap, None)
    previous: list[Frame] = [render_frame(heap, layout, 0, crop)]

    def observe() -> None:
        frame = render_frame(heap, layout, 1, crop)
        flow_of(previous[0], frame)
        flow_of(frame, previous[0])

    return {"observe": median(rounds, observe), "preview": median(rounds, lambda: preview_frames(heap, SIZE, [1]))}


def median(rounds: int, work: Callable[[], object]) -> Seconds:
    """Wall and CPU seconds of one call, after one that compiles the kernels."""
    seconds = []
    for _ in range(rounds + 1):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        seconds.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = np.median(seconds[1:], axis=0)
    return float(wall), float(cpu)


def report(
    rows: list[Row], picture: Seconds, bare: Seconds, particles: dict[int, dict[str, Seconds]], machine: str
) -> str:
    """The table, milliseconds a frame."""

    def cell(seconds: Seconds) -> str:
        return f"{1e3 * seconds[0]:.1f} ({1e3 * seconds[1]:.1f})"

    lines = [
        "| volume | observe ms (CPU) | numpy ms (CPU) | ratio wall | ratio CPU | alpha differs | flow differs, px |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        ratios = f"{row.ratio_wall:.0f} | {row.ratio_cpu:.0f}"
        differences = f"{row.alpha_difference:.1e} | {row.flow_difference:.1e}"
        lines.append(f"| {row.name} | {cell(row.observe)} | {cell(row.plain)} | {ratios} | {differences} |")
    lines += ["", f"A picture with the plume takes {cell(picture)} ms, without it {cell(bare)} ms."]
    for count, times in particles.items():
        lines.append(
            f"{count:,} particles: observe {cell(times['observe'])} ms, a picture {cell(times['preview'])} ms."
        )
    return "\n".join([*lines, f"{CELLS} cells a side, {SIZE[0]} x {SIZE[1]} pixels; {machine}."])


if __name__ == "__main__":
    main()
