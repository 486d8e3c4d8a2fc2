"""Turns of phrase that many patterns share: `{START}` in a behaviour's file stands for what is written here.

They are written for sentences as `sentences.plain` gives them: lower case, straight apostrophes, single spaces. Names
are upper case, so that they cannot be taken for a regular expression's own counts such as `{2,3}`.
"""

from __future__ import annotations

import re

_MARKERS = (
    "so|but|and|ok|okay|alright|now|h?mm+|well|oh|ah|aha|yes|yeah|right|then|also|however|still|perhaps|"
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
_SOUGHT = (
    "find|finding|determine|determining|calculate|calculating|compute|computing|figure out|work out|identify|"
    "identifying|establish|understand|know (?!that)|express|isolate|eliminate|count|list|simplify|convert|factor|"
    "set up|solve for|rewrite|locate|derive|estimate|define|get (?:the|rid|a|all|an)|solve (?:the|this|each)|"
    "evaluate|analyze|examine|split|break|decide"
)

PHRASES: dict[str, str] = {
    "START": rf"^[^a-z0-9\u2713]*(?:(?:{_MARKERS}|no|wait|actually)\b[^a-z0-9({{\\$]* ?)*",
    "START0": rf"^[^a-z0-9]*(?:(?:{_MARKERS})\b[^a-z0-9({{\\$]* ?)*",
    "INTEND": rf"(?:{_MODALS})",
    "FILLER": (
        r"(?:now|also|just|quickly|always|still|first|then|next|again|actually|instead|maybe|perhaps|probably|simply|"
        r"really|carefully|at least|go ahead and|once more|briefly|definitely|therefore|only|all)"
    ),
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
        r"\b(?:your|yours|yourself|you'll|you're|"
        r"you (?:can|should|must|need|may|might|will|could|have|want|are|get|do|don't|would|wish|to))\b"
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
    """The pattern with every `{NAME}` replaced by its phrases.

    Raises:
        KeyError: there are no phrases of that name.

    >>> expand("{FILLER}")[:8]
    '(?:now|a'
    """
    return _NAME.sub(lambda match: PHRASES[match[1]], pattern)
