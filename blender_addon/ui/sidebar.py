"""Where our panels are."""

from __future__ import annotations


class SidebarPanel:
    """A panel in the tab "SimCraft" of the 3D view's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SimCraft"
