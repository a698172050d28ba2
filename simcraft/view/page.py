"""One static web page of clips, recordings and videos: no server, nothing fetched, all pictures inside the file."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from simcraft.clip.files import complete_file
from simcraft.clip.types import MotionClip
from simcraft.progress import Progress, silent
from simcraft.view.inputs import Input, fitted
from simcraft.view.layers import Layer, chosen_tracks, encode, instance_rows, layers_of, shrunk
from simcraft.webpage import css_colour, data_uri, filled, script_data, style

LARGEST = 512
"""Pixels: the longer side of the pictures, unless another bound is asked for."""
MOST_FRAMES = 240
"""Of a longer clip only every second, third, ... frame is on the page."""
_MOST_TRACKS = 240
_USUAL = ("picture", "flow", "depth", "instances", "tracks")
_ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class Timeline:
    """Which frames the page shows."""

    frame_count: int
    """Of the longest input."""
    step: int
    """Every so manieth frame is on the page."""
    fps: float

    def frames(self, count: int) -> range:
        """The frames to draw of a layer that has `count`."""
        return range(0, count, self.step)


def timeline_of(inputs: Sequence[Input]) -> Timeline:
    """The common timeline: frame t of one input stands beside frame t of the others."""
    count = max(source.frame_count for source in inputs)
    return Timeline(count, -(-count // MOST_FRAMES), inputs[0].fps)


def save_page(
    inputs: Sequence[Input], path: Path, *, size: tuple[int, int] | None = None, progress: Progress = silent
) -> list[str]:
    """Write the page; returns what was left out of it, in words.

    Parameters
    ----------
    inputs: at least one.
    path: the .html to write; it appears when it is complete.
    size: (width, height) in pixels that pictures are shrunk to fit; 512 x 512 by default.

    Holds one picture in memory. Raises `UserError` or `Failure` where `path` cannot be written.
    """
    timeline, box = timeline_of(inputs), size or (LARGEST, LARGEST)
    layers = [(source, layer) for source in inputs for layer in layers_of(source)]
    data, notes = _describe(inputs, layers, timeline, box)
    steps = sum(len(timeline.frames(layer.frame_count)) for _, layer in layers)
    path.parent.mkdir(parents=True, exist_ok=True)
    with complete_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        title = html.escape(str(data["title"]))
        page_style, content = style(_ASSETS / "page.css"), script_data(data)
        file.write(filled(_ASSETS / "page.html", title=title, style=page_style, data=content))
        done = 0
        for source, layer in layers:
            index = next(k for k, entry in enumerate(data["layers"]) if entry["id"] == _id(inputs, source, layer.key))
            for picture in _pictures(layer, timeline, fitted(source.size, box)):
                file.write(f'<script>PICTURES[{index}].push("{picture}")</script>\n')
                done += 1
                progress("write page", done, steps)
        _write_end(file)
    return notes


def _write_end(file: IO[str]) -> None:
    file.write(f"<script>\n{(_ASSETS / 'page.js').read_text(encoding='utf-8')}</script>\n</body>\n</html>\n")


# ------------------------------------------------------------------------------------------------------- description


def _describe(
    inputs: Sequence[Input], layers: Sequence[tuple[Input, Layer]], timeline: Timeline, box: tuple[int, int]
) -> tuple[dict[str, Any], list[str]]:
    """Everything that the page says but its pictures, as JSON values; and the notes on what was left out."""
    notes = []
    if timeline.step > 1:
        notes.append(f"Every {_ordinal(timeline.step)} frame of {timeline.frame_count} is on the page.")
    entries: list[dict[str, Any]] = []
    for n, source in enumerate(inputs):
        shown = fitted(source.size, box)
        if shown != source.size:
            notes.append(f"The pictures of '{source.name}' are shrunk to {shown[0]} x {shown[1]} pixels.")
        own = [_layer_entry(inputs, n, layer, shown) for of, layer in layers if of is source]
        entries += own
        if source.clip is not None and len(chosen := chosen_tracks(source.clip, _MOST_TRACKS)):
            over = next(k for k, entry in enumerate(entries) if entry["input"] == n and entry["key"] == "picture")
            entries.append(_tracks_entry(inputs, n, source.clip, chosen, timeline, shown, over))
    data: dict[str, Any] = {
        "title": " · ".join(source.name for source in inputs),
        "facts": _facts(inputs[0]) if len(inputs) == 1 else f"{len(inputs)} inputs, {timeline.frame_count} frames",
        "frames": len(timeline.frames(timeline.frame_count)),
        "last": timeline.frame_count - 1,
        "step": timeline.step,
        "fps": timeline.fps,
        "inputs": [_input_entry(source) for source in inputs],
        "layers": entries,
    }
    data["inputs"][0]["notes"] += notes
    return data, notes


def _ordinal(number: int) -> str:
    return {2: "second", 3: "third"}.get(number, f"{number}th")


def _id(inputs: Sequence[Input], source: Input, key: str) -> str:
    """What the layer is called in the page's address."""
    return key if len(inputs) == 1 else f"{source.name}:{key}"


def _facts(source: Input) -> str:
    width, height = source.size
    figures = (f"{width} × {height} px", f"{source.frame_count} frames", f"{source.fps:g} fps")
    seconds = f"{source.frame_count / source.fps:.2f} s"
    return " · ".join(text.replace(" ", "\u00a0") for text in (source.kind, *figures, seconds))


def _input_entry(source: Input) -> dict[str, Any]:
    clip = source.clip
    return {
        "name": source.name,
        "facts": _facts(source),
        "captions": [] if clip is None else list(clip.captions),
        "notes": [] if clip is None else [str(warning) for warning in clip.metadata.get("warnings", ())],
        "details": _details(source),
        "instances": [] if clip is None else instance_rows(clip),
    }


def _details(source: Input) -> list[str]:
    # the name alone: a page that is passed on should not tell about somebody's folders
    details = [Path(source.source).name] if source.source else []
    if source.clip is not None and source.clip.seed is not None:
        details.append(f"seed {source.clip.seed}")
    if source.video is not None and source.video.made_by:
        details.append("made by " + ", ".join(f"{name} {value}" for name, value in source.video.made_by.items()))
    return details


def _layer_entry(inputs: Sequence[Input], n: int, layer: Layer, size: tuple[int, int]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": _id(inputs, inputs[n], layer.key),
        "input": n,
        "key": layer.key,
        "label": layer.label,
        "width": size[0],
        "height": size[1],
        "photographic": layer.photographic and size[0] > 200,  # small pictures look sharper with their pixels seen
        "usual": layer.key in _USUAL if len(inputs) == 1 else layer.key in _USUAL[:2],
        "legend": [[text, css_colour(colour)] for text, colour in layer.legend],
    }
    if layer.speed is not None:
        from simcraft.observe.colour import colour_wheel

        entry |= {"wheel": _data_uri(colour_wheel(84), False), "rim": f"{layer.speed:.2g}"}
    return entry


def _tracks_entry(
    inputs: Sequence[Input],
    n: int,
    clip: MotionClip,
    chosen: np.ndarray,
    timeline: Timeline,
    size: tuple[int, int],
    over: int,
) -> dict[str, Any]:
    """Point tracks as numbers, which the page draws over the pictures of layer `over`."""
    from simcraft.observe.colour import track_colours

    frames = list(timeline.frames(clip.frame_count))
    tracks = np.asarray(clip.tracks)[chosen][:, frames] * (np.array(size) / np.array(clip.size))
    tenths = [[None if not np.isfinite(x) else round(10 * float(x)) for x in track.ravel()] for track in tracks]
    visible = np.asarray(clip.track_visible)[chosen][:, frames]
    layer = Layer("tracks", f"{len(chosen)} of {len(clip.tracks)} point tracks", lambda t: clip.image, 1)  # type: ignore[arg-type]
    return _layer_entry(inputs, n, layer, size) | {
        "photographic": True,
        "over": over,
        "times": len(frames),
        "points": tenths,
        "visible": ["".join("01"[int(seen)] for seen in row) for row in visible],
        "colours": [css_colour(colour) for colour in track_colours(tracks)],
        "legend": [["hidden", "#8a8f9c"]],
    }


# ---------------------------------------------------------------------------------------------------------- pictures


def _pictures(layer: Layer, timeline: Timeline, size: tuple[int, int]) -> Iterator[str]:
    """Data URIs of the layer's frames, one at a time."""
    for t in timeline.frames(layer.frame_count):
        yield _data_uri(shrunk(layer.draw(t), size, layer.photographic), layer.photographic)


def _data_uri(image: np.ndarray, photographic: bool) -> str:
    return data_uri(*encode(image, photographic))
