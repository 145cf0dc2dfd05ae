"""The loss is the model's own, whatever the cut, and is learnt from where it should be."""

import operator

import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from tiny_tune import VOCABULARY, language_model, tiny_model
from torch.nn import functional as F
from transformers import Gemma2Config, Gemma2ForCausalLM

from medtune.config import TuneSection
from medtune.errors import TuneError
from medtune.llm.flat import flat
from medtune.llm.render import Rendered
from medtune.tune import loss as loss_module
from medtune.tune.batch import cut, lay, micro_batches, plan
from medtune.tune.loop import train
from medtune.tune.loss import check_head, token_losses
from medtune.tune.objective import objective
from medtune.tune.ranks import ranks
from medtune.tune.schedule import learning_rate

CPU = torch.device("cpu")
SFT = objective(TuneSection())


tokens = st.integers(2, VOCABULARY - 1)
lessons = st.builds(
    lambda prompt, reply: Rendered(prompt + reply, [False] * len(prompt) + [True] * len(reply)),
    st.builds(
        operator.add,
        st.sampled_from([[], [5], [7, 8, 9]]),
        st.lists(tokens, min_size=1, max_size=20),
    ),
    st.lists(tokens, min_size=1, max_size=8),
)


def full_loss(model, lesson: Rendered) -> torch.Tensor:
    """The plain way: one example at a time, all logits, no padding."""
    logits_TV = model(input_ids=torch.tensor([lesson.ids])).logits[0]
    labels = torch.tensor(
        [i if s else -100 for i, s in zip(lesson.ids, lesson.supervised, strict=True)]
    )
    return F.cross_entropy(logits_TV[:-1], labels[1:], ignore_index=-100, reduction="sum")


def gradients(model) -> list[torch.Tensor]:
    return [p.grad.clone() for p in model.parameters() if p.requires_grad]


def trainable(dtype: torch.dtype):
    model = tiny_model(dtype)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(requires_grad="_proj" in name)
    return model


@budget(max_examples=15)
@given(st.lists(lessons, min_size=1, max_size=7), st.integers(8, 200), st.integers(1, 2))
def test_loss_and_gradient_depend_neither_on_the_cut_nor_on_the_processes(
    step: list[Rendered], micro: int, n: int
) -> None:
    reference = trainable(torch.float64)
    n_supervised = sum(sum(lesson.supervised[1:]) for lesson in step)
    expected = sum(full_loss(reference, lesson) for lesson in step) / n_supervised
    expected.backward()

    # In float64, for float32's rounding alone reaches 1e-5 on short examples; but transformers
    # computes norms in float32, which leaves 1e-7 where examples begin alike.
    model = trainable(torch.float64)
    weights = [p for p in model.parameters() if p.requires_grad]
    batches = micro_batches([(one,) for one in step], budget=micro, device=CPU, share=n)
    with (
        flat(model),
        ranks(
            model, weights, SFT, lambda number: batches, {"validation": batches}, n=n, seed=0
        ) as team,
    ):
        share, look = team.gradient(1), team.look()

    assert share.loss == pytest.approx(expected.item(), rel=1e-7)
    assert look["validation"].loss == pytest.approx(expected.item(), rel=1e-7)
    assert share.n_supervised == sum(look["validation"].sizes) == n_supervised
    assert share.n_tokens == sum(len(lesson.ids) for lesson in step)
    largest = max(float(g.abs().max()) for g in gradients(reference))
    for ours, theirs in zip(gradients(model), gradients(reference), strict=True):
        assert float((ours - theirs).abs().max()) < 1e-6 * largest


def test_the_loss_in_chunks_is_the_loss_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = Rendered(list(range(2, 42)), [False] * 5 + [True] * 35)
    batch = lay([(lesson,), (lesson,)], CPU)
    found = []
    for chunk in (3, 512):
        monkeypatch.setattr(loss_module, "CHUNK", chunk)
        model = trainable(torch.float64)
        loss = token_losses(model, batch).sum()
        loss.backward()
        found.append((loss.detach(), gradients(model)))
    torch.testing.assert_close(found[0], found[1])


def test_a_prompt_token_is_never_learnt() -> None:
    batch = lay([(Rendered([5, 6, 7, 8], [False, False, True, False]),)], CPU)
    assert batch.rows_S.tolist() == [1]
    assert batch.targets_S.tolist() == [7]


def test_a_model_that_caps_its_logits_is_refused() -> None:
    config = Gemma2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        final_logit_softcapping=0.5,
        attn_implementation="eager",
    )
    torch.manual_seed(0)
    capped = Gemma2ForCausalLM(config).eval()
    batch = lay([(Rendered([5, 6, 7], [False, True, True]),)], CPU)
    check_head(language_model().model, batch)
    with pytest.raises(TuneError, match=r"Gemma2ForCausalLM.*another model"):
        check_head(capped, batch)


def test_a_loss_that_is_not_finite_stops_before_the_weights_change() -> None:
    model = trainable(torch.float32)
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    weights = [p for p in model.parameters() if p.requires_grad]
    before = [p.clone() for p in weights]
    optimizer = torch.optim.AdamW(weights, lr=1.0)
    batch = lay([(Rendered([5, 6, 7], [False, True, True]),)], CPU)
    with ranks(model, weights, SFT, lambda number: [batch], {}, n=1, seed=0) as team:
        steps = train(weights, optimizer, [7], team.gradient, lambda step: 1.0, max_grad_norm=1.0)
        with pytest.raises(TuneError, match=r"step 7: loss nan .*tune\.learning_rate"):
            next(steps)
    assert all(torch.equal(a, b) for a, b in zip(before, weights, strict=True))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(1, 200))
def test_every_example_is_in_one_pass_and_a_pass_keeps_the_budget(
    lengths: list[int], micro: int
) -> None:
    groups = cut(lengths, micro)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        assert sum(lengths[index] for index in group) <= micro or len(group) == 1


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=40, unique=True),
    st.integers(0, 9),
    st.integers(1, 3),
    st.integers(1, 7),
)
def test_every_epoch_sees_every_example_once_in_an_order_of_its_own(
    ids: list[str], seed: int, epochs: int, per_step: int
) -> None:
    steps = plan(ids, seed=seed, epochs=epochs, examples_per_step=per_step)
    flat = [ids[index] for step in steps for index in step]
    passes = [flat[at : at + len(ids)] for at in range(0, len(flat), len(ids))]
    assert [sorted(one) for one in passes] == [sorted(ids)] * epochs
    turned = [ids[-1], *ids[:-1]]
    again = plan(turned, seed=seed, epochs=epochs, examples_per_step=per_step)
    assert [turned[index] for step in again for index in step] == flat


def test_epochs_and_seeds_differ_in_order() -> None:
    ids = [str(number) for number in range(30)]
    one, two = plan(ids, seed=0, epochs=2, examples_per_step=30)
    (other,) = plan(ids, seed=1, epochs=1, examples_per_step=30)
    assert one != two
    assert one != other


def test_the_rate_warms_up_to_its_peak_and_falls_to_a_tenth() -> None:
    rates = [learning_rate(step, steps=100, peak=1.0, warmup=0.1) for step in range(1, 101)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)
    assert learning_rate(1, steps=1, peak=1.0, warmup=0.0) == pytest.approx(0.1)
