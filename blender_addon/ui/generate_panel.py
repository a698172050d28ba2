"""The panel "Generate" of the sidebar: settings, what it will cost, the button, and the jobs."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as word

from .. import controller
from ..control import fixes
from ..control.options import ARROWS
from ..jobs import Problem, State, Ticket
from ..staging.memory import in_words
from . import engine_state, newest_frame
from .generate_operators import why_no_arrows
from .progress import draw_progress, duration, is_told_by_motion
from .sidebar import SidebarPanel
from .words import draw_text

HAS_PLACEHOLDERS = bpy.app.version >= (4, 1, 0)
STATE_ICONS = {
    State.WAITING: "TIME",
    State.RUNNING: "PLAY",
    State.STOPPING: "PAUSE",
    State.DONE: "CHECKMARK",
    State.STOPPED: "PAUSE",
    State.FAILED: "ERROR",
}
ACTION_ICONS = {"open log": "TEXT", "preferences": "PREFERENCES", "retry": "FILE_REFRESH"}
FRAME_SCALE = 7.0
"""How large the newest frame is drawn, in icons."""


class SIMCRAFT_PT_generate(SidebarPanel, bpy.types.Panel):
    """What the video shows, and the button that makes it"""

    bl_label = "Generate"
    bl_order = 2

    def draw(self, context: Any) -> None:
        layout, scene = self.layout, context.scene
        layout.use_property_split = True
        layout.use_property_decorate = False
        if not _draw_engine(layout, context):
            return
        settings, knowledge = scene.simcraft, controller.knowledge()
        column = layout.column()
        column.prop(settings, "generator")
        if knowledge.has(settings.generator, ARROWS):
            _draw_motion(column, context)
        if knowledge.has(settings.generator, "prompt"):
            _draw_prompt(layout, context)
        if knowledge.has(settings.generator, "seed"):
            column = layout.column(align=True)
            column.prop(settings, "seed")
            column.prop(settings, "variations")
        # the estimate comes when the engine has made it: nothing below it may be what the mouse is about to press
        _draw_button(layout)
        _draw_cost(layout, context)
        session = controller.session()
        if session.running is not None:
            if not is_told_by_motion(session.running, scene):
                _draw_running(layout, context, session.running)
        elif session.tickets and session.question is not None:
            draw_progress(layout, session.question)


class SIMCRAFT_PT_generate_painting(SidebarPanel, bpy.types.Panel):
    """How the generator paints"""

    bl_label = "Painting"
    bl_parent_id = "SIMCRAFT_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _is_usable() and controller.knowledge().has(context.scene.simcraft.generator, "model")

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.simcraft
        layout.use_property_split = True
        layout.use_property_decorate = False
        knowledge, generator = controller.knowledge(), settings.generator
        for name in ("model", "negative_prompt", "mode"):
            if knowledge.has(generator, name):
                layout.prop(settings, name)
        for name in ("strength", "steps", "guidance"):
            if (option := knowledge.option(generator, name)) is not None:
                _draw_override(layout, settings, name, option)


class SIMCRAFT_PT_generate_output(SidebarPanel, bpy.types.Panel):
    """How large the video is, how it begins, where it goes, and what computes it"""

    bl_label = "Size and Output"
    bl_parent_id = "SIMCRAFT_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _is_usable()

    def draw(self, context: Any) -> None:
        layout, settings = self.layout, context.scene.simcraft
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        column.prop(settings, "size_from")
        if settings.size_from == "CUSTOM":
            column.prop(settings, "width")
            column.prop(settings, "height")
        column = layout.column(heading=word("First Frame"))
        column.prop(settings, "preview_first_frame", text=word("Quick"))
        if not settings.preview_first_frame:
            column.prop(settings, "samples")
        knowledge = controller.knowledge()
        for name in ("device", "offload"):
            if knowledge.has(settings.generator, name):
                layout.prop(settings, name)
        layout.prop(settings, "output")


class SIMCRAFT_PT_generate_queue(SidebarPanel, bpy.types.Panel):
    """Jobs that wait, run, were stopped or have failed"""

    bl_label = "Queue"
    bl_parent_id = "SIMCRAFT_PT_generate"

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(controller.session().tickets)

    def draw(self, context: Any) -> None:
        for ticket in controller.session().tickets:
            _draw_job(self.layout, context, ticket)


def _is_usable() -> bool:
    return not isinstance(controller.engine_command(), Problem)


def _draw_engine(layout: Any, context: Any) -> bool:
    """One line on the engine; where there is none, a button to the preferences. Returns whether there is one."""
    command, session = controller.engine_command(), controller.session()
    if isinstance(command, Problem):
        if engine_state.is_busy():
            layout.label(text=word("Engine: being installed ..."), icon="SORTTIME", translate=False)
        else:
            draw_text(layout, context, command.message, "ERROR")
        layout.operator("simcraft.fix_problem", text=word("Preferences"), icon="PREFERENCES").action = "preferences"
        return False
    knowledge = controller.knowledge()
    if session.problem is not None:
        draw_text(layout, context, session.problem.message, "ERROR")
        row = layout.row(align=True)
        row.operator("simcraft.ask_engine", text=word("Try Again"), icon="FILE_REFRESH")
        row.operator("simcraft.fix_problem", text=word("Preferences"), icon="PREFERENCES").action = "preferences"
    elif not knowledge.is_there:
        layout.label(text=word("Engine: starting ..."), icon="SORTTIME", translate=False)
    else:
        device = str(knowledge.answer.get("device", ""))
        layout.label(text=word("Engine: {}").format(device), icon="CHECKMARK", translate=False)
    return True


def _draw_motion(layout: Any, context: Any) -> None:
    """Whether the simulation says what moves, or the motion arrows do."""
    layout.prop(context.scene.simcraft, "motion_from")
    if reason := why_no_arrows(context.scene):
        draw_text(layout, context, reason, "ERROR")


def _draw_prompt(layout: Any, context: Any) -> None:
    settings = context.scene.simcraft
    caption = str(context.scene.get("caption", ""))
    column = layout.column(align=True)
    column.use_property_split = False
    if HAS_PLACEHOLDERS:
        column.prop(settings, "prompt", text="", placeholder=caption or word("What the video shows"))
    else:
        column.prop(settings, "prompt", text="")
    if caption and not settings.prompt and not HAS_PLACEHOLDERS:
        draw_text(column, context, caption)


def _draw_override(layout: Any, settings: Any, name: str, option: Any) -> None:
    """A switch and a value; while the switch is off, the generator's own value counts."""
    row = layout.row(heading=settings.bl_rna.properties[name].name)
    row.prop(settings, f"use_{name}", text="")
    value = row.row()
    value.active = getattr(settings, f"use_{name}")
    if value.active or not option.get("unset"):
        value.prop(settings, name, text="")
    else:
        # "the model's, or 0.4": a narrow sidebar has no room for more
        value.label(text=str(option["unset"]).partition(",")[0], translate=False)


def _draw_cost(layout: Any, context: Any) -> None:
    """Whether the scene is simulated first, and what painting its video takes."""
    estimate = controller.estimate_of(context.scene)
    if estimate is not None and estimate.seconds is not None:
        text = word("Painting: about {}").format(duration(estimate.seconds))
        if estimate.bytes:
            text = word("{}, {} of memory").format(text, in_words(estimate.bytes))
        draw_text(layout, context, text, "TIME")
    motion = controller.motion_of(context.scene)
    if controller.session().running is None and (motion is None or not motion.up_to_date):
        draw_text(layout, context, word("The scene is simulated first"), "INFO")


def _draw_button(layout: Any) -> None:
    row = layout.row()
    row.scale_y = 1.5
    row.operator("simcraft.generate", icon="RENDER_ANIMATION")


def _draw_running(layout: Any, context: Any, ticket: Ticket) -> None:
    """How far the running job is."""
    box = layout.box()
    box.use_property_split = False
    box.label(text=ticket.job.name, translate=False)
    draw_progress(box, ticket)
    if ticket.newest_frame is not None and (icon := newest_frame.icon_of(ticket.newest_frame, ticket.frame)):
        box.template_icon(icon, scale=FRAME_SCALE)
        # people count from one
        text = word("Frame {} of {}").format(ticket.frame + 1, ticket.frames)
        box.label(text=text, translate=False)
    stopping = ticket.state is State.STOPPING
    row = box.row()
    row.enabled = not stopping
    button = row.operator("simcraft.cancel_job", text=word("Stopping ...") if stopping else word("Cancel"), icon="X")
    button.job = controller.session().entries[ticket].number


def _draw_job(layout: Any, context: Any, ticket: Ticket) -> None:
    """One line on a job, and what can be done about it."""
    number = controller.session().entries[ticket].number
    row = layout.row(align=True)
    row.label(text=ticket.job.name, icon=STATE_ICONS[ticket.state], translate=False)
    if fixable := ticket.state in (State.STOPPED, State.FAILED):
        row.operator("simcraft.resume_job", text="", icon="PLAY").job = number
    if fixable or ticket.state is State.WAITING:
        row.operator("simcraft.remove_job", text="", icon="X").job = number
    if ticket.state is State.STOPPED and ticket.frames:
        text = word("{} of {} frames are done and kept").format(ticket.frame + 1, ticket.frames)
        draw_text(layout, context, text)
    if ticket.problem is not None:
        _draw_problem(layout, context, ticket.problem, number)


def _draw_problem(layout: Any, context: Any, problem: Problem, number: int) -> None:
    box = layout.box()
    draw_text(box, context, problem.message, "ERROR")
    if problem.fix:
        draw_text(box, context, problem.fix)
    titles = {name: title for name, title, _, _ in fixes.ACTIONS}
    grid = box.grid_flow(columns=2, align=True)
    for action in problem.actions:
        icon = ACTION_ICONS.get(action, "MODIFIER")
        button = grid.operator("simcraft.fix_problem", text=word(titles[action]), icon=icon)
        button.job, button.action = number, action


CLASSES = (
    SIMCRAFT_PT_generate,
    SIMCRAFT_PT_generate_painting,
    SIMCRAFT_PT_generate_output,
    SIMCRAFT_PT_generate_queue,
)


def unregister_more() -> None:
    """Let the picture of the newest frame go."""
    newest_frame.clear()
