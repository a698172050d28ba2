"""The picture of a report: its numbers, the error over time and the error of each instance."""

from __future__ import annotations

import numpy as np

from simcraft.metrics.report import FlowError, Report
from simcraft.picture import Colour, draw_text, text_size

_WIDTH, _HEIGHT = 1080, 560
_PAPER: Colour = (255, 255, 255)
_INK: Colour = (35, 39, 47)
_FAINT: Colour = (125, 132, 145)
_LINE: Colour = (226, 229, 234)
_VIDEO: Colour = (214, 84, 38)
_FLOOR: Colour = (52, 120, 190)
_MOST_BARS = 8
_UNKNOWN = "not measured"


def draw_report(report: Report) -> np.ndarray:
    """(560, 1080, 3) uint8."""
    image = np.full((_HEIGHT, _WIDTH, 3), _PAPER, np.uint8)
    image = draw_text(image, f"{report.generator} on {report.clip or 'clip'}", (36, 24), 26, _INK)
    for k, line in enumerate(_wrapped(report.summary, _WIDTH - 72, 15)):
        image = draw_text(image, line, (36, 58 + 20 * k), 15, _FAINT)
    image = _draw_numbers(image, report)
    image = _draw_over_time(image, report, (36, 210, 560, 510))
    return _draw_instances(image, report, (620, 210, 1044, 510))


def _draw_numbers(image: np.ndarray, report: Report) -> np.ndarray:
    like = report.likeness
    error, floor = report.end_point_error, report.floor
    measured = error.median is not None
    numbers = (
        ("median, moving" if report.standstill_error else "median", _number(error.typical, "{:.2f} px")),
        ("estimator floor", _number(floor.typical, "{:.2f} px") if floor else "no true frames"),
        ("if it stood still", _number(report.standstill_error, "{:.2f} px", "nothing moves" if measured else _UNKNOWN)),
        ("mean error", _number(error.mean, "{:.2f} px")),
        ("PSNR", _number(like.psnr, "{:.1f} dB", "equal") if like else "no true render"),
        ("SSIM", _number(like.ssim, "{:.3f}") if like else "no true render"),
        ("motion consistency", _number(report.motion_consistency, "{:.3f}")),
        ("frame consistency", _number(report.frame_consistency, "{:.3f}", "no CLIP weights" if measured else _UNKNOWN)),
    )
    for k, (name, value) in enumerate(numbers):
        x = 36 + k * 128
        if value[0].isdigit() or value[0] == "-":
            image = draw_text(image, value, (x, 114), 24, _INK)
        else:
            image = draw_text(image, value, (x, 122), 13, _FAINT)
        image = draw_text(image, name, (x, 146), 13, _FAINT)
    return image


def _draw_over_time(image: np.ndarray, report: Report, box: tuple[int, int, int, int]) -> np.ndarray:
    """Median error a frame, as two curves."""
    import cv2

    x0, y0, x1, y1 = box
    if all(e is None for e in report.end_point_error.per_frame):
        image = draw_text(image, "Median error of what moves, pixels", (x0, y0 - 34), 15, _INK)
        reason = _UNKNOWN if report.end_point_error.median is None else "nothing moves in the clip"
        return draw_text(image, reason, (x0, y0), 13, _FAINT)
    curves: list[tuple[FlowError, Colour, str]] = [(report.end_point_error, _VIDEO, "video")]
    if report.floor is not None:
        curves.append((report.floor, _FLOOR, "estimator floor"))
    top = _nice(max([e for c, _, _ in curves for e in c.per_frame if e is not None], default=1.0))
    image = draw_text(image, "Median error of what moves, pixels", (x0, y0 - 34), 15, _INK)
    for part in (0, 0.5, 1):
        y = round(y1 - part * (y1 - y0))
        cv2.line(image, (x0 + 40, y), (x1, y), _LINE, 1)
        image = draw_text(image, f"{part * top:.3g}", (x0, y - 8), 12, _FAINT)
    steps = max(len(report.end_point_error.per_frame) - 1, 1)
    for k, (error, colour, name) in enumerate(curves):
        points = [
            (x0 + 40 + t / steps * (x1 - x0 - 40), y1 - e / top * (y1 - y0))
            for t, e in enumerate(error.per_frame)
            if e is not None
        ]
        fixed = (np.array(points, np.float64).reshape(-1, 1, 2) * 16).round().astype(np.int32)
        cv2.polylines(image, [fixed], False, colour, 2, cv2.LINE_AA, 4)
        image = draw_text(image, name, (x1 - 118 * (len(curves) - k), y0 - 32), 13, colour)
    return draw_text(image, f"frame 1 to {report.frame_count - 1}", (x0 + 40, y1 + 10), 12, _FAINT)


def _draw_instances(image: np.ndarray, report: Report, box: tuple[int, int, int, int]) -> np.ndarray:
    """A bar for each of the instances with the largest errors, and a tick at its floor."""
    import cv2

    x0, y0, x1, y1 = box
    chosen = sorted(report.end_point_error.per_instance, key=lambda i: (-i.median, -i.mean))[:_MOST_BARS]
    image = draw_text(image, "Median error of the instances that err most, pixels", (x0, y0 - 34), 15, _INK)
    if not chosen:
        reason = _UNKNOWN if report.end_point_error.median is None else "the clip has no instances"
        return draw_text(image, reason, (x0, y0), 13, _FAINT)
    floors = {i.id: i.median for i in report.floor.per_instance} if report.floor else {}
    top = _nice(max([i.median for i in chosen] + [floors.get(i.id, 0) for i in chosen]))
    row = (y1 - y0) / _MOST_BARS
    for k, instance in enumerate(chosen):
        y = round(y0 + k * row)
        left, full = x0 + 130, x1 - x0 - 185
        length = round(instance.median / top * full)
        cv2.rectangle(image, (left, y + 6), (left + length, y + 24), _VIDEO, -1)
        if instance.id in floors:
            tick = left + round(floors[instance.id] / top * full)
            cv2.line(image, (tick, y + 2), (tick, y + 28), _FLOOR, 2)
        image = draw_text(image, _fitted(instance.name, 120, 13), (x0, y + 7), 13, _INK)
        image = draw_text(image, f"{instance.median:.2f}", (x1 - 42, y + 7), 13, _INK)
    return image


def _fitted(text: str, width: int, size: float) -> str:
    while len(text) > 1 and text_size(text, size)[0] > width:
        text = text[:-2] + "…"
    return text


def _wrapped(text: str, width: int, size: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_size(longer, size)[0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _number(value: float | None, pattern: str, otherwise: str = _UNKNOWN) -> str:
    """`value` as text, or in words why there is none."""
    return otherwise if value is None else pattern.format(value)


def _nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    value = max(value, 1e-3)
    power = 10 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999))
