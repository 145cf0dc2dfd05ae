"""Sizes of models and memory of a run, counted from shapes, are those that are measured."""

from pathlib import Path

import pytest
import torch
from tiny_tune import APP, examples, language_model, make_run, settings
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from medtune.config import Run, load_run
from medtune.errors import ConfigError
from medtune.foresee import CACHED, CHUNK, foresee, memory, on_one
from medtune.llm import rows
from medtune.llm.architectures import Architecture, architecture, architectures
from medtune.tune import loss as losses
from medtune.tune.job import at_work, job
from medtune.tune.objective import objective

GPU_RUNS = sorted((Path(__file__).parents[1] / "configs" / "gpu").glob("*.yaml"))
KINDS = {
    "Qwen/Qwen2": "qwen2",
    "Qwen/Qwen3": "qwen3",
    "mistralai": "mistral",
    "swiss-ai": "apertus",
    "HuggingFaceTB": "llama",
}


@pytest.mark.parametrize("name", architectures())
def test_parameters_are_those_of_transformers_and_of_the_card(name: str):
    shape = architecture(name)
    config = AutoConfig.for_model(
        next(kind for start, kind in KINDS.items() if name.startswith(start)),
        hidden_size=shape.hidden,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        head_dim=shape.head_size,
        vocab_size=shape.vocabulary,
        tie_word_embeddings=shape.tied,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert model.num_parameters() == shape.n_parameters
    assert shape.n_parameters / 1e9 == pytest.approx(shape.parameters, rel=0.02)


def test_the_embedded_models_shape_is_that_of_its_weights():
    shape = architecture("HuggingFaceTB/SmolLM2-135M-Instruct")
    assert shape.n_parameters == 134_515_008  # counted in the model itself


TINY = Architecture(
    licence="none",
    layers=2,
    hidden=32,
    inner=48,
    heads=4,
    key_heads=2,
    head_size=8,
    vocabulary=64,
    parameters=0,
    source="tests/tiny_tune.py",
    verified=True,
)


@pytest.mark.parametrize(("numerics", "product"), [("float32", 4), ("bfloat16", 2)])
def test_what_a_pass_keeps_of_a_token_is_what_autograd_keeps(
    out: Path, monkeypatch: pytest.MonkeyPatch, numerics: str, product: int
):
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)  # its bfloat16 kills some machines
    lm = language_model("float32")
    if numerics == "bfloat16":
        from medtune.llm.half import halve

        halve(lm.model)
    run = make_run(out, settings(micro_batch_tokens=100_000, examples_per_step=32))
    asked = job(run, APP, lm, examples(32), examples(8, "v"))
    with at_work(asked) as ready:
        batch = asked.step(1)[0]
        of_weights = {one.untyped_storage().data_ptr() for one in lm.model.parameters()}
        kept: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in of_weights:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = objective(run.tune).loss(lm.model, batch)
        n_adapter = sum(one.numel() for one in ready.adapter.weights.values())
        del loss
    assert n_adapter == TINY.n_adapter(run.tune.rank)
    n_tokens = len(batch.tokens.input_ids_T)
    counted = n_tokens * TINY.layers * TINY.kept_per_token(run.tune.rank, product)
    assert sum(kept.values()) == pytest.approx(counted, rel=0.15)


@pytest.mark.parametrize("file", GPU_RUNS, ids=lambda file: file.stem)
def test_every_gpu_run_is_planned_without_its_weights(file: Path):
    run = load_run(file)
    lines = foresee(run)
    expect = run.compute.expect
    assert expect is not None
    assert run.model.source.partition("@")[0] == f"hf:{expect.architecture}"
    assert any(line.startswith("time: ") for line in lines)


def test_the_gpu_runs_go_from_8_to_70_billion_parameters_on_1_8_and_32_gpus():
    asked = [load_run(file).compute.expect for file in GPU_RUNS]
    sizes = {one.architecture: architecture(one.architecture).parameters for one in asked if one}
    assert {one.gpus for one in asked if one} == {1, 8, 32}
    assert min(sizes.values()) < 8
    assert max(sizes.values()) == 70


def of_70b(**compute: object) -> Run:
    file = next(file for file in GPU_RUNS if file.stem == "apertus_70b_8gpu")
    run = load_run(file)
    return run.model_copy(update={"compute": run.compute.model_copy(update=compute)})


def test_what_does_not_fit_is_refused_with_what_to_change():
    with pytest.raises(ConfigError, match=r"of 80 GB .*compute\.recompute or compute\.shard"):
        foresee(of_70b(shard=False))
    with pytest.raises(ConfigError, match=r"compute\.expect: this key is required"):
        foresee(of_70b(expect=None))


def fits(lines: list[str]) -> dict[str, bool]:
    """What is told of the verbs on one GPU."""
    told = [line for line in lines if line.startswith(("decide:", "evaluate:"))]
    return {line.partition(":")[0]: line.endswith(": fits") for line in told}


@pytest.mark.parametrize("file", GPU_RUNS, ids=lambda file: file.stem)
def test_a_gpu_run_that_cannot_be_decided_on_one_gpu_says_so(file: Path):
    lines, head = foresee(load_run(file)), file.read_text(encoding="utf-8").partition("\napp:")[0]
    supported = not file.stem.startswith("apertus_70b")
    assert fits(lines) == {"decide": supported, "evaluate": supported}
    assert any("not supported yet" in line for line in lines) is not supported
    assert ("NOT SUPPORTED YET" in head) is not supported


def test_what_is_cached_for_replies_is_counted_and_refused_where_it_does_not_fit():
    run = load_run(next(file for file in GPU_RUNS if file.stem == "chatbot"))
    large = run.evaluate.model_copy(update={"batch_tokens": 65536})
    with pytest.raises(
        ConfigError, match=r"decide: .* does not fit; .*lower evaluate\.batch_tokens"
    ):
        foresee(run.model_copy(update={"evaluate": large}))
    shape = architecture("Qwen/Qwen2.5-7B-Instruct")
    assert 4 * 65536 * shape.cached_per_token == 4 * 65536 * 28 * 2 * 4 * 128 * 4


def test_the_weights_of_a_tuned_model_count_again_where_they_are_not_those_of_the_base():
    run, shape = of_70b(), architecture("swiss-ai/Apertus-70B-Instruct-2509")
    expect = run.compute.expect
    assert expect is not None
    full = run.model_copy(update={"tune": run.tune.model_copy(update={"adapter": "full"})})
    more = on_one(full, shape, expect)["evaluate"] - on_one(run, shape, expect)["evaluate"]
    assert more == memory(run, shape, 1).weights


def test_a_small_tune_of_the_evaluation_is_counted_where_it_is_asked_for():
    run, shape = of_70b(), architecture("swiss-ai/Apertus-70B-Instruct-2509")
    expect = run.compute.expect
    assert expect is not None
    asked = run.evaluate.model_copy(update={"leave_out": "site"})
    found = on_one(run.model_copy(update={"evaluate": asked}), shape, expect)
    assert found["evaluate"] == found["decide"] == memory(run, shape, 1).total


def test_what_is_foreseen_is_cached_and_scored_as_it_is_done():
    assert (CACHED, CHUNK) == (rows.CACHED, losses.CHUNK)


@pytest.mark.parametrize("adapter", ["full", "dora"])
def test_what_is_not_counted_is_refused(adapter: str):
    run = of_70b()
    tune = run.tune.model_copy(update={"adapter": adapter})
    with pytest.raises(ConfigError, match=rf"tune\.adapter: {adapter}: .* is not counted here"):
        foresee(run.model_copy(update={"tune": tune}))


def test_a_running_mean_is_one_more_copy_of_the_adapter():
    run, shape = of_70b(), architecture("swiss-ai/Apertus-70B-Instruct-2509")
    averaged = run.model_copy(update={"tune": run.tune.model_copy(update={"average": 0.9})})
    one = memory(run, shape, 1).adapter / 5
    assert memory(averaged, shape, 1).adapter == pytest.approx(6 * one)


def test_dividing_weights_halves_what_each_of_twice_as_many_holds():
    shape = architecture("swiss-ai/Apertus-70B-Instruct-2509")
    few, many = (memory(of_70b(), shape, n) for n in (8, 16))
    divided = shape.n_linear * 2 + shape.n_small * 4
    assert few.weights - many.weights == pytest.approx(divided / 16)
    assert few.adapter == 2 * many.adapter


def test_an_unknown_architecture_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'Qwen/Qwen3-8B'"):
        architecture("Qwen/Qwen3-8b")


def test_layers_are_linear_in_transformers_too():
    config = AutoConfig.for_model("llama", hidden_size=32, intermediate_size=48, head_dim=8,
        num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    with torch.device("meta"):
        layer = AutoModelForCausalLM.from_config(config).model.layers[0]
    found = sorted((m.in_features, m.out_features) for m in layer.modules()
                   if isinstance(m, nn.Linear))  # fmt: skip
    assert found == sorted(TINY.linears)
