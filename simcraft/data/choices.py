"""What a recipe says of one parameter, and how a value of it is drawn: fixed, from a range, or from a list."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from simcraft.errors import UserError
from simcraft.recording.format import Parameter, SettingError, convert

ANY = "any"
"""In a recipe: each of a parameter's choices but "own", all equally likely."""
OWN = "own"
"""As the scene has it: which value that is, is not known without building the scene."""

_RANGE = re.compile(r"\s*(\S+?)\s*\.\.\s*(\S+)\s*")


@dataclass(frozen=True)
class Choice:
    """The values that a parameter may take."""

    values: tuple[Any, ...] = ()
    """Each as likely; empty where there is a range."""
    low: float | None = None
    """The range's lower end, included."""
    high: float | None = None
    """Its upper end, included."""
    whole: bool = False
    """Whole numbers only."""

    def draw(self, generator: np.random.Generator) -> Any:
        """One of the values."""
        if self.low is None or self.high is None:
            return self.values[int(generator.integers(len(self.values)))]
        if self.whole:
            return int(generator.integers(int(self.low), int(self.high) + 1))
        drawn = round(float(generator.uniform(self.low, self.high)), _decimals(self.high - self.low))
        # where an end has more decimals than that
        return min(max(drawn, self.low), self.high)

    def overlaps(self, other: Choice) -> bool:
        """Is there a value that both may take? "own" may be any."""
        if OWN in self.values or OWN in other.values:
            return True
        if self.values:
            return any(other.holds(value) for value in self.values)
        if other.values:
            return other.overlaps(self)
        assert None not in (self.low, self.high, other.low, other.high)
        return self.low <= other.high and other.low <= self.high  # type: ignore[operator]

    def holds(self, value: Any) -> bool:
        """May the parameter take this value?"""
        if self.low is None or self.high is None:
            return value in self.values
        return not isinstance(value, str) and self.low <= value <= self.high


def choice_of(parameter: Parameter, wish: Any) -> Choice:
    """What `wish` means for `parameter`: a value, a list of values, a text such as "8..24", or "any".

    Raises `UserError` where a value is not one of the parameter's, or the range is empty or reversed.
    """
    if isinstance(wish, list):
        if not wish:
            raise UserError(f"{parameter.name}: the list is empty.", "Name one value at least.")
        return Choice(tuple(_converted(parameter, value) for value in wish))
    if wish == ANY and parameter.choices:
        return Choice(tuple(c for c in parameter.choices if c != OWN))
    if isinstance(wish, str) and not isinstance(parameter.default, str) and (ends := _RANGE.fullmatch(wish)):
        low, high = (_converted(parameter, end) for end in ends.groups())
        if low > high:
            raise UserError(f"{parameter.name}: the range {wish} is reversed.", f"Write {high:g}..{low:g}.")
        return Choice(low=low, high=high, whole=isinstance(parameter.default, int))
    return Choice((_converted(parameter, wish),))


def usual_choice(parameter: Parameter, usual: tuple[float, float] | None) -> Choice:
    """The values that other seeds of a family give a parameter that nobody sets."""
    if parameter.choices:
        return Choice(parameter.choices)
    if usual is None:
        return Choice((parameter.default,))
    return Choice(low=usual[0], high=usual[1], whole=isinstance(parameter.default, int))


def _decimals(span: float) -> int:
    """So many decimals that a range of this length has a thousand values at least; four where it need not be more."""
    return 4 if span >= 0.1 or span == 0.0 else 3 - math.floor(math.log10(span))


def _converted(parameter: Parameter, value: Any) -> Any:
    try:
        return convert(parameter, value)
    except SettingError as error:
        raise UserError(f"{error}.") from None
