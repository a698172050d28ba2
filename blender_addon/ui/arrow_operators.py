"""Operators for motion arrows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import arrow_sources
from ..arrows import KINDS, add_arrow, is_shown, shown_arrows, write_arrows
from ..control.changes import uncounted
from ..control.ordering import label_of, video_size
from ..errors import SceneError
from .common import select_only
from .words import reports_errors

AUTO = ("AUTO", "By the Arrow", "Empties move whole objects, curves and strokes drag points", 0)


class SIMCRAFT_OT_add_arrow(bpy.types.Operator):
    """Make a motion arrow of what is selected."""

    bl_idname = "simcraft.add_arrow"
    bl_label = "Add Motion Arrow"
    bl_description = (
        "Let the selected empty or curve say where something moves, as the camera sees it. Select the object that "
        "moves as well, or let the arrow start on it in the camera's view. With only an object selected, a new arrow "
        "is added to it: turn it (R) and scale it (S)"
    )
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Kind", description="What the arrow moves", items=(AUTO, *KINDS))

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _poll_camera(cls, context, needs_selection=True)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        source, target = arrow_sources.source_and_target(context.selected_objects, context.object)
        if source is None and target is None:
            raise SceneError("No object that could move is selected.", "Select a mesh, an empty or a curve.")
        with uncounted():
            if source is None:
                source = arrow_sources.new_arrow_empty(context.scene, target)
                select_only(context, source)
            item = _add(context, source, target, self.kind)
        self.report({"INFO"}, tip("{} moves {}").format(item.name, item.target.name if item.target else tip("a point")))
        return {"FINISHED"}


class SIMCRAFT_OT_add_arrow_from_stroke(bpy.types.Operator):
    """Make a motion arrow of the last stroke."""

    bl_idname = "simcraft.add_arrow_from_stroke"
    bl_label = "Add Motion Arrow from Stroke"
    bl_description = (
        "Make a motion arrow of the last stroke of the Annotate tool, or of the active grease pencil object. Look "
        "through the camera and draw it from where something is to where it should go"
    )
    bl_options = {"REGISTER", "UNDO"}

    kind: bpy.props.EnumProperty(name="Kind", description="What the arrow moves", items=(AUTO, *KINDS))

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _poll_camera(cls, context, needs_selection=False)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        points = arrow_sources.newest_stroke(context.scene, context.object)
        with uncounted():
            curve = arrow_sources.new_arrow_curve(context.scene, points)
            try:
                _add(context, curve, None, self.kind)
            except SceneError:
                arrow_sources.remove_source(curve)
                raise
        return {"FINISHED"}


class SIMCRAFT_OT_remove_arrow(bpy.types.Operator):
    """Remove the chosen motion arrow. An empty or curve that was made for it goes too; others stay"""

    bl_idname = "simcraft.remove_arrow"
    bl_label = "Remove Motion Arrow"
    bl_options = {"REGISTER", "UNDO"}

    index: bpy.props.IntProperty(name="Index", description="Which arrow; -1 for the chosen one", default=-1, min=-1)

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not context.scene.simcraft_arrows:
            cls.poll_message_set("The scene has no motion arrows")
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        scene = context.scene
        index = scene.simcraft_arrow_index if self.index < 0 else self.index
        if not 0 <= index < len(scene.simcraft_arrows):
            raise SceneError(f"There is no motion arrow number {index}.", "Choose one in the list.")
        source = scene.simcraft_arrows[index].source
        scene.simcraft_arrows.remove(index)
        scene.simcraft_arrow_index = max(0, min(index, len(scene.simcraft_arrows) - 1))
        if source is not None:
            with uncounted():
                arrow_sources.remove_source(source)
        return {"FINISHED"}


class SIMCRAFT_OT_select_arrow(bpy.types.Operator):
    """Select the empty or curve of the chosen motion arrow, to move, turn or scale it"""

    bl_idname = "simcraft.select_arrow"
    bl_label = "Select Motion Arrow"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        scene = context.scene
        chosen = scene.simcraft_arrows[scene.simcraft_arrow_index :][:1]
        if not chosen or not is_shown(chosen[0], scene):
            cls.poll_message_set("No motion arrow of this scene is chosen")
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        scene = context.scene
        source = scene.simcraft_arrows[scene.simcraft_arrow_index].source
        if source.name not in context.view_layer.objects:
            raise SceneError(f"'{source.name}' is not in this view layer.", "Enable its collection in the Outliner.")
        select_only(context, source)
        return {"FINISHED"}


class SIMCRAFT_OT_save_arrows(bpy.types.Operator):
    """Save the motion arrows as a file for the command line, as the camera sees them in the size of the video"""

    bl_idname = "simcraft.save_arrows"
    bl_label = "Save Motion Arrows..."
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(name="To", description="The .json file to write", subtype="FILE_PATH")
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: Any) -> bool:
        if not shown_arrows(context.scene):
            cls.poll_message_set("The scene has no motion arrows")
            return False
        return True

    def invoke(self, context: Any, _: Any) -> set[str]:
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / f"{label_of(context.scene)}_arrows.json")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _: Any) -> bool:
        """Blender asks before it replaces a file: it has to know the whole name."""
        before, self.filepath = self.filepath, bpy.path.ensure_ext(self.filepath, ".json")
        return bool(self.filepath != before)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        if not self.filepath:
            raise SceneError("No name was given for the file of motion arrows.", "Give filepath=...")
        path, scene = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".json")), context.scene
        try:
            with uncounted():
                write_arrows(scene, path, video_size(scene))
        except OSError as error:
            raise SceneError(f"{path} cannot be written: {error.strerror}.", "Choose another folder.") from None
        self.report({"INFO"}, tip("Saved {}").format(path))
        return {"FINISHED"}


def _poll_camera(cls: Any, context: Any, *, needs_selection: bool) -> bool:
    """May an arrow be added?"""
    if context.mode != "OBJECT" and needs_selection:
        cls.poll_message_set("Only in Object Mode")
    elif context.scene.camera is None:
        cls.poll_message_set("The scene has no camera, which would see the arrow")
    elif needs_selection and not context.selected_objects:
        cls.poll_message_set("Select an empty or a curve, the object that it moves, or both")
    else:
        return True
    return False


def _add(context: Any, source: Any, target: Any | None, kind: str) -> Any:
    """Add the arrow; where no target is selected, it moves what the camera sees at its start."""
    scene, depsgraph = context.scene, context.evaluated_depsgraph_get()
    if kind == "AUTO":
        kind = "instance" if source.type == "EMPTY" else "drag"
    # another empty than an arrow stands where the object should go, not where it is
    if target is None and (source.type == "CURVE" or source.empty_display_type == "SINGLE_ARROW"):
        start = arrow_sources.start_of(source, depsgraph)
        target = arrow_sources.object_below(scene, depsgraph, start)
    return add_arrow(scene, source, target, kind)


CLASSES = (
    SIMCRAFT_OT_add_arrow,
    SIMCRAFT_OT_add_arrow_from_stroke,
    SIMCRAFT_OT_remove_arrow,
    SIMCRAFT_OT_select_arrow,
    SIMCRAFT_OT_save_arrows,
)
