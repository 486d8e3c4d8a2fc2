"""Turns of phrase in which a result is compared or judged: the regular expressions that `checks` goes by.

A group that matches names the claim: "equal", "unequal", "less", "more" or "near". Each expression reads the text right
after a result, or right before or after a number that it may be compared with.
"""

from __future__ import annotations

import re

_FILLER = (
    r"(?:\W|\b(?:to|the|our|my|what|we|i|wanted|value|number|a|of|than|from|at|exactly|required|desired|needed|final)\b)"
    r"{0,8}"
)
_NEED = r"(?:want\w*|need\w*|requir\w+|desir\w+|target|goal|aim\w*)"
_NUMERAL = r"(?:\d{1,6}|one|two|three|four|five|six|seven|eight|nine|ten)"

CLAIM = re.compile(
    rf"""(?:
    (?P<unequal>\bnot\b|n't|!=|\u2260|\\neq?\b|=/=|<>|\binstead\ of|\brather\ than|\bunlike|\bdiffers?\ from
      |\bmiss(?:es|ed|ing)?\b
      |(?:\b(?:does|did|do)\ not|\b(?:does|did|do)n't)\ (?:\w+\ )?
        (?:give|make|get|come|add\ up|compute|work\ out|lead|amount|evaluate|result\ in|reach|produce|yield)\b
      |\b(?:away|off)\b)
    |(?P<less><|\b(?:short|shy|less|lower|smaller|fewer)\b|\bbelow\b|\bunder\b|\bbeneath\b)
    |(?P<more>>|\b(?:more|larger|bigger|higher|greater)\ than|\babove\b|\bover\b|\bbeyond\b|\bpast\b
      |\bexceed(?:s|ed|ing)?\b
      |\bovershoots?\b)
    |(?P<near>\bclose\b|\bcloser\b|\bnear\b|\bnearly\b|\balmost\b|\bv(?:ersu)?s\b\.?|\bcompared?\b)
    |(?P<equal>\bmatch(?:es|ed|ing)?\b|\bequals?\b|\bequal\ to\b|\bhits?\b|\breaches\b|(?<!not\ )\breached\b|\bexactly\b
      |\bindeed\b|==|\u2713|\bsame\ as\b)
    ){_FILLER}$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Before a number or "target": the words that compare with it."""
CONTRAST = re.compile(
    rf"""\b(?:(?:but|while|whereas|although|though|however|yet)\b[^.\n\d]{{0,12}}\b(?:{_NEED}|looking\ for)
    |should\ (?:be|have\ been)|supposed\ to\ be)\b[^.\n\d]{{0,16}}$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Before a number: it is set against what was just said."""
WANTED = re.compile(
    r"\b(?:want\w*|need\w*|target|goal|aim\w*|should be|supposed to be|looking for|but)\b[^.\n]{0,16}$", re.I
)
"""Before a number: it is wanted, so that an answer may follow."""
ANSWER = re.compile(
    r"^\W{0,3}(?:so )?(?:(?P<equal>yes\b|ok\b|okay\b|good\b|done\b|\u2713|\u2705|check\b|correct\b)"
    r"|(?P<unequal>no\b|not\b|but\b|\u2717|\u274c|(?:(?:and|i|we|only|just) ){0,3}got\b))",
    re.I,
)
"""After the target: the answer to whether it was made."""
QUESTION = re.compile(r"^\?\W{0,3}(?:(?P<equal>yes|yep|indeed)|(?P<unequal>no|nope|not))\b", re.I)
"""After a number: the question whether it was made, answered."""
IS_TARGET = re.compile(
    r"^(?:[,:;(\s*=>\u2013-]{0,4}|[^\w]{0,4}(?:(?:and |so |which |that|this|it)(?:'s| is)? ?)+)(?:is |exactly )*"
    r"(?:(?:the|our|my) )?(?:desired |required |final |given )*$",
    re.I,
)
"""Between a result and "target": the one is called the other."""
NAMES_IT = re.compile(r"^ (?:(?:number|value|of) ?)*(?:is|was|=|can|could|will|would|must|has|:|\d)|^s?:", re.I)
"""After "target": the sentence is about the target itself."""
MET = re.compile(r"^ (?:is |was |has been )?(?:reached|hit|met|achieved|found|made)\b", re.I)
"""After the target: it was reached."""
MET_NUMBER = re.compile(
    rf"^(?:!|\ (?:is|was|has\ been)\ (?:reached|hit|met|achieved|(?:indeed\ )?what\ (?:I|we)\ {_NEED}))", re.I
)
"""After the target's number, where the result is that number."""
JUDGED = re.compile(
    rf"""^[\s\W]{{0,8}}(?:\d{{1,3}}[.)]\s)?
    (?:(?:so|and|but|which|that|this|it|result|the|still|way|far|much|a|bit|little|slightly|just|also|is|was|looks?|seems|by
    |[a-z]+'s|now|again|only|{_NUMERAL})\b[\s,:]*){{0,6}}(?:
    (?P<more>too\ (?:high|big|large|much|great|many)|overshoots?\b|(?:more|larger|bigger|higher|greater)\ than
      \ (?:what\ )?(?:(?:I|we|is|was)\ )?(?:need|want|requir|desir)\w*)
    |(?P<less>too\ (?:low|small|little|few|short)|not\ (?:high|big|large)?\ ?enough|undershoots?\b
      |(?:less|lower|smaller|fewer)\ than\ (?:what\ )?(?:(?:I|we|is|was)\ )?(?:need|want|requir|desir)\w*
      |(?<=[\w]\ )(?:short|shy)\b)
    |(?P<near>(?:not\ |very\ |quite\ |pretty\ |so\ |getting\ |real(?:ly)?\ )*close(?:r|st)?\b(?!\ to\ (?!the|our|my))
      |almost|nearly)
    |(?P<unequal>not\ (?:right|correct|equal|it\b|a\ match|what\ (?:we|i)|quite|(?:yet\ )?there)|incorrect|wrong
      |(?:doesn't|does\ not|didn't)\ (?:match|equal|hit)
      |off\ by|\u2717|\u274c|\u2718)
    |(?P<equal>works\b|correct\b|right\b|perfect\b(?!\ (?:square|number|cube))|bingo\b|yes\b|matches\b
      |\u2713|\u2705|\u2714|good!|great!|as\ (?:required|needed|desired|wanted|requested|asked)\b
      |success|exactly\ (?:right|what)|solved)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""Right after a result: a judgement of it."""
FOUND = re.compile(r"^[\s\W]{0,8}(?:\d{1,3}[.)]\s)?(?:\w+ )?(?:found|got) it\b", re.IGNORECASE)
"""Right after a result that is the target; after another one it announces what comes next."""
OTHER_NUMBER = re.compile(
    r"""^[\s\W]{0,4}(?:
    (?:(?:but|and|so|that's|this\ is|it's)\ )*(?:not|instead\ of|rather\ than)\ (?:the\ |a\ |an\ )?(?P<needed>\d{1,9})
      ,?\ (?:(?:that|which)\ )?(?:(?:I|we)\ (?:need|want)|is\ needed|needed|wanted|required)
    |(?:need|want)\ (?P<answered>\d{1,9}):\ (?:no|(?P<equal>yes))\b
    |(?:I\ |we\ )?(?:need|want)ed\ (?:the\ |a\ |an\ )?(?P<missed>\d{1,9})
      ,?\ (?:and|but)\ (?:(?:I|we|only|just)\ ){0,2}(?:got|get|have|found|made)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
"""Right after a result: compared with a number that was needed on the way, not the target."""
IS_NOT = re.compile(
    r"^ (?:is not|isn't|does not (?:match|equal)|doesn't (?:match|equal)) (?:the )?"
    r"(?P<needed>\d{1,9})(?P<missed>)(?=[.,;!)\n]|$)"
)
"""Right after a result that is named again: the same."""
ECHO = re.compile(
    r"[\s\W]{0,8}(?:(?:so|and|then|now|thus|hence|i|we|you|it|this|that|which|the|result|total|value|answer|get|gets|got"
    r"|have|is|was|gives?|us|me|makes?|leaves?|equals?|here|with|at|a|start)\b[\s,:.]*|(?:that|it)'s ){0,7}"
    r"(?P<number>-?\d{1,9})"
    r"(?![\w]|[.,]\d)",
    re.IGNORECASE,
)
"""Right after a result: the result named again."""
