"""How sizes, frame ranges and `--name value` pairs are written on every command line of SimCraft."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simcraft.errors import UserError

SMALLEST, LARGEST = 16, 16384
LAST_FRAME = 1048574
"""Blender's own limit."""


def parse_size(text: str) -> tuple[int, int]:
    """`"640x360"` to (width, height) in pixels; one number means a square.

    Raises `UserError` for anything else, and for a side below 16 or above 16384 pixels.
    """
    match = re.fullmatch(r"\s*(\d+)\s*(?:[xX×,]\s*(\d+)\s*)?", text)
    if not match:
        raise UserError(f"Size '{text}' is not WIDTHxHEIGHT in pixels.", "Write for example --size 512x512.")
    width = int(match[1])
    height = int(match[2] or match[1])
    if not (SMALLEST <= width <= LARGEST and SMALLEST <= height <= LARGEST):
        raise UserError(f"Size {width}x{height} is out of range.", f"Each side must be {SMALLEST} to {LARGEST} pixels.")
    return width, height


def parse_frames(text: str) -> tuple[int, int]:
    """`"1:48"` to (1, 48), both ends included.

    Raises `UserError` for anything else, for a reversed range, and for a single frame (nothing can move in it).
    """
    match = re.fullmatch(r"\s*(-?\d+)\s*:\s*(-?\d+)\s*", text)
    if not match:
        raise UserError(f"Frames '{text}' is not FIRST:LAST.", "Write for example --frames 1:48 (both ends included).")
    first, last = int(match[1]), int(match[2])
    if max(abs(first), abs(last)) > LAST_FRAME:
        raise UserError(f"Frames {first}:{last} are out of range.", f"Blender's frames end at {LAST_FRAME}.")
    if last < first:
        raise UserError(f"Frames {first}:{last} run backwards.", f"Did you mean --frames {last}:{first}?")
    if last == first:
        raise UserError(f"Frames {first}:{last} are one frame, in which nothing can move.", "Give at least two.")
    return first, last


def parse_point(text: str) -> tuple[float, float]:
    """`"120,80.5"` to (120.0, 80.5), pixels. Raises `UserError` for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*", text)
    if not match:
        raise UserError(f"Point '{text}' is not X,Y in pixels.", "Write for example --point 120,80.")
    return float(match[1]), float(match[2])


def parse_pairs(arguments: Sequence[str]) -> dict[str, str]:
    """`["--steps", "20", "--prompt=a cat"]` to {"steps": "20", "prompt": "a cat"}; dashes become underscores.

    Raises `UserError` for a stray word or an option without its value.
    """
    pairs: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) < 3:
            raise UserError(f"'{word}' was not understood.", "Options are written --name value; see --help.")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise UserError(f"Option --{name} has no value.", f"Write --{name} VALUE.")
            value = rest.pop(0)
        pairs[name.replace("-", "_")] = value
    return pairs
