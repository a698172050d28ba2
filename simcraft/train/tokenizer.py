"""A small vocabulary of our own for `CLIPTokenizer`: CLIP's 49,408 entries alone would outweigh the whole model."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from simcraft.clip.files import write_errors
from simcraft.errors import UserError

BEGIN, END = "<|startoftext|>", "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocabulary: int, length: int = 77) -> Any:
    """A `CLIPTokenizer` of byte-pair encoding (Sennrich et al. 2016) fitted to `texts`.

    Parameters
    ----------
    vocabulary: the most entries it may have, at least 514: two marks, all bytes twice (also at the end of a word, so
        that any text has tokens), and the most useful merges.
    length: `model_max_length`, to which diffusion pipelines pad.

    The same texts in the same order give the same vocabulary.
    """
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    entries = [BEGIN, END, *alphabet, *(letter + "</w>" for letter in alphabet)]
    merges = find_merges(_word_counts(texts), vocabulary - len(entries))
    entries += ["".join(pair) for pair in merges]
    numbers = {entry: number for number, entry in enumerate(dict.fromkeys(entries))}
    pairs: Any = merges  # whose annotation in transformers forgets pairs
    return CLIPTokenizer(vocab=numbers, merges=pairs, model_max_length=length)


def find_merges(words: Mapping[str, int], count: int) -> list[tuple[str, str]]:
    """The `count` most useful merges, best first, of words and how often each occurs (Sennrich et al. 2016, alg. 1).

    Of equally frequent pairs the first in alphabetical order is taken: `tokenizers`' own trainer leaves that to chance.
    """
    spelt = {(*word[:-1], word[-1] + "</w>"): number for word, number in sorted(words.items())}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for parts, number in spelt.items():
            for pair in pairwise(parts):
                pairs[pair] += number
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelt = {_merged(parts, best): number for parts, number in spelt.items()}
    return merges


def _merged(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """`parts` with every occurrence of `pair` joined, from the left."""
    result: list[str] = []
    for part in parts:
        if result and (result[-1], part) == pair:
            result[-1] += part
        else:
            result.append(part)
    return tuple(result)


def _word_counts(texts: Iterable[str]) -> Counter[str]:
    """Words as CLIP splits them, spelt in its alphabet of bytes."""
    from transformers import CLIPTokenizer

    backend = CLIPTokenizer().backend_tokenizer
    words: Counter[str] = Counter()
    for text, number in Counter(texts).items():
        normal = backend.normalizer.normalize_str(text)
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(normal):
            words[word] += number
    return words


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write it for transformers 5 (tokenizer.json) and 4 (vocab.json, merges.txt)."""
    tokenizer.save_pretrained(folder)
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    with write_errors(folder):
        (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer that `save_tokenizer` wrote. Raises `UserError` where it cannot be read."""
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{folder} is no tokenizer ({reason}).", "Name a folder of a whole model.") from error


def token_ids(tokenizer: Any, texts: list[str]) -> Any:
    """(n, length) int64 tensor, cut and padded as diffusion pipelines do it."""
    return tokenizer(
        texts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    ).input_ids
