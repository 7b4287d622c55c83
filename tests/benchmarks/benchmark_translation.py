"""Translation of sequences: pronunciations of words beside a table, decoding speed, and tasks with a known rule.

    python tests/benchmarks/benchmark_translation.py [part ...]

The part with real data reads ``../shared/data`` beside the checkout. Settings are the defaults, except where a row says
otherwise; seconds are those of the processor, on one thread. The word list takes a quarter of an hour for each seed.
"""

from __future__ import annotations

from harness import DATA, row, run_parts  # isort: skip

import time
from collections import Counter, defaultdict
from functools import lru_cache

import numpy as np

from sklearn_ann import SequenceTranslator
from sklearn_ann.datasets import make_reversal, make_transcription, read_pronunciations
from sklearn_ann.metrics import sequence_error_rate, token_error_rate


def seconds_of(function, *args, **how):
    """Return what a function returns, and its seconds of the processor."""
    begin = time.process_time()
    result = function(*args, **how)
    return result, time.process_time() - begin


@lru_cache
def pronunciations(seed):
    """Return words and phonemes of CMUdict, without stress, one pronunciation a word: 90 % to train, 5 % to test."""
    path = DATA / "seq2seq_cmudict" / "cmudict.dict.gz"
    words, phones = read_pronunciations(path, stress=False, variants=False)
    order = np.random.default_rng(seed).permutation(len(words))
    train, test = order[: int(0.9 * len(order))], order[int(0.95 * len(order)) :]
    return [[[values[i] for i in part] for values in (words, phones)] for part in (train, test)]


def table_of_letters(words, phones):
    """Return the most frequent phoneme of each letter, counted in words with as many phonemes as letters."""
    counts = defaultdict(Counter)
    for word, sounds in zip(words, phones, strict=True):
        if len(word) == len(sounds):
            for letter, sound in zip(word, sounds, strict=True):
                counts[letter][sound] += 1
    return {letter: sounds.most_common(1)[0][0] for letter, sounds in counts.items()}


@lru_cache
def fitted(seed):
    """Return a model of the training words and the seconds of its fit."""
    (X, y), _ = pronunciations(seed)
    return seconds_of(SequenceTranslator(random_state=seed).fit, X, y)


def part_pronunciation(seeds=1):
    """Phoneme and word error rates in percent, greedy and with four beams."""
    rates = defaultdict(list)
    seconds = []
    for seed in range(seeds):
        (X, y), (X_test, y_test) = pronunciations(seed)
        model, time_ = fitted(seed)
        seconds.append(time_)
        table = table_of_letters(X, y)
        outputs = {"table": [[table[letter] for letter in word if letter in table] for word in X_test]}
        for n_beams in (1, 4):
            outputs[f"{n_beams} beams"] = model.predict(X_test, n_beams=n_beams)
        for name, found in outputs.items():
            rates[name, "phonemes"].append(100 * token_error_rate(y_test, found))
            rates[name, "words"].append(100 * sequence_error_rate(y_test, found))
    bounds = {("4 beams", "phonemes"): 7.5, ("4 beams", "words"): 31}
    for (name, what), values in rates.items():
        row(f"CMUdict, {what} in error, %, {name}", values, bounds.get((name, what)), at_least=False)
    row("CMUdict, seconds of the fit", seconds, 900, at_least=False, beside=f"{len(X)} words, {model.n_iter_} epochs")


def part_decoding():
    """Words a second by the most probable tokens, and the time of four beams by that of one."""
    _, (X, _) = pronunciations(0)
    model, _ = fitted(0)
    X = X[:1000]
    greedy, beams = (min(seconds_of(model.predict, X, n_beams=n_beams)[1] for _ in range(5)) for n_beams in (1, 4))
    row("decoding 1,000 words, words a second", len(X) / greedy, 1000)
    row("four beams, seconds by those of one", beams / greedy, 4, at_least=False)


def right(name, make, n_train, seeds=1, **how):
    """Print the share of unseen pairs that is right."""
    shares, seconds = [], []
    for seed in range(seeds):
        X, y = make(n_train, random_state=seed)
        X_test, y_test = make(1000, random_state=100 + seed, **how)
        new = [index for index, x in enumerate(X_test) if x not in set(X)]
        model, time_ = seconds_of(SequenceTranslator(random_state=seed).fit, X, y)
        found = model.predict([X_test[i] for i in new])
        shares.append(1 - sequence_error_rate([y_test[i] for i in new], found))
        seconds.append(time_)
    row(name, shares, 0.9995, beside=f"{len(new)} unseen, {np.mean(seconds):.0f} s, {model.n_iter_} epochs")


def part_reversal():
    """Strings of 1 to 20 letters; tested on 20, the longest that were seen."""
    right("reversal of 20 letters, strings right", make_reversal, 20_000, length=20)


def part_genes():
    """DNA to protein: find the start codon, read three letters at a time, stop."""
    right("DNA to protein, proteins right", make_transcription, 8000)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("reversal", "genes"))
