"""How fast the quick preview is: frames a second of a row of falling dominoes, and of the shipped scene.

`python -m benchmarks.preview [--quick] [--json PATH]`
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.assets import asset
from simcraft.recording import CameraTrack, Instances, Lighting, Material, Mesh, Recording, RigidBody

ROUNDS = 5


def falling_dominoes(frames: int = 48, count: int = 24) -> Recording:
    """Textured slabs on a textured floor that fall over one after the other; made of formulas, so always the same."""
    corners = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)], np.float32)
    quads = np.array([(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    uv = np.concatenate([np.tile(unit[[0, 1, 2]], (6, 1, 1)), np.tile(unit[[0, 2, 3]], (6, 1, 1))])
    poses = np.tile(np.eye(4), (frames, count, 1, 1))
    for t in range(frames):
        angle = np.clip((t - 1.5 * np.arange(count)) * 0.12, 0, 1.2)
        poses[t, :, 0, 0], poses[t, :, 0, 2] = np.cos(angle), np.sin(angle)
        poses[t, :, 2, 0], poses[t, :, 2, 2] = -np.sin(angle), np.cos(angle)
        poses[t, :, 0, 3] = (np.arange(count) - count / 2) * 0.3
    ground = np.array([(-30, -30, 0), (30, -30, 0), (30, 30, 0), (-30, 30, 0)], np.float32)
    ground_faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    rng = np.random.default_rng(0)
    textures = [rng.integers(60, 255, (512, 512, 3)).astype(np.uint8) for _ in range(2)]
    slab = corners * np.array([0.1, 0.5, 1.0], np.float32)
    bodies = (
        RigidBody(
            "floor",
            Mesh(ground_faces, uv=ground[ground_faces][..., :2] / 2),
            ground,
            np.tile(np.eye(4), (frames, 1, 1)),
        ),
        Instances("dominoes", Mesh(faces, uv=uv, face_material=np.ones(len(faces), np.int32)), slab, poses),
    )
    pose = np.array([[1, 0, 0, 0], [0, -0.5, 0.866, -7], [0, -0.866, -0.5, 4.5], [0, 0, 0, 1]], float)
    lens = np.array([[512, 0, 256], [0, 512, 256], [0, 0, 1]], float)
    camera = CameraTrack("perspective", np.tile(lens, (frames, 1, 1)), np.tile(pose, (frames, 1, 1)))
    materials = tuple(Material(n, texture=t) for n, t in zip(("floor", "domino"), textures, strict=True))
    numbers = np.arange(1, frames + 1, dtype=np.int32)
    return Recording("dominoes", 24.0, (512, 512), camera, bodies, numbers, materials, Lighting())


def measure(recording: Recording, size: tuple[int, int], rounds: int) -> dict[str, Any]:
    """Frames a second in the median of `rounds` runs over all frames, after one that compiles."""
    from simcraft.observe.preview import preview_frames

    started = time.perf_counter()
    preview_frames(recording, size, [0])
    first = time.perf_counter() - started
    rates = []
    for _ in range(rounds):
        started = time.perf_counter()
        preview_frames(recording, size)
        rates.append(recording.frame_count / (time.perf_counter() - started))
    return {
        "scene": recording.name,
        "size": f"{size[0]}x{size[1]}",
        "first_frame_s": round(first, 2),
        "fps_median": round(float(np.median(rates)), 1),
        "fps_best": round(max(rates), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="made-up dominoes only, one run")
    parser.add_argument("--json", type=Path, help="write the rows here")
    options = parser.parse_args()
    rounds = 1 if options.quick else ROUNDS
    recordings = [falling_dominoes()]
    if not options.quick:
        from simcraft.sim import simulate

        recordings.append(simulate(asset("scenes/dominoes.blend")))
    rows = [measure(r, size, rounds) for r in recordings for size in ((256, 256), (512, 512))]
    print(f"{'scene':24}{'size':>10}{'first frame':>14}{'frames/s':>10}{'best':>8}   ({os.cpu_count()} cores)")
    for row in rows:
        first = f"{row['first_frame_s']:.2f} s"
        print(f"{row['scene']:24}{row['size']:>10}{first:>14}{row['fps_median']:>10.1f}{row['fps_best']:>8.1f}")
    if options.json:
        options.json.write_text(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
