"""Loading a Motion Dreamer model: a folder, or, only when asked for, a hub. Never a pickle."""

from __future__ import annotations

from simcraft.errors import UserError
from simcraft.generate.motion_dreamer.checkpoints import find_model
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.placing import device_of, dtype_of, first_line, placed, quiet_libraries


def load_pipeline(
    model: str | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    offload: str = "none",
    hub: bool = False,
) -> MotionDreamerPipeline:
    """The pipeline of a model, ready on its device.

    Parameters
    ----------
    model, hub: what `checkpoints.find_model` takes.
    device: "auto" (a GPU where there is one) or a torch device.
    dtype: "auto" (float32 on a CPU, bfloat16 or float16 on a GPU) or one of `placing.DTYPES`.
    offload: one of `placing.OFFLOADS`.

    Raises `UserError` for what is missing, incomplete, unknown, or pickled.
    """
    checkpoint = find_model(model, hub=hub)
    where = device_of(device)
    kind = dtype_of(dtype, where)
    with quiet_libraries():
        try:
            pipeline = MotionDreamerPipeline.from_pretrained(
                checkpoint.folder or checkpoint.name, dtype=kind, local_files_only=not hub
            )
        except UserError:
            raise
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise UserError(
                f"{checkpoint.folder or checkpoint.name} is not a complete Motion Dreamer model ({first_line(error)}).",
                "It needs vae, image_encoder, and stage_one or stage_two, in safetensors, as they were saved together.",
                ("model",),
            ) from error
    pipeline.set_progress_bar_config(disable=True)
    return placed(pipeline, where, offload)
