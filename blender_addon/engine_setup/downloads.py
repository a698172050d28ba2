"""Files from the network: checked by their SHA-256, going on where a download was interrupted."""

from __future__ import annotations

import errno
import html.parser
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..checksum import sha256_of
from .errors import SetupError

BLOCK = 1 << 20
SILENCE_SECONDS = 60.0
"""A server that sends nothing for this long is given up."""
NO_NETWORK = "Check the network, and the addresses in the preferences; press Install Engine again to go on."

Report = Callable[[int, int, str], None]
"""`report(done, of, detail)`: called often; raises what ends the work."""


@dataclass(frozen=True)
class IndexFile:
    """A file that a package index offers."""

    name: str
    address: str
    sha256: str


def files_of_package(index: str, package: str) -> list[IndexFile]:
    """The files of a package, the newest last, as indices list them (PEP 503); those without a SHA-256 are left out.

    Raises `SetupError` where the index does not answer.
    """
    page = f"{index.rstrip('/')}/{package}/"
    request = urllib.request.Request(page, headers={"Accept": "text/html"})
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_SECONDS) as answer:
            text = answer.read().decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        raise SetupError(f"{page} cannot be read ({_reason(error)}).", NO_NETWORK) from None
    links = _Links()
    links.feed(text)
    found = []
    for link in links.found:
        address, fragment = urllib.parse.urldefrag(urllib.parse.urljoin(page, link))
        name = urllib.parse.unquote(address.rsplit("/", 1)[-1])
        if fragment.startswith("sha256="):
            found.append(IndexFile(name, address, fragment.removeprefix("sha256=")))
    return found


class _Links(html.parser.HTMLParser):
    """The targets of all links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if tag == "a" and name == "href" and value]


def download(address: str, target: Path, sha256: str, report: Report) -> None:
    """Fetch a file, unless it is there. What has arrived is kept where this is interrupted, and not fetched again.

    Raises `SetupError` where the server does not answer, or the file is not the one that was meant, and `OSError` where
    the disk is full.
    """
    if not address.startswith(("https://", "http://")):
        raise SetupError(f"{address} is no address of a file.", "Give one that begins with https://")
    if target.is_file() and sha256_of(target) == sha256.lower():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    try:
        _fetch(address, partial, report)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SetupError(f"{address} cannot be fetched ({_reason(error)}).", NO_NETWORK) from None
    found = sha256_of(partial)
    if found != sha256.lower():
        partial.unlink()
        raise SetupError(
            f"{address} is not the file that was meant: its SHA-256 is {found}.",
            "Check the address and the SHA-256 in the preferences.",
        )
    partial.replace(target)


def _fetch(address: str, partial: Path, report: Report) -> None:
    """Add to the partial file what it lacks."""
    have = partial.stat().st_size if partial.is_file() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # there is no more
            return
        raise
    with answer:
        if answer.status != 206:  # the server begins at the beginning
            have = 0
        total = have + int(answer.headers.get("Content-Length") or 0)
        with partial.open("ab" if have else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                have += len(block)
                report(have, max(total, have), f"{have / 1e6:.0f} of {total / 1e6:.0f} MB")
    if have < total:
        raise SetupError(f"{address} has ended after {have / 1e6:.0f} of {total / 1e6:.0f} MB.", NO_NETWORK)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answer {error.code}"
    return str(getattr(error, "reason", error))
