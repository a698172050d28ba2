"""What a format writes, in markdown: for the documentation, and for whoever finds an exported folder."""

from __future__ import annotations

from simcraft.data.export.format import ExportFormat


def description(form: ExportFormat) -> str:
    """Files, keys with shapes, types, units and frames, what is lost, and how to read it."""
    rows = [f"| {k.name} | {k.shape} | {k.dtype} | {k.meaning} |" for k in form.keys]
    table = ["| key | shape | type | meaning |", "| --- | --- | --- | --- |", *rows]
    parts = [
        form.explanation,
        f"```text\n{form.tree}\n```",
        "\n".join(table),
        f"Lost: {form.lost}",
        f"```python\n{form.example}```",
    ]
    return "\n\n".join(parts) + "\n"


def readme(form: ExportFormat, name: str) -> str:
    """The README.md of an export of the set `name`."""
    letters = (
        "T frames, H rows, W columns, N points. Pixels run right (x) and down (y), their centres are at +0.5. The "
        "folder of this file is called `out` in the example."
    )
    return f"# {name}: {form.title}\n\nMade with `simcraft dataset export`. {letters}\n\n{description(form)}"
