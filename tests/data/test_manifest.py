"""Manifests: rows depend on the recipe and their number alone, and tell when somebody changes them."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcraft.data.choices import choice_of
from simcraft.data.manifest import Row, expand, read_manifest, write_manifest
from simcraft.data.recipe import LoadedRecipe, Recipe
from simcraft.errors import UserError
from simcraft.recording.format import Parameter
from simcraft.sim.families import find_family

FAMILIES = ("dominoes", "tower", "drop", "link", "orbit")
LONG_ENOUGH = min(find_family(name).frames for name in FAMILIES)

recipes = st.builds(
    lambda **content: loaded({"name": "any", **content}),
    seed=st.integers(0, 2**31 - 1),
    size=st.sampled_from([(64, 64), (128, 96)]),
    frames=st.integers(2, 8),
    every=st.integers(1, 2),
    first=st.sampled_from([1, 3, "1..6"]),
    set=st.sampled_from([{}, {"floor": "any"}, {"sun_height": "-10..10"}]),
    families=st.dictionaries(
        st.sampled_from(FAMILIES), st.floats(0.1, 5.0).map(lambda weight: {"weight": weight}), min_size=1
    ),
    splits=st.dictionaries(st.sampled_from(["train", "validation", "test"]), st.floats(0.05, 3.0), min_size=1),
)


def loaded(content: dict[str, Any]) -> LoadedRecipe:
    return LoadedRecipe(Recipe.model_validate(content), Path("any.yaml"), "")


def row_of(**changes: Any) -> Row:
    row = Row(
        id="000004",
        split="train",
        family="dominoes",
        seed=11,
        settings={"count": 7, "floor": "oak"},
        size=(64, 48),
        frames=8,
        first=3,
        every=2,
        renderer="preview",
        samples=16,
        tracks=12,
        annotations=("depth", "frames"),
    )
    return dataclasses.replace(row, **changes)


@settings(max_examples=30)
@given(recipes, st.integers(1, 40), st.integers(0, 40))
def test_a_longer_manifest_begins_with_the_shorter(recipe: LoadedRecipe, count: int, more: int) -> None:
    shorter, longer = expand(recipe, count), expand(recipe, count + more)
    assert longer[:count] == shorter
    assert write_manifest(longer).startswith(write_manifest(shorter))


@settings(max_examples=20)
@given(recipes, st.integers(1, 40))
def test_the_order_of_keys_changes_nothing(recipe: LoadedRecipe, count: int) -> None:
    content = recipe.recipe.model_dump(by_alias=True)
    backwards = {key: dict(reversed(v.items())) if isinstance(v, dict) else v for key, v in content.items()}
    other = loaded(backwards)
    assert other.digest == recipe.digest
    assert expand(other, count) == expand(recipe, count)


@settings(max_examples=30)
@given(recipes, st.integers(1, 120))
def test_rows_are_numbered_and_no_two_have_one_seed(recipe: LoadedRecipe, count: int) -> None:
    rows = expand(recipe, count)
    assert [row.id for row in rows] == [f"{number:06}" for number in range(count)]
    assert len({row.seed for row in rows}) == len({row.hash for row in rows}) == count
    for row in rows:
        assert 0 <= row.seed < 2**31
        assert 1 <= row.first <= row.last <= LONG_ENOUGH


@settings(max_examples=40)
@given(recipes, st.integers(1, 150))
def test_everything_has_its_share(recipe: LoadedRecipe, count: int) -> None:
    rows = expand(recipe, count)
    splits = Counter(row.split for row in rows)
    shares = {name: split.share for name, split in recipe.recipe.splits.items()}
    for split, share in shares.items():
        assert abs(splits[split] - count * share / sum(shares.values())) <= most_off(len(shares))
        families = Counter(row.family for row in rows if row.split == split)
        weights = {name: family.weight for name, family in recipe.recipe.families.items()}
        for family, weight in weights.items():
            assert abs(families[family] - splits[split] * weight / sum(weights.values())) <= most_off(len(weights))


def most_off(parties: int) -> float:
    """By how much a party's number of turns can differ from its share, where who is most behind takes the next turn.

    Before a turn the parties are behind by 1 in all, so that who takes it is behind by 1/parties at least, and ahead by
    1 - 1/parties at most thereafter; and nobody is further behind than all others are ahead.
    """
    return (parties - 1) * (1 - 1 / parties) + 1e-9


@settings(max_examples=20)
@given(recipes, st.integers(0, 2**31 - 1))
def test_another_seed_makes_another_set(recipe: LoadedRecipe, seed: int) -> None:
    other = loaded({**recipe.recipe.model_dump(by_alias=True), "seed": seed})
    same = seed == recipe.recipe.seed
    assert ([row.seed for row in expand(recipe, 5)] == [row.seed for row in expand(other, 5)]) == same


def test_what_is_drawn_for_one_parameter_row_or_seed_says_nothing_of_another() -> None:
    wishes = {"sun_height": "-10..10", "sun_turn": "-10..10"}
    content = {"name": "draws", "first": "1..6", "set": wishes, "families": ["drop"]}
    rows = expand(loaded(content), 200)
    heights, turns = (np.array([row.settings[name] for row in rows]) for name in wishes)
    assert len(set(heights)) > 190
    for others in (turns, [row.first for row in rows], np.roll(heights, 1), [row.seed for row in rows]):
        # 4 standard deviations of what chance gives
        assert abs(np.corrcoef(heights, others)[0, 1]) < 4 / np.sqrt(len(rows))
    another = [row.settings["sun_height"] for row in expand(loaded({**content, "seed": 1}), 200)]
    assert abs(np.corrcoef(heights, another)[0, 1]) < 4 / np.sqrt(len(rows))
    # and what is drawn for a parameter stays where another is added
    alone = expand(loaded({**content, "set": {"sun_turn": "-10..10"}}), 200)
    assert [row.settings["sun_turn"] for row in alone] == turns.tolist()


@settings(max_examples=20)
@given(recipes, st.integers(1, 30))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, recipe: LoadedRecipe, count: int) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.jsonl"
    rows = expand(recipe, count)
    path.write_text(write_manifest(rows), encoding="utf-8")
    assert read_manifest(path) == rows


OTHERS: dict[str, Any] = {
    "family": "tower",
    "seed": 12,
    "settings": {"count": 8, "floor": "oak"},
    "size": (48, 64),
    "frames": 9,
    "first": 4,
    "every": 3,
    "renderer": "both",
    "samples": 17,
    "tracks": 13,
    "annotations": ("depth",),
}


def test_the_hash_is_that_of_every_field_but_place_and_split() -> None:
    assert {field.name for field in dataclasses.fields(Row)} == OTHERS.keys() | {"id", "split"}
    hashes = [row_of().hash] + [row_of(**{name: value}).hash for name, value in OTHERS.items()]
    assert len(set(hashes)) == len(hashes)
    assert row_of(id="000005", split="test").hash == row_of().hash
    assert row_of(settings={"floor": "oak", "count": 7}).hash == row_of().hash


@pytest.mark.parametrize("name", OTHERS)
def test_a_field_that_somebody_edits_is_noticed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "manifest.jsonl"
    second = {**json.loads(row_of(id="000005").to_json()), name: OTHERS[name]}
    path.write_text(row_of().to_json() + "\n" + json.dumps(second) + "\n")
    with pytest.raises(UserError, match=r"line 2: the row 000005 was changed since it was written") as caught:
        read_manifest(path)
    assert "change the recipe" in caught.value.fix


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '"row"', "null", json.dumps({"hash": "0", "id": "000005"})])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(row_of().to_json() + "\n" + line + "\n")
    with pytest.raises(UserError, match="line 2 is damaged"):
        read_manifest(path)


@pytest.mark.parametrize("changes", [{"id": "../../000005"}, {"id": "<b>"}, {"split": "../train"}, {"split": ""}])
def test_names_of_files_that_lead_elsewhere_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    path = tmp_path / "manifest.jsonl"
    path.write_text(row_of(**changes).to_json() + "\n")
    with pytest.raises(UserError, match=r"line 1: the row .* has no proper id or split"):
        read_manifest(path)


@given(st.integers(0, 400), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_edited_character_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, place: int, character: str
) -> None:
    path = tmp_path_factory.mktemp("manifest") / "manifest.jsonl"
    line = row_of().to_json()
    place %= len(line)
    edited = line[:place] + character + line[place + 1 :]
    path.write_text(edited + "\n")
    try:
        (row,) = read_manifest(path)
    except UserError:
        return
    # what passes says the same of the clip: spaces, and the row's own place and split
    assert row.hash == row_of().hash


@settings(max_examples=100)
@given(st.floats(-50, 50), st.floats(0, 50), st.integers(0, 2**32))
def test_values_are_drawn_from_their_range(low: float, span: float, seed: int) -> None:
    high = low + span
    choice = choice_of(LIFT, f"{low}..{high}")
    drawn = [choice.draw(np.random.default_rng([seed, number])) for number in range(10)]
    assert all(low <= value <= high for value in drawn)
    assert all(choice.holds(value) for value in drawn)
    assert json.loads(json.dumps(drawn)) == drawn


@pytest.mark.parametrize("span", ["-1..1", "0..0.1", "0.00002..0.00003"])
def test_ranges_of_any_length_have_many_values(span: str) -> None:
    choice = choice_of(LIFT, span)
    drawn = {choice.draw(np.random.default_rng(number)) for number in range(100)}
    assert len(drawn) > 90
    assert {round(value, 8) for value in drawn} == drawn


LIFT = Parameter("lift", 0.0, "How high.", "m", -100, 100)
PUSHES = Parameter("pushes", 3, "How many.", "", 0, 100)
FLOOR = Parameter("floor", "own", "What it stands on.", choices=("own", "oak", "grass"))


@pytest.mark.parametrize(
    ("parameter", "one", "other", "overlap"),
    [
        (LIFT, "0..1", "1..2", True),
        (LIFT, "0..1", "1.0001..2", False),
        (LIFT, "0..1", [0.5, 7], True),
        (LIFT, "0..1", [-0.5, 7], False),
        (LIFT, 1, "1..2", True),
        (LIFT, [1, 2.5], [2, 1.0], True),
        (LIFT, [1, 2.5], 2, False),
        (PUSHES, "1..4", "4..9", True),
        (PUSHES, "1..4", "5..9", False),
        (PUSHES, "1..4", [0, 4], True),
        (PUSHES, 3, "3", True),
        (FLOOR, "oak", "grass", False),
        (FLOOR, "any", ["grass"], True),
        # which floor a scene has by itself is not known
        (FLOOR, ["own", "oak"], "grass", True),
        (FLOOR, "own", "grass", True),
    ],
)
def test_choices_overlap(parameter: Parameter, one: Any, other: Any, overlap: bool) -> None:
    first, second = choice_of(parameter, one), choice_of(parameter, other)
    assert first.overlaps(second) is second.overlaps(first) is overlap


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"families": {"dominos": 1}}, "There is no shipped scene 'dominos'"),
        ({"families": {"dominoes": {"set": {"cuont": 3}}}}, "family 'dominoes': there is no parameter 'cuont'"),
        ({"families": {"dominoes": {"set": {"count": "2..90"}}}}, "count should be a whole number (3 to 40), not '2'"),
        ({"families": {"dominoes": {"set": {"count": "9..6"}}}}, "count: the range 9..6 is reversed"),
        ({"families": {"dominoes": {"set": {"count": []}}}}, "count: the list is empty"),
        ({"families": {"dominoes": {"set": {"count": "few"}}}}, "count should be a whole number"),
        ({"families": {"dominoes": {"set": {"count": "1..2.5"}}}}, "count should be a whole number"),
        ({"set": {"flor": "any"}}, "'flor' is no look parameter"),
        ({"frames": 30, "every": 2}, "a clip would need frame 59 of 'dominoes', which has 48"),
        (
            {"splits": {"train": 1, "test": {"share": 1, "held_out": True}}},
            "the held-out split 'test' shares the values of all parameters of 'dominoes' with the split 'train'",
        ),
        (
            {
                "families": {"dominoes": {"set": {"count": "5..9"}}},
                "splits": {
                    "train": 1,
                    "test": {"share": 1, "held_out": True, "families": {"dominoes": {"set": {"count": "9..12"}}}},
                },
            },
            "the held-out split 'test' shares",
        ),
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes: dict[str, Any], problem: str) -> None:
    recipe = loaded({"name": "wrong", "families": ["dominoes"], **changes})
    with pytest.raises(UserError) as caught:
        expand(recipe, 3)
    assert caught.value.message.startswith("The recipe any.yaml: ")
    assert problem in caught.value.message
    assert caught.value.fix or "should be" in caught.value.message


@pytest.mark.parametrize(
    ("family", "seen", "unseen", "held_out"),
    [
        ("dominoes", {"count": "5..9"}, {"count": "10..12"}, True),
        ("dominoes", {"floor": "oak"}, {"floor": ["grass", "sand"]}, True),
        ("dominoes", {}, {"floor": "grass"}, False),
        ("dominoes", {}, {"sun_height": "5..9"}, True),
        # what seeds draw by themselves
        ("dominoes", {}, {"count": "12..15"}, False),
        ("dominoes", {}, {"count": "38..40"}, True),
        # no floor is seen of a flock
        ("birds", {"floor": "oak"}, {"floor": "grass"}, False),
        ("birds", {"alignment": 2}, {"alignment": 3}, True),
        ("birds", {}, {"alignment": 3}, False),
    ],
)
def test_what_counts_as_held_out(family: str, seen: dict[str, Any], unseen: dict[str, Any], held_out: bool) -> None:
    test = {"share": 1, "held_out": True, "families": {family: {"set": unseen}}}
    train = {"share": 1, "families": {family: {"set": seen}}}
    recipe = loaded({"name": "split", "families": [family], "splits": {"train": train, "test": test}})
    if held_out:
        assert {row.split for row in expand(recipe, 2)} == {"train", "test"}
        return
    with pytest.raises(UserError, match=f"shares the values of all parameters of '{family}'"):
        expand(recipe, 2)


@pytest.mark.parametrize(
    ("family", "setting", "wish", "kind"),
    [
        ("birds", "flock.speed", "60..90", float),
        ("birds", "start", "scattered", str),
        ("dragon", "smoke.density", 2, float),
        ("melting", "viscosity", 0.5, float),
    ],
)
def test_the_effects_of_a_family_can_be_set(family: str, setting: str, wish: Any, kind: type) -> None:
    recipe = loaded({"name": "effects", "families": {family: {"set": {setting: wish}}}})
    assert all(type(row.settings[setting]) is kind for row in expand(recipe, 3))


def test_effects_that_a_family_lacks_cannot_be_set() -> None:
    with pytest.raises(UserError, match="family 'dominoes': there is no parameter"):
        expand(loaded({"name": "effects", "families": {"dominoes": {"set": {"smoke.density": 2}}}}), 1)


def test_held_out_values_are_never_seen_elsewhere() -> None:
    recipe = loaded(
        {
            "name": "unseen",
            "families": {"dominoes": {"set": {"count": "5..9"}}, "tower": {"set": {"layers": [3, 4]}}},
            "splits": {
                "train": 2,
                "test": {
                    "share": 1,
                    "held_out": True,
                    "families": {"dominoes": {"set": {"count": "10..12"}}, "tower": {"set": {"layers": 6}}},
                },
            },
        }
    )
    seen: dict[tuple[str, str], set[int]] = {}
    for row in expand(recipe, 90):
        seen.setdefault((row.split, row.family), set()).add(row.settings.get("count") or row.settings["layers"])
    assert seen[("train", "dominoes")] == {5, 6, 7, 8, 9}
    assert seen[("test", "dominoes")] == {10, 11, 12}
    assert seen[("train", "tower")] == {3, 4}
    assert seen[("test", "tower")] == {6}


def test_no_clips_are_no_set() -> None:
    with pytest.raises(UserError, match="number of clips is 0"):
        expand(loaded({"name": "none", "families": ["drop"]}), 0)
