"""A vocabulary of our own that stock `CLIPTokenizer` reads."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from simcraft.errors import UserError
from simcraft.train.tokenizer import find_merges, load_tokenizer, save_tokenizer, token_ids, train_tokenizer

TEXTS = [
    f"{number} {colour} dominoes fall one after the other on a floor of {floor}."
    for number in ("Seven", "Twelve", "Eighteen")
    for colour in ("red", "wooden", "marble")
    for floor in ("oak", "concrete", "terracotta tiles")
]


def test_texts_come_back_also_those_never_seen(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(TEXTS, 640)
    save_tokenizer(tokenizer, tmp_path)
    loaded = CLIPTokenizer.from_pretrained(tmp_path)
    for text in (TEXTS[0], "a jelly drum quakes", "zażółć gęślą jaźń", "漢字 of 42"):
        back = loaded.decode(loaded(text).input_ids, skip_special_tokens=True)
        assert back.replace(" ", "") == text.lower().replace(" ", "")
    assert loaded.model_max_length == 77
    assert loaded.get_vocab() == tokenizer.get_vocab() == load_tokenizer(tmp_path).get_vocab()
    with pytest.raises(UserError, match="is no tokenizer"):
        load_tokenizer(tmp_path / "elsewhere")


def test_the_vocabulary_is_small_useful_and_repeatable() -> None:
    tokenizer = train_tokenizer(TEXTS, 640)
    assert 514 < len(tokenizer) <= 640
    assert train_tokenizer(iter(TEXTS), 640).get_vocab() == tokenizer.get_vocab()
    # frequent words are one token each, between the two marks
    assert len(tokenizer("dominoes fall").input_ids) == 4
    ids = token_ids(tokenizer, ["dominoes", ""])
    assert ids.shape == (2, 77)
    assert ids[1].tolist() == [tokenizer.bos_token_id] + 76 * [tokenizer.eos_token_id]


def test_merges_are_the_most_frequent_pairs() -> None:
    # "lo" occurs 7 times, then "lo w</w>" 5 times; of the pairs left, all twice, the first in the alphabet
    assert find_merges({"low": 5, "lot": 2}, 3) == [("l", "o"), ("lo", "w</w>"), ("lo", "t</w>")]
