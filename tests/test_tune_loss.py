"""The loss is the model's own, whatever the cut, and is learnt from where it should be."""

import pytest
import torch
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from tiny_tune import VOCABULARY, language_model, tiny_model
from torch.nn import functional as F
from transformers import Gemma2Config, Gemma2ForCausalLM

from medtune.errors import TuneError
from medtune.llm.render import Rendered
from medtune.tune import loss as loss_module
from medtune.tune.batch import cut, micro_batches, pad, plan
from medtune.tune.loss import check_head, summed_loss
from medtune.tune.schedule import learning_rate
from medtune.tune.sft import sft

CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Tiny matrices gain nothing from threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


tokens = st.integers(2, VOCABULARY - 1)
lessons = st.builds(
    lambda prompt, reply: Rendered(prompt + reply, [False] * len(prompt) + [True] * len(reply)),
    st.lists(tokens, min_size=1, max_size=20),
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


@budget(max_examples=15, deadline=None)
@given(st.lists(lessons, min_size=1, max_size=7), st.integers(8, 200))
def test_loss_and_gradient_do_not_depend_on_the_cut(step: list[Rendered], micro: int) -> None:
    reference = trainable(torch.float64)
    n = sum(sum(lesson.supervised[1:]) for lesson in step)
    expected = sum(full_loss(reference, lesson) for lesson in step) / n
    expected.backward()

    model = trainable(torch.float64)  # float32's rounding alone reaches 1e-5 on short examples
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.0)
    seen: list[torch.Tensor] = []
    step_pre = optimizer.register_step_pre_hook(lambda *_: seen.extend(gradients(model)))
    batches = micro_batches(step, budget=micro, pad_id=0, device=CPU)
    (log,) = sft(
        model,
        optimizer,
        [(1, batches)],
        lambda step: 0.0,
        max_grad_norm=1e9,
        seed=0,
    )
    step_pre.remove()

    assert log.loss == pytest.approx(expected.item(), rel=1e-5)
    assert log.n_supervised == n
    assert log.n_tokens == sum(len(lesson.ids) for lesson in step)
    largest = max(float(g.abs().max()) for g in gradients(reference))
    for ours, theirs in zip(seen, gradients(reference), strict=True):
        assert float((ours - theirs).abs().max()) < 1e-9 * largest


def test_the_loss_in_chunks_is_the_loss_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lesson = Rendered(list(range(2, 42)), [False] * 5 + [True] * 35)
    batch = pad([lesson, lesson], 0, CPU)
    found = []
    for chunk in (3, 512):
        monkeypatch.setattr(loss_module, "CHUNK", chunk)
        model = trainable(torch.float64)
        loss = summed_loss(model, batch)
        loss.backward()
        found.append((loss.detach(), gradients(model)))
    torch.testing.assert_close(found[0], found[1])


def test_padding_has_no_effect_whatever_its_token() -> None:
    model = tiny_model(torch.float64)
    short, long = Rendered([5, 6, 7], [False, True, True]), Rendered([9] * 30, [True] * 30)
    found = [summed_loss(model, pad([short, long], pad_id, CPU)) for pad_id in (0, 33)]
    assert found[0] == found[1]


def test_a_prompt_token_is_never_learnt() -> None:
    batch = pad([Rendered([5, 6, 7, 8], [False, False, True, False])], 0, CPU)
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
    batch = pad([Rendered([5, 6, 7], [False, True, True])], 0, CPU)
    check_head(language_model().model, batch)
    with pytest.raises(TuneError, match=r"Gemma2ForCausalLM.*another model"):
        check_head(capped, batch)


def test_a_loss_that_is_not_finite_stops_before_the_weights_change() -> None:
    model = trainable(torch.float32)
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    before = [p.clone() for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1.0)
    batch = pad([Rendered([5, 6, 7], [False, True, True])], 0, CPU)
    loop = sft(
        model,
        optimizer,
        [(7, [batch])],
        lambda step: 1.0,
        max_grad_norm=1.0,
        seed=0,
    )
    with pytest.raises(TuneError, match=r"step 7: loss nan .*tune\.learning_rate"):
        next(loop)
    after = [p for p in model.parameters() if p.requires_grad]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(p.grad is None for p in after)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(1, 200))
def test_every_example_is_in_one_pass_and_a_pass_keeps_the_budget(
    lengths: list[int], micro: int
) -> None:
    groups = cut(lengths, micro)
    assert sorted(index for group in groups for index in group) == list(range(len(lengths)))
    for group in groups:
        padded = max(lengths[index] for index in group) * len(group)
        assert padded <= micro or len(group) == 1


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
