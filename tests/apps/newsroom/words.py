"""How far what was heard is from what was said."""

from __future__ import annotations

import re

_SPOKEN = {"mr": "mister"}


def words_of(text: str) -> list[str]:
    """Lower case, no punctuation, titles in full; hyphens part words."""
    found = re.findall(r"[a-z']+", text.lower().replace("coldhearted", "cold hearted"))
    return [_SPOKEN.get(word, word) for word in found]


def errors(heard: str, said: str) -> int:
    """Words too many, too few or wrong (Levenshtein's distance of the words)."""
    one, other = words_of(heard), words_of(said)
    row = list(range(len(other) + 1))
    for count, word in enumerate(one, 1):
        before, row = row, [count]
        for at, wanted in enumerate(other, 1):
            row.append(min(before[at] + 1, row[-1] + 1, before[at - 1] + (word != wanted)))
    return row[-1]
