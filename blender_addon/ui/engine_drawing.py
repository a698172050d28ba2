"""How the preferences look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_iface as word

from .. import preferences
from ..engine_setup import layout as folders
from ..engine_setup import plans
from ..engine_setup.examination import version_mismatch
from ..jobs import Problem, State, Ticket
from ..jobs.in_panel import advice
from . import engine_state
from .progress import HAS_PROGRESS_BARS, STAGES
from .words import draw_text

HAS_PLACEHOLDERS = bpy.app.version >= (4, 1, 0)
ICONS = {"ok": "CHECKMARK", "note": "INFO", "missing": "ERROR"}
NOT_NEEDED = frozenset({"Blender", "System libraries", "Shipped scenes", "phiflow", "jax"})
"""Findings of the engine's doctor that do not matter where a Blender asks: it brings these, or never uses them."""


def draw(layout: Any, context: Any, settings: Any) -> None:
    """Draw the preferences."""
    column = layout.column()
    column.row().prop(settings, "engine", expand=True)
    box = column.box()
    box.use_property_split = True
    box.use_property_decorate = False
    if engine_state.is_busy():
        _draw_progress(box, engine_state.ticket)
    else:
        installed = folders.read_installed(preferences.engine_folder()) if settings.engine == "INSTALLED" else None
        _draw_state(box, context, settings, installed)
        _draw_buttons(box, settings, installed)
        _draw_problem(box, context)
    settings_of_kind = {"INSTALLED": _draw_installed, "PYTHON": _draw_python, "COMMAND": _draw_command}
    box.separator()
    inside = box.column()
    inside.enabled = not engine_state.is_busy()
    settings_of_kind[settings.engine](inside, settings)
    if said := engine_state.said():
        _draw_said(column.box(), context, settings, said)
    files = layout.column()
    files.use_property_split = True
    files.use_property_decorate = False
    files.prop(settings, "work_folder")


def _draw_state(layout: Any, context: Any, settings: Any, installed: folders.Installed | None) -> None:
    """One line: is there an engine?"""
    command = preferences.engine_command()
    is_first = settings.engine == "INSTALLED" and installed is None
    if isinstance(command, Problem):
        draw_text(layout, context, command.message, "INFO" if is_first else "ERROR")
        if not is_first:
            draw_text(layout, context, command.fix, "BLANK1")
    elif installed is not None:
        text = word("SimCraft {}, Python {}, torch {}")
        text = text.format(installed.simcraft, installed.python, installed.torch or word("none"))
        layout.label(text=text, icon="CHECKMARK", translate=False)
    elif settings.engine == "COMMAND":
        layout.label(text=" ".join(command.arguments), icon="URL", translate=False)
    else:
        text = word("Found: {}").format(command.arguments[0])
        layout.label(text=text, icon="CHECKMARK", translate=False)


def _draw_buttons(layout: Any, settings: Any, installed: folders.Installed | None) -> None:
    row = layout.row()
    row.scale_y = 1.4
    if settings.engine == "INSTALLED":
        if installed is None:
            text = word("Install Engine")
        elif version_mismatch(preferences.VERSION, installed.simcraft):
            text = word("Update Engine")
        else:
            text = word("Install Again")
        row.operator("simcraft.install_engine", text=text, icon="IMPORT", translate=False)
    row.operator("simcraft.test_engine", icon="PLAY")


def _draw_progress(layout: Any, ticket: Ticket | None) -> None:
    if ticket is None:
        return
    stage = word(STAGES.get(ticket.stage, ticket.stage or "Starting"))
    fraction = ticket.fraction
    if HAS_PROGRESS_BARS and fraction is not None:
        layout.progress(factor=fraction, text=f"{stage} ({fraction:.0%})")
    else:
        percent = "" if fraction is None else f" ({fraction:.0%})"
        layout.label(text=f"{stage}{percent}", icon="SORTTIME", translate=False)
    row = layout.row()
    row.label(text=ticket.detail, translate=False)
    stopping = ticket.state is State.STOPPING
    if ticket.job.name == plans.INSTALLATION:
        row.operator("simcraft.open_engine_log", icon="TEXT")
    cancel = row.row()
    cancel.enabled = not stopping
    cancel.operator("simcraft.cancel_engine", text=word("Stopping ...") if stopping else word("Cancel"), icon="X")


def _draw_problem(layout: Any, context: Any) -> None:
    """What has gone wrong, what to do, and the log."""
    ticket = engine_state.ticket
    if ticket is not None and ticket.state is State.STOPPED:
        draw_text(layout, context, word("Stopped. What was fetched is kept."), "INFO")
    problem = engine_state.problem()
    if problem is None:
        return
    draw_text(layout, context, problem.message, "ERROR")
    if problem.fix:
        draw_text(layout, context, problem.fix, "BLANK1")
    row = layout.row()
    row.alignment = "LEFT"
    row.operator("simcraft.open_engine_log", icon="TEXT")


def _draw_installed(layout: Any, settings: Any) -> None:
    column = layout.column()
    if HAS_PLACEHOLDERS:
        column.prop(settings, "engine_folder", placeholder=str(preferences.default_folder()))
    else:
        column.prop(settings, "engine_folder")
    column.prop(settings, "build")
    column.row().prop(settings, "packages_from", expand=True)
    if settings.packages_from == "FOLDER":
        column.prop(settings, "wheel_folder")
    else:
        _draw_permission(column, settings)
    _draw_models(layout, settings)
    if _draw_fold(layout, settings, "shows_addresses", word("Where All This Comes From")):
        column = layout.column()
        column.prop(settings, "base_python")
        column.prop(settings, "package_index")
        column.prop(settings, "torch_index")
        column.prop(settings, "models_address")
        column.prop(settings, "models_sha256")


def _draw_permission(layout: Any, settings: Any) -> None:
    """Whether anything may be fetched from the internet."""
    if not preferences.ASKS_BLENDER:
        layout.prop(settings, "may_go_online")
    elif not bpy.app.online_access:
        layout.prop(bpy.context.preferences.system, "use_online_access")


def _draw_python(layout: Any, settings: Any) -> None:
    layout.prop(settings, "engine_python")
    _draw_models(layout, settings)


def _draw_command(layout: Any, settings: Any) -> None:
    if HAS_PLACEHOLDERS:
        layout.prop(settings, "remote_command", placeholder="ssh gpu-box simcraft worker")
    else:
        layout.prop(settings, "remote_command")


def _draw_models(layout: Any, settings: Any) -> None:
    layout.prop(settings, "models_folder")


def _draw_said(layout: Any, context: Any, settings: Any, said: dict[str, Any]) -> None:
    """What the engine has said of itself when it was tested."""
    if mismatch := version_mismatch(preferences.VERSION, str(said.get("simcraft", ""))):
        draw_text(layout, context, f"{mismatch} {word('Install the same version of both.')}", "ERROR")
    else:
        layout.label(text="The engine works", icon="CHECKMARK")
    lines = [
        ("Version", f"SimCraft {said.get('simcraft', '')}, Python {said.get('python', '')}"),
        ("Device", _device(said)),
        ("Models", ", ".join(_model(model) for model in said.get("models", ())) or word("none")),
        ("Best Generator", str(said.get("best", ""))),
    ]
    for name, text in lines:
        draw_text(layout, context, f"{word(name)}: {text}", "BLANK1")
    _draw_findings(layout, context, settings, said)


def _draw_findings(layout: Any, context: Any, settings: Any, said: dict[str, Any]) -> None:
    """What something can be done about, always; all the rest where somebody wants to see it."""
    findings = [finding for finding in said.get("doctor", ()) if finding["name"] not in NOT_NEEDED]
    shows_all = _draw_fold(layout, settings, "shows_findings", word("All Findings"))
    for finding in findings:
        if finding["state"] != "missing" and not finding["fix"] and not shows_all:
            continue
        text = f"{finding['name']}: {finding['found']}"
        draw_text(layout, context, text, ICONS.get(finding["state"], "INFO"))
        if fix := advice(finding["fix"], finding.get("about", ())):
            draw_text(layout, context, fix, "BLANK1")


def _draw_fold(layout: Any, settings: Any, name: str, text: str) -> bool:
    """A line with a triangle that shows and hides what is below; returns whether it is shown."""
    is_open = bool(getattr(settings, name))
    row = layout.row()
    row.use_property_split = False
    row.alignment = "LEFT"
    row.prop(settings, name, text=text, icon="TRIA_DOWN" if is_open else "TRIA_RIGHT", emboss=False)
    return is_open


def _device(said: dict[str, Any]) -> str:
    memory = said.get("memory_bytes")
    return f"{said.get('device', '')}, {memory / 2**30:.0f} GiB" if memory else str(said.get("device", ""))


def _model(model: dict[str, Any]) -> str:
    return f"{Path(str(model['name'])).name} ({model.get('megabytes', 0):.0f} MB)"
