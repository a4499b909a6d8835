import pytest

from ember_ml.pipeline import Pipeline, as_map_batches

for needed in ("pandas", "pyarrow"):
    pytest.importorskip(needed, reason="Ray Data is installed by ray[data]")


def test_ray_data_applies_a_pipeline_to_its_batches(ray):
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    lengths = Pipeline("lengths").add_stage(str.upper).add_stage(len)
    rows = (
        ray.data.from_items([{"item": "ab" * n, "n": n} for n in range(20)], override_num_blocks=1)
        .map_batches(as_map_batches(lengths, into="length"), batch_size=4)
        .take_all()
    )
    assert sorted((row["n"], row["length"]) for row in rows) == [(n, 2 * n) for n in range(20)]
