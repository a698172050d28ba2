"""Operators of the preferences: install the engine, test it, stop that, read its log."""

from __future__ import annotations

import os
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import controller, preferences
from ..engine_setup.errors import SetupError
from ..errors import SceneError
from ..jobs import Problem, Ticket
from . import engine_state
from .common import raise_problem
from .words import reports_errors

ANY_BUILD = ("PREFERENCES", "As in the Preferences", "The one that the preferences name")


class SIMCRAFT_OT_install_engine(bpy.types.Operator):
    """Install the engine in a folder of its own, never into Blender. Once stopped, it goes on when pressed again"""

    bl_idname = "simcraft.install_engine"
    bl_label = "Install Engine"

    folder: bpy.props.StringProperty(
        name="Folder", description="Where it is installed; empty for the preferences' folder", subtype="DIR_PATH"
    )
    wheel_folder: bpy.props.StringProperty(
        name="Wheel Folder",
        description="A folder that has all packages as wheels: nothing goes online. Empty for what the preferences say",
        subtype="DIR_PATH",
    )
    build: bpy.props.EnumProperty(
        name="Built for", description="What torch computes on", items=(ANY_BUILD, *preferences.BUILDS)
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _poll_idle(cls)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        build = "" if self.build == "PREFERENCES" else self.build
        try:
            request = preferences.installation(self.folder, self.wheel_folder, build)
            ticket = engine_state.begin_installation(request)
        except SetupError as error:
            raise SceneError(error.message, error.fix) from None
        return _see_to_the_end(self, ticket)


class SIMCRAFT_OT_test_engine(bpy.types.Operator):
    """Start the engine, and ask for its version, its device and memory, its models, and what is wrong with it"""

    bl_idname = "simcraft.test_engine"
    bl_label = "Test Engine"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not _poll_idle(cls):
            return False
        command = preferences.engine_command()
        if isinstance(command, Problem):
            cls.poll_message_set(command.message)
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        return _see_to_the_end(self, engine_state.begin_test())


class SIMCRAFT_OT_cancel_engine(bpy.types.Operator):
    """Stop installing or testing the engine. What was fetched is kept"""

    bl_idname = "simcraft.cancel_engine"
    bl_label = "Cancel"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not engine_state.is_busy():
            cls.poll_message_set("No engine is being installed or tested")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        engine_state.cancel()
        return {"FINISHED"}


class SIMCRAFT_OT_open_engine_log(bpy.types.Operator):
    """Show all that was printed when the engine was last installed or tested, in the system's program for texts"""

    bl_idname = "simcraft.open_engine_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not engine_state.log().is_file():
            cls.poll_message_set("Nothing was logged yet")
            return False
        return True

    def execute(self, context: Any) -> set[str]:
        if bpy.app.background:
            print(engine_state.log())
        else:
            bpy.ops.wm.path_open(filepath=os.fspath(engine_state.log()))
        return {"FINISHED"}


def _poll_idle(cls: Any) -> bool:
    if engine_state.is_busy():
        cls.poll_message_set("The engine is being installed or tested")
        return False
    if any(not ticket.state.ended for ticket in controller.session().tickets):
        cls.poll_message_set("The engine is at work: wait for its jobs, or cancel them")
        return False
    return True


def _see_to_the_end(operator: Any, ticket: Ticket) -> set[str]:
    """In a window the job goes on by itself. Without one, wait for it and report how it has ended."""
    if not bpy.app.background:
        return {"FINISHED"}
    engine_state.wait()
    raise_problem(ticket)
    said = engine_state.said() or {}
    text = tip("The engine works: SimCraft {}, Python {}, {}")
    operator.report({"INFO"}, text.format(said.get("simcraft"), said.get("python"), said.get("device")))
    return {"FINISHED"}


CLASSES = (
    SIMCRAFT_OT_install_engine,
    SIMCRAFT_OT_test_engine,
    SIMCRAFT_OT_cancel_engine,
    SIMCRAFT_OT_open_engine_log,
)
