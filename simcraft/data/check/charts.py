"""Small charts as inline SVG, in the colours of the page's style sheet."""

from __future__ import annotations

import numpy as np

from simcraft.data.statistics import MOVING, OCTAVES

_FIRST = next(k for k, speed in enumerate(OCTAVES) if speed > MOVING)
"""The first bin of a motion histogram that holds what moves; those before it stand still."""


def motion_chart(pixels: np.ndarray, width: int = 240, height: int = 84) -> str:
    """Bars: of the pixels that move, how many are how fast. `pixels` is (16,), between the speeds `OCTAVES`."""
    moving = pixels[_FIRST:]
    share = moving / max(int(moving.sum()), 1)
    top = max(float(share.max()), 1e-9)
    slot, floor = width / len(share), height - 16
    parts = [f'<line x1="0" x2="{width}" y1="{floor}.5" y2="{floor}.5"/>']
    for k, part in enumerate(share):
        tall = (floor - 6) * part / top
        parts.append(
            f'<rect x="{k * slot + 1:.1f}" y="{floor - tall:.1f}" width="{slot - 2:.1f}" height="{tall:.1f}" rx="1.5">'
            f"<title>{_speed_range(k + _FIRST)}: {part:.1%} of what moves</title></rect>"
        )
    for k in range(len(share) - 1):
        speed = OCTAVES[k + _FIRST]
        if speed in (0.25, 1.0, 4.0, 16.0, 64.0):
            parts.append(f'<text x="{(k + 1) * slot:.1f}" y="{height - 4}">{speed:g}</text>')
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="speeds of moving pixels">{"".join(parts)}</svg>'


def moving_share(pixels: np.ndarray) -> float:
    """Share of all pixels in the bins that `motion_chart` draws."""
    return float(pixels[_FIRST:].sum() / max(int(pixels.sum()), 1))


def share_bar(share: float, wanted: float | None, top: float, width: int = 220, height: int = 8) -> str:
    """A bar as long as `share`, with a tick where `wanted` is; `top` is the whole width."""
    length, scale = width * share / top, width / top
    tick = (
        ""
        if wanted is None
        else f'<rect class="wanted" x="{min(wanted * scale, width - 2):.1f}" width="2" height="8"/>'
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" aria-label="{share:.1%}">'
        f'<rect class="ground" width="{width}" height="8" rx="2"/>'
        f'<rect width="{length:.1f}" height="8" rx="2"/>{tick}</svg>'
    )


def _speed_range(k: int) -> str:
    if k == len(OCTAVES):
        return f"over {OCTAVES[-1]:g} px a frame"
    return f"{OCTAVES[k - 1]:g} to {OCTAVES[k]:g} px a frame"
