"""Training of the embedded models: prepared data, one loop, and a stage for each part of a model.

    simcraft dataset make recipes/train-image.yaml -n 1000 -o out/clips      clips
    simcraft train prepare out/clips -o out/prepared                         `prepare`, `prepared`, `pack`
    simcraft train image --stage autoencoder --data out/prepared -o MODEL    `autoencoder`
    simcraft train image --stage unet ...                                    `frames`
    simcraft train image --stage inpaint ...                                 `inpaint`
    simcraft train prepare out/clips -o out/prepared --for dreamer           `dreamer_prepare`, `dreamer_prepared`
    simcraft train dreamer --stage 1|2|one --data out/prepared -o MODEL      `dreamer`, `dreamer_samples`

`loop.train` runs any of them. A stage draws its batches from (seed, step) alone, so that a run which was broken off
goes on as if nothing had happened.
"""
