"""transformers' generate, its continuous batching, or lm-evaluation-harness as a contestant."""

import argparse
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "training"))
import torch
from gate import Gate
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    ContinuousBatchingConfig,
    GenerationConfig,
)


def main() -> None:
    """Answer, a round at each turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("name")
    parser.add_argument("model", type=Path)
    parser.add_argument(
        "--what", choices=["generate", "continuous", "score", "harness"], required=True
    )
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--new", type=int, default=0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--by-length", action="store_true")
    asked = parser.parse_args()
    gate = Gate(asked.work, asked.name, 0)
    rounds = json.loads((asked.work / "rounds.json").read_text(encoding="utf-8"))
    answer = {"generate": generate, "continuous": continuous, "score": score, "harness": harness}
    run = answer[asked.what](asked)
    for number, items in enumerate(rounds):
        gate.wait()
        found = run(items)
        (asked.work / f"{asked.name}.{number}.json").write_text(json.dumps(found), "utf-8")
        gate.done(0.0, 0)
    gate.wait()


def loaded(asked: argparse.Namespace):
    """The model and its tokenizer."""
    model = AutoModelForCausalLM.from_pretrained(
        asked.model, dtype=getattr(torch, asked.dtype), attn_implementation="sdpa"
    )
    model.generation_config = GenerationConfig()
    return model.eval(), AutoTokenizer.from_pretrained(asked.model)


def batches(rows: list, asked: argparse.Namespace) -> list[list[int]]:
    """Indices of the rows of each batch."""
    order = list(range(len(rows)))
    if asked.by_length:
        order.sort(key=lambda i: -len(rows[i]))
    return [order[at : at + asked.batch] for at in range(0, len(order), asked.batch)]


def padded(rows: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows with padding before them, and their mask."""
    width = max(map(len, rows))
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def settings(asked: argparse.Namespace, tokenizer) -> GenerationConfig:
    """Greedy, and the same end as ours."""
    return GenerationConfig(
        do_sample=False,
        max_new_tokens=asked.new,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def generate(asked: argparse.Namespace):
    """Batches, each until its longest reply is done."""
    model, tokenizer = loaded(asked)
    how = settings(asked, tokenizer)

    @torch.inference_mode()
    def run(items):
        prompts = [item["prompt"] for item in items]
        texts = [""] * len(prompts)
        for batch in batches(prompts, asked):
            ids, mask = padded([prompts[i] for i in batch], tokenizer.pad_token_id)
            output = model.generate(ids, attention_mask=mask, generation_config=how)
            for i, row in zip(batch, output[:, ids.shape[1] :].tolist(), strict=True):
                texts[i] = tokenizer.decode(row, skip_special_tokens=True)
        return texts

    return run


def continuous(asked: argparse.Namespace):
    """Transformers' own continuous batching, with room for a round and the budget of ours.

    Left to itself it takes nine tenths of the machine's memory for its cache.
    """
    model, tokenizer = loaded(asked)
    how = settings(asked, tokenizer)
    rounds = json.loads((asked.work / "rounds.json").read_text(encoding="utf-8"))
    page = 32
    n_pages = max(
        sum((len(item["prompt"]) + asked.new) // page + 2 for item in items) for items in rounds
    )
    room = ContinuousBatchingConfig(page_size=page, num_blocks=n_pages, max_batch_tokens=2048)

    def run(items):
        prompts = [item["prompt"] for item in items]
        found = model.generate_batch(
            prompts, generation_config=how, continuous_batching_config=room
        )
        by_prompt = {tuple(one.prompt_ids): one.generated_tokens for one in found.values()}
        return [
            tokenizer.decode(by_prompt[tuple(prompt)], skip_special_tokens=True)
            for prompt in prompts
        ]

    return run


def score(asked: argparse.Namespace):
    """Each prompt with each reply in a row; logits at the replies only."""
    model, tokenizer = loaded(asked)

    @torch.inference_mode()
    def run(items):
        pairs = [(item["prompt"], reply) for item in items for reply in item["replies"]]
        rows = [prompt + reply[:-1] for prompt, reply in pairs]
        sums = [0.0] * len(rows)
        for batch in batches(rows, asked):
            ids, mask = padded([rows[i] for i in batch], tokenizer.pad_token_id)
            kept = max(len(pairs[i][1]) for i in batch)
            places = (mask.cumsum(1) - 1).clamp(min=0)
            logits = model(
                ids, attention_mask=mask, position_ids=places, use_cache=False, logits_to_keep=kept
            ).logits
            for row, i in zip(logits, batch, strict=True):
                reply = torch.tensor(pairs[i][1])
                log_p = row[-len(reply) :].float().log_softmax(-1)
                sums[i] = float(log_p.gather(1, reply[:, None]).double().sum())
        found, at = [], 0
        for item in items:
            found.append(sums[at : at + len(item["replies"])])
            at += len(item["replies"])
        return found

    return run


def harness(asked: argparse.Namespace):
    """lm-evaluation-harness's log-likelihoods, given the same token ids."""
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=str(asked.model), device="cpu", dtype=asked.dtype, batch_size=asked.batch)

    def run(items):
        asks = [
            ((str(n), str(reply)), item["prompt"], reply)
            for n, item in enumerate(items)
            for reply in item["replies"]
        ]
        found = [p for p, _ in lm._loglikelihood_tokens(asks, disable_tqdm=True)]
        at = iter(found)
        return [[float(next(at)) for _ in item["replies"]] for item in items]

    return run


if __name__ == "__main__":
    main()
