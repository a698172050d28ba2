"""The recipe: a YAML file that says which scenes a data set holds, how they vary, and what is kept of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from simcraft.errors import UserError

if TYPE_CHECKING:
    import yaml

Annotation = Literal["visibility", "depth", "instances", "tracks", "to_first", "normals", "frames"]
KEPT: dict[str, tuple[str, ...]] = {
    "visibility": ("visible_forward", "visible_backward"),
    "depth": ("depth",),
    "instances": ("instances",),
    "tracks": ("tracks", "track_visible"),
    "to_first": ("to_first", "to_first_visible"),
    "normals": ("normals",),
    "frames": ("frames",),
}
"""Annotation -> the fields of the MotionClip that it keeps. The first image, both flows with their valid masks, the
cameras, and the coverage of smoke are always kept."""

Wishes = dict[str, Any]
"""Name of a parameter -> a value, a list of values, a range "LOW..HIGH", or "any"; see `choices.choice_of`."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class FamilyWish(_Strict):
    """One scene family."""

    weight: Annotated[float, Field(gt=0, description="How often, relative to the other families.")] = 1.0
    changes: Annotated[
        Wishes,
        Field(alias="set", description="Parameters of the family, and settings of its effects (see below)."),
    ] = {}


class SplitWish(_Strict):
    """One split of the set."""

    share: Annotated[float, Field(gt=0, description="Share of the clips, relative to the other splits.")]
    held_out: Annotated[
        bool,
        Field(
            description="Every family must differ from the splits that are not held out in the values of one parameter "
            "at least, and not by its seeds alone; making the manifest fails where it does not."
        ),
    ] = False
    changes: Annotated[Wishes, Field(alias="set", description="As the recipe's own `set`, in its place.")] = {}
    families: Annotated[
        dict[str, FamilyWish],
        Field(
            description="Families of this split; where given, only these, with weights of their own and with `set` on "
            "top of the recipe's."
        ),
    ] = {}

    @field_validator("families", mode="before")
    @classmethod
    def _families(cls, value: Any) -> Any:
        return _shorthand(value, "weight")


class Recipe(_Strict):
    """What a data set holds."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Letters, digits, _ . and -.")]
    description: Annotated[str, Field(description="For people.")] = ""
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Another seed makes another set of the same kind.")] = 0
    size: Annotated[tuple[int, int], Field(description="Pixels, WIDTHxHEIGHT.")] = (128, 128)
    frames: Annotated[int, Field(ge=2, le=1000, description="Frames a clip.")] = 16
    first: Annotated[
        int | str,
        Field(description='First frame kept, or a range such as "1..12" from which each clip draws its own.'),
    ] = 1
    every: Annotated[
        int, Field(ge=1, le=30, description="Keep every Nth frame of the scene's 24 a second; physics runs in all.")
    ] = 1
    renderer: Annotated[
        Literal["preview", "cycles", "both"],
        Field(description="What makes the pictures: the quick preview, Cycles, or both (the clip holds Cycles')."),
    ] = "preview"
    samples: Annotated[int, Field(ge=1, le=4096, description="Cycles' samples a pixel.")] = 16
    tracks: Annotated[int, Field(ge=0, le=65536, description="Point tracks a clip.")] = 256
    annotations: Annotated[
        tuple[Annotation, ...],
        Field(description="What is kept beside the first image, both flows with their valid masks and the cameras."),
    ] = ("visibility", "depth", "instances", "tracks", "frames")
    changes: Annotated[
        Wishes, Field(alias="set", description="Look parameters, of all families: floor, sky, camera, ...")
    ] = {}
    families: Annotated[
        dict[str, FamilyWish], Field(min_length=1, description="Scene families by name; a number is a weight.")
    ]
    splits: Annotated[dict[str, SplitWish], Field(min_length=1, description="By name; a number is a share.")] = {
        "train": SplitWish(share=1.0)
    }

    @field_validator("size", mode="before")
    @classmethod
    def _size(cls, value: Any) -> Any:
        from simcraft.options import parse_size

        try:
            return parse_size("x".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        except UserError as error:
            raise ValueError(error.message.removesuffix(".")) from None

    @field_validator("families", mode="before")
    @classmethod
    def _families(cls, value: Any) -> Any:
        return _shorthand(value, "weight")

    @field_validator("splits", mode="before")
    @classmethod
    def _splits(cls, value: Any) -> Any:
        return _shorthand(value, "share")

    @field_validator("splits")
    @classmethod
    def _split_names(cls, value: dict[str, SplitWish]) -> dict[str, SplitWish]:
        for name in value:
            if not name.replace("_", "").replace("-", "").isalnum():
                raise ValueError(f"the split name {name!r} should be letters, digits, _ and -")
        return value


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe, and the file that it came from."""

    recipe: Recipe
    path: Path
    text: str
    """The file as it was read, or as it reads with another size."""

    @property
    def digest(self) -> str:
        """SHA-256 of what the recipe says: comments and order of keys do not count."""
        content = self.recipe.model_dump(mode="json", by_alias=True)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_recipe(path: str | Path, *, size: tuple[int, int] | None = None) -> LoadedRecipe:
    """Read a recipe from a YAML file, or the shipped one of that name (`physion`).

    `size`, (width, height) in pixels, takes the place of the file's own, as if that were edited: the scenes are the
    same, the digest is another.

    Raises `UserError` that names the file and the field which is missing, unknown or wrong. Whether the families and
    their parameters exist is checked when the manifest is made (`manifest.expand`).
    """
    import yaml

    path = find_recipe(path)
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, _loader())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The recipe {path} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        raise UserError(f"The recipe {path} is not YAML: {' '.join(str(error).split())}.", EXPLAIN) from None
    if not isinstance(content, dict):
        raise UserError(f"The recipe {path} should be a mapping with the keys name, families, ...", EXPLAIN)
    if size is not None:
        content["size"] = "x".join(map(str, size))
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)
    try:
        return LoadedRecipe(Recipe.model_validate(content), path, text)
    except ValidationError as error:
        raise UserError(f"The recipe {path}: {_first_problem(error)}.", EXPLAIN) from None


@cache
def _loader() -> type[yaml.SafeLoader]:
    """YAML's own takes the last of two values of one key, and says nothing."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            if twice := next((key for key in keys if keys[key] > 1), None):
                problem = f"the key '{twice}' is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
            return super().construct_mapping(node, deep)

    return Loader


EXPLAIN = "`simcraft dataset make --explain` tells all keys."


def find_recipe(path: str | Path) -> Path:
    """The file at this path, or the shipped recipe of this name. Raises `UserError` where there is neither."""
    from simcraft.assets import asset

    path = Path(path)
    if path.is_file():
        return path
    shipped = {p.stem: p for p in asset("recipes").glob("*.yaml")}
    # `recipes/physion.yaml` works away from the checkout as well
    if path.suffix in ("", ".yaml") and path.parent.name in ("", "recipes") and path.stem in shipped:
        return shipped[path.stem]
    raise UserError(f"There is no recipe {path}.", f"Shipped are: {', '.join(sorted(shipped))}.")


def _shorthand(value: Any, key: str) -> Any:
    """`{"tower": 2, "drop": None}` as `{"tower": {key: 2}, "drop": {}}`, and a list of names likewise."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = dict.fromkeys(value)
    if not isinstance(value, dict):
        return value
    return {
        name: {key: wish} if isinstance(wish, int | float) else {} if wish is None else wish
        for name, wish in value.items()
    }


def _first_problem(error: ValidationError) -> str:
    """The first thing that is wrong, by the key's place in the file."""
    problem = error.errors(include_url=False)[0]
    # what pydantic adds for the branches of a union, or for a mapping's keys, is nothing that the file says
    place = ".".join(str(part) for part in problem["loc"] if part not in ("int", "str", "[key]"))
    if problem["type"] == "extra_forbidden":
        return f"there is no key '{place}'"
    if problem["type"] == "missing":
        return f"the key '{place}' is missing"
    if problem["type"] in ("dict_type", "model_type"):
        return f"{place} should be a mapping, as in {{key: value}}, not {problem.get('input')!r}"
    given = problem.get("input")
    shown = f", not {given!r}" if not isinstance(given, dict | list) and repr(given) not in problem["msg"] else ""
    return f"{place}: {problem['msg'].removeprefix('Value error, ')}{shown}"
