"""Recipes: what may be written, what it means, and what is told of mistakes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simcraft.assets import asset
from simcraft.data.manifest import expand
from simcraft.data.recipe import KEPT, FamilyWish, LoadedRecipe, Recipe, SplitWish, load_recipe
from simcraft.errors import UserError

WHOLE = {
    "name": "whole",
    "description": "All keys.",
    "seed": 3,
    "size": "64x48",
    "frames": 8,
    "first": "1..4",
    "every": 2,
    "renderer": "both",
    "samples": 4,
    "tracks": 10,
    "annotations": ["depth", "frames"],
    "set": {"floor": "any"},
    "families": {"dominoes": {"weight": 2, "set": {"count": "6..9"}}, "tower": None},
    "splits": {"train": 0.9, "unseen": {"share": 0.1, "held_out": True, "families": {"dominoes": 1}}},
}


def load(folder: Path, content: object) -> LoadedRecipe:
    path = folder / "recipe.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return load_recipe(path)


def test_all_keys_and_short_forms(tmp_path: Path) -> None:
    recipe = load(tmp_path, WHOLE).recipe
    assert recipe.size == (64, 48)
    assert recipe.families == {"dominoes": FamilyWish(weight=2, changes={"count": "6..9"}), "tower": FamilyWish()}
    assert recipe.splits["train"] == SplitWish(share=0.9)
    assert recipe.splits["unseen"].families == {"dominoes": FamilyWish(weight=1)}
    assert recipe.changes == {"floor": "any"}
    assert (recipe.first, recipe.every, recipe.annotations) == ("1..4", 2, ("depth", "frames"))


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    recipe = load(tmp_path, {"name": "short", "families": ["drop", "link"]}).recipe
    assert list(recipe.families) == ["drop", "link"]
    assert recipe.splits == {"train": SplitWish(share=1)}
    assert (recipe.size, recipe.frames, recipe.renderer) == ((128, 128), 16, "preview")
    assert set(recipe.annotations) <= set(KEPT)


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("familys", ["drop"], "there is no key 'familys'"),
        ("families", None, "families should be a mapping"),
        ("families", {}, "families: "),
        ("families", {"drop": {"weight": 0}}, "families.drop.weight: "),
        ("families", {"drop": {"wait": 1}}, "there is no key 'families.drop.wait'"),
        ("splits", {"train": {}}, "the key 'splits.train.share' is missing"),
        ("splits", {"to/do": 1}, "splits: the split name 'to/do' should be letters"),
        ("splits", {"train": -1}, "splits.train.share: "),
        ("name", "../up", "name: "),
        ("seed", -1, "seed: "),
        ("size", "12by12", "size: "),
        ("size", [0, 0, 0], "size: "),
        ("size", [8, 8], "size: Size 8x8 is out of range"),
        ("size", [64, 48.5], "size: Size '64x48.5' is not"),
        ("size", None, "size: "),
        ("families", {"drop": float("inf")}, "families.drop.weight: "),
        ("splits", {"train": float("nan")}, "splits.train.share: "),
        ("frames", 1, "frames: "),
        ("frames", "many", "frames: "),
        ("every", 0, "every: "),
        ("renderer", "eevee", "renderer: "),
        ("annotations", ["depths"], "annotations.0: "),
        ("tracks", -5, "tracks: "),
    ],
)
def test_mistakes_are_named_by_file_and_key(tmp_path: Path, key: str, value: object, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, {**WHOLE, key: value})
    assert caught.value.message.startswith(f"The recipe {tmp_path / 'recipe.yaml'}: {problem}"), caught.value.message
    assert "\n" not in caught.value.message
    assert "--explain" in caught.value.fix


@pytest.mark.parametrize("key", ["name", "families"])
def test_needed_keys(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match=f"the key '{key}' is missing"):
        load(tmp_path, {name: value for name, value in WHOLE.items() if name != key})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: [", "is not YAML"),
        ("- drop\n- link\n", "should be a mapping"),
        ("", "should be a mapping"),
        ("!!python/object/apply:os.getcwd []", "is not YAML"),
        ("? [a, b]\n: c\n", "is not YAML"),
        ("name: x\nfamilies: {drop: 1, link: 1, drop: 2}\n", "the key 'drop' is there twice .* line 2"),
    ],
)
def test_files_that_are_no_recipes(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem) as caught:
        load(tmp_path, text)
    assert "\n" not in caught.value.message


def test_a_recipe_that_is_not_there_tells_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no recipe") as caught:
        load_recipe(tmp_path / "nothing.yaml")
    assert "physion" in caught.value.fix
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        load_recipe(tmp_path / "binary.yaml")


@pytest.mark.parametrize("name", sorted(path.stem for path in asset("recipes").glob("*.yaml")))
def test_shipped_recipes_have_their_files_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_recipe(name).recipe.name == name
    assert load_recipe(f"recipes/{name}.yaml").path == load_recipe(name).path


def test_the_digest_is_that_of_what_is_said(tmp_path: Path) -> None:
    digest = load(tmp_path, WHOLE).digest
    assert re.fullmatch("[0-9a-f]{64}", digest)
    backwards = yaml.safe_dump(dict(reversed(WHOLE.items())), sort_keys=False)
    assert load(tmp_path, f"# the same\n{backwards}").digest == digest
    longhand = {**WHOLE, "size": [64, 48], "families": {**WHOLE["families"], "tower": {"weight": 1.0}}}  # type: ignore[dict-item]
    assert load(tmp_path, longhand).digest == digest


OTHERS = {
    "name": st.from_regex(r"[a-z][a-z0-9]{1,8}", fullmatch=True),
    "description": st.text(max_size=10),
    "seed": st.integers(0, 2**31 - 1),
    "size": st.tuples(st.integers(16, 512), st.integers(16, 512)),
    "frames": st.integers(2, 1000),
    "first": st.integers(1, 100),
    "every": st.integers(1, 30),
    "renderer": st.sampled_from(["preview", "cycles", "both"]),
    "samples": st.integers(1, 4096),
    "tracks": st.integers(0, 65536),
    "annotations": st.lists(st.sampled_from(sorted(KEPT)), unique=True),
    "set": st.dictionaries(st.sampled_from(["floor", "sky"]), st.sampled_from(["any", "own"])),
    "families": st.dictionaries(st.sampled_from(["drop", "link", "roll"]), st.floats(0.1, 9), min_size=1),
    "splits": st.dictionaries(st.sampled_from(["train", "test"]), st.floats(0.1, 9), min_size=1),
}


@given(st.sampled_from(sorted(OTHERS)), st.data())
def test_the_digest_changes_with_every_key(key: str, data: st.DataObject) -> None:
    before = Recipe.model_validate(WHOLE)
    after = Recipe.model_validate({**WHOLE, key: data.draw(OTHERS[key])})
    digests = {LoadedRecipe(recipe, Path("recipe.yaml"), "").digest for recipe in (before, after)}
    assert len(digests) == (1 if before == after else 2)


def test_another_size_is_another_recipe(tmp_path: Path) -> None:
    own = load(tmp_path, WHOLE)
    larger = load_recipe(own.path, size=(128, 96))
    assert larger.recipe == own.recipe.model_copy(update={"size": (128, 96)})
    assert larger.digest == load(tmp_path, {**WHOLE, "size": "128x96"}).digest != own.digest


@pytest.mark.parametrize("name", ["physion", "train-dreamer"])
def test_a_shipped_recipe_in_another_size_makes_the_same_scenes(tmp_path: Path, name: str) -> None:
    own, larger = load_recipe(name), load_recipe(name, size=(256, 128))
    for row, other in zip(expand(own, 20), expand(larger, 20), strict=True):
        assert dataclasses.replace(row, size=(256, 128)) == other and row.hash != other.hash
    # its text is a recipe, and the same one
    again = load(tmp_path, larger.text)
    assert (again.recipe, again.digest) == (larger.recipe, larger.digest)


def test_a_size_that_cannot_be_is_named(tmp_path: Path) -> None:
    path = load(tmp_path, WHOLE).path
    with pytest.raises(UserError, match=r"recipe\.yaml: size: Size 8x8 is out of range"):
        load_recipe(path, size=(8, 8))
