"""Speed of observe against Blender's Cycles on the same scenes, in the same run.

    python -m benchmarks.observe [--quick] [--json PATH]

Both render 512 x 512 pixels: observe makes both flows with validity and visibility, depth, ids and normals; Cycles its
1-sample Vector, Depth and Object Index passes (which say nothing about visibility), with persistent data and no
bounces. Every number is the median over frames. CPU seconds, summed over all threads, are given beside the wall clock,
because they hold when other processes share the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import measuring
from simcraft.observe.camera import crop_of
from simcraft.observe.flow import flow_of
from simcraft.observe.geometry import layout_of
from simcraft.observe.raster import Frame, render_frame
from simcraft.observe.tracks import seed_points, track_points
from simcraft.recording import Recording
from tests.observe.cycles import build_scene, render_passes, set_up_passes
from tests.observe.scenes import swarm

SIZE = (512, 512)
TRACKS, TRACK_FRAMES = 16384, 80


@dataclass(frozen=True)
class Row:
    """One scene; milliseconds a frame."""

    triangles: int
    observe_wall: float
    observe_cpu: float
    cycles_wall: float
    cycles_cpu: float

    @property
    def ratio_wall(self) -> float:
        return self.cycles_wall / self.observe_wall

    @property
    def ratio_cpu(self) -> float:
        return self.cycles_cpu / self.observe_cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1,000 triangles and few frames only")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    sizes, frames = ((1_000,), 6) if options.quick else ((1_000, 50_000, 500_000), 16)
    rows = [compare(swarm(triangles, SIZE, frames)) for triangles in sizes]
    tracks = time_tracks(swarm(50_000, SIZE, 8 if options.quick else TRACK_FRAMES))
    machine = measuring.machine()
    print(report(rows, tracks, machine))
    if options.json:
        numbers = [asdict(row) | {"ratio_wall": row.ratio_wall, "ratio_cpu": row.ratio_cpu} for row in rows]
        options.json.write_text(json.dumps({"machine": machine, "observe": numbers, "tracks": tracks}, indent=1))


def compare(recording: Recording) -> Row:
    """Both programs on one scene, one after the other, in the same process."""
    layout = layout_of(recording)
    ours = time_observe(recording)
    scene = build_scene(recording)
    set_up_passes(scene)
    theirs = []
    with tempfile.TemporaryDirectory(prefix="simcraft-benchmark-") as folder:
        for t in range(1, recording.frame_count - 1):
            theirs.append(measuring.measure(lambda t=t: render_passes(scene, [t], Path(folder))))  # type: ignore[misc]
    (wall, cpu), (cycles_wall, cycles_cpu) = np.median(ours[2:], axis=0), np.median(theirs[2:], axis=0)
    return Row(len(layout.faces), 1e3 * wall, 1e3 * cpu, 1e3 * cycles_wall, 1e3 * cycles_cpu)


def time_observe(recording: Recording) -> list[tuple[float, float]]:
    """Seconds of each frame: its geometry and visibility buffer, and the flow to the previous frame and from it."""
    layout, crop = layout_of(recording), crop_of(recording, None)
    previous: list[Frame] = [render_frame(recording, layout, 0, crop)]

    def step(t: int) -> None:
        frame = render_frame(recording, layout, t, crop)
        flow_of(previous[0], frame)
        flow_of(frame, previous[0])
        previous[0] = frame

    return [measuring.measure(lambda t=t: step(t)) for t in range(1, recording.frame_count)]  # type: ignore[misc]


def time_tracks(recording: Recording) -> dict[str, float]:
    """Seconds that tracks and raster take over all frames."""
    layout, crop = layout_of(recording), crop_of(recording, None)
    first = render_frame(recording, layout, 0, crop)
    seeds = seed_points(first, TRACKS, 0)
    track_points(seeds, first)
    raster, tracks = [], []
    for t in range(recording.frame_count):
        frames: list[Frame] = []
        raster.append(measuring.measure(lambda t=t, out=frames: out.append(render_frame(recording, layout, t, crop))))  # type: ignore[misc]
        tracks.append(measuring.measure(lambda frame=frames[0]: track_points(seeds, frame)))  # type: ignore[misc]
    (raster_wall, raster_cpu), (tracks_wall, tracks_cpu) = np.sum(raster, axis=0), np.sum(tracks, axis=0)
    return {
        "points": float(len(seeds.sides)),
        "frames": float(recording.frame_count),
        "tracks_wall": tracks_wall,
        "tracks_cpu": tracks_cpu,
        "raster_wall": raster_wall,
        "raster_cpu": raster_cpu,
    }


def report(rows: list[Row], tracks: dict[str, float], machine: str) -> str:
    """The table."""
    head = (
        "| triangles | observe ms (CPU) | Cycles ms (CPU) | ratio wall | ratio CPU |\n| --- | --- | --- | --- | --- |"
    )
    lines = [
        f"| {r.triangles:,} | {r.observe_wall:.1f} ({r.observe_cpu:.1f}) | {r.cycles_wall:.1f} ({r.cycles_cpu:.1f}) "
        f"| {r.ratio_wall:.1f} | {r.ratio_cpu:.1f} |"
        for r in rows
    ]
    below = (
        f"{tracks['points']:.0f} tracks over {tracks['frames']:.0f} frames of 51,202 triangles: "
        f"{tracks['tracks_wall']:.2f} s ({tracks['tracks_cpu']:.2f} s CPU); "
        f"the raster itself: {tracks['raster_wall']:.2f} s ({tracks['raster_cpu']:.2f} s CPU)."
    )
    return "\n".join([head, *lines, "", below, f"{SIZE[0]} x {SIZE[1]} pixels, milliseconds a frame; {machine}."])


if __name__ == "__main__":
    main()
