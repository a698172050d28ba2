"""Write docs/formats.md from the table of export formats: `python scripts/make_format_tables.py`."""

from __future__ import annotations

from pathlib import Path

from simcraft.data.export import FORMATS
from simcraft.data.export.tables import description
from simcraft.parameters import markdown_table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "formats.md"
INTRODUCTION = """# Data sets in other formats

A data set that `simcraft dataset make` made is a folder of `.npz` clips ([conventions](conventions.md)). For other
programs it is exported in one of the formats of this page:

```bash
simcraft dataset export SET --format webdataset -o out
```

```python
from simcraft.data.export import export_set

export_set("set", "webdataset", "out", splits=["train"], clips=2)
```

An export can be broken off and run again: what is whole stays, and so does what was made from the same clips when the
set has grown. `SPLIT.json` tells which clips are there, which are missing because the set does not hold them yet, and
which are left out because the format cannot hold them; the folder's `README.md` has the table of its format. A set that
was made without an annotation that a format needs is refused before anything is written. Where a set was rendered with
both renderers, the clips with Cycles' frames are exported, not the previews beside them.

In the tables T is the number of frames, H and W those of rows and columns, N that of points. Pixels run right (x) and
down (y), their centres are at +0.5. Each example reads an export in the folder `out`, without SimCraft.

This page is written by `scripts/make_format_tables.py` from `simcraft/data/export/`.
"""
LOADER = """### The training loader

```python
from simcraft.data.loader import clip_loader

for batch in clip_loader("out", split="train", batch_size=2, workers=0):
    flow, frames = batch["flow_forward"], batch["frames"]  # (2, T-1, H, W, 2) float32, (2, T, H, W, 3) uint8
    print(batch["id"], flow.abs().max(), batch["captions"])
```

`clip_loader` streams the shards: each node and each worker has shards of its own, in an order that is another one in
every epoch, and picks clips at random from a store of `shuffle`. Every clip is given exactly once an epoch; the order
follows from `seed`, the epoch and the numbers of nodes and workers. `nodes` comes from torch.distributed, or from
RANK and WORLD_SIZE; `equal=True` gives every node as many batches, without which distributed training waits for ever
for the node that has less. `keys` names the fields to decode, which is where the time goes. A damaged, truncated or
missing shard is an error that names it, or with `skip_damaged=True` a warning. Nothing in a shard is unpickled, and
no name in an index is run as a command, whoever made them.
`simcraft.data.shards.load_sample("out/train-000000.tar", "000000")` gives one clip as a MotionClip.

`python -m benchmarks.formats` measures the encodings that were weighed for these shards, and the loader.
"""


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for form in FORMATS.values():
        options = f"Options (`--set NAME=VALUE`):\n\n{markdown_table(form.options)}\n" if form.options else ""
        parts.append(f"## {form.title}\n\n`--format {form.name}`. {description(form)}\n{options}".rstrip() + "\n")
        if form.name == "webdataset":
            parts.append(LOADER)
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
