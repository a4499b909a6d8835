import re
import subprocess
import sys

import pytest

from ember_ml.backend.errors import InvalidValueError
from ember_ml.pipeline import AsyncPipeline, MissingExtraError, Pipeline


def read(x):
    return x


def graph():
    clean = Pipeline("clean").add_stage(str.strip).add_stage(str.lower)
    pipeline = Pipeline("text").add_stage(clean).add_stage(str.split)
    pipeline.add_stage(len).add_stage(sorted, after="split")
    return pipeline.add_stage(lambda *x: x, name="join", after=("len", "sorted", "input"))


def test_mermaid_shows_branches_and_nested_pipelines():
    assert graph().draw() == (
        "flowchart LR\n"
        "    input([input])\n"
        '    subgraph s0["clean"]\n'
        '        s0_0["strip"]\n'
        '        s0_1["lower"]\n'
        "    end\n"
        '    s1["split"]\n'
        '    s2["len"]\n'
        '    s3["sorted"]\n'
        '    s4["join"]\n'
        "    output([output])\n"
        "    input --> s0_0\n"
        "    s0_0 --> s0_1\n"
        "    s0_1 --> s1\n"
        "    s1 --> s2\n"
        "    s1 --> s3\n"
        "    s2 --> s4\n"
        "    s3 --> s4\n"
        "    input --> s4\n"
        "    s4 --> output\n"
    )


def test_mermaid_of_a_nested_graph_leads_in_and_out_at_all_of_its_ends():
    fan = Pipeline("fan").add_stage(str.split).add_stage(len, after="input")
    text = Pipeline("p").add_stage(read).add_stage(fan).add_stage(sorted).draw()
    arrows = re.findall(r"(\w+) --> (\w+)", text)
    assert arrows == [
        ("input", "s0"),
        ("s0", "s1_0"),
        ("s0", "s1_1"),
        ("s1_0", "s2"),
        ("s1_1", "s2"),
        ("s2", "output"),
    ]


@pytest.mark.parametrize(
    ("pipeline", "arrows"),
    [
        (Pipeline("p"), [("input", "output")]),
        (
            Pipeline("p").add_stage(Pipeline("nothing")),
            [("input", "s0"), ("s0", "output")],
        ),
        (
            Pipeline("p").add_stage(lambda x, y: x, after=("input", "input")),
            [("input", "s0"), ("s0", "output")],
        ),
    ],
    ids=["no stages", "an empty pipeline", "the same twice"],
)
def test_arrows_of_pipelines_at_the_edge(pipeline, arrows):
    assert re.findall(r"(\w+) --> (\w+)", pipeline.draw()) == arrows


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ('say "no"', "say #34;no#34;"),
        ("a[0]; end", "a#91;0#93;#59; end"),
        ("<b>&amp;", "#60;b#62;#38;amp#59;"),
        ("%%{init}%%", "#37;#37;#123;init#125;#37;#37;"),
        ("`code` #1", "#96;code#96; #35;1"),
        ("two\nlines", "two#10;lines"),
        ("load_image v1.2-b", "load_image v1.2-b"),
        ("__init__", "#95;#95;init#95;#95;"),
        ("1. first", "1#46; first"),
        ("größe", "größe"),
    ],
)
def test_names_are_escaped_in_mermaid(name, label):
    assert f'    s0["{label}"]\n' in Pipeline("p").add_stage(read, name=name).draw()


def test_the_asynchronous_kind_is_drawn_as_well():
    async def fetch(x):
        return x

    assert 's0["fetch"]' in AsyncPipeline("p").add_stage(fetch).draw()


@pytest.fixture
def drawing():
    reason = "images are drawn by the packages of the extra ember-pipeline[draw]"
    pytest.importorskip("networkx", reason=reason)
    pytest.importorskip("matplotlib", reason=reason)


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("suffix", "magic"),
    [(".png", b"\x89PNG\r\n"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG\r\n")],
)
def test_an_image_is_written(tmp_path, suffix, magic):
    file = tmp_path / f"pipeline{suffix}"
    assert graph().draw(file) == graph().draw()
    assert file.read_bytes().startswith(magic)


@pytest.mark.usefixtures("drawing")
def test_the_image_shows_every_stage_and_every_arrow(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        graph().add_stage(read, name="cost in $").draw(str(tmp_path / "p.svg"))
    text = (tmp_path / "p.svg").read_text()
    shown = re.findall(r"<text [^>]*>([^<]*)</text>", text)
    assert sorted(shown) == sorted(
        ["Pipeline 'text'", "input", "clean/strip", "clean/lower", "split", "len", "sorted", "join"]
        + ["cost in $", "output"]
    )


@pytest.mark.usefixtures("drawing")
def test_an_empty_pipeline_is_drawn(tmp_path):
    Pipeline("p").draw(tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 0


@pytest.mark.usefixtures("drawing")
def test_no_display_and_no_state_of_pyplot_is_needed(tmp_path):
    code = (
        "import sys; from ember_ml.pipeline import Pipeline\n"
        f"Pipeline('p').add_stage(len).draw({str(tmp_path / 'p.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_another_kind_of_file_is_refused(tmp_path):
    file = tmp_path / "p.gif"
    with pytest.raises(InvalidValueError, match=r"Pipeline 'text': .*p\.gif'.*\.png, \.svg, \.pdf"):
        graph().draw(file)
    assert not file.exists()


@pytest.mark.parametrize("missing", ["networkx", "matplotlib.figure"])
def test_without_the_extra_it_is_named(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=r'pip install "ember-pipeline\[draw\]"') as caught:
        graph().draw(tmp_path / "p.png")
    assert isinstance(caught.value, ImportError)
