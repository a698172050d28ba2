"""Speed of turning meshes into cells, against trimesh with Embree on the same mesh and grid, in the same run.

    python -m benchmarks.voxels [--quick] [--json PATH]

A bumpy ring in a cubic grid. "differ" counts the cells that trimesh (one ray a cell, even-odd rule) finds otherwise.
Medians of several calls after a first one that compiles.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import measuring
from simcraft.sim import voxels
from simcraft.sim.surroundings import Surface


@dataclass(frozen=True)
class Row:
    """One mesh in one grid; milliseconds a call."""

    triangles: int
    cells: int
    """Along each edge of the grid."""
    occupancy: float
    obstacle: float
    signed_distance: float
    """In a band of two cells."""
    surface_velocity: float
    trimesh_contains: float
    differ: int

    @property
    def ratio(self) -> float:
        """Which cells are inside: trimesh's time over ours."""
        return self.trimesh_contains / self.occupancy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one mesh in a small grid")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    cases = ((10_000, 32),) if options.quick else ((1_000, 64), (10_000, 64), (100_000, 64), (10_000, 128))
    rows = [compare(ring(triangles), cells) for triangles, cells in cases]
    machine = measuring.machine()
    print(report(rows, machine))
    if options.json:
        numbers = [asdict(row) | {"ratio": row.ratio} for row in rows]
        options.json.write_text(json.dumps({"machine": machine, "rows": numbers}, indent=1))


def ring(triangles: int) -> Surface:
    """A closed ring with bumps in the cube from -1 to 1, that turns about the upright axis."""
    around = max(round(np.sqrt(triangles)), 3)
    across = max(round(triangles / 2 / around), 3)
    u, v = np.meshgrid(
        np.arange(around) * (2 * np.pi / around), np.arange(across) * (2 * np.pi / across), indexing="ij"
    )
    thick = 0.25 + 0.05 * np.sin(9 * u) * np.sin(4 * v)
    away = 0.65 + thick * np.cos(v)
    vertices = np.stack([away * np.cos(u), away * np.sin(u), thick * np.sin(v)], -1).reshape(-1, 3)
    number = np.arange(around * across).reshape(around, across)
    corner, right = number, np.roll(number, -1, 0)
    up, both = np.roll(number, -1, 1), np.roll(right, -1, 1)
    faces = np.concatenate([np.stack([corner, right, both], -1), np.stack([corner, both, up], -1)]).reshape(-1, 3)
    return Surface(vertices, np.cross([0.0, 0.0, 1.0], vertices), faces.astype(np.int32))


def compare(surface: Surface, count: int) -> Row:
    """Both programs on one mesh."""
    import trimesh

    cells, edge = (count,) * 3, 2.0 / count
    place = np.diag([edge, edge, edge, 1.0])
    place[:3, 3] = -1
    inside = voxels.occupancy(surface, cells, place)
    assert trimesh.ray.has_embree, "without Embree (pip install embreex) trimesh is no fair peer"
    mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
    points = voxels.cell_centres(cells, place).reshape(-1, 3)
    expected = mesh.contains(points).reshape(cells)
    return Row(
        len(surface.faces),
        count,
        measure(lambda: voxels.occupancy(surface, cells, place)),
        measure(lambda: voxels.obstacle(surface, cells, place)),
        measure(lambda: voxels.signed_distance(surface, cells, place, 2 * edge)),
        measure(lambda: voxels.surface_velocity(surface, cells, place, inside)),
        measure(lambda: mesh.contains(points), calls=1),
        int((inside != expected).sum()),
    )


def measure(work: Callable[[], object], calls: int = 5) -> float:
    """Milliseconds of a call, the median."""
    work()
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1e3 * float(np.median(seconds))


def report(rows: list[Row], machine: str) -> str:
    """The table."""
    head = (
        "| triangles | cells | occupancy ms | trimesh ms | ratio | differ "
        "| obstacle ms | signed distance ms | velocity ms |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    lines = [
        f"| {r.triangles:,} | {r.cells}³ | {r.occupancy:.1f} | {r.trimesh_contains:.0f} | {r.ratio:.1f} | {r.differ} "
        f"| {r.obstacle:.1f} | {r.signed_distance:.1f} | {r.surface_velocity:.1f} |"
        for r in rows
    ]
    return "\n".join([head, *lines, "", f"Milliseconds a call; {machine}."])


if __name__ == "__main__":
    main()
