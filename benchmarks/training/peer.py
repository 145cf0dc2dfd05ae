"""TRL's SFTTrainer or transformers' Trainer with PEFT as a contestant.

Run by a Python that has trl, accelerate and datasets; under torchrun it is data-parallel.
"""

import argparse
import os
from pathlib import Path

import torch
from gate import Gate, first_adapter, rate, steps
from peft import LoraConfig, get_peft_model
from torch.utils.data import SequentialSampler
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

RANK, WORLD = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


class TurnTaking(TrainerCallback):
    """Wait before each optimizer step, and report after it."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def on_step_begin(self, *_, **__) -> None:
        self.gate.wait()

    def on_log(self, *_, logs=None, **__) -> None:
        if logs and "loss" in logs:
            self.gate.done(float(logs["loss"]))


def main() -> None:
    """Train, a step at each turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument("--trainer", choices=["trl", "hf"], required=True)
    parser.add_argument("--weights", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--autocast", action="store_true")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--micro", type=int, default=8)
    parser.add_argument("--by-length", action="store_true")
    asked = parser.parse_args()
    gate, work = Gate(asked.work, asked.name, RANK), steps(asked.work)
    if WORLD > 1:
        torch.set_num_threads(1)

    model = AutoModelForCausalLM.from_pretrained(
        asked.model, dtype=getattr(torch, asked.weights), attn_implementation="sdpa"
    )
    tokenizer = AutoTokenizer.from_pretrained(asked.model)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    if start := first_adapter(asked.work):
        model = adapted(model, start)
    size = len(work[0])
    settings = {
        "output_dir": str(asked.work / f"{asked.name}.out"),
        "per_device_train_batch_size": asked.micro,
        "gradient_accumulation_steps": size // (asked.micro * WORLD),
        "learning_rate": rate(asked.work),
        "lr_scheduler_type": "constant",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "max_steps": len(work),
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "bf16": asked.autocast,
        "gradient_checkpointing": asked.checkpointing,
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "ddp_find_unused_parameters": False if WORLD > 1 else None,
    }
    rows = [
        one
        for step in work
        for one in (sorted(step, key=lambda one: -len(one.ids)) if asked.by_length else step)
    ]
    trainer = (_trl if asked.trainer == "trl" else _hf)(model, tokenizer, settings, rows)
    trainer.add_callback(TurnTaking(gate))
    trainer.train()


def adapted(model, start: Path):
    """The model with the adapter that all start from."""
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
    first = torch.load(start)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                weight.copy_(first[name.replace(".default.", ".")])
    return model


def _hf(model, tokenizer, settings, rows):
    data = [
        {
            "input_ids": one.ids,
            "attention_mask": [1] * len(one.ids),
            "labels": [-100] * one.n_prompt + one.ids[one.n_prompt :],
        }
        for one in rows
    ]

    class InOrder(Trainer):
        def _get_train_sampler(self, dataset=None):
            return SequentialSampler(dataset if dataset is not None else self.train_dataset)

    return InOrder(
        model=model,
        args=TrainingArguments(remove_unused_columns=False, **settings),
        train_dataset=data,
        data_collator=DataCollatorForSeq2Seq(tokenizer, padding=True),
    )


def _trl(model, tokenizer, settings, rows):
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    data = Dataset.from_list(
        [
            {
                "input_ids": one.ids,
                "completion_mask": [int(at >= one.n_prompt) for at in range(len(one.ids))],
            }
            for one in rows
        ]
    )

    class InOrder(SFTTrainer):
        def _get_train_sampler(self, dataset=None):
            return SequentialSampler(dataset if dataset is not None else self.train_dataset)

    return InOrder(
        model=model,
        args=SFTConfig(max_length=None, completion_only_loss=True, **settings),
        train_dataset=data,
        processing_class=tokenizer,
    )


if __name__ == "__main__":
    main()
