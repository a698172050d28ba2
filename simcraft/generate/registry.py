"""The generators by name, and the options each one takes; nothing heavy is imported before one runs.

To add a generator, write a function `(clip, *, progress, **options) -> Video` in a module of its own and register it::

    from simcraft.generate.registry import Generator, Option, register
    register(Generator("mine", "What it does.", "my_package.my_module:my_function", (Option("strength", float, 0.5),)))

One with a model, which takes long to load, is a function `(**loading)` instead that loads it and returns a function
`(clip, *, progress, **others) -> Video`; it is registered with `loads=True`, and `loading` are the options marked so.
One that makes frame after frame says `streams=True`, and its function also takes `keep` and `frame_done`.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from simcraft.errors import UserError

if TYPE_CHECKING:
    from simcraft.video import Video


@dataclass(frozen=True)
class Option:
    """One option of a generator; the command line shows and parses it from this description."""

    name: str
    type: type
    """int, float, str or bool."""
    default: Any
    help: str = ""
    choices: tuple[Any, ...] = ()
    """All that is accepted; empty where everything of the type is."""
    minimum: float | None = None
    maximum: float | None = None
    unset: str = ""
    """What a default of None stands for, in words."""
    loading: bool = False
    """Does it choose or place the model? The model is loaded again where such an option changes."""

    @property
    def usual(self) -> str:
        """The default, in words."""
        if self.default is None:
            return self.unset or "none"
        if isinstance(self.default, bool):
            return "yes" if self.default else "no"
        return str(self.default) or "none"


@dataclass(frozen=True)
class Generator:
    """What a user can choose, and where the code is."""

    name: str
    summary: str
    """One sentence for lists of generators."""
    home: str
    """"module:function"; imported on first use."""
    options: tuple[Option, ...] = ()
    loads: bool = False
    """Does `home` take the loading options alone, load a model, and return the function that generates?"""
    streams: bool = False
    """Does the function also take `keep` and `frame_done`, of `simcraft.generate.generate`?"""
    checks: str = ""
    """"module:function" `(**options) -> str` that imports nothing heavy: see `check`. Empty where there is no need."""

    def check(self, options: Mapping[str, Any]) -> str:
        """What a video depends on besides clip and options (all of them): the state of the model's files, as text.

        Cheap: call it before the work. Raises `UserError` for what can be known to be wrong without loading anything,
        such as a model that is not there.
        """
        return _imported(self.checks)(**options) if self.checks else ""

    def open(self, options: Mapping[str, Any]) -> Callable[..., Video]:
        """A function `(clip, *, progress, **painting) -> Video`, where `painting` are the options that do not load.

        Imports the generator, and loads its model where it has one. Of `options` only the loading ones are read.
        """
        function = _imported(self.home)
        return function(**self.split(options)[0]) if self.loads else function

    def load(self, options: Mapping[str, Any]) -> Callable[..., Video]:
        """A function `(clip, *, progress) -> Video` with these options (all of them), for any number of clips."""
        return partial(self.open(options), **self.split(options)[1])

    def split(self, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The options that load, and the others."""
        loading = {option.name for option in self.options if self.loads and option.loading}
        first = {name: value for name, value in options.items() if name in loading}
        return first, {name: value for name, value in options.items() if name not in loading}


def _imported(home: str) -> Callable[..., Any]:
    """The function at "module:function"."""
    module, _, name = home.partition(":")
    return getattr(importlib.import_module(module), name)


_GENERATORS: dict[str, Generator] = {}


def register(generator: Generator) -> None:
    """Make `generator` known under its name, in place of one that had the name before."""
    _GENERATORS[generator.name] = generator


def generator_names() -> tuple[str, ...]:
    """Every known name, sorted."""
    return tuple(sorted(_GENERATORS))


def find_generator(name: str) -> Generator:
    """The generator called `name`; `UserError` that lists the known ones otherwise."""
    if name not in _GENERATORS:
        raise UserError(f"There is no generator '{name}'.", f"Known: {', '.join(generator_names())}.")
    return _GENERATORS[name]


def complete_options(generator: Generator, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of `generator`: the given values, checked and converted from text, and the defaults.

    Raises `UserError` that names the option and what it accepts.
    """
    known = {option.name: option for option in generator.options}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UserError(
            f"Generator '{generator.name}' has no option '{unknown[0]}'.",
            f"It takes: {', '.join(known) or 'none'}.",
        )
    return {name: _checked(option, given.get(name, option.default)) for name, option in known.items()}


def _checked(option: Option, value: Any) -> Any:
    if value is None and option.default is None:
        return None
    try:
        value = _converted(option.type, value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"Option '{option.name}' is {value!r}; expected {option.type.__name__}.") from None
    if option.choices and value not in option.choices:
        raise UserError(f"Option '{option.name}' is {value!r}.", f"Choose from: {', '.join(map(str, option.choices))}.")
    if option.minimum is not None and not value >= option.minimum:
        raise UserError(f"Option '{option.name}' is {value!r}; expected {option.minimum} or more.")
    if option.maximum is not None and not value <= option.maximum:
        raise UserError(f"Option '{option.name}' is {value!r}; expected {option.maximum} or less.")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"Option '{option.name}' is {value!r}; expected a finite number.")
    return value


_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _converted(kind: type, value: Any) -> Any:
    """`value` as `kind`; text comes from the command line, everything else has to fit without loss."""
    if kind is bool and isinstance(value, str):
        if value.lower() not in _TRUTHS:
            raise ValueError
        return _TRUTHS[value.lower()]
    if kind is int and isinstance(value, float) and value != int(value):
        raise ValueError
    if kind is str and not isinstance(value, str):
        raise TypeError
    return kind(value)
