"""The benchmark of training says when its contestants did not train the same."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "train.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_train", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("wrong_by", "is_void"), [(0.0, False), (0.01, True), (float("nan"), True)]
)
def test_losses_that_differ_in_float32_make_the_comparison_void(
    benchmark, wrong_by: float, is_void: bool
):
    def turns(*losses: float):
        return [benchmark.Turn(1.0, loss, 1) for loss in losses]

    ours = {"medtune-float32": turns(3.00001, 2.9), "medtune-bfloat16": turns(3.2, 3.1)}
    peer = {"medtune-float32": turns(3.0, 2.9), "hf-float32": turns(3.0, 2.9 + wrong_by)}
    apart = benchmark.most_apart([ours, peer])
    if is_void:
        with pytest.raises(SystemExit, match="void: losses in float32 differ"):
            benchmark.refuse_void(apart)
    else:
        assert apart == pytest.approx(1e-5, abs=1e-9)
        benchmark.refuse_void(apart)
