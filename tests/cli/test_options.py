"""Sizes, frame ranges and generator options as people type them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcraft.errors import UserError
from simcraft.options import LARGEST, SMALLEST, parse_frames, parse_pairs, parse_size


@given(st.integers(SMALLEST, LARGEST), st.integers(SMALLEST, LARGEST))
def test_size_round_trip(width: int, height: int) -> None:
    assert parse_size(f"{width}x{height}") == (width, height)
    assert parse_size(str(width)) == (width, width)


@pytest.mark.parametrize("text", ["0x0", "20000x20000", "15x512", "512x", "x512", "-5x5", "512x512x3", "", "big"])
def test_bad_size_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError):
        parse_size(text)


@given(st.integers(-1000, 1000), st.integers(1, 1000))
def test_frames_round_trip(first: int, more: int) -> None:
    assert parse_frames(f"{first}:{first + more}") == (first, first + more)


@given(st.text(max_size=20))
def test_any_text_parses_or_is_a_user_error(text: str) -> None:
    for parse in (parse_size, parse_frames):
        try:
            parse(text)
        except UserError as error:
            assert error.fix


def test_reversed_frames_offer_the_right_order() -> None:
    with pytest.raises(UserError, match=r"Did you mean --frames 1:48\?"):
        parse_frames("48:1")


def test_pairs() -> None:
    assert parse_pairs(["--inpaint-radius", "3", "--prompt=a = b"]) == {"inpaint_radius": "3", "prompt": "a = b"}
    assert parse_pairs(["--shift", "-3"]) == {"shift": "-3"}
    for bad in (["stray"], ["--alone"], ["--"]):
        with pytest.raises(UserError):
            parse_pairs(bad)
