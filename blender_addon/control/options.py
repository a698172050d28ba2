"""From the settings of a scene to the options of a generator: only those that it has, and that somebody has set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

AUTO = "auto"
ARROWS = "arrows"
"""The option of generators that can be told by motion arrows what moves: the name of a file."""
_NETWORKS = ("model", "prompt", "negative_prompt", "mode", "strength", "steps", "guidance", "seed", "device", "offload")
_BEFORE_AN_ENGINE = {"warp": frozenset[str](), "motioncraft": frozenset(_NETWORKS)}


def _chosen(name: str) -> Callable[[Any], Any]:
    """The value of a setting that counts where its switch `use_NAME` is on."""
    return lambda settings: getattr(settings, name) if getattr(settings, f"use_{name}") else None


_READ: dict[str, Callable[[Any], Any]] = {
    "model": lambda s: s.model.strip() or None,
    "prompt": lambda s: s.prompt.strip() or None,
    "negative_prompt": lambda s: s.negative_prompt.strip() or None,
    "mode": lambda s: s.mode,
    "strength": _chosen("strength"),
    "steps": _chosen("steps"),
    "guidance": _chosen("guidance"),
    "seed": lambda s: s.seed,
    "device": lambda s: s.device,
    "offload": lambda s: s.offload,
}
"""How each option is read from `Scene.simcraft`; None where it is left to the generator."""


@dataclass(frozen=True)
class Knowledge:
    """What the engine has said of itself, see "describe" in its protocol. Empty before."""

    answer: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_there(self) -> bool:
        return bool(self.answer)

    @property
    def generators(self) -> list[tuple[str, str, str]]:
        """(name, title, summary) of each."""
        known = self.answer.get("generators", ())
        return [(g["name"], g["name"].replace("_", " ").capitalize(), g.get("summary", "")) for g in known]

    @property
    def models(self) -> list[tuple[str, str]]:
        """(name, size) of each."""
        return [(m["name"], f"{m.get('megabytes', 0):.0f} MB") for m in self.answer.get("models", ())]

    @property
    def best(self) -> str:
        """The name of the generator that "auto" stands for; empty where that is not known."""
        words = str(self.answer.get("best", "")).replace(":", " ").split()
        names = {generator["name"] for generator in self.answer.get("generators", ())}
        return words[0] if words and words[0] in names else ""

    def option(self, generator: str, name: str) -> Mapping[str, Any] | None:
        """What is known of a generator's option; None where it has none of this name."""
        wanted = self.best if generator == AUTO else generator
        for known in self.answer.get("generators", ()):
            if known["name"] == wanted:
                return next((o for o in known.get("options", ()) if o["name"] == name), None)
        return {} if not self.is_there and name in _BEFORE_AN_ENGINE.get(generator, ()) else None

    def has(self, generator: str, name: str) -> bool:
        """Has the generator this option?"""
        return self.option(generator, name) is not None

    def knows(self, generator: str) -> bool:
        """Is it known what options the generator has?"""
        return self.is_there or generator in _BEFORE_AN_ENGINE


def follows_arrows(settings: Any, knowledge: Knowledge) -> bool:
    """Do motion arrows say what moves, instead of the simulation? The settings say so, and the generator can."""
    return settings.motion_from == "ARROWS" and knowledge.has(settings.generator, ARROWS)


def options_of(settings: Any, knowledge: Knowledge) -> dict[str, Any]:
    """The options for the scene's generator, with the scene's seed; arrows have to be written first."""
    generator, options = settings.generator, {}
    for name, read in _READ.items():
        known, value = knowledge.option(generator, name), read(settings)
        if known is None or value is None:
            continue
        # another generator may mean something else by the same word
        if not known.get("choices") or value in known["choices"]:
            options[name] = value
    return options
