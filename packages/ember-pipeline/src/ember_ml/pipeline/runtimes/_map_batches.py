"""A pipeline as the function that Ray Data applies to batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ember_ml.backend.errors import ArgumentError, InvalidValueError

from .._pipeline import Pipeline
from ..async_._pipeline import AsyncPipeline
from ._blocking import LoopThread

Batch = dict[str, Any]


def as_map_batches(
    pipeline: Pipeline | AsyncPipeline, /, *, column: str | None = "item", into: str | None = None
) -> Callable[[Batch], Batch]:
    """``pipeline`` as what ``ray.data.Dataset.map_batches`` takes, for batches of arrays by column.

    Ray Data moves the batches, and the pipeline sees one row of them at a time; an `AsyncPipeline`
    streams them through its stages, with their options, in order. It does not need Ray itself.

    Args:
        pipeline: The pipeline. It must pickle, as it goes to Ray's workers.
        column: The column that has the items (``ray.data.from_items`` calls it ``"item"``). None:
            the items are whole rows, as dictionaries, and so are the results.
        into: The column for the results. By default ``column``. The other columns stay.

    Returns:
        A function from a batch to a batch. With ``column=None`` rows that are filtered or dead
        letters are left out; otherwise there must be a result for each item.

    Raises:
        ArgumentError: If ``pipeline`` is none, or ``into`` is given without ``column``.

    Example:
        >>> double = as_map_batches(Pipeline("double").add_stage(lambda x: 2 * x), into="twice")
        >>> double({"item": [1, 2, 3]})
        {'item': [1, 2, 3], 'twice': [2, 4, 6]}
        >>> rows = as_map_batches(Pipeline("sum").add_stage(lambda row: {"s": sum(row.values())}), column=None)
        >>> rows({"a": [1, 2], "b": [10, 20]})
        {'s': [11, 22]}
    """
    if not isinstance(pipeline, Pipeline | AsyncPipeline):
        raise ArgumentError(
            f"as_map_batches takes a Pipeline or an AsyncPipeline, got {pipeline!r}"
        )
    if column is None and into is not None:
        raise ArgumentError(
            f"as_map_batches({pipeline.name!r}): into={into!r} names a column for the results, and "
            "whole rows have their own names; give column= as well"
        )

    def on_rows(batch: Batch) -> Batch:
        names = tuple(batch)
        rows = [
            dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)
        ]
        results = _results(pipeline, rows)
        return {name: [row[name] for row in results] for name in (results[0] if results else ())}

    def on_column(batch: Batch) -> Batch:
        assert column is not None
        if column not in batch:
            raise InvalidValueError(
                f"as_map_batches({pipeline.name!r}): there is no column {column!r} among "
                f"{', '.join(map(repr, batch))}"
            )
        results = _results(pipeline, batch[column])
        if len(results) != len(batch[column]):
            raise InvalidValueError(
                f"as_map_batches({pipeline.name!r}): {len(results)} results for "
                f"{len(batch[column])} items of column {column!r}; use column=None with a pipeline "
                "that leaves items out"
            )
        return {**batch, into or column: results}

    return on_rows if column is None else on_column


def _results(pipeline: Pipeline | AsyncPipeline, items: Iterable[Any]) -> Sequence[Any]:
    if isinstance(pipeline, Pipeline):
        return list(pipeline.map(items))
    with LoopThread() as thread:  # Ray Data may call on an event loop of its own
        results: list[Any] = thread.call(_streamed(pipeline, items))
    return results


async def _streamed(pipeline: AsyncPipeline, items: Iterable[Any]) -> list[Any]:
    async with pipeline.stream(items) as stream:
        return [result async for result in stream]
