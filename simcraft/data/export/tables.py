"""The same table of a format for the documentation, for `--help`, and for the folder that was written."""

from __future__ import annotations

from simcraft.data.export.format import ExportFormat


def key_table(form: ExportFormat) -> str:
    """Markdown: what a reader finds, with shapes, types, units and frames."""
    rows = [f"| {k.name} | {k.shape} | {k.dtype} | {k.meaning} |" for k in form.keys]
    return "\n".join(["| key | shape | type | meaning |", "| --- | --- | --- | --- |", *rows])


def option_table(form: ExportFormat) -> str:
    """Markdown: the options, or nothing where there are none."""
    if not form.options:
        return ""
    rows = [f"| `{o.name}` | {_default(o.default)} | {o.range} | {o.help} |" for o in form.options]
    return "\n".join(["| option | default | allowed | meaning |", "| --- | --- | --- | --- |", *rows])


def readme(form: ExportFormat, name: str) -> str:
    """The README.md of an export of the set `name`."""
    parts = [
        f"# {name}: {form.title}",
        f"{form.explanation}\nMade with `simcraft dataset export`.",
        f"```\n{form.tree}\n```",
        "T frames, H rows, W columns, N points; pixels with x to the right, y down, centres at +0.5.",
        key_table(form),
        f"Lost: {form.lost}",
    ]
    return "\n\n".join(parts) + "\n"


def _default(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
