"""Tables of parameters for people: on the command line and in the documentation."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simcraft.errors import UserError
from simcraft.recording.format import KINDS, EffectKind, Parameter


def help_text(parameters: Iterable[Parameter], indent: str = "  ") -> str:
    """One paragraph a parameter: name, default, unit, range and what it does, as wide as the terminal."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    lines = []
    for parameter in parameters:
        lines.append(f"{indent}{parameter.name} = {_value(parameter)}  [{_range(parameter)}]")
        lines += textwrap.wrap(parameter.help, width, initial_indent=indent * 3, subsequent_indent=indent * 3)
    return "\n".join(lines)


def markdown_table(parameters: Iterable[Parameter]) -> str:
    """A Markdown table of the parameters, with a row each."""
    rows = ["| parameter | default | unit | range | meaning |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{p.name}` | {_value(p)} | {p.unit or '-'} | {p.range} | {p.help} |".replace("  ", " ") for p in parameters
    ]
    return "\n".join(rows)


def effect_sections() -> Iterator[tuple[str, str, tuple[Parameter, ...]]]:
    """(heading, sentence, parameters) of every kind of effect and of each of its roles that has settings."""
    for name, kind in KINDS.items():
        yield name, kind.summary, kind.parameters
        for role, parameters in kind.roles.items():
            if parameters:
                yield f"{name}: {role}", f"Settings of each {role}.", parameters


def roles_in_words(kind: EffectKind) -> str:
    """The names of the roles of `kind`, for a sentence."""
    return ", ".join(kind.roles)


def parse_settings(words: Iterable[str]) -> dict[str, str]:
    """`["gap=0.3", "Smoke.buoyancy=2"]` to {"gap": "0.3", "Smoke.buoyancy": "2"}.

    Raises `UserError` for a word without "=", and for a name given twice.
    """
    settings: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UserError(f"Setting '{word}' is not NAME=VALUE.", "Write for example --set gap=0.3.")
        if name in settings:
            raise UserError(f"Setting '{name}' is given twice.", "Give it once.")
        settings[name] = value.strip()
    return settings


def parameter_from(row: Mapping[str, Any]) -> Parameter:
    """The parameter that a JSON row describes."""
    return Parameter(**{**row, "choices": tuple(row.get("choices", ()))})


def _value(parameter: Parameter) -> str:
    if isinstance(parameter.default, bool):
        return str(parameter.default).lower()
    return f"{parameter.default:g}" if isinstance(parameter.default, float) else str(parameter.default)


def _range(parameter: Parameter) -> str:
    return f"{parameter.range} {parameter.unit}".strip()
