"""The trained and the served model agree, and a difference between them is found."""

from pathlib import Path

import pytest
import torch
from tiny_tune import APP, examples, fit_in, language_model, make_run, settings, tiny_model

from medtune.artifacts import Parity, write_examples
from medtune.llm.load import with_adapter
from medtune.release.gate import judge_parity
from medtune.tune import parity

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    fit_in(folder, settings(epochs=1))
    write_examples(folder / "validation.jsonl", examples(8, "v"))
    return folder


def found(fitted: Path, served=None) -> Parity:
    base = language_model()
    model = served or with_adapter(tiny_model(), fitted / "adapter").eval()
    lm = language_model()
    object.__setattr__(lm, "model", model)
    return parity(make_run(fitted, settings(epochs=1)), APP, base, fitted / "adapter", lm)


def test_the_served_model_is_the_trained_one(fitted: Path) -> None:
    seen = found(fitted)
    assert seen.tokens > 8
    assert seen.tuned < 1e-4
    assert seen.effect > 0.1
    assert judge_parity(seen) is None


def test_an_adapter_that_is_not_applied_is_found(fitted: Path) -> None:
    why = judge_parity(found(fitted, served=tiny_model()))
    assert why is not None
    assert "trained and served model differ" in why


def test_an_adapter_of_another_training_is_found(fitted: Path) -> None:
    other = with_adapter(tiny_model(), fitted / "adapter").eval()
    with torch.no_grad():
        for name, weight in other.named_parameters():
            if "lora_B" in name:
                weight.mul_(0.9)
    assert "differ" in (judge_parity(found(fitted, served=other)) or "")


def test_an_adapter_without_effect_is_refused() -> None:
    why = judge_parity(Parity(tokens=9, base=1e-6, tuned=1e-6, effect=1e-5))
    assert why is not None
    assert "no effect" in why


def test_twice_the_noise_of_the_stacks_is_allowed_and_no_more() -> None:
    assert judge_parity(Parity(tokens=9, base=0.01, tuned=0.019, effect=1.0)) is None
    assert judge_parity(Parity(tokens=9, base=0.01, tuned=0.021, effect=1.0)) is not None
