"""Turn the opened Blender scene into a video that moves exactly like its simulation.

    blender -b scene.blend -P scripts/render_video.py
    blender -b scene.blend -P scripts/render_video.py -- --out video.mp4 --size 512x512 --frames 1:48

Runs inside any Blender from 3.4 on: records the scene here, and lets the engine (a separate Python that has simcraft)
simulate what Blender does not, observe it all and paint the video. Without arguments the video goes beside the .blend.
Every other `--name value` goes to the generator, see `simcraft generators`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy

from blender_addon.engine import Engine, EngineError, find_engine_python
from blender_addon.errors import RecordError, SceneError
from blender_addon.record import add_first_frame, asks_for_effects, record_scene


def parse_arguments(arguments: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    """Our own options, and the pairs that belong to the generator."""
    parser = argparse.ArgumentParser(
        prog="blender -b SCENE.blend -P render_video.py --",
        description="Turn the opened scene into a video that moves exactly like its simulation.",
        epilog="Every other --name value goes to the generator; `simcraft generators` lists them.",
        allow_abbrev=False,
    )
    parser.add_argument("--out", type=Path, help="video: .mp4, .gif, .webm or a folder (default: beside the .blend)")
    parser.add_argument("--size", type=size, metavar="WxH", help="pixels (default: the scene's resolution)")
    parser.add_argument("--frames", type=frame_range, metavar="A:B", help="both included (default: the scene's range)")
    parser.add_argument("--generator", "-g", default="warp", help="what paints the video (default: warp)")
    parser.add_argument("--clip", type=Path, help="keep the motion clip here (.zarr or .npz)")
    parser.add_argument("--sheet", type=Path, help="write a picture sheet here (.png or .mp4)")
    parser.add_argument("--report", type=Path, help="write the adherence report here (.json)")
    parser.add_argument("--recording", type=Path, help="keep the recording in this folder")
    parser.add_argument("--preview", action="store_true", help="first frame from the quick preview, not the engine")
    parser.add_argument("--samples", type=int, help="Cycles samples of the first frame (default: the scene's)")
    parser.add_argument("--seed", type=int, help="random seed (default: the scene's)")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.add_argument("--engine-python", metavar="PATH", help="the Python in which simcraft is installed")
    known, rest = parser.parse_known_args(arguments)
    return known, pairs(rest, parser)


def size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in (text if "x" in text.lower() else f"{text}x{text}").lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not WIDTHxHEIGHT, e.g. 512x512") from None
    if not (16 <= width <= 16384 and 16 <= height <= 16384):
        raise argparse.ArgumentTypeError(f"{width}x{height}: each side must be 16 to 16384 pixels")
    return width, height


def frame_range(text: str) -> tuple[int, int]:
    try:
        first, last = (int(part) for part in text.split(":"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not FIRST:LAST, e.g. 1:48") from None
    if max(abs(first), abs(last)) > 1048574:
        raise argparse.ArgumentTypeError(f"'{text}': Blender's frames end at 1048574")
    if last <= first:
        raise argparse.ArgumentTypeError(f"'{text}' must run forwards, over at least two frames")
    return first, last


def pairs(words: list[str], parser: argparse.ArgumentParser) -> dict[str, str]:
    """`--name value` and `--name=value` to a dictionary."""
    options: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            parser.error(f"'{word}' was not understood")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not words:
                parser.error(f"option {word} has no value")
            value = words.pop(0)
        options[name.replace("-", "_")] = value
    return options


def default_output() -> Path:
    """Beside the .blend, which must have been saved."""
    if not bpy.data.filepath:
        raise EngineError("This scene has never been saved, so it has no folder.", "Give --out VIDEO.mp4.", 2)
    return Path(bpy.data.filepath).with_suffix(".mp4")


def run(arguments: argparse.Namespace, options: dict[str, str]) -> dict[str, Any]:
    """Record, then generate; returns the engine's result."""
    python = find_engine_python(arguments.engine_python)
    work = Path(tempfile.mkdtemp(prefix="simcraft-"))
    recording = (arguments.recording or work / "recording").resolve()
    request = {
        "recording": recording,
        "out": (arguments.out or default_output()).resolve(),
        "generator": arguments.generator,
        "options": options,
        "clip": absolute(arguments.clip),
        "sheet": absolute(arguments.sheet),
        "report": absolute(arguments.report),
        "preview": arguments.preview,
        # like Blender's own renders, the default output is replaced; what was named is not
        "force": arguments.force or arguments.out is None,
    }
    try:
        # the engine comes first, so that a missing one and a mistake in the request are known before any work
        with Engine(python, work) as engine, own_output(work / "blender.log") as stream:
            engine.run(request="check", **request)
            show = LinePrinter(stream)
            record(arguments, recording, arguments.recording or request["out"].with_suffix(""), engine, show)
            return engine.run(show, request="render", **request)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def record(arguments: argparse.Namespace, recording: Path, kept: Path, engine: Engine, show: LinePrinter) -> None:
    """Record the opened scene, with the results of its effects in it and in the picture of the first frame.

    Where an effect diverges, its frames are kept beside `kept`: the recording's own folder may be gone afterwards.
    """
    scene = bpy.context.scene
    has_effects = asks_for_effects(scene)
    record_scene(
        scene,
        recording,
        frames=arguments.frames,
        size=arguments.size,
        preview=arguments.preview or has_effects,
        seed=arguments.seed,
        samples=arguments.samples,
        progress=show,
    )
    if not has_effects:
        return
    engine.run(show, request="solve", recording=recording, out=kept.resolve())
    if not arguments.preview:
        add_first_frame(scene, recording, samples=arguments.samples, progress=show)


def absolute(path: Path | None) -> Path | None:
    return path.resolve() if path else None


@contextlib.contextmanager
def own_output(log: Path) -> Iterator[TextIO]:
    """A stream to the real stdout, while what Blender and Cycles print to it goes to `log`."""
    sys.stdout.flush()
    kept = os.dup(1)
    with log.open("wb") as chatter, os.fdopen(os.dup(kept), "w", encoding="utf-8") as own:
        os.dup2(chatter.fileno(), 1)
        try:
            yield own
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)


class LinePrinter:
    """Progress, one line at a time: at the start and end of a stage, and every two seconds between."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.started: dict[str, float] = {}
        self.printed = 0.0

    def __call__(self, stage: str, step: int, steps: int, detail: str = "") -> None:
        now = time.monotonic()
        begin = self.started.setdefault(stage, now)
        if 0 < step < steps and now - self.printed < 2:
            return
        self.printed = now
        eta = f", ETA {(now - begin) / step * (steps - step):.0f} s" if 0 < step < steps else ""
        figures = f" ({detail})" if detail else ""
        print(f"{stage}: {step} of {steps}{eta}{figures}", flush=True, file=self.stream)


def main() -> int:
    """Blender returns 0 when a script raises, so every way out of here has its own exit code."""
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    signal.signal(signal.SIGTERM, stop)
    try:
        arguments, options = parse_arguments(own)
        result = run(arguments, options)
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except EngineError as error:
        return say_error(error.message, error.fix, error.exit_code)
    except RecordError as error:
        return say_error(error.message, error.fix, 2 if isinstance(error, SceneError) else 1)
    except KeyboardInterrupt:
        return say_error("Stopped.", "", 130)
    except Exception:
        traceback.print_exc()
        return 1
    for warning in result.get("warnings", ()):
        print(f"warning: {warning}")
    for name in ("video", "clip", "sheet", "report", "summary"):
        if name in result:
            print(f"{name}: {result[name]}", flush=True)
    return 0


def stop(*_: object) -> None:
    """SIGTERM ends the work as Ctrl-C does."""
    raise KeyboardInterrupt


def say_error(message: str, fix: str, code: int) -> int:
    print(f"error: {message}" + (f"\n       {fix}" if fix else ""), file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
