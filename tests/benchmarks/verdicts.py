"""From the results of the proving ground to verdicts: a table, a summary, a choice among settings, and a picture.

A difference counts from the spread on: the greater of the two standard deviations over the seeds, and at least `FLOOR`,
a share of the baseline's error where the metric is an error. The baseline is the one with the best mean, which is more
than a user has, who would have to know it beforehand. What took too long, or failed, is a loss.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

BASELINE = "baseline"  # the label of what all labels share
FLOOR = 0.005
SMALL = 0.05  # error; below it a part of the error says little


def read(path):
    """Return the results in a file, one dict per line."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass(frozen=True)
class Verdict:
    """One of our estimators on one task under one label, beside the best baseline on the same seeds."""

    case: str
    task: str
    metric: str
    label: str
    ours: list[dict]
    baseline: str
    theirs: list[dict]

    @property
    def score(self):
        return _mean(self.ours, "score")

    @property
    def beside(self):
        return _mean(self.theirs, "score")

    @property
    def spread(self):
        deviations = [
            np.std([r["score"] for r in side], ddof=min(1, len(side) - 1)) for side in (self.ours, self.theirs)
        ]
        return max(*deviations, FLOOR * (abs(self.beside) if self.metric.startswith("-") else 1.0))

    @property
    def word(self):
        difference = self.score - self.beside if self.ours else -np.inf
        return "tie" if abs(difference) <= self.spread else "win" if difference > 0 else "loss"

    @property
    def gain(self):
        """The share of the error that ours saves, from -1 to 1: of the greater of the two errors, and of `SMALL`."""
        if not self.ours:
            return -1.0
        if self.metric.startswith("-"):
            ours, theirs, least = -self.score, -self.beside, 0.0
        else:
            ours, theirs, least = 1 - self.score, 1 - self.beside, SMALL
        return (theirs - ours) / max(ours, theirs, least)

    @property
    def time(self):
        return _mean(self.ours, "seconds") / max(1e-3, _mean(self.theirs, "seconds"))


def _mean(results, name):
    return float(np.mean([r[name] for r in results])) if results else float("nan")


def _figures(results):
    scores = [r["score"] for r in results]
    return f"{np.mean(scores):.3f}" + (f" ({min(scores):.3f} to {max(scores):.3f})" if len(scores) > 1 else "")


def verdicts(results):
    """Return the verdicts on all cases and labels; seeds that one side lacks are left out."""
    ours, theirs = defaultdict(list), defaultdict(lambda: defaultdict(dict))
    for r in results:
        if r["label"] == BASELINE:
            if "score" in r:
                theirs[r["case"]][r["side"]][r["seed"]] = r
        else:
            ours[r["label"], r["case"]].append(r)
    found = []
    for (label, case), lines in ours.items():
        task, _, kind = case.partition(":")
        peers = theirs[task + (":full" if kind.endswith(":full") else "")]
        scored = [r for r in lines if "score" in r]
        seeds = [r["seed"] for r in scored if peers and all(r["seed"] in peer for peer in peers.values())]
        if seeds or (peers and not scored):
            beside = {name: [peer[seed] for seed in (seeds or peer) if seed in peer] for name, peer in peers.items()}
            best = max(beside, key=lambda name: _mean(beside[name], "score"))
            same = [r for r in scored if r["seed"] in seeds]
            found.append(Verdict(case, task, lines[0]["metric"], label, same, best, beside[best]))
    return found


def table(found):
    """Return one label's verdicts as a Markdown table."""
    lines = ["| case | metric | ours | best baseline | time ratio | verdict | beside it |", "|" + " --- |" * 7]
    for v in sorted(found, key=lambda v: (v.task, v.case)):
        if v.ours:
            notes = [f"{_mean(v.ours, 'n_epochs'):.0f} epochs", f"{_mean(v.ours, 'seconds'):.1f} s"]
            learned = [r["train_score"] for r in v.ours if r.get("train_score") is not None]
            notes += [f"training {np.mean(learned):.3f}"] if learned else []
            told = sum((Counter(r["warnings"]) for r in v.ours), Counter())
            notes += [f"{count} {name}" for name, count in told.items()]
            ours, ratio = _figures(v.ours), f"{v.time:.3g}"
        else:
            ours, ratio, notes = "none", "", ["no result"]
        beside = f"{v.baseline} {_figures(v.theirs)}"
        lines.append(f"| {v.case} | {v.metric} | {ours} | {beside} | {ratio} | {v.word} | {', '.join(notes)} |")
    return "\n".join(lines)


def summary(label, found):
    """Return one label's shares of wins and ties and its median times in a line."""
    words = Counter(v.word for v in found)
    times = [v.time for v in found if v.ours]
    return (
        f"{label}: {len(found)} cases; not below {1 - words['loss'] / len(found):.0%}, above "
        f"{words['win'] / len(found):.0%}; median time ratio {np.median(times):.3g}, median "
        f"{np.median([_mean(v.ours, 'seconds') for v in found if v.ours]):.3g} s; mean share of "
        f"the error saved {np.mean([v.gain for v in found]):+.3f}"
    )


def comparison(found):
    """Compare labels on the cases that all have: mean ranks, and what a choice without a set is worth on that set.

    A label's rank on a case is by its mean score, 1 for the best. For each task, the label with the best mean rank on
    all other tasks is chosen, and looked at on the one that was left out.
    """
    labels = list(dict.fromkeys(v.label for v in found))
    by_case = defaultdict(dict)
    for v in found:
        by_case[v.case][v.label] = v
    common = {case: own for case, own in by_case.items() if len(own) == len(labels)}
    if len(labels) < 2 or not common:
        return f"{len(labels)} labels have {len(common)} cases in common: nothing to compare"
    scores = np.array([[own[label].score for label in labels] for own in common.values()])
    ranks = rankdata(-np.nan_to_num(scores, nan=-np.inf), axis=1)
    gains = np.array([[own[label].gain for label in labels] for own in common.values()])
    seconds = np.array([[_mean(own[label].ours, "seconds") for label in labels] for own in common.values()])
    tasks = np.array([next(iter(own.values())).task for own in common.values()])
    chosen = np.empty(len(tasks), dtype=int)
    for task in np.unique(tasks):
        chosen[tasks == task] = ranks[tasks != task].mean(axis=0).argmin() if len(np.unique(tasks)) > 1 else 0
    lines = [f"| label, {len(common)} common cases | mean rank | error saved | time by the first | chosen |"]
    lines.append("|" + " --- |" * 5)
    for i, label in enumerate(labels):
        ratio = np.nanmedian(seconds[:, i] / np.maximum(seconds[:, 0], 1e-3))
        lines.append(
            f"| {label} | {ranks[:, i].mean():.2f} | {gains[:, i].mean():+.3f} | {ratio:.2f} | "
            f"{np.mean(chosen == i):.0%} |"
        )
    each = np.arange(len(tasks)), chosen
    ratio = np.nanmedian(seconds[each] / np.maximum(seconds[:, 0], 1e-3))
    lines.append(f"| chosen without the set | {ranks[each].mean():.2f} | {gains[each].mean():+.3f} | {ratio:.2f} | |")
    return "\n".join(lines)


def picture(found, path):
    """Draw the share of the error that each case saves against its time ratio: a colour a field, and ties hollow."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    labels = list(dict.fromkeys(v.label for v in found))
    fields = sorted({v.task.partition("/")[0] for v in found})
    colours = dict(zip(fields, plt.get_cmap("tab20").colors[::2] + plt.get_cmap("tab20").colors[1::2], strict=False))
    figure, axes = plt.subplots(1, len(labels), figsize=(9 * len(labels), 6), squeeze=False, sharex=True, sharey=True)
    for ax, label in zip(axes[0], labels, strict=True):
        own = [v for v in found if v.label == label]
        ax.axhline(0, color="0.7", linewidth=0.8)
        ax.axvline(1, color="0.7", linewidth=0.8)
        for field in fields:
            drawn = [v for v in own if v.task.startswith(f"{field}/") and v.ours]
            colour = colours[field]
            filled = ["none" if v.word == "tie" else colour for v in drawn]
            ax.scatter([v.time for v in drawn], [v.gain for v in drawn], s=28, facecolors=filled, edgecolors=colour)
            ax.scatter([], [], color=colour, label=field)
            for v in drawn:
                ax.annotate(_short(v.case), (v.time, v.gain), (3, 3), textcoords="offset points", fontsize=6)
        ax.set_xscale("log")
        ax.set_title(summary(label, own).partition("; median")[0])
        ax.set_xlabel("time of ours by that of the best baseline")
    axes[0, 0].set_ylabel("share of the error saved (below 0: the baseline saves it); ties are hollow")
    axes[0, -1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def _short(case):
    """Return a case's name without its field; tables have several entrants, so that they are named."""
    field, _, name = case.partition("/")
    return name if field == "tables" else name.partition(":")[0]
