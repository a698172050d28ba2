"""The log of a run, and a page that shows it: curves as SVG, figures, the latest sheets. No server, nothing fetched."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path
from typing import Any

from simcraft.clip.files import complete_file, write_errors

_WIDTH, _HEIGHT, _MARGIN = 640, 220, 46
_COLOURS = ("#4c6ef5", "#e8590c", "#2b8a3e", "#ae3ec9", "#868e96")
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;color:#212529}
table{border-collapse:collapse}td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid #dee2e6}
img{max-width:100%;image-rendering:pixelated}svg{background:#f8f9fa;max-width:100%}pre{white-space:pre-wrap}"""


class Log:
    """`RUN/log.jsonl`, and `RUN/report.html` made of it."""

    def __init__(self, run: Path, step: int, identity: dict[str, Any]) -> None:
        """Go on after `step`: what was written beyond it, before the run was killed, is dropped."""
        self.run, self.identity = run, identity
        self.path = run / "log.jsonl"
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        self.lines = [line for line in lines if line["step"] <= step]
        self._drawn, self._begun = 0, False

    def losses(self, step: int, seconds: float, means: dict[str, float]) -> None:
        """Mean losses of the steps up to `step`."""
        self._add({"step": step, "seconds": round(seconds, 1), "losses": means})
        if len(self.lines) - self._drawn >= 12:
            self.draw()

    def figures(self, step: int, figures: dict[str, float]) -> None:
        """What an evaluation found."""
        self._add({"step": step, "figures": figures})
        self.draw()

    def draw(self) -> None:
        """Write the page."""
        self._drawn = len(self.lines)
        with complete_file(self.run / "report.html") as path:
            path.write_text(page(self.identity, self.lines, self._sheets()), encoding="utf-8")

    def _sheets(self) -> list[str]:
        return [f"sheets/{path.name}" for path in sorted((self.run / "sheets").glob("*.png"))[-3:]]

    def _add(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        with write_errors(self.path):
            if self._begun:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            else:
                self.path.write_text("".join(json.dumps(each) + "\n" for each in self.lines), encoding="utf-8")
                self._begun = True


def page(identity: dict[str, Any], lines: list[dict[str, Any]], sheets: list[str]) -> str:
    """The whole page, of the log's lines and the names of pictures beside it."""
    losses = series_of(lines, "losses")
    figures = series_of(lines, "figures")
    title = html.escape(f"{identity.get('stage', 'training')}: {lines[-1]['step'] if lines else 0} steps")
    parts = [f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"]
    parts.append(f"<h2>Losses</h2>{curves(losses, logarithmic=True)}")
    if figures:
        parts.append(f"<h2>On held-out clips</h2>{_table(lines)}")
        parts += [f"<h3>{html.escape(name)}</h3>{curves({name: line})}" for name, line in figures.items()]
    for sheet in reversed(sheets):
        parts.append(f'<h2>After {int(Path(sheet).stem)} steps</h2><img src="{html.escape(sheet)}" alt="sheet">')
    parts.append(f"<h2>Settings</h2><pre>{html.escape(json.dumps(identity, indent=1))}</pre>")
    return "\n".join(parts) + "\n"


Line = list[tuple[float, float]]


def curves(series: dict[str, Line], logarithmic: bool = False) -> str:
    """An SVG of named lines of (step, value); `logarithmic` in the values, where all are positive."""
    points = [point for line in series.values() for point in line if math.isfinite(point[1])]
    if not points:
        return "<p>Nothing yet.</p>"
    logarithmic = logarithmic and all(value > 0 for _, value in points)

    def height(value: float) -> float:
        return math.log10(value) if logarithmic else value

    last = max(max(step for step, _ in points), 1.0)
    low, high = min(height(v) for _, v in points), max(height(v) for _, v in points)
    span = (high - low) or 1.0

    def place(step: float, value: float) -> str:
        x = _MARGIN + step / last * (_WIDTH - 2 * _MARGIN)
        y = _HEIGHT - _MARGIN / 2 - (height(value) - low) / span * (_HEIGHT - _MARGIN)
        return f"{x:.1f},{y:.1f}"

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" font-size="11">']
    for label, y in ((high, _MARGIN / 2), (low, _HEIGHT - _MARGIN / 2)):
        parts.append(f'<text x="4" y="{y + 4:.0f}">{10**label if logarithmic else label:.4g}</text>')
    parts.append(f'<text x="{_WIDTH - _MARGIN}" y="{_HEIGHT - 6}" text-anchor="end">step {last:.0f}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(place(*point) for point in _thinned(line) if math.isfinite(point[1]))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>')
        label_x = _MARGIN + 120 * number
        parts.append(f'<text x="{label_x}" y="14" fill="{colour}">{html.escape(name)}</text>')
    return "".join(parts) + "</svg>"


def series_of(lines: list[dict[str, Any]], kind: str) -> dict[str, Line]:
    """Name -> (step, value) of all log lines that have `kind`, "losses" or "figures"."""
    series: dict[str, Line] = {}
    for line in lines:
        for name, value in line.get(kind, {}).items():
            series.setdefault(name, []).append((line["step"], value))
    return series


def _thinned(line: Line, most: int = 400) -> Line:
    """At most `most` points, each the mean of a stretch."""
    stretch = -(-len(line) // most)
    groups = [line[i : i + stretch] for i in range(0, len(line), stretch)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _table(lines: list[dict[str, Any]]) -> str:
    rows = [line for line in lines if "figures" in line]
    names = list(dict.fromkeys(name for line in rows for name in line["figures"]))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("step", *names))
    body = "".join(
        f"<tr><td>{line['step']}</td>"
        + "".join(f"<td>{line['figures'].get(name, math.nan):.4g}</td>" for name in names)
        + "</tr>"
        for line in rows[-12:]
    )
    return f"<table><tr>{head}</tr>{body}</table>"
