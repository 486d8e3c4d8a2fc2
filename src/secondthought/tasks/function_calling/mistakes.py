"""Mistakes that a reflection on a failed call names, by its wording, in the words of `Verdict.reason`.

    wrong_tool              another function, a function that is not there or does not fit
    wrong_parameter_names   an argument that is missing, not there, or to be left out
    wrong_parameter_values  a value, type, format or unit of an argument
    wrong_number_of_calls   too many or too few calls
    malformed               JSON, syntax, tags or brackets
    no_call                 no function was called where one was needed
    unwanted_call           a function was called where none was needed

Wording is a guess at what is meant: a reflection may name several mistakes, or one in words that are not known here. So
what names no mistake is left out where agreement with the verifier is counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST = 4000
"""Characters that are read: reflections are short, and a long one names its mistake early."""
_TOOL = r"(?:functions?|tools?|apis?|methods?)"
_ARGUMENT = r"(?:arguments?|parameters?|params?|fields?|inputs?|propert(?:y|ies)|keys?)"
_WRONG = r"(?:wrong|incorrect|invalid|inappropriate|mistaken|inaccurate)"
_FAULT = r"(?:mistakes?|errors?|issues?|problems?|typos?|mismatch)"
_QUOTED = r"(?:[`'\"][^`'\"\n]{0,60}[`'\"])"
_NEAR = r"(?:(?:[ \w`'\"-]|\.(?=\w)){0,60})"

_WORDING: Mapping[str, tuple[str, ...]] = {
    "wrong_tool": (
        rf"{_WRONG} (?:{_TOOL})\b(?! calls?\b.{{0,20}}(?:format|syntax))",
        rf"\b(?:there is no|no such|non-?existent|unknown|undefined|another|different) (?:named )?{_TOOL}\b",
        rf"\bmore (?:appropriate|suitable) {_TOOL}\b",
        rf"\b{_TOOL} (?:name )?(?:{_QUOTED} )?(?:is|was|does|did)(?: not|n't)? "
        rf"(?:{_WRONG}|exist|fit|defined|available)\b",
        rf"{_QUOTED} does not fit the request",
        rf"\b{_TOOL} names? (?:{_QUOTED} |\w+ ){{0,3}}(?:is|was|were|should|does|did)\b(?! not found)",
        rf"\b{_FAULT} (?:in|with) the {_TOOL} names?\b",
        rf"\bmis-?spelled (?:the )?{_TOOL} names?\b",
        rf"\bcorrect {_TOOL} (?:name )?(?:should be|would be|is)\b",
        rf"\b(?:{_TOOL}|functionality) (?:was |is )?not found\b",
    ),
    "wrong_parameter_names": (
        rf"\bmissing (?:{_QUOTED} |\w+ ){{0,4}}{_ARGUMENT}\b",
        rf"\b{_ARGUMENT} {_NEAR},? which (?:is|was) missing\b",
        rf"\b(?:does not|did not|doesn't|didn't) (?:include|contain|have) (?:an? |the )?{_QUOTED} {_ARGUMENT}",
        rf"\b(?:did not|does not|didn't|doesn't) match the (?:accepted|expected|required|defined) {_ARGUMENT}\b",
        rf"\b{_ARGUMENT} names?\b{_NEAR}\b(?:did not|does not|didn't|doesn't) match\b",
        rf"\b(?:does not|did not|doesn't|didn't) (?:take|accept|pass|declare|specify|provide)\b{_NEAR}\b{_ARGUMENT}\b",
        rf"{_QUOTED}{_NEAR}\b(?:was|were|is|are) not (?:specified|provided|given|included|passed|found)\b",
        r"\bshould be named\b",
        r"\bthe request did not specify\b",
        rf"\b(?:find|expects?) (?:the )?required {_ARGUMENT}\b",
        rf"\bwithout (?:any|all|the required|some) {_ARGUMENT}\b",
        rf"\b{_ARGUMENT}\b{_NEAR}\b(?:mis-?spelled|spelled incorrectly|named incorrectly|not recognized)\b",
        rf"\bmis-?spelled\b{_NEAR}\b{_ARGUMENT}\b(?! value)",
        rf"\b{_FAULT} in the (?:required )?{_ARGUMENT}\b(?! values?)",
        rf"\brequired (?:values|{_ARGUMENT}) (?:is|are|was|were) not (?:provided|given|included|passed)\b",
        rf"\b{_ARGUMENT}\b{_NEAR} (?:is|was|are|were) "
        r"(?:missing|not (?:provided|given|specified|included|passed|defined))\b",
        r"\b(?:omitted|forgot|left out|(?:did not|failed to) (?:provide|include|specify|pass))\b"
        rf"{_NEAR}\b{_ARGUMENT}\b",
        rf"\b(?:extra|unexpected|unknown|unnecessary|additional|unsupported|undefined) {_ARGUMENT}\b",
        rf"\b(?:has|have|takes?) no {_ARGUMENT}\b",
        rf"\b{_ARGUMENT}\b{_NEAR} should be left out\b",
        rf"\b{_WRONG} (?:{_ARGUMENT} names?|names? (?:of|for) (?:the )?{_ARGUMENT})\b",
        rf"\b{_ARGUMENT} names? (?:is|are|was|were|should)\b",
    ),
    "wrong_parameter_values": (
        rf"\b{_WRONG} (?:\w+ )?(?:values?|types?|units?|data types?)\b",
        rf"\b{_WRONG} {_ARGUMENT}\b(?! names?)",
        rf"\bvalues? (?:of|for|in) {_NEAR}\b(?:is|was|are|were|should|must)\b",
        rf"\b{_ARGUMENT}\b{_NEAR} (?:must|should) be (?:an? |of type |in )?"
        r"(?:text|string|integer|int|float|number|boolean|bool|array|list|object|dictionary|null|the format)\b",
        r"\b(?:data type|type) (?:of|for) (?:the )?",
        r"\bas an? (?:string|integer|float|number|boolean|list|array)\b",
        rf"\b{_ARGUMENT} (?:is|are|was|were) (?:not (?:being )?(?:passed|entered|used|given|specified) correctly"
        r"|incorrectly)\b",
        rf"\b{_ARGUMENT}\b(?: provided| given| used| for {_QUOTED}| for the \w+)? (?:is|are|was|were) {_WRONG}\b",
        rf"\b(?:did not|didn't|does not|doesn't) (?:pass|contain|have|use) (?:the |an? |any )?"
        rf"(?:correct|right|valid) (?:data|values?|combinations?|{_ARGUMENT})\b",
        r"\bincorrectly specified that\b",
        rf"(?:{_QUOTED}|\bname) (?:is|was|were) passed incorrectly\b",
        r"\b(?:intended|needs|supposed|expected) (?:to be )?an? (?:string|integer|number|float|list|boolean)\b",
        rf"\b{_FAULT} with (?:how|the way) (?:the )?(?:{_QUOTED} )?{_ARGUMENT}\b",
        rf"\b{_ARGUMENT}\b{_NEAR}\bset to\b{_NEAR}\b(?:instead|rather)\b",
        rf"(?:\b{_ARGUMENT}|{_QUOTED}) (?:is|was|were) (?:incorrectly|wrongly) (?:set|spelled|specified|given)\b",
        rf"\bincorrectly (?:set|generat\w+|specif\w+|us\w+) (?:an? |the )?(?:value|{_ARGUMENT})\b",
        r"\b(?:is|are|was|were) not (?:an? |in the )?(?:valid|correct|right) (?!json)(?:\w+ )?"
        r"(?:numbers?|dates?|names?|options?|values?|format)\b",
        rf"\b{_FAULT} in the (?:spelling|capitali[sz]ation|value|format)\b(?! of the (?:call|answer))",
        rf"\b{_ARGUMENT} (?:is|was) (?:incorrectly )?(?:mis-?)?spelled as\b",
        r"\bshould be (?:a |an )?(?:string|integer|number|float|list|boolean)\b",
    ),
    "wrong_number_of_calls": (
        r"\btoo (?:many|few)\b(?! tokens)",
        rf"\b(?:multiple|two|several|separate|second|both|only one|more than one|one more) (?:{_TOOL} )?calls?\b",
        rf"\bcall(?:ed|ing)? (?:the )?{_TOOL} (?:twice|once for each|several times|multiple times|more than once)\b",
    ),
    "malformed": (
        r"\b(?:invalid|malformed|broken|incorrect|wrong|improper|not valid|not a valid|not in valid) (?:json|syntax)\b",
        r"\b(?:json|syntax)\b(?: (?:object|string|format))? (?:is|was|error)\b",
        r"\b(?:cannot|could not|can't|couldn't) be (?:read|parsed)\b",
        rf"\b{_WRONG} (?:output |answer |response |call )?format\b",
        r"\b(?:quotes?|quotation marks?|brackets?|braces?|commas?|tags?) (?:is|are|was|were) (?:missing|wrong|not)\b",
        r"\bmissing (?:quotes?|quotation marks?|brackets?|braces?|commas?|tags?)\b",
        r"\b(?:incomplete|unfinished) json\b",
        r"\bextra (?:quotes?|quotation marks?|brackets?|braces?|commas?|tags?)\b",
        rf"\b{_FAULT} (?:\w+ )?in the (?:structure|syntax|json|xml)\b",
    ),
    "no_call": (
        r"\b(?:did not|didn't|does not|failed to|forgot to|without|never) "
        rf"(?:mak\w+ |us\w+ |generat\w+ )?(?:a |any |the )?(?:call(?:ed|ing)?|{_TOOL} calls?)\b",
        rf"\bcalls no {_TOOL}\b(?!.{{0,60}}I should call no)",
        rf"\bno {_TOOL} (?:was called|call was made)\b",
    ),
    "unwanted_call": (
        rf"\b(?:should not|shouldn't|need not|did not need to|no need to) (?:have )?call(?:ed)?\b(?! {_QUOTED} with)",
        rf"\bno {_TOOL} (?:fits|fit|is needed|was needed|applies|is suitable|is available)\b",
        rf"\bnone of the (?:available |given |provided )?{_TOOL}\b",
    ),
}
_PATTERNS = {reason: re.compile("|".join(texts), re.IGNORECASE) for reason, texts in _WORDING.items()}


def named_mistakes(reflection: str) -> frozenset[str]:
    """Return the reasons that a reflection speaks of.

    >>> sorted(named_mistakes("I used the wrong function and left out the parameter `city`."))
    ['wrong_parameter_names', 'wrong_tool']
    >>> named_mistakes("I should be more careful next time.")
    frozenset()
    """
    text = " ".join(reflection[:MOST].replace("\u2019", "'").split())
    return frozenset(reason for reason, pattern in _PATTERNS.items() if pattern.search(text))
