"""Colours for motion, depth, instances and tracks: for networks (`encode_flow_rgb`) and for people (the rest)."""

from __future__ import annotations

import numpy as np

from simcraft.errors import UserError

# ------------------------------------------------------------------------------------------------- flow for networks


def encode_flow_rgb(flow: np.ndarray, sigma: float = 0.15) -> np.ndarray:
    """Flow as a picture that a video model can read (VideoJAM, eq. 5).

    m = min(1, sqrt(u² + v²) / (sigma sqrt(H² + W²))) and alpha = atan2(v, u). The direction alpha gives the hue of a
    fully saturated colour and m its opacity; over black, as here, the opacity is the HSV value. Still pixels are black.

    Parameters
    ----------
    flow: (..., H, W, 2) float, pixels, y down.
    sigma: the share of the image's diagonal at which the magnitude saturates.

    Returns (..., H, W, 3) uint8. Not finite flow is encoded as none.
    """
    _check_flow(flow)
    flow = np.nan_to_num(np.asarray(flow, np.float64), posinf=0, neginf=0)
    u, v = flow[..., 0], flow[..., 1]
    magnitude = np.minimum(1, np.hypot(u, v) / _saturation(flow.shape[-3:-1], sigma))
    hue = np.arctan2(v, u) / (2 * np.pi) % 1
    return (_hue_to_rgb(hue) * magnitude[..., None] * 255 + 0.5).astype(np.uint8)


def decode_flow_rgb(rgb: np.ndarray, sigma: float = 0.15) -> np.ndarray:
    """The inverse of `encode_flow_rgb`, as far as there is one: (..., H, W, 3) uint8 to (..., H, W, 2) float32, pixels.

    Magnitudes come in 255 steps of sigma sqrt(H² + W²) / 255, and saturated ones come back as the largest; the
    direction of slow motion is coarse for the same reason (below half a step everything is 0).
    """
    rgb = np.asarray(rgb, np.float64) / 255
    value = rgb.max(-1)
    chroma = value - rgb.min(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        red, green, blue = np.moveaxis(rgb, -1, 0)
        sector = np.select(
            [value == red, value == green],
            [(green - blue) / chroma % 6, (blue - red) / chroma + 2],
            (red - green) / chroma + 4,
        )
    angle = np.where(chroma > 0, sector, 0) * (np.pi / 3)
    magnitude = value * _saturation(rgb.shape[-3:-1], sigma)
    return np.stack([magnitude * np.cos(angle), magnitude * np.sin(angle)], -1).astype(np.float32)


def _saturation(size: tuple[int, ...], sigma: float) -> float:
    """The magnitude, in pixels, that is encoded as 1."""
    if not sigma > 0:
        raise UserError(f"sigma is {sigma}; expected a positive number.")
    return sigma * float(np.hypot(size[0], size[1]))


def _hue_to_rgb(hue: np.ndarray) -> np.ndarray:
    """Fully saturated colours, (..., 3) in 0 to 1, for hues in 0 to 1."""
    return np.clip(np.abs((hue[..., None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)


# --------------------------------------------------------------------------------------------------- flow for people


def flow_to_wheel(flow: np.ndarray, max_magnitude: float | None = None, valid: np.ndarray | None = None) -> np.ndarray:
    """Flow in the Middlebury colours (Baker et al., IJCV 2011): white where still, the deeper the faster.

    Parameters
    ----------
    flow: (..., 2) float, pixels, y down.
    max_magnitude: pixels that get the full colour; by default the 99th percentile. Faster ones are darkened.
    valid: (...) bool; other pixels are grey.

    Returns (..., 3) uint8.
    """
    _check_flow(flow)
    known = np.isfinite(flow).all(-1) if valid is None else valid & np.isfinite(flow).all(-1)
    flow = np.where(known[..., None], flow, 0).astype(np.float64)
    magnitude = np.hypot(flow[..., 0], flow[..., 1])
    if max_magnitude is None:
        max_magnitude = typical_speed(flow, known)
    radius = magnitude / max(max_magnitude, 1e-6)
    wheel = _middlebury_wheel()
    # the published code multiplies by len(wheel) - 1, which leaves a visible seam where the wheel closes
    position = (np.arctan2(-flow[..., 1], -flow[..., 0]) / np.pi + 1) / 2 * len(wheel)
    low = np.floor(position).astype(int)
    part = (position - low)[..., None]
    colour = wheel[low % len(wheel)] * (1 - part) + wheel[(low + 1) % len(wheel)] * part
    r = radius[..., None]
    colour = np.where(r <= 1.01, 1 - r.clip(0, 1) * (1 - colour), colour * 0.75)
    return np.where(known[..., None], colour * 255 + 0.5, 128).astype(np.uint8)


def colour_wheel(side: int) -> np.ndarray:
    """(side, side, 4) uint8: a disc whose colour at each place is that of the flow from the centre to there."""
    around = (np.arange(side) + 0.5) / side * 2 - 1
    flow = np.stack(np.meshgrid(around, around), -1)
    radius = np.hypot(flow[..., 0], flow[..., 1])
    alpha = np.clip((1 - radius) * side / 2, 0, 1) * 255
    return np.concatenate([flow_to_wheel(flow, 1.0), alpha[..., None].astype(np.uint8)], -1)


_STILL = 0.05
"""Pixels a frame below which nothing counts as moving."""


def typical_speed(flow: np.ndarray, valid: np.ndarray | None = None, percent: float = 99) -> float:
    """The magnitude, in pixels, that `percent` of all moving pixels stay below; 1 where nothing moves."""
    magnitude = np.hypot(flow[..., 0], flow[..., 1])
    moving = magnitude[(magnitude > _STILL) & (np.ones_like(magnitude, bool) if valid is None else valid)]
    return float(np.percentile(moving, percent)) if len(moving) else 1.0


def _middlebury_wheel() -> np.ndarray:
    """(55, 3) colours in 0 to 1, spaced by how well people tell them apart."""
    steps = (("ry", 15), ("yg", 6), ("gc", 4), ("cb", 11), ("bm", 13), ("mr", 6))
    corners = {"r": (1, 0, 0), "y": (1, 1, 0), "g": (0, 1, 0), "c": (0, 1, 1), "b": (0, 0, 1), "m": (1, 0, 1)}
    return np.concatenate(
        [np.linspace(corners[ends[0]], corners[ends[1]], count, endpoint=False) for ends, count in steps]
    )


def _check_flow(flow: np.ndarray) -> None:
    if flow.ndim < 3 or flow.shape[-1] != 2:
        raise UserError(f"flow is {tuple(flow.shape)}; expected (..., H, W, 2).")


# -------------------------------------------------------------------------------------------- depth, instances, tracks


def depth_to_colour(depth: np.ndarray, near: float | None = None, far: float | None = None) -> np.ndarray:
    """Depth, near warm and far cool, in equal steps of inverse depth; what was not hit is dark grey.

    Parameters
    ----------
    depth: (..., H, W) float, metres, +inf for background.
    near, far: metres at the ends of the scale; by default the 1st and 99th percentile.

    Returns (..., H, W, 3) uint8.
    """
    import cv2

    hit = np.isfinite(depth) & (depth > 0)
    if not hit.any():
        return np.full((*depth.shape, 3), 40, np.uint8)
    near = float(np.percentile(depth[hit], 1)) if near is None else near
    far = float(np.percentile(depth[hit], 99)) if far is None else far
    inverse = 1 / np.where(hit, depth, 1)
    level = (inverse - 1 / far) / max(1 / near - 1 / far, 1e-9)
    level = (np.clip(level, 0, 1) * 255 + 0.5).astype(np.uint8)
    coloured = cv2.applyColorMap(level.reshape(-1, 1), cv2.COLORMAP_TURBO)[:, 0, ::-1].reshape(*depth.shape, 3)
    return np.where(hit[..., None], coloured, 40).astype(np.uint8)


def palette(count: int) -> np.ndarray:
    """(count, 3) uint8 colours for instances 0 to count - 1: dark grey, then colours that neighbours do not share.

    Instance k has the same colour whatever `count` is: hues a golden angle apart, in three degrees of light.
    """
    k = np.arange(max(count, 1))
    colour = _hue_to_rgb((k * 0.61803398875 + 0.02) % 1)
    saturation = np.array([0.75, 0.55, 0.85])[k % 3][:, None]
    value = np.array([0.95, 1.0, 0.75])[(k // 2) % 3][:, None]
    colours = (value * (1 - saturation * (1 - colour)) * 255 + 0.5).astype(np.uint8)
    colours[0] = 40
    return colours


def instances_to_colour(instances: np.ndarray) -> np.ndarray:
    """(..., H, W) unsigned to (..., H, W, 3) uint8, in the colours of `palette`."""
    return palette(int(instances.max()) + 1)[instances]


def draw_tracks(
    image: np.ndarray,
    tracks: np.ndarray,
    visible: np.ndarray,
    frame: int,
    *,
    tail: int = 12,
    colours: np.ndarray | None = None,
    radius: float = 2.0,
    scale: float = 1.0,
) -> np.ndarray:
    """Draw point tracks over a frame: a dot where the point is seen, a tail where it was seen; nothing while hidden.

    Parameters
    ----------
    image: (H, W, 3) uint8; it is not changed.
    tracks, visible: (N, T, 2) pixels and (N, T) bool, as in a MotionClip.
    frame: index t of the frame to draw.
    tail: frames that the tail reaches back.
    colours: (N, 3) uint8; by default by position in the first frame, so that neighbours look alike.
    radius: of the dots, in pixels of `image`.
    scale: pixels of `image` a pixel of the tracks.

    Returns (H, W, 3) uint8.
    """
    import cv2

    canvas = np.ascontiguousarray(image).copy()
    colours = track_colours(tracks) if colours is None else colours
    precision = 4  # cv2 takes fixed-point coordinates with so many bits behind the point; 0 is a pixel's centre
    points = (np.clip(np.nan_to_num(tracks * scale - 0.5, nan=-1e3), -1e3, 1e5) * 2**precision).round().astype(np.int32)
    thickness = max(1, round(radius / 2))
    for k in range(len(tracks)):
        colour = tuple(int(c) for c in colours[k])
        for t in range(max(1, frame - tail + 1), frame + 1):
            if visible[k, t] and visible[k, t - 1]:
                cv2.line(
                    canvas, points[k, t - 1].tolist(), points[k, t].tolist(), colour, thickness, cv2.LINE_AA, precision
                )
    for k in np.nonzero(visible[:, frame])[0]:
        colour, size = tuple(int(c) for c in colours[k]), round(radius * 2**precision)
        cv2.circle(canvas, points[k, frame].tolist(), size, colour, -1, cv2.LINE_AA, precision)
    return canvas


def track_colours(tracks: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 of tracks (N, T, 2): a hue that turns with the starting position, so that neighbours look alike."""
    exists = np.isfinite(tracks).all(-1)
    start = tracks[np.arange(len(tracks)), exists.argmax(1)]
    start = np.nan_to_num(start - np.nanmin(start, 0, initial=np.inf)) if len(tracks) else start
    extent = np.maximum(start.max(0, initial=0), 1e-6)
    hue = (0.75 * start[:, 0] / extent[0] + 0.25 * start[:, 1] / extent[1]) % 1
    return (255 * (0.15 + 0.85 * _hue_to_rgb(hue))).astype(np.uint8)
