"""The models: fetched as one zip, checked, and unpacked beside the environment."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from . import layout
from .downloads import Report, download
from .errors import SetupError
from .request import Installation

_FETCHED = ".sha256"
"""The file in the folder of models that says which zip they come from."""


def install_models(request: Installation, report: Report) -> Path | None:
    """Fetch and unpack the models, unless they are there; returns their folder, None where none were asked for.

    Raises `SetupError`.
    """
    if not request.models_address:
        return None
    target = layout.models_folder(request.folder)
    wanted = request.models_sha256.strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", wanted):
        raise SetupError("The SHA-256 of the models' zip is missing.", "Copy its 64 digits into the preferences.")
    if installed_models(target) == wanted:
        return target
    archive = layout.cache_folder(request.folder) / "models.zip"
    if not request.online and not archive.is_file():
        raise SetupError(
            "The models are not fetched: there is no permission to go online.",
            "Allow online access in Blender's preferences (System, Network), or clear the address of the models.",
        )
    download(request.models_address, archive, wanted, report)
    unpack(archive, target, wanted, report)
    return target


def installed_models(folder: Path) -> str | None:
    """The SHA-256 of the zip that the models in the folder come from."""
    try:
        return (folder / _FETCHED).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def unpack(archive: Path, target: Path, sha256: str, report: Report) -> None:
    """Unpack the zip beside `target` and put it there in one go; what was there is replaced.

    Raises `SetupError` where it is no zip, or names files outside its own folder.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            for done, entry in enumerate(entries):
                report(done, len(entries), PurePosixPath(entry.filename).name)
                _unpack_one(opened, entry, partial)
    except zipfile.BadZipFile as error:
        raise SetupError(f"The models' file is no zip ({error}).", "Check the address in the preferences.") from None
    if not list(partial.glob("*/model_index.json")):
        raise SetupError(
            "The models' zip has no model.", "It should have one folder a model, with a model_index.json in each."
        )
    (partial / _FETCHED).write_text(sha256 + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _unpack_one(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    inside = PurePosixPath(entry.filename.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or ":" in entry.filename:
        raise SetupError(f"The models' zip names a file outside its folder: {entry.filename}.", "Use another.")
    path = folder.joinpath(*inside.parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("wb") as file:
        shutil.copyfileobj(source, file)
