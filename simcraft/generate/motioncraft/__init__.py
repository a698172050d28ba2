"""MotionCraft: latents of an image diffusion model, moved along the clip's motion (Montanaro et al., NeurIPS 2024).

`schedule`, `warping` and `attention` are the method's parts; `reference` puts them together as published, `fast` with
nothing computed twice; `pipeline` adds the networks, `loading` finds them, `generator` is what the registry calls.
"""
