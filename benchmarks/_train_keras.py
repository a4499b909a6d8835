"""The models in Keras, on the backend that KERAS_BACKEND names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from _tasks import CLASSES, SIZES, Run, batches, cycle, loop
from keras import layers

__all__ = ["infer", "train"]


def _encoded(x: Any) -> Any:
    for _ in range(2):
        y = layers.MultiHeadAttention(4, 32)(x, x)
        x = layers.LayerNormalization()(x + y)
        y = layers.Dense(128)(layers.Dense(512, "relu")(x))
        x = layers.LayerNormalization()(x + y)
    return layers.LayerNormalization()(x)


def _model(name: str) -> Any:
    shape = SIZES[name][1]
    # Keras has the channels last.
    x = start = keras.Input((*shape[1:], shape[0]) if name == "CNN" else shape)
    if name == "MLP":
        x = layers.Dense(256, "relu")(layers.Dense(256, "relu")(x))
    elif name == "transformer":
        x = layers.GlobalAveragePooling1D()(_encoded(x))
    elif name == "LSTM":
        x = layers.LSTM(64)(x)
    else:
        for channels in (16, 32):
            x = layers.MaxPooling2D()(
                layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
            )
        x = layers.Flatten()(x)
    model = keras.Model(start, layers.Dense(CLASSES)(x))
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def _pairs(name: str) -> Any:
    return cycle([(np.moveaxis(x, 1, -1) if name == "CNN" else x, y) for x, y in batches(name)])


def train(name: str) -> Run:
    """``train_on_batch``."""
    model, pairs = _model(name), _pairs(name)
    return loop(lambda: model.train_on_batch(*next(pairs)))


def infer(name: str) -> Run:
    """``predict_on_batch``."""
    model, pairs = _model(name), _pairs(name)
    return loop(lambda: model.predict_on_batch(next(pairs)[0]))
