"""Presidio's analyzer as a process: a line of JSON with texts in, a line with its spans out.

Run by `benchmarks/deid.py --peer-python` with a Python that has presidio-analyzer and a spaCy
pipeline; nothing of medtune is imported.
"""

import json
import logging
import sys
import time

from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider


def main() -> None:
    """Answer until the input ends."""
    logging.disable(logging.WARNING)
    models = [{"lang_code": "en", "model_name": sys.argv[1]}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    analyzer = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
    analyzer.analyze(text="Warm up with John Smith.", language="en")
    print("ready", flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        found = [
            [[one.start, one.end, one.entity_type] for one in analyzer.analyze(text, "en")]
            for text in json.loads(line)
        ]
        print(json.dumps({"spans": found, "seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
