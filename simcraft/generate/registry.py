"""The generators by name, and the options each one takes; nothing heavy is imported before one runs.

To add a generator, write a function `(clip, *, progress, **options) -> Video` in a module of its own and register it::

    from simcraft.generate.registry import Generator, Option, register
    register(Generator("mine", "What it does.", "my_package.my_module:my_function", (Option("strength", float, 0.5),)))

One with a model, which takes long to load, is a function `(**options)` instead that loads it and returns a function
`(clip, *, progress) -> Video`; it is registered with `loads=True`.
"""

from __future__ import annotations

import importlib
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
    """Does `home` take the options alone, load a model, and return the function that generates?"""

    def load(self, options: Mapping[str, Any]) -> Callable[..., Video]:
        """A function `(clip, *, progress) -> Video` with these options (all of them), for any number of clips.

        Imports the generator, and loads its model where it has one.
        """
        module, _, name = self.home.partition(":")
        function = getattr(importlib.import_module(module), name)
        return function(**options) if self.loads else partial(function, **options)


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
    except (TypeError, ValueError):
        raise UserError(f"Option '{option.name}' is {value!r}; expected {option.type.__name__}.") from None
    if option.choices and value not in option.choices:
        raise UserError(f"Option '{option.name}' is {value!r}.", f"Choose from: {', '.join(map(str, option.choices))}.")
    if option.minimum is not None and not value >= option.minimum:
        raise UserError(f"Option '{option.name}' is {value!r}; expected {option.minimum} or more.")
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


register(
    Generator(
        "warp",
        "The first frame, moved along the exact motion; holes are inpainted. The baseline of every generator.",
        "simcraft.generate.warp:warp",
        (
            Option(
                "interpolation",
                str,
                "bicubic",
                "How colours between pixels are found.",
                ("bicubic", "bilinear", "nearest"),
            ),
            Option("inpaint_radius", int, 4, "Neighbourhood of the inpainting, in pixels.", minimum=1),
        ),
    )
)
