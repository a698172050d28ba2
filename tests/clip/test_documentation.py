"""docs/conventions.md says what the code does."""

import re
from pathlib import Path

from simcraft.clip import ARRAYS

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"


def test_table_of_fields_is_that_of_the_code():
    rows = re.findall(r"^\| `(\w+)` \| \((.+?)\) \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    expected = [(name, ", ".join(str(n) for n in shape), dtype) for name, (shape, dtype) in ARRAYS.items()]
    assert rows == expected
