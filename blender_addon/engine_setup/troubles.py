"""What uv and pip print when they fail, in words that help."""

from __future__ import annotations

import re

from .errors import SetupError

_DISK_FULL = r"No space left on device|os error 28\b|Errno 28\b|os error 112\b|disk quota exceeded|os error 122\b"
_CERTIFICATE = r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer"
_NO_NETWORK = (
    r"NewConnectionError|ConnectTimeoutError|NameResolutionError|Max retries exceeded|dns error|error sending request"
    r"|Connection refused|Connection reset|Network is unreachable|Read timed out|ReadTimeoutError|operation timed out"
    r"|ProxyError|Failed to fetch|Temporary failure in name resolution"
)
_NO_SUCH = (
    r"No matching distribution found for ([^\s(]+)",
    r"Because (?:there is no version of )?([A-Za-z0-9_.\-]+(?:==\S+)?) was not found",
    r"Because there (?:is|are) no versions? of ([A-Za-z0-9_.\-]+(?:==[^\s,]+)?)",
    r"Because (?:only )?([A-Za-z0-9_.\-]+(?:==\S+)?) .*?(?:are|is) available",
)
_OTHER_PYTHON = r"requires a different Python|Requires-Python|does not satisfy Python|current Python version"
_NOT_ALLOWED = r"Permission denied|Read-only file system|Access is denied|os error 13\b|os error 5\b|Errno 13\b"


def disk_full(folder: object) -> SetupError:
    return SetupError(
        f"The disk of {folder} is full.",
        "Free space, or choose another folder in the preferences; press Install Engine again to go on.",
    )


def explain(output: str, folder: object, online: bool) -> SetupError:
    """Why an installation has failed, from the last lines of what it printed. `online`: was it allowed to be?"""
    if re.search(_DISK_FULL, output, re.I):
        return disk_full(folder)
    if re.search(_NOT_ALLOWED, output, re.I):
        return SetupError(f"Nothing can be written to {folder}.", "Choose another folder in the preferences.")
    if re.search(_CERTIFICATE, output):
        return SetupError(
            "The package index shows a certificate that this computer does not trust.",
            "In a company's network: ask for its certificate, or use a wheel folder.",
        )
    if re.search(_NO_NETWORK, output, re.I):
        return SetupError(
            "The package index does not answer.",
            "Check the network, and the addresses in the preferences; press Install Engine again to go on.",
        )
    package = missing_package(output)
    if package:
        return _missing(package, online)
    if re.search(_OTHER_PYTHON, output, re.I):
        return SetupError("A package does not run on this Python.", "Name another Python in the preferences, or none.")
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "nothing was printed")
    return SetupError(f"The installation has failed: {last[:300]}", "The log says more. Press Install Engine again.")


def missing_package(output: str) -> str | None:
    """The package that has no suitable file, as uv or pip name it."""
    for pattern in _NO_SUCH:
        if found := re.search(pattern, output):
            return found[1].rstrip(".,")
    return None


def _missing(package: str, online: bool) -> SetupError:
    if online:
        return SetupError(
            f"The package index has no {package} for this computer's system and Python.",
            "Check the addresses in the preferences, and whether SimCraft runs on this system.",
        )
    return SetupError(
        f"The wheel folder has no {package} for this computer's system and Python.",
        "Fill it on a computer with the same system, as the guide says (pip download), or allow online access.",
    )
