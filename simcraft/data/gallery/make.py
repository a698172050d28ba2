"""`make_gallery`: draw what is not drawn yet, then write the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import write_errors
from simcraft.cores import core_count
from simcraft.data.folder import DataSet, open_set
from simcraft.data.gallery.media import Look, Source, draw_media, kept, row_details, source_of
from simcraft.data.gallery.page import GENERATOR, write_page
from simcraft.data.gallery.sprites import LAYERS, layout_of
from simcraft.data.manifest import Row
from simcraft.data.statistics import MOVING, OCTAVES
from simcraft.errors import UserError
from simcraft.progress import Progress, silent, track

MOST_CLIPS = 1000
_RIM = 0.85
"""Share of the moving pixels of a set whose speed lies within the colour wheel."""


def make_gallery(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    limit: int = MOST_CLIPS,
    layers: Sequence[str] = LAYERS,
    workers: int | None = None,
    progress: Progress = silent,
) -> Path:
    """Write a web page to look through the data set in `folder`; returns its path.

    The page needs no server and nothing from elsewhere. What is drawn of a clip is kept: a run that was broken off goes
    on where it was, and clips that were added later are added to the page. Clips that are damaged, failed or do not
    move are marked there.

    Parameters
    ----------
    folder: finished or in the making. Videos made from its clips are shown too: FOLDER/videos/GENERATOR/ID.mp4.
    out: the folder of the page, FOLDER/gallery by default; the page is OUT/index.html.
    limit: how many clips at most, the first ones of the manifest, where splits and families take turns.
    layers: keys of `LAYERS`, what to show of each clip as far as it is known.
    workers: clips that are drawn at the same time; as many as there are cores by default.
    progress: called after each clip.

    Raises
    ------
    UserError: there is no data set, its manifest is damaged, none of its clips is made, `out` holds something else or
        may not be written, or a parameter is wrong.
    Failure: the disk is full.
    """
    data_set = open_set(Path(folder))
    workers = core_count() if workers is None else workers
    _check(limit, layers, workers)
    out = data_set.folder / "gallery" if out is None else Path(out)
    _check_out(out)
    rows = [row for row in data_set.rows if data_set.is_done(row) or data_set.has_failed(row)][:limit]
    sources = [source_of(data_set, row) for row in rows if data_set.is_done(row)]
    if not sources:
        raise UserError(f"{folder} has no clips yet.", "Make some with `simcraft dataset make`.")
    look = Look(layout_of(rows[0].size, rows[0].frames), tuple(layers), common_speed([s.marker for s in sources]))
    with write_errors(out):
        (out / "clips").mkdir(parents=True, exist_ok=True)
        _remove_leftovers(out)
    drawn = dict(zip((s.row.id for s in sources), _draw_all(sources, look, out, workers, progress), strict=True))
    clips = [drawn[row.id] if row.id in drawn else _failed(data_set, row) for row in rows]
    return write_page(data_set, clips, look, out / "index.html")


def common_speed(markers: Sequence[Mapping[str, Any]]) -> float:
    """Pixels a frame at the rim of the colour wheel of all clips, a round number: most of what moves is slower.

    Taken from the clips' markers, so that it does not depend on which clips are drawn already.
    """
    speed = typical_speed(markers)
    return round_number(speed) if speed > 0 else 1.0


def typical_speed(markers: Sequence[Mapping[str, Any]]) -> float:
    """Pixels a frame that `_RIM` of the moving pixels of these clips stay below, from their histograms; 0 if none move.

    Between the bins' edges speeds are taken to be spread evenly by their logarithm.
    """
    count = sum(np.array(marker["statistics"].get("flow", {}).get("histogram", _STILL)) for marker in markers)
    edges = np.array([OCTAVES[0] / 2, *OCTAVES, OCTAVES[-1] * 2])
    moving = np.where(edges[:-1] >= MOVING / 2, count, 0)
    if not moving.any():
        return 0.0
    share = np.cumsum(moving) / moving.sum()
    last = int(np.argmax(share >= _RIM))
    before = share[last - 1] if last else 0.0
    return float(edges[last] * 2 ** ((_RIM - before) / (share[last] - before)))


_STILL = (0,) * (len(OCTAVES) + 1)


def round_number(value: float) -> float:
    """The smallest of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10 times a power of ten that is not below `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(
        next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))
    )


def _check(limit: int, layers: Sequence[str], workers: int) -> None:
    unknown = [name for name in layers if name not in LAYERS]
    if unknown or not layers:
        raise UserError(
            f"There is no layer '{unknown[0]}'." if unknown else "No layer is to be shown.",
            f"Choose some of: {', '.join(LAYERS)}.",
        )
    for name, value in (("limit", limit), ("workers", workers)):
        if value < 1:
            raise UserError(f"{name} is {value}; expected 1 or more.")


def _check_out(out: Path) -> None:
    """Raise `UserError` where `out` is there and is no gallery."""
    if out.is_file():
        raise UserError(f"{out} is a file.", "Choose another folder with -o.")
    if not out.is_dir():
        return
    page = out / "index.html"
    others = [p.name for p in out.iterdir() if p.name not in ("index.html", "clips") and ".partial" not in p.name]
    foreign = page.is_file() and GENERATOR not in page.read_text(encoding="utf-8", errors="replace")[:1000]
    if others or foreign:
        raise UserError(
            f"{out} holds something else: {(others or ['index.html'])[0]}.", "Choose another folder with -o."
        )


def _remove_leftovers(out: Path) -> None:
    """Remove what a killed run left."""
    for path in (*out.glob(".*.partial*"), *(out / "clips").glob(".*.partial"), *(out / "clips").glob(".*.replaced")):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _draw_all(
    sources: Sequence[Source], look: Look, out: Path, workers: int, progress: Progress
) -> Iterator[dict[str, Any]]:
    """What the page says of each clip, in order. Most of the work is in codecs, which threads do at the same time."""

    def draw(source: Source) -> dict[str, Any]:
        folder = out / "clips" / source.row.id
        about = kept(folder, source.key(look))
        if about is None:
            try:
                about = draw_media(source, look, folder)
            except UserError as error:
                return _card(
                    source.row, "damaged", captions=source.marker["captions"], detail=_reason(error, source.row)
                )
        return _clip_card(source, about)

    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from track(pool.map(draw, sources), "draw clips", len(sources), progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _clip_card(source: Source, about: dict[str, Any]) -> dict[str, Any]:
    statistics = source.marker["statistics"]
    return _card(
        source.row,
        "still" if statistics.get("dead") else "",
        captions=source.marker["captions"],
        motion=round(typical_speed([source.marker]), 2) if "flow" in statistics else None,
        fps=about["fps"],
        counts=about["counts"],
        tracks=about["tracks"] is not None,
    )


def _failed(data_set: DataSet, row: Row) -> dict[str, Any]:
    failure = data_set.failure(row)
    return _card(row, "failed", detail=_reason(UserError(failure["message"], failure["fix"]), row))


def _reason(error: UserError, row: Row) -> dict[str, Any]:
    return {"message": error.message, "fix": error.fix, **row_details(row)}


def _card(row: Row, mark: str, **more: Any) -> dict[str, Any]:
    """What the page knows of a clip before anything of it is loaded."""
    return {"id": row.id, "family": row.family, "split": row.split, "mark": mark, "captions": [], **more}
