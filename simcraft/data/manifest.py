"""The manifest: one row a clip, which says all that it takes to make that clip, alone and anywhere."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.data.choices import OWN, Choice, choice_of, usual_choice
from simcraft.data.recipe import LoadedRecipe, Recipe
from simcraft.errors import UserError
from simcraft.recording.format import Parameter
from simcraft.sim.families import Family, effect_parameters, find_family, look_parameters

MOST_CLIPS = 1_000_000
"""Of one set: a folder with more files serves nobody."""


@dataclass(frozen=True)
class Row:
    """One clip of a data set."""

    id: str
    """Six digits or more, "000012": its place in the manifest, and the name of its files."""
    split: str
    family: str
    seed: int
    """0 to 2^31 - 1: of the scene, its effects and the render. No two rows of a manifest share one."""
    settings: dict[str, Any]
    """Parameters of the family, of its look and of its effects, by name, as drawn; what is missing the seed draws."""
    size: tuple[int, int]
    """(width, height) in pixels."""
    frames: int
    first: int
    """The first frame of the scene that is kept."""
    every: int
    """Every how manieth frame from there on."""
    renderer: str
    """"preview", "cycles" or "both"."""
    samples: int
    """Cycles' samples a pixel."""
    tracks: int
    annotations: tuple[str, ...]
    """Keys of `recipe.KEPT`."""

    @property
    def last(self) -> int:
        """The last frame of the scene that is kept."""
        return self.first + (self.frames - 1) * self.every

    @property
    def hash(self) -> str:
        """SHA-256 of everything above but the id and the split, in hexadecimal: the clip's configuration."""
        content = {key: value for key, value in asdict(self).items() if key not in ("id", "split")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """One line of the manifest."""
        return json.dumps({**asdict(self), "hash": self.hash})


@dataclass(frozen=True)
class _Plan:
    """What one family of one split draws from."""

    family: Family
    weight: float
    choices: Mapping[str, Choice]


def expand(loaded: LoadedRecipe, count: int) -> list[Row]:
    """The first `count` rows of a recipe's manifest.

    A row depends on what the recipe says and its own number only, so that a longer manifest begins with the shorter
    one, and that the order of keys in the recipe changes nothing. Splits and families take turns by their shares: any
    stretch of the manifest holds about the right mixture.

    Raises `UserError` that names the recipe, the split, the family and the parameter that is wrong.
    """
    if not 1 <= count <= MOST_CLIPS:
        raise UserError(f"The number of clips is {count}.", f"Give 1 to {MOST_CLIPS} with -n.")
    recipe = loaded.recipe
    try:
        plans = {name: _plans(recipe, name) for name in recipe.splits}
        _check_held_out(recipe, plans)
        first = _first_frames(recipe, plans)
    except UserError as error:
        raise UserError(f"The recipe {loaded.path}: {error.message}", error.fix) from None
    names = sorted(recipe.splits)
    splits = _Turns([recipe.splits[name].share for name in names])
    turns = {name: _Turns([p.weight for p in plans[name]]) for name in names}
    seeds = _seeds(recipe.seed, count)
    rows = []
    for number in range(count):
        split = names[splits.next()]
        plan = plans[split][turns[split].next()]
        rows.append(_row(recipe, number, split, plan, seeds[number], first))
    return rows


class _Turns:
    """Takes turns so that after any number of them each has had about its share, and never one more than that."""

    def __init__(self, shares: list[float]) -> None:
        self.shares = np.array(shares) / sum(shares)
        self.taken = np.zeros(len(shares))

    def next(self) -> int:
        turn = int(np.argmax(self.shares * (self.taken.sum() + 1) - self.taken))
        self.taken[turn] += 1
        return turn


def _seeds(seed: int, count: int) -> list[int]:
    """`count` different scene seeds; more of them begin with the same ones."""
    generator = np.random.default_rng([seed, zlib.crc32(b"scene seeds")])
    found: dict[int, None] = {}
    while len(found) < count:
        found[int(generator.integers(2**31))] = None
    return list(found)


def _row(recipe: Recipe, number: int, split: str, plan: _Plan, seed: int, first: Choice) -> Row:
    def draw(name: str, choice: Choice) -> Any:
        return choice.draw(np.random.default_rng([recipe.seed, number, zlib.crc32(name.encode())]))

    return Row(
        id=f"{number:06d}",
        split=split,
        family=plan.family.name,
        seed=seed,
        settings={name: draw(name, choice) for name, choice in plan.choices.items()},
        size=recipe.size,
        frames=recipe.frames,
        first=draw("first frame", first),
        every=recipe.every,
        renderer=recipe.renderer,
        samples=recipe.samples,
        tracks=recipe.tracks,
        annotations=recipe.annotations,
    )


def _plans(recipe: Recipe, split: str) -> list[_Plan]:
    wish = recipe.splits[split]
    common = {**recipe.changes, **wish.changes}
    plans = []
    for name, family_wish in sorted((wish.families or recipe.families).items()):
        family = find_family(name)
        everywhere = recipe.families.get(name)
        changes = {**(everywhere.changes if everywhere else {}), **family_wish.changes}
        try:
            choices = {key: choice_of(_look(key), value) for key, value in common.items()}
            choices |= {key: _choice_of_any(_parameters(family, key), value) for key, value in changes.items()}
        except UserError as error:
            raise UserError(f"split '{split}', family '{name}': {error.message}", error.fix) from None
        plans.append(_Plan(family, family_wish.weight, choices))
    return plans


def _choice_of_any(parameters: list[Parameter], wish: Any) -> Choice:
    """The choice as the first of the parameters takes it for which it makes sense; else the first one's error."""
    for parameter in parameters:
        with contextlib.suppress(UserError):
            return choice_of(parameter, wish)
    return choice_of(parameters[0], wish)


def _look(name: str) -> Parameter:
    known = {p.name: p for p in look_parameters()}
    if name not in known:
        raise UserError(
            f"'{name}' is no look parameter.",
            f"There are {', '.join(known)}; parameters of one family belong below families: FAMILY: set:.",
        )
    return known[name]


def _parameters(family: Family, name: str) -> list[Parameter]:
    """What `name` may mean: one parameter of the look or the family, or settings of several kinds of effects."""
    known = {p.name: p for p in (*look_parameters(), *family.parameters)}
    if name in known:
        return [known[name]]
    own_name = name.rpartition(".")[2]
    if found := [parameter for parameter in effect_parameters(family) if parameter.name == own_name]:
        return found
    raise UserError(
        f"there is no parameter '{name}'.",
        f"There are {', '.join(p.name for p in family.parameters)}; see `simcraft simulate {family.name} --help`.",
    )


def _first_frames(recipe: Recipe, plans: Mapping[str, list[_Plan]]) -> Choice:
    """From where clips may start; `UserError` where the scenes are too short for that."""
    parameter = Parameter("first", 1, "First frame kept.", "", 1, 10000)
    choice = choice_of(parameter, recipe.first)
    latest = int(choice.high if choice.high is not None else max(choice.values))
    last = latest + (recipe.frames - 1) * recipe.every
    for plan in (plan for split in plans.values() for plan in split):
        if last > plan.family.frames:
            raise UserError(
                f"a clip would need frame {last} of '{plan.family.name}', which has {plan.family.frames}.",
                f"Lower first (now up to {latest}), frames ({recipe.frames}) or every ({recipe.every}).",
            )
    return choice


def _check_held_out(recipe: Recipe, plans: Mapping[str, list[_Plan]]) -> None:
    """Raise `UserError` where a family of a held-out split has no parameter whose values are unseen elsewhere."""
    for split, wish in recipe.splits.items():
        if not wish.held_out:
            continue
        others = [(name, plan) for name in plans if not recipe.splits[name].held_out for plan in plans[name]]
        for plan in plans[split]:
            for name, other in others:
                if other.family.name == plan.family.name and not _differ(plan, other):
                    raise UserError(
                        f"the held-out split '{split}' shares the values of all parameters of '{plan.family.name}' "
                        f"with the split '{name}'.",
                        "Give it a range or list of its own for one parameter at least, outside that of the others.",
                    )


def _differ(plan: _Plan, other: _Plan) -> bool:
    """Has one family a parameter that never takes a value in the one plan that it may take in the other?"""
    # setting what a family lacks changes nothing
    names = (plan.choices.keys() | other.choices) - set(plan.family.lacks)
    return any(not _values(plan, name).overlaps(_values(other, name)) for name in names)


def _values(plan: _Plan, name: str) -> Choice:
    """The values that a parameter takes in a plan, whether it is set there or not."""
    if name in plan.choices:
        return plan.choices[name]
    own = {p.name: p for p in plan.family.parameters}
    if name in own:
        return usual_choice(own[name], plan.family.usual.get(name))
    look = {p.name: p for p in look_parameters()}
    # the setting of an effect is as the scene has it
    return Choice((look[name].default if name in look else OWN,))


def write_manifest(rows: Iterable[Row]) -> str:
    """The text of `manifest.jsonl`."""
    return "".join(row.to_json() + "\n" for row in rows)


def read_manifest(path: Path) -> list[Row]:
    """The rows of a `manifest.jsonl`.

    Raises `UserError` that names the line: of a row that is damaged, misses a key, was edited by hand (its hash tells),
    or has an id that another one has.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"The manifest {path} cannot be read: {error}.", "Make the set again with its recipe."
        ) from None
    rows: dict[str, Row] = {}
    for number, line in enumerate(lines, start=1):
        row = _read_row(line, f"{path}, line {number}")
        if row.id in rows:
            raise UserError(f"{path}, line {number}: the id {row.id} is there twice.", RESTORE)
        rows[row.id] = row
    return list(rows.values())


RESTORE = "Manifests are not made to be edited: change the recipe, and make the set in another folder."


def _read_row(line: str, place: str) -> Row:
    try:
        content = json.loads(line)
        told = content.pop("hash")
        row = Row(**{**content, "size": tuple(content["size"]), "annotations": tuple(content["annotations"])})
        genuine = row.hash
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{place} is damaged: {error}.", RESTORE) from None
    if genuine != told:
        raise UserError(f"{place}: the row {row.id} was changed since it was written.", RESTORE)
    # both become names of files: nobody's manifest leads out of its folder
    if not re.fullmatch(r"\d{6,}", row.id) or not re.fullmatch(r"[\w-]+", row.split):
        raise UserError(f"{place}: the row {row.id!r} of the split {row.split!r} has no proper id or split.", RESTORE)
    return row
