"""Size and speed of what a training reads: the encodings that were weighed for shards, and the loader.

    python -m benchmarks.formats [--quick] [--json PATH]

Clips of 128 x 128 pixels and 16 frames of the shipped recipe `physion`, made first. Figures are means a clip. The
loader reads them from shards of one clip each, over and over. CPU seconds hold when other processes share the machine;
those of the loader's workers are not known.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks import measuring
from simcraft.clip import MotionClip
from simcraft.data.export import export_set
from simcraft.data.folder import open_set
from simcraft.data.loader import clip_loader
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import make_data_set
from simcraft.data.recipe import load_recipe

CLIPS, EPOCHS = 16, 8
TYPICAL = ("frames", "flow_forward", "flow_valid_forward", "depth")


@dataclass(frozen=True)
class Row:
    """One encoding, or one way to load."""

    what: str
    kilobytes: float
    write_ms: float
    read_ms: float
    read_cpu_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few clips, and no worker processes")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simcraft-benchmark-") as folder:
        data_set, shards = Path(folder) / "set", Path(folder) / "shards"
        make_data_set(load_recipe("physion"), 2 if options.quick else CLIPS, data_set, pool=LocalPool(2))
        opened = open_set(data_set)
        rows = encodings([opened.clip(row) for row in opened.done()])
        start = time.perf_counter()
        done = export_set(data_set, "webdataset", shards, splits=["train"], clips=1)
        written = 1e3 * (time.perf_counter() - start) / done.clips
        size = sum(path.stat().st_size for path in shards.glob("*.tar")) / done.clips
        for workers in (0,) if options.quick else (0, 1, 2):
            for name, keys in (("all keys", None), (", ".join(TYPICAL), TYPICAL)):
                wall, cpu = loading(shards, workers, keys, 1 if options.quick else EPOCHS)
                rows.append(Row(f"loader, {workers} workers: {name}", size / 1e3, written, 1e3 * wall, 1e3 * cpu))
    machine = measuring.machine()
    print(f"{report(rows)}\n\n{machine}.")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}, indent=1))


def encodings(clips: Sequence[MotionClip]) -> list[Row]:
    """Forward flow and true frames in all encodings that were weighed."""
    flows = [clip.flow_forward for clip in clips]
    halves = [flow.astype(np.float16) for flow in flows]
    sheets = [clip.frames.reshape(-1, *clip.frames.shape[2:]) for clip in clips if clip.frames is not None]
    return [
        weigh("flow, float32 .npz", flows, npz, from_npz),
        weigh("flow, float16 .npy", halves, npy, from_npy),
        weigh("flow, float16 .npz", halves, npz, from_npz),
        weigh("flow, differences of 1/256 pixel .npz (chosen)", flows, differences, from_differences),
        weigh("flow, 16-bit PNG, steps of 1/64 pixel", flows, kitti, from_png),
        weigh("frames, .npz", sheets, npz, from_npz),
        weigh("frames, PNG", sheets, picture("PNG", compress_level=6), from_picture),
        weigh("frames, WebP lossless (chosen)", sheets, picture("WEBP", lossless=True, method=0), from_picture),
        weigh("frames, JPEG 95, lossy", sheets, picture("JPEG", quality=95), from_picture),
    ]


def weigh(
    what: str,
    arrays: Sequence[np.ndarray],
    encode: Callable[[np.ndarray], bytes],
    decode: Callable[[bytes], np.ndarray],
) -> Row:
    decode(encode(arrays[0]))
    start = time.perf_counter()
    encoded = [encode(array) for array in arrays]
    middle, cpu = time.perf_counter(), time.process_time()
    for data in encoded:
        decode(data)
    end, cpu_end = time.perf_counter(), time.process_time()
    count = len(arrays) / 1e3
    size = float(np.mean([len(data) for data in encoded])) / 1e3
    return Row(what, size, (middle - start) / count, (end - middle) / count, (cpu_end - cpu) / count)


def loading(shards: Path, workers: int, keys: tuple[str, ...] | None, epochs: int) -> tuple[float, float]:
    """Wall and CPU seconds a clip, once the workers run."""
    loader = clip_loader(shards, batch_size=2, workers=workers, keys=keys)
    for _ in loader:
        pass
    wall, cpu = time.perf_counter(), time.process_time()
    clips = sum(len(batch["id"]) for _ in range(epochs) for batch in loader)
    return (time.perf_counter() - wall) / clips, (time.process_time() - cpu) / clips


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes) -> np.ndarray:
    return np.load(io.BytesIO(data), allow_pickle=False)


def npz(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=array)
    return buffer.getvalue()


def from_npz(data: bytes) -> np.ndarray:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return file["a"]


def differences(flow: np.ndarray) -> bytes:
    return npz(np.diff(np.rint(flow * 256).astype(np.int32), axis=2, prepend=np.int32(0)).astype(np.int16))


def from_differences(data: bytes) -> np.ndarray:
    return np.cumsum(from_npz(data), axis=2, dtype=np.int32) * np.float32(1 / 256)


def kitti(flow: np.ndarray) -> bytes:
    steps = np.rint(np.clip(flow, -500, 500) * 64 + 2**15).astype(np.uint16).reshape(-1, flow.shape[2], 2)
    return cv2.imencode(".png", np.dstack([steps, np.zeros_like(steps[..., 0])]))[1].tobytes()


def from_png(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def picture(kind: str, **settings: object) -> Callable[[np.ndarray], bytes]:
    def encode(pixels: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, **settings)
        return buffer.getvalue()

    return encode


def from_picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def report(rows: Sequence[Row]) -> str:
    """The table, a clip."""
    lines = ["| a clip | kB | write ms | read ms | read CPU ms | clips/s |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = [row.what, f"{row.kilobytes:.0f}", f"{row.write_ms:.1f}", f"{row.read_ms:.1f}"]
        lines.append(f"| {' | '.join(cells)} | {row.read_cpu_ms:.1f} | {1e3 / row.read_ms:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
