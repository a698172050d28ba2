"""The add-on's preferences: what belongs to the machine and not to a scene, the engine above all."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from . import VERSION
from .engine_setup import choice, layout, plans
from .engine_setup.errors import SetupError
from .engine_setup.request import PYPI, TORCH_BUILDS, Installation
from .jobs.types import EngineCommand, Problem

PACKAGE = __package__ or ""
ASKS_BLENDER = bpy.app.version >= (4, 2, 0)
"""Since 4.2 Blender itself asks whether add-ons may go online."""
KINDS = (
    ("INSTALLED", "Installed by SimCraft", "An environment of its own, which the button below makes"),
    ("PYTHON", "Existing Python", "A Python on this computer in which simcraft is installed already"),
    ("COMMAND", "Command", "Any program that speaks the engine's protocol, also on another computer"),
)
SOURCES = (
    ("INTERNET", "Internet", "From the addresses below. Nothing is fetched before the button is pressed"),
    ("FOLDER", "Wheel Folder", "From a folder on this computer: nothing goes online"),
)
BUILDS = (
    ("AUTO", "Automatic", "What suits the graphics card of this computer"),
    ("CPU", "Processor", "Small, and runs on every computer"),
    ("CUDA12", "NVIDIA, CUDA 12", "For NVIDIA cards with a driver from 525 on"),
    ("CUDA13", "NVIDIA, CUDA 13", "For NVIDIA cards with a driver from 580 on"),
)


def _engine_changed(_: Any, __: Any) -> None:
    """What was found out about another engine is not shown any more."""
    from .ui import engine_state

    engine_state.forget()


def _work_folder_changed(_: Any, __: Any) -> None:
    """Use it from the next job on; where some run, from Blender's next start on."""
    from . import controller

    if all(ticket.state.ended for ticket in controller.session().tickets):
        controller.close()


class SIMCRAFT_AP_preferences(bpy.types.AddonPreferences):
    """The settings of the machine"""

    bl_idname = PACKAGE

    engine: bpy.props.EnumProperty(
        name="Engine",
        description="How the engine is reached, which simulates and generates outside Blender",
        items=KINDS,
        update=_engine_changed,
    )
    engine_folder: bpy.props.StringProperty(
        name="Folder",
        description="Where the engine is installed: 2 GB for processors, 6 GB for NVIDIA cards. Empty for a folder of "
        "Blender's own",
        subtype="DIR_PATH",
        update=_engine_changed,
    )
    engine_python: bpy.props.StringProperty(
        name="Python",
        description="The program of the Python that has simcraft. Empty: SIMCRAFT_PYTHON, or the checkout's .venv",
        subtype="FILE_PATH",
        update=_engine_changed,
    )
    remote_command: bpy.props.StringProperty(
        name="Command",
        description="What starts the engine. All files travel through its input and output, so that it may run on "
        "another computer, to which ssh logs in without a password",
        update=_engine_changed,
    )
    packages_from: bpy.props.EnumProperty(
        name="Packages", description="Where the engine's packages come from", items=SOURCES
    )
    wheel_folder: bpy.props.StringProperty(
        name="Wheel Folder", description="A folder of wheels, filled by pip download", subtype="DIR_PATH"
    )
    build: bpy.props.EnumProperty(name="Built for", description="What torch computes on", items=BUILDS)
    base_python: bpy.props.StringProperty(
        name="Base Python",
        description="The Python to build on, never Blender's. Empty: one of this computer, else one that is fetched",
        subtype="FILE_PATH",
    )
    package_index: bpy.props.StringProperty(
        name="Package Index", description="The address of the index of Python packages", default=PYPI
    )
    torch_index: bpy.props.StringProperty(
        name="Builds of torch",
        description="The address below which the indices cpu, cu126 and cu130 are. Empty: torch as the package index "
        "has it",
        default=TORCH_BUILDS,
    )
    models_folder: bpy.props.StringProperty(
        name="Models",
        description="A folder with one folder a model, looked into before the engine's own models",
        subtype="DIR_PATH",
        update=_engine_changed,
    )
    work_folder: bpy.props.StringProperty(
        name="Work Folder",
        description="Where motions, first frames and logs are kept between jobs. Empty for a folder of Blender's own",
        subtype="DIR_PATH",
        update=_work_folder_changed,
    )
    models_address: bpy.props.StringProperty(
        name="Models from", description="The address of a zip of models, to be fetched with the engine. May be empty"
    )
    models_sha256: bpy.props.StringProperty(
        name="SHA-256", description="The 64 digits that tell that the zip of models is the right one"
    )
    may_go_online: bpy.props.BoolProperty(
        name="Allow Online Access",
        description="Fetch the engine and models from the internet when their button is pressed, and never else",
    )
    shows_addresses: bpy.props.BoolProperty(
        name="Addresses", description="Show where things are fetched from", options={"SKIP_SAVE"}
    )
    shows_findings: bpy.props.BoolProperty(
        name="Findings", description="Show all that the engine has found out about itself", options={"SKIP_SAVE"}
    )

    def draw(self, context: Any) -> None:
        from .ui import engine_drawing

        engine_drawing.draw(self.layout, context, self)


def addon_preferences() -> Any | None:
    """The preferences; None where the add-on is not enabled as one, as with bpy in a Python."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon else None


def own_folder(name: str) -> Path:
    """A folder for files of ours, unless somebody says otherwise; never inside the add-on's own. May not be there."""
    if PACKAGE.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(PACKAGE, path=name))
    return Path(bpy.utils.user_resource("DATAFILES")) / "simcraft" / name


def default_folder() -> Path:
    """Where engines are installed unless somebody says otherwise."""
    return own_folder("engine")


def engine_folder() -> Path:
    """Where the engine is, or will be, installed."""
    preferences = addon_preferences()
    return _path(preferences.engine_folder if preferences else "") or default_folder()


def work_folder() -> Path:
    """Where motions, reports and logs are kept; may not be there yet."""
    preferences = addon_preferences()
    return _path(preferences.work_folder if preferences else "") or own_folder("work")


def engine_choice() -> choice.Choice:
    """What is said of the engine."""
    preferences = addon_preferences()
    if preferences is None:
        return choice.Choice(default_folder())
    return choice.Choice(
        folder=engine_folder(),
        kind=preferences.engine,
        python=str(_path(preferences.engine_python) or ""),
        command=preferences.remote_command,
        models=_path(preferences.models_folder),
    )


def engine_command() -> EngineCommand | Problem:
    """How the engine is started, or what is in the way. Cheap: nothing is started."""
    return choice.engine_command(engine_choice(), VERSION)


def is_online_allowed() -> bool:
    """Has the user allowed Blender, or in a Blender that does not ask, this add-on, to go online?"""
    if ASKS_BLENDER:
        return bool(bpy.app.online_access)
    preferences = addon_preferences()
    return bool(preferences and preferences.may_go_online)


def installation(folder: str = "", wheel_folder: str = "", build: str = "") -> Installation:
    """What is to be installed, as the preferences say, or the arguments where they are given.

    A wheel folder as an argument says that nothing goes online. Raises `SetupError` where the user has not allowed what
    is needed, or the add-on carries no engine.
    """
    preferences = addon_preferences()
    wheel, pins = plans.find_wheel(Path(__file__).resolve().parent)
    request = Installation(_path(folder) or engine_folder(), wheel, pins, blenders_python=Path(sys.prefix))
    wheels, from_folder = _path(wheel_folder), bool(wheel_folder)
    if preferences is not None:
        wheels = wheels or _path(preferences.wheel_folder)
        from_folder = from_folder or preferences.packages_from == "FOLDER"
        request = replace(
            request,
            build=preferences.build.lower(),
            index=preferences.package_index.strip() or PYPI,
            torch_index=preferences.torch_index.strip(),
            python=_path(preferences.base_python),
            models_address=preferences.models_address.strip(),
            models_sha256=preferences.models_sha256.strip(),
        )
    _check_sources(request, wheels, from_folder)
    online = is_online_allowed() and not from_folder
    return replace(request, wheel_folder=wheels, online=online, build=build.lower() or request.build)


def _check_sources(request: Installation, wheels: Path | None, from_folder: bool) -> None:
    """Raise `SetupError` where packages can come from nowhere."""
    if wheels is not None and not wheels.is_dir():
        raise SetupError(f"The wheel folder is not there: {wheels}.", "Choose another one.")
    if from_folder and wheels is None:
        raise SetupError("No wheel folder is chosen.", "Choose one, or let packages come from the internet.")
    is_update = layout.read_installed(request.folder) is not None
    if not from_folder and not is_online_allowed() and not is_update:
        raise SetupError("There is no permission to go online.", "Tick Allow Online Access, or use a wheel folder.")


def _path(text: str) -> Path | None:
    """The absolute path that a property means; None where it is empty."""
    return Path(bpy.path.abspath(text)).expanduser() if text.strip() else None


CLASSES = (SIMCRAFT_AP_preferences,)
