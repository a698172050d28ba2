"""The shipped layout is within its budget, and stock pipelines load and run it."""

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionInpaintPipeline, StableDiffusionPipeline

from simcraft.errors import UserError
from simcraft.generate.embedded import model_bytes
from simcraft.generate.motioncraft.geometry import CHANNELS
from simcraft.train.export import save_autoencoder, save_pipeline
from simcraft.train.layout import (
    BUDGET,
    LAYOUTS,
    build_autoencoder,
    build_scheduler,
    build_text_encoder,
    build_unet,
    layout_of,
)
from simcraft.train.tokenizer import train_tokenizer
from tests.train.test_tokenizer import TEXTS


@pytest.mark.parametrize(
    ("name", "pipeline"), [("small", StableDiffusionPipeline), ("tiny", StableDiffusionInpaintPipeline)]
)
def test_a_fresh_model_is_small_enough_and_runs(name: str, pipeline: type, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    tokenizer = train_tokenizer(TEXTS, layout.vocabulary)
    inpaint = pipeline is StableDiffusionInpaintPipeline
    (tmp_path / "README.md").write_text("a model card")
    save_pipeline(
        tmp_path,
        vae=build_autoencoder(layout),
        text_encoder=build_text_encoder(layout, tokenizer),
        tokenizer=tokenizer,
        unet=build_unet(layout, inpaint),
        pipeline=pipeline,
    )
    assert (tmp_path / "README.md").exists()
    # the vocabulary of these few texts is small: a full one has up to 766 more rows
    assert model_bytes(tmp_path) + 2 * 766 * layout.text_width < BUDGET
    loaded = pipeline.from_pretrained(tmp_path, local_files_only=True)  # type: ignore[attr-defined]
    loaded.set_progress_bar_config(disable=True)
    options = {"width": 32, "height": 16, "num_inference_steps": 2, "output_type": "np"}
    if inpaint:
        # it loads; to run it, diffusers wants four latent channels
        assert loaded.unet.config.in_channels == 2 * layout.latent_channels + 1 + CHANNELS
        return
    images = loaded("red dominoes", generator=torch.Generator().manual_seed(0), **options).images
    assert images.shape == (1, 16, 32, 3)
    assert images.std() > 0


def test_the_last_timestep_is_pure_noise_and_trailing_steps_reach_it() -> None:
    scheduler = build_scheduler()
    assert float(scheduler.alphas_cumprod[-1]) == pytest.approx(0, abs=1e-7)
    scheduler.set_timesteps(4)
    assert scheduler.timesteps.tolist() == [999, 749, 499, 249]


def test_an_autoencoder_is_saved_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "old.txt").write_text("of another model")
    (tmp_path / "README.md").write_text("a model card")
    save_autoencoder(build_autoencoder(LAYOUTS["tiny"]), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "vae"]
    assert not (tmp_path / "vae" / "old.txt").exists()


def test_sizes_that_do_not_fit_are_refused() -> None:
    assert layout_of("small", (256, 128)).size == (256, 128)
    with pytest.raises(UserError, match="multiples of 16"):
        layout_of("small", (120, 128))
    with pytest.raises(UserError, match="Choose from: small, tiny"):
        layout_of("huge", (128, 128))
