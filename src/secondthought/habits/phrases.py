"""`PHRASES` holds turns of phrase that many patterns share: `{START}` in a habit's file stands for its entry here.

They are written for sentences as `sentences.plain` gives them: lower case, straight apostrophes, single spaces. Names
are upper case, so that they cannot be taken for a regular expression's own counts such as `{2,3}`.
"""

from __future__ import annotations

import re

_MARKERS = (
    "so|but|and|ok|okay|alright|now|well|oh|ah|aha|yes|yeah|right|then|also|however|still|perhaps|"
    "therefore|thus|hence|again|good|great|perfect|indeed|because|since|finally|lastly|i think|i guess|i believe|"
    "next|unfortunately|clearly|anyway|overall|interesting|fine|first|just"
)
_MODALS = (
    "let me|let's|let us|lets|i'll|i will|i'm going to|i am going to|we'll|we will|we can|we could|i can|i could|"
    "i should|we should|i might|we might|i want to|we want to|i need to|we need to|need to|i'd like to|"
    "i would like to|i must|we must|i have to|we have to|have to|going to|time to|worth|good to|best to|"
    "better to|i'd better|i'm|i am|i also|can i|can we|could i|should i|helps to|wise to|try to|important to|i'd|"
    "we'd"
)
_FILLERS = (
    "now|also|just|quickly|always|still|first|then|next|again|actually|instead|maybe|perhaps|probably|simply|"
    "really|carefully|at least|go ahead and|once more|briefly|definitely|therefore|only|all"
)
_SOUGHT = (
    "find|finding|determine|determining|calculate|calculating|compute|computing|figure out|work out|identify|"
    "identifying|establish|understand|know (?!that)|express|isolate|eliminate|count|list|simplify|convert|factor|"
    "set up|solve for|rewrite|locate|derive|estimate|define|get (?:the|rid|a|all|an)|solve (?:the|this|each)|"
    "evaluate|analyze|examine|split|break|decide"
)


def _either(*choices: str) -> str:
    """Build an expression for one of the plain phrases; common beginnings stand once, so that `re` tries few of them.

    >>> _either("so|some|we")
    '(?:s(?:o(?:|me))|we)'
    """
    phrases = {phrase for choice in choices for phrase in choice.split("|")}
    branches = []
    for first in sorted({phrase[:1] for phrase in phrases}):
        group = sorted(phrase for phrase in phrases if phrase[:1] == first)
        alone = len(group) == 1
        branches.append(re.escape(group[0] if alone else first))
        branches[-1] += "" if alone else _either("|".join(phrase[1:] for phrase in group))
    return f"(?:{'|'.join(branches)})"


PHRASES: dict[str, str] = {
    "START": rf"^[^a-z0-9\u2713]*(?:(?:h?mm+|{_either(_MARKERS, 'no|wait|actually')})\b[^a-z0-9({{\\$]*)*",
    "START0": rf"^[^a-z0-9]*(?:(?:h?mm+|{_either(_MARKERS)})\b[^a-z0-9({{\\$]*)*",
    "INTEND": _either(_MODALS),
    "FILLER": _either(_FILLERS),
    "SEEK": rf"(?:{_SOUGHT})\b",
    "MAIN": (
        r"\bfind (?:numbers? that (?:can|could|combine)|(?:(?!out\b)[\w-]+ ){0,4}?"
        r"(?:ways?|combinations?|expressions?|equations?|operations?)\b)"
        r"(?! of the line)"
        r"|\b(?:examine|analyze|list|look at|identify) the (?:given |target |available )?"
        r"(?:numbers?|options|target)"
        r"|\bif you\b"
    ),
    "READER": (
        r"you(?<=\byou)(?:r|rs|rself|'ll|'re| "
        r"(?:can|should|must|need|may|might|will|could|have|want|are|get|do|don't|would|wish|to))\b"
    ),
    "THEOREM": (
        r"\b(?:lemma|corollary|proposition|the reader|exercises?\b|(?:easy|easily|straightforward|routine) to "
        r"(?:see|check|verify|show|prove)|(?:easily|readily) (?:seen|checked|verified|shown)|one can|one may|"
        r"by induction|left to)|\\(?:ol|begin|end|label|struct|iff|defass|sat|gn|proves|entails|lif|lforall|lexists|"
        r"citet|emph|fn|app|psi|phi\b)"
    ),
}

_NAME = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


def expand(pattern: str) -> str:
    """Return the pattern with every `{NAME}` replaced by its phrases.

    Raises:
        KeyError: there are no phrases of that name.

    >>> expand("{FILLER}")[:8]
    '(?:a(?:c'
    """
    return _NAME.sub(lambda match: PHRASES[match[1]], pattern)
