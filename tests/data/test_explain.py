"""What users are told about recipes is true: the example works, every key is named, shipped recipes can be made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from simcraft.assets import asset
from simcraft.data.explain import EXAMPLE, count_rows, explain_recipe
from simcraft.data.manifest import expand
from simcraft.data.recipe import LoadedRecipe, Recipe, load_recipe

GUIDE = Path(__file__).parents[2] / "docs/guide/datasets.md"


def loaded(text: str) -> LoadedRecipe:
    return LoadedRecipe(Recipe.model_validate(yaml.safe_load(text)), Path("example.yaml"), text)


@pytest.mark.parametrize("text", [EXAMPLE, *re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)])
def test_examples_are_recipes(text: str) -> None:
    rows = expand(loaded(text), 40)
    assert {row.family for row in rows if row.split == "train"} == {"dominoes", "drop"}
    assert all(6 <= row.settings["count"] <= 24 for row in rows if row.split == "train" and row.family == "dominoes")
    unseen = [row for row in rows if row.split == "unseen"]
    assert len(unseen) == 4 and all(25 <= row.settings["count"] <= 36 for row in unseen)


def test_every_key_and_family_is_explained() -> None:
    text = explain_recipe()
    for name, field in Recipe.model_fields.items():
        assert re.search(rf"^  {field.alias or name}\b", text, re.MULTILINE), name
    assert "Family 'dominoes'" in text and "Family 'jelly_drum'" in text


@pytest.mark.parametrize("path", sorted(asset("recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_can_be_made(path: Path) -> None:
    recipe = load_recipe(path)
    rows = expand(recipe, 200)
    assert len({row.seed for row in rows}) == len({row.hash for row in rows}) == 200
    counted = count_rows(rows)
    assert {split for split, _, _ in counted} == set(recipe.recipe.splits)
    for split, wish in recipe.recipe.splits.items():
        share = wish.share / sum(s.share for s in recipe.recipe.splits.values())
        assert abs(sum(n for s, _, n in counted if s == split) - 200 * share) <= 1


def test_a_shipped_recipe_is_found_by_name() -> None:
    assert load_recipe("physion").digest == load_recipe(asset("recipes") / "physion.yaml").digest
