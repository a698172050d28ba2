"""What the wheel carries, and that it stays small enough."""

from __future__ import annotations

from pathlib import Path

from scripts.wheel_contents import assets, too_large

ROOT = Path(__file__).resolve().parent.parent


def test_models_travel_with_their_cards_but_without_pictures(tmp_path: Path) -> None:
    for name in ("small/unet/x.safetensors", "small/README.md", "small/sheet.png", "default.json", "small/.cache.json"):
        path = tmp_path / "models" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345678")
    shipped = {path.relative_to(tmp_path).as_posix() for path in assets(tmp_path) if "models" in path.parts}
    assert shipped == {"models/small/unet/x.safetensors", "models/small/README.md", "models/default.json"}


def test_this_wheel_is_small_enough() -> None:
    assert too_large(ROOT, assets(ROOT)) == ""


def test_a_wheel_that_is_too_large_names_what_makes_it_so() -> None:
    problem = too_large(ROOT, assets(ROOT), limit=1_000_000)
    assert "the limit is 1 MB" in problem and "SIMCRAFT_MODELS" in problem
    largest = max(assets(ROOT), key=lambda path: path.stat().st_size)
    assert largest.relative_to(ROOT).as_posix() in problem
