"""Script in a value: what a browser would run if the value were shown in a page, in any of the places it may land in.

Markup: elements that run or load code, event handlers on any element, code in URLs and styles. Attribute values broken out of. Script
texts closed and continued. A value is read once in lower case with what browsers ignore (control octets, blanks inside scheme names, CSS
comments and backslashes) left out. Plain markup such as <b> or a link with an http address is no finding.
"""

from __future__ import annotations

import re

LONGEST = 16_384
"""Octets of one value that are read."""

_RUNS = frozenset(
    b"script iframe frame frameset object embed applet meta base layer ilayer bgsound isindex svg style link xss math foreignobject portal "
    b"fencedframe noscript xml import handler listener animate set use".split()
)
"""Elements that run or load code by standing in a page."""

_CLOSES = frozenset(b"script style title textarea iframe noscript xmp template svg math select noembed plaintext".split())
"""End tags that leave a place where text is shown as text."""

_EVENTS = (
    rb"on(?:abort|activate|after[a-z]+|animation[a-z]+|auxclick|before[a-z]+|begin|blur|bounce|canplay[a-z]*|cancel|change|click|close|contextmenu|"
    rb"copy|cuechange|cut|dblclick|deactivate|drag[a-z]*|drop|durationchange|emptied|end|ended|error|filterchange|finish|focus[a-z]*|formdata|"
    rb"gotpointercapture|hashchange|help|input|invalid|key[a-z]+|load[a-z]*|losecapture|lostpointercapture|message[a-z]*|mouse[a-z]+|move[a-z]*|offline|online|"
    rb"page[a-z]+|paste|pause|play[a-z]*|pointer[a-z]+|popstate|progress|propertychange|ratechange|readystatechange|rejectionhandled|repeat|"
    rb"reset|resize[a-z]*|row[a-z]+|scroll[a-z]*|search|securitypolicyviolation|seek[a-z]+|select[a-z]*|show|slotchange|stalled|start|stop|storage|submit|"
    rb"suspend|time[a-z]*|toggle|touch[a-z]+|transition[a-z]+|unhandledrejection|unload|unhandled[a-z]+|volumechange|waiting|webkit[a-z]+|wheel)"
)
_HANDLER = re.compile(rb"(?:^|[\s\"'/<>\x00-\x20`;])" + _EVENTS + rb"[\s\x00]{0,8}=", re.DOTALL)
_IN_TAG = re.compile(rb"[\s\"'/\x00-\x20]on[a-z]{3,30}[\s\x00]{0,8}=")
_TAG = re.compile(rb"<[\x00\s]{0,4}(/?)[\x00\s]{0,4}([a-z!?%][a-z0-9:_-]{0,40})")
_SCHEME = re.compile(rb"(?:javascript|vbscript|livescript|mocha|jscript|wyciwyg):")
_SCHEME_PLACE = re.compile(rb"(?:^|[=\"'(,<>:;|])(?:javascript|vbscript|livescript|mocha|jscript):([^\"]{0,300})", re.DOTALL)
_IDLE = re.compile(rb"javascript:(?:void\(?0?\)?)?;?(?=[\"'&,}\s]|$)")  # links that do nothing, common in old pages
_CODE = re.compile(rb"[(=`;]|//|\.\w")
_DATA = re.compile(rb"data:(?:text/(?:html|javascript|xml|vbscript)|image/svg\+xml|application/(?:xhtml\+xml|x?-?javascript|xml))[;,]")
_STYLE = re.compile(rb"expression\(|-moz-binding:|behaviou?r:url|@import['\"(]?(?:url\()?['\"]?(?:javascript|data|//|http)|url\(['\"]?(?:javascript|vbscript|data:text)|-o-link:")
_CALL = re.compile(
    rb"(?<![a-z0-9_])(?:alert|prompt|confirm|eval|execscript|settimeout|setinterval|setimmediate|importscripts|msgbox)(?:\(|`|\.(?:call|apply|bind)\(|\?\.\()"
    rb"|(?<![a-z0-9_])(?:new)?function\(\)?['\"`{]|string\.fromcharcode|(?:\[|\.)constructor(?:\]|\.constructor|\()"
    rb"|document(?:\.|\[['\"`])(?:cookie|location|write(?:ln)?\(|domain|url|referrer|body|documentelement|createelement|getelement|execcommand|forms|head|default)"
    rb"|window(?:\.|\[['\"`])(?:location|name|open|onerror|onload|alert|eval)|(?:self|top|parent|this|frames|globalthis)\[['\"`/a-z]"
    rb"|(?<![a-z0-9_])location(?:\.(?:href|hash|replace|assign|search)(?:=|\()|=['\"`]?(?:javascript|http|//|name))"
    rb"|\.(?:innerhtml|outerhtml|insertadjacenthtml|srcdoc)[=(]|(?:local|session)storage\.(?:get|set)item|xmlhttprequest\(|activexobject\("
    rb"|throw(?:onerror|\{?onerror)|onerror=(?:alert|eval|prompt|confirm)|\.(?:source|tostring)\)?\(?\)?;?//|navigator\.sendbeacon"
)
_BREAKS = re.compile(rb"['\"`][;+\-*/&|^?,)}\]]{1,6}(?:[a-z_$][\w$.]{0,40})\(|['\"];[a-z_$][\w$.]{0,30}=")
_SSI = re.compile(rb"<!--#\s*(?:exec|include|echo|config|printenv|set|fsize|flastmod)", re.IGNORECASE)
_UTF7 = re.compile(rb"\+adw-|\+adwa?[a-z0-9+/]{2,}-|\+ad4-")
_ATTRIBUTE_CODE = re.compile(rb"&\{[^}]{1,200}\};?|<(?:img|image|input|td|table|body|video|audio|source|a|form|button)[^>]{0,300}(?:dynsrc|lowsrc|background|formaction|poster|srcset|xlink:href)=", re.DOTALL)
_IGNORED = bytes(range(0x21)) + b"\x7f"
_COMMENT = re.compile(rb"/\*.{0,200}?\*/", re.DOTALL)
_TRIGGERS = re.compile(rb"[<>:(`=]|\+[aA][dD]")


def runs(text: bytes) -> bool:
    """Whether a decoded value holds script."""
    if _TRIGGERS.search(text) is None:
        return False
    text = text[:LONGEST]
    lower = text.lower().replace(b"\x00", b"")
    if b"<" in lower and (_markup(lower) or _SSI.search(lower)):
        return True
    if b"=" in lower and _HANDLER.search(lower) and _handler(lower):
        return True
    if b"+ad" in lower and _UTF7.search(lower):
        return True
    tight = lower.translate(None, _IGNORED)
    if b":" in tight:
        if any(_CODE.search(found.group(1)) for found in _SCHEME_PLACE.finditer(_IDLE.sub(b"", tight))):
            return True
        data = _DATA.search(tight)
        if data and (b"base64," in tight or b"<" in tight or b"%3c" in tight or b"script" in tight):
            return True
    if b"(" in tight or b"`" in tight or b"=" in tight or b"." in tight or b"[" in tight:
        if _CALL.search(tight):
            return True
        if (b"'" in tight or b'"' in tight) and _BREAKS.search(tight) and (tight.endswith((b"//", b"'", b'"', b"-", b"+", b";")) or b"//" in tight):
            return True
    plain = _COMMENT.sub(b"", tight.replace(b"\\", b""))
    return _STYLE.search(plain) is not None and (b"javascript" in plain or b"expression(" in plain or b"url(" in plain or b"@import" in plain)


def _handler(lower: bytes) -> bool:
    """An event handler outside a tag counts where a quote, a tag or a call says that an attribute was broken out of."""
    if b"<" in lower or b">" in lower or b"'" in lower or b'"' in lower or b"`" in lower:
        return True
    return b"(" in lower or b"javascript" in lower


def _markup(lower: bytes) -> bool:
    for tag in _TAG.finditer(lower):
        closing, name = tag.groups()
        if name[:1] in b"!?%":
            if name.startswith((b"?import", b"?xml-stylesheet")):
                return True
            continue
        bare = name.split(b":")[-1]
        if closing:
            if bare in _CLOSES:
                return True
            continue
        if bare in _RUNS:
            return True
        end = lower.find(b">", tag.end())
        inside = lower[tag.end() : end if end >= 0 and end - tag.end() < 2048 else tag.end() + 2048]
        if inside and (_IN_TAG.search(inside) or _code_in(inside)):
            return True
    return _ATTRIBUTE_CODE.search(lower) is not None


def _code_in(inside: bytes) -> bool:
    tight = _COMMENT.sub(b"", inside.translate(None, _IGNORED).replace(b"\\", b""))
    return bool(_SCHEME.search(tight) or _STYLE.search(tight) or _DATA.search(tight) or b"avascript:" in tight)
