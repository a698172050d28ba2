"""The commands below `simcraft dataset`: make a set, one row of it again, check it, export it, look at it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcraft.cli_shared import Force, Json, Quiet, Set, finish

if TYPE_CHECKING:
    from simcraft.data.pool import Pool

app = typer.Typer(
    name="dataset",
    help="Training sets: from a recipe to thousands of clips with exact annotations, on one machine or many.",
    epilog="Start with: simcraft dataset make recipes/physion.yaml -n 20 -o out/",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a data set.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write to.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes; one for each core by default.", show_default=False)
]


@app.command()
def make(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe (.yaml), or the name of a shipped one.", show_default=False)
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of clips.")] = 20,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the set. Default: the recipe's name here.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Pixels, in place of the recipe's own size.", show_default=False)
    ] = None,
    workers: Workers = None,
    time_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="For one clip; then it is stopped.")
    ] = 300,
    recycle: Annotated[int, typer.Option(min=1, metavar="K", help="Start processes afresh after K clips each.")] = 50,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the clips again that could not be made.")
    ] = False,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Make it on a Ray cluster: auto, ray://HOST:10001, ...")
    ] = None,
    slurm: Annotated[str | None, typer.Option(metavar="PARTITION", help="Make it by Slurm jobs.")] = None,
    slices: Annotated[int, typer.Option(min=1, help="Number of Slurm jobs, with 4 --workers each.")] = 8,
    hours: Annotated[float, typer.Option(min=0.1, help="Time limit of each Slurm job.")] = 24,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe and print what it would make; make nothing.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print all keys of a recipe and all parameters of all families.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the clips of a recipe. Stopped or killed, the same command goes on where it was, also with a larger -n."""
    if explain:
        from simcraft.data.explain import explain_recipe

        print(explain_recipe())
        return

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.data.make import make_data_set
        from simcraft.data.manifest import expand
        from simcraft.data.recipe import load_recipe
        from simcraft.errors import Failure, UserError
        from simcraft.options import parse_size

        if recipe is None:
            raise UserError("RECIPE is missing.", "Name a file, or a shipped one: see `ls recipes`; --explain teaches.")
        loaded = load_recipe(recipe, size=parse_size(size) if size else None)
        if dry_run:
            return _plan(expand(loaded, count))
        target = out or Path(loaded.recipe.name)
        pool = _pool(ray, slurm, slices, hours, workers, {"time_limit": time_limit, "recycle": recycle})
        report = make_data_set(loaded, count, target, pool=pool, retry_failed=retry_failed, progress=progress)
        if report.failed and not report.clips:
            raise Failure(f"No clip could be made. {next(iter(report.failed.values()))}", "The others are in failed/.")
        return report.result

    finish(work, as_json, quiet)


def _pool(
    ray: str | None, slurm: str | None, slices: int, hours: float, workers: int | None, limits: dict[str, Any]
) -> Pool:
    """What makes the clips, as the options choose."""
    from simcraft.data.local_pool import LocalPool
    from simcraft.errors import UserError

    if ray is not None and slurm is not None:
        raise UserError("--ray and --slurm are both given.", "Choose one.")
    if ray is not None:
        from simcraft.data.ray_pool import RayPool

        if workers is not None:
            raise UserError("--workers says nothing of a Ray cluster.", "Leave it out: each core of a node is used.")
        return RayPool(ray, **limits)
    if slurm is not None:
        from simcraft.data.slurm import SlurmPool

        # what the cores of this machine are says nothing of those of the nodes
        return SlurmPool(slurm, slices, LocalPool(workers or 4, threads=1, **limits), hours)
    return LocalPool(workers, **limits)


def _plan(rows: Any) -> dict[str, Any]:
    from simcraft.data.explain import count_rows

    table = count_rows(rows)
    for split, family, number in table:
        print(f"{split:<14} {family:<16} {number:>7}", file=sys.stderr)
    first = rows[0]
    size = "x".join(map(str, first.size))
    return {"clips": len(rows), "each": f"{first.frames} frames of {size}, {first.renderer}"}


@app.command()
def row(
    folder: Folder,
    row_id: Annotated[str, typer.Argument(metavar="ID", help="The clip's number, such as 000012.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Clip to write, .npz. Default: ID.npz here.")] = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make one clip of a set again, alone, and compare it with the one in the set."""

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.data.remake import remake
        from simcraft.pipeline import check_output

        target = out or Path(f"{row_id.zfill(6)}.npz")
        check_output(target, force)
        return remake(folder, row_id, target, progress=progress)

    finish(work, as_json, quiet)


@app.command()
def check(
    folder: Folder,
    out: Out = None,
    sample: Annotated[int | None, typer.Option(min=1, help="Look into this many clips only.")] = None,
    workers: Workers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Verify a set: every row, every array, flow against visibility; statistics and a page of pictures.

    Writes check.json and check.html into the set, or into --out. Of an export, checksums and index are verified. Leaves
    with exit code 1 where something is wrong.
    """

    problems = 0

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.data.check import check_export, check_set, is_export

        nonlocal problems
        if is_export(folder):
            found = check_export(folder, progress)
            problems = len(found)
            for problem in found:
                print(f"problem: {problem}", file=sys.stderr)
            return {"export": str(folder), "problems": problems}
        report = check_set(folder, sample=sample, workers=workers, progress=progress)
        problems = len(report.problems)
        for problem in report.problems[:20]:
            print(f"problem: {problem}", file=sys.stderr)
        return report.save(out or folder)

    finish(work, as_json, quiet)
    if problems:
        raise typer.Exit(1)


@app.command()
def gallery(
    folder: Folder,
    out: Out = None,
    limit: Annotated[int, typer.Option(min=1, help="Show this many clips at most, of all splits and families.")] = 1000,
    workers: Workers = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make one web page to look through the set: hover to play, filter, flow, depth and masks. No server needed."""

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.data.gallery import make_gallery

        return {"page": str(make_gallery(folder, out, limit=limit, workers=workers, progress=progress))}

    finish(work, as_json, quiet)


@app.command(context_settings={"help_option_names": []})
def export(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Folder of a data set.")] = None,
    format_name: Annotated[str | None, typer.Option("--format", "-f", help="See below.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: DIR/FORMAT.")] = None,
    splits: Annotated[
        list[str] | None, typer.Option("--split", metavar="NAME", help="Only this split; repeatable.")
    ] = None,
    changes: Set = None,
    as_json: Json = False,
    quiet: Quiet = False,
    show_help: Annotated[bool, typer.Option("--help", help="This text.")] = False,
) -> None:
    """Write a set in another format, such as WebDataset shards for training. An interrupted export goes on."""
    if show_help or folder is None or format_name is None:
        from simcraft.data.export import FORMATS
        from simcraft.parameters import help_text

        print(context.get_help())
        for name, known in FORMATS.items():
            print(f"{name}: {known.title}\n{help_text(known.options)}\n")
        raise typer.Exit(0 if show_help else 2)

    def work(progress: Any) -> dict[str, Any]:
        from simcraft.data.export import export_set
        from simcraft.parameters import parse_settings

        target = out or folder / format_name
        settings = parse_settings(changes or ())
        done = export_set(folder, format_name, target, splits=splits, progress=progress, **settings)
        missing = f"Not made yet, of the set's clips: {len(done.missing)}; export again when they are."
        return {
            "folder": str(done.folder),
            "clips": done.clips,
            "written": done.written,
            "kept": done.kept,
            "warnings": [*([missing] if done.missing else []), *(f"{i}: {why}" for i, why in done.left_out.items())],
        }

    finish(work, as_json, quiet)
