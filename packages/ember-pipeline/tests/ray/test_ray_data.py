import pytest

from ember_ml.pipeline import AsyncPipeline, Pipeline, as_map_batches

pytest.importorskip("pyarrow", reason="Ray Data keeps its blocks in Arrow")


async def half(x):
    return x / 2


def test_ray_data_applies_a_pipeline_to_its_batches(ray):
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    words = Pipeline("words").add_stage(str.upper).add_stage(len, name="length")
    halves = AsyncPipeline("halves").add_stage(half)
    rows = (
        ray.data.from_items([{"item": "ab" * n, "n": n} for n in range(20)], override_num_blocks=2)
        .map_batches(as_map_batches(words, into="length"), batch_size=4)
        .map_batches(as_map_batches(halves, column="length", into="half"), batch_size=4)
        .take_all()
    )
    assert sorted((row["n"], row["length"], row["half"]) for row in rows) == [
        (n, 2 * n, float(n)) for n in range(20)
    ]
