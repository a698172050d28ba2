"""How far uv or pip is with the packages, from what it prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"([A-Za-z0-9_.\-]+)"


@dataclass
class Packages:
    """Counts the packages that are fetched, and then unpacked; `read` takes lines in the order in which they come."""

    expected: int
    """How many there will be: a guess until uv or pip says it."""
    fetched: int = 0
    doing: str = ""
    """What is being fetched, or done with all of them."""
    unpacking: bool = False

    def read(self, line: str) -> None:
        """Take notice of one line."""
        if found := re.match(rf"(?:Processing .*[/\\]|Collecting |Requirement already satisfied: ){_NAME}", line):
            self.fetched, self.doing = min(self.fetched + 1, self.expected), _package(found[1])
        elif found := re.match(rf"\s*Downloading {_NAME} \(([^)]*)\)", line):
            self.doing = f"{_package(found[1])}, {found[2]}"
        elif found := re.match(r"Resolved (\d+) packages?", line):
            self.expected = int(found[1])
        elif found := re.match(r"Installing collected packages: (.*)", line):
            self.expected = found[1].count(",") + 1
            self.fetched, self.unpacking = self.expected, True
        elif re.match(r"Prepared \d+ packages?", line):
            self.fetched, self.unpacking = self.expected, True

    def done(self, there: int) -> int:
        """Of `2 * expected` steps, those that are done, where `there` packages lie in the environment."""
        return self.fetched + (min(there, self.expected) if self.unpacking else 0)

    def sentence(self, size: int) -> str:
        """What is being done, and how many bytes are there."""
        doing = "unpacking" if self.unpacking else self.doing
        there = f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
        return ", ".join(part for part in (doing, f"{there} so far" if size else "") if part)


def _package(name: str) -> str:
    """The package's name where pip names a wheel, or a requirement."""
    return name.partition("-")[0] if name.endswith(".whl") else name
