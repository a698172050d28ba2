"""check.html: what a check found and a contact sheet, in one file that needs nothing else, not even scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from simcraft.data.check.charts import motion_chart, moving_share, share_bar
from simcraft.data.check.report import CheckReport, ClipReport, Problem, histogram, names_of, share_wanted
from simcraft.webpage import data_uri, style

MOST_PROBLEMS = 200
"""Rows of the table of problems; check.json holds all."""
_MOST_EXTRA = 150
"""Pictures of clips that are not among those chosen for the page, but broken or dead."""
_MOST_CAPTIONS = 12
_MOST_IDS = 60
_STYLE = Path(__file__).parent / "assets" / "check.css"


def page_of(report: CheckReport) -> str:
    """The HTML page of `report`."""
    shown = _shown(report)
    parts = [
        _header(report),
        _problems(report, shown),
        _failures(report),
        _motion(report),
        _mixture(report),
        _remarks(report, shown),
        _sheet(report, shown),
        _captions(report, shown),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{escape(report.name)}: check</title>\n'
        f"<style>\n{style(_STYLE)}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n<footer>Made by <code>simcraft dataset check</code>. check.json, beside this page, holds all of it."
        "</footer>\n</body>\n</html>\n"
    )


def _shown(report: CheckReport) -> dict[str, ClipReport]:
    """The clips with a picture, by id."""
    extra = 0
    shown = {}
    for clip in report.clips:
        broken = bool(clip.problems) or clip.dead
        if clip.picture and (not broken or extra < _MOST_EXTRA):
            extra += broken
            shown[clip.id] = clip
    return shown


def _header(report: CheckReport) -> str:
    good = not report.problems
    verdict = '<span class="verdict good">passed</span>' if good else '<span class="verdict bad">problems</span>'
    counts = report.counts
    speeds = [
        c.statistics["flow"]["p99"] for c in report.checked if c.statistics.get("flow", {}).get("p99") is not None
    ]
    numbers: list[tuple[str, str, str]] = [
        ("clips", f"{counts['done']}", ""),
        ("checked", f"{len(report.checked)}", ""),
        ("problems", f"{len(report.problems)}", "" if good else "bad"),
        ("failed rows", f"{counts['failed']}", "warn" if counts["failed"] else ""),
        ("missing rows", f"{counts['missing']}", "bad" if counts["missing"] else ""),
        ("dead clips", f"{sum(c.dead for c in report.clips)}", "warn" if any(c.dead for c in report.clips) else ""),
        ("fast motion, px", f"{np.median(speeds):.1f}" if speeds else "-", ""),
    ]
    cells = "".join(f'<div><dt>{name}</dt><dd class="{kind}">{value}</dd></div>' for name, value, kind in numbers)
    return (
        f"<header><h1>{escape(report.name)}</h1>{verdict}<p>{escape(report.summary)}</p></header>\n"
        f'<dl class="numbers">{cells}</dl>'
    )


def _problems(report: CheckReport, shown: dict[str, ClipReport]) -> str:
    if not report.problems:
        return ""

    def cells(problem: Problem) -> list[str]:
        row = _link(problem.row, shown) if problem.row else "the set"
        return [row, escape(problem.what), escape(problem.expected)]

    table = _table(("row", "what", "expected"), [cells(p) for p in report.problems[:MOST_PROBLEMS]])
    rest = len(report.problems) - MOST_PROBLEMS
    more = f"<p>And {rest} more in check.json.</p>" if rest > 0 else ""
    return f"<h2>Problems</h2>\n{table}{more}"


def _failures(report: CheckReport) -> str:
    failed = [clip for clip in report.clips if clip.state == "failed"]
    if not failed:
        return ""
    rows = [[clip.id, escape(clip.family), escape(clip.failure)] for clip in failed[:MOST_PROBLEMS]]
    return f"<h2>Rows that could not be made</h2>\n{_table(('row', 'family', 'why'), rows)}"


def _motion(report: CheckReport) -> str:
    if not report.checked:
        return ""
    kinds = {kind: names_of(report, kind) for kind in ("split", "family")}
    figures = {
        kind: [_motion_figure(name, report.of(**{kind: name})) for name in names]
        for kind, names in kinds.items()
        if len(names) > 1
    }
    whole = [_motion_figure("all clips", report.clips, wide=True), *figures.get("split", [])]
    grids = [f'<div class="charts">{"".join(part)}</div>' for part in (whole, figures.get("family")) if part]
    told = "How fast the pixels that move are, in pixels a frame; each bar is an octave."
    return f"<h2>Motion</h2>\n<p>{told}</p>\n{''.join(grids)}"


def _motion_figure(name: str, clips: Sequence[ClipReport], wide: bool = False) -> str:
    pixels = histogram(clips)
    chart = motion_chart(pixels, 500, 84) if wide else motion_chart(pixels)
    caption = f"{escape(name)} <small>{moving_share(pixels):.1%} of the pixels move</small>"
    return f'<figure class="{"wide" if wide else "narrow"}"><figcaption>{caption}</figcaption>{chart}</figure>'


def _mixture(report: CheckReport) -> str:
    tables = []
    for kind, title in (("split", "Splits"), ("family", "Families")):
        rows, names = [], names_of(report, kind)
        shares = [len(report.of(**{kind: name})) / len(report.clips) for name in names]
        wanted = [share_wanted(report, kind, name) for name in names]
        top = max([*shares, *(w for w in wanted if w is not None)], default=1.0)
        for name, share, wish in zip(names, shares, wanted, strict=True):
            clips = report.of(**{kind: name})
            speeds = [c.statistics["flow"]["p99"] for c in clips if c.statistics.get("flow", {}).get("p99") is not None]
            fast = f"{np.median(speeds):.1f}" if speeds else "-"
            counts = [sum(c.state == state for c in clips) for state in ("done", "failed")]
            numbers = [*counts, sum(c.dead for c in clips)]
            rows.append(
                [escape(name), share_bar(share, wish, top), f"{share:.1%}", "-" if wish is None else f"{wish:.1%}"]
                + [str(number) for number in numbers]
                + [fast]
            )
        columns = (kind, "", "share", "in the recipe", "made", "failed", "dead", "fast motion, px")
        tables.append(f"<h3>{title}</h3>\n{_table(columns, rows, numbers_from=2)}")
    note = "Fast motion: the 99th percentile of a clip's flow, and of these the median."
    return f"<h2>Mixture</h2>\n{''.join(tables)}<p>{note}</p>"


def _remarks(report: CheckReport, shown: dict[str, ClipReport]) -> str:
    """What is no problem by itself, and may still be unwanted."""
    splits = {clip.id: clip.split for clip in report.clips}
    parts = [
        _ids("Dead clips", "nothing moves in the picture", [c.id for c in report.clips if c.dead], shown),
        _ids("Only the camera moves", "", [c.id for c in report.clips if c.only_camera], shown),
    ]
    for name, words in (("dark", "Very dark"), ("bright", "Very bright"), ("flat", "Hardly any contrast")):
        parts.append(_ids(words, "in the first image", report.odd_brightness[name], shown))
    if report.near_duplicates:
        groups = []
        for ids in report.near_duplicates[:_MOST_IDS]:
            across = len({splits[id] for id in ids}) > 1
            links = " ".join(_link(id, shown) for id in ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
            groups.append(f"<li>{links}{' <span class=bad>across splits</span>' if across else ''}</li>")
        parts.append(
            f"<h3>Near-duplicates<small>first images that are about the same</small></h3>"
            f'<ul class="ids">{"".join(groups)}</ul>'
        )
    told = "".join(parts)
    return f"<h2>To look at</h2>\n{told}" if told else ""


def _ids(title: str, note: str, ids: Sequence[str], shown: dict[str, ClipReport]) -> str:
    if not ids:
        return ""
    links = "".join(f"<li>{_link(id, shown)}</li>" for id in ids[:_MOST_IDS])
    rest = f"<li>and {len(ids) - _MOST_IDS} more</li>" if len(ids) > _MOST_IDS else ""
    about = f"<small>{len(ids)}{': ' + note if note else ''}</small>"
    return f'<h3>{title}{about}</h3><ul class="ids">{links}{rest}</ul>'


def _sheet(report: CheckReport, shown: dict[str, ClipReport]) -> str:
    if not shown:
        return ""
    parts = [
        "<h2>Contact sheet</h2>\n<p>The first image, and the flow where most moves: the hue is the direction, the "
        "deepest colour the speed told below.</p>"
    ]
    for family in names_of(report, "family"):
        clips = report.of(family=family)
        figures = "".join(_figure(clip) for clip in clips if clip.id in shown)
        number = f"{sum(c.id in shown for c in clips)} of {len(clips)}"
        parts.append(f'<h3>{escape(family)}<small>{number}</small></h3>\n<div class="sheet">{figures}</div>')
    return "\n".join(parts)


def _figure(clip: ClipReport) -> str:
    mark, word = (
        ("bad", "problem") if clip.problems else ("warn", "dead") if clip.dead else ("", f"{clip.speed:.1f} px")
    )
    about = "; ".join(p.what for p in clip.problems) or next(iter(clip.captions), "")
    source = data_uri(clip.picture, "image/webp")
    return (
        f'<figure id="c{clip.id}" class="{mark}" title="{escape(about)}"><img src="{source}" alt="{escape(about)}">'
        f"<figcaption><b>{clip.id}</b>{escape(clip.split)}<span>{word}</span></figcaption></figure>\n"
    )


def _captions(report: CheckReport, shown: dict[str, ClipReport]) -> str:
    described = [clip for clip in report.clips if clip.captions]
    if not described:
        return ""
    chosen = [described[k * len(described) // _MOST_CAPTIONS] for k in range(_MOST_CAPTIONS)]
    items = []
    for clip in {clip.id: clip for clip in chosen}.values():
        lines = "".join(f"<p>{escape(text)}</p>" for text in clip.captions)
        items.append(f"<li>{_link(clip.id, shown)} {lines}</li>")
    return f'<h2>Captions</h2>\n<ul class="captions">{"".join(items)}</ul>'


def _link(id: str, shown: dict[str, ClipReport]) -> str:
    return f'<a href="#c{id}">{id}</a>' if id in shown else escape(id)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers_from: int | None = None) -> str:
    """`rows` hold HTML; cells from the column `numbers_from` on are numbers."""

    def cells(tag: str, row: Sequence[str]) -> Iterator[str]:
        for k, cell in enumerate(row):
            number = ' class="number"' if numbers_from is not None and k >= numbers_from else ""
            yield f"<{tag}{number}>{cell}</{tag}>"

    head = "".join(cells("th", [escape(column) for column in columns]))
    body = "".join(f"<tr>{''.join(cells('td', row))}</tr>\n" for row in rows)
    return f'<div class="table"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'
