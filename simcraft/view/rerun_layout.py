"""How Rerun's viewer lays out the inputs at first; the user may change it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcraft.view.inputs import Input
from simcraft.view.layers import layers_of
from simcraft.view.rerun_log import has_world, root_of


def blueprint_of(inputs: Sequence[Input]) -> Any:
    """Three dimensions at the left, the pictures of every input at the right, the timeline below."""
    import rerun.blueprint as rrb

    pictures = [_pictures_of(source, alone=len(inputs) == 1) for source in inputs]
    right = pictures[0] if len(pictures) == 1 else rrb.Grid(*pictures, name="pictures")
    worlds = [
        rrb.Spatial3DView(origin=f"/{root_of(source)}/world", name=f"{source.name}: world")
        for source in inputs
        if has_world(source)
    ]
    if not worlds:
        main = right
    else:
        left = worlds[0] if len(worlds) == 1 else rrb.Tabs(*worlds, active_tab=0)
        main = rrb.Horizontal(left, right, column_shares=[5, 6])
    return rrb.Blueprint(main, rrb.TimePanel(state="expanded"), rrb.SelectionPanel(state="collapsed"), auto_views=False)


def _pictures_of(source: Input, alone: bool) -> Any:
    import rerun.blueprint as rrb

    views = [
        rrb.Spatial2DView(origin=f"/{root_of(source)}/image/{layer.key}", name=layer.key) for layer in layers_of(source)
    ]
    about = rrb.TextDocumentView(origin=f"/{root_of(source)}/about", name="about")
    if alone:
        return rrb.Grid(*views, about, grid_columns=2 if len(views) > 1 else 1)
    return rrb.Tabs(*views, about, name=source.name, active_tab=0)
