"""Keys and tokens that vendors made so that they can be known anywhere: by a beginning of their own, their letters and their length.

One table for what is told of an endpoint's fields (`sensor.catalogue.data_classes`) and for what is masked (`sensor.masking`). Sources: the vendors' published
formats, as GitHub's and GitLab's secret scanning, gitleaks and trufflehog keep them. Publishable keys (``pk_live_…``) are none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple


class Make(NamedTuple):
    """The make of one vendor's keys."""

    vendor: str
    pattern: str
    """What a key is, for `re`."""
    hint: str
    """What every key has in it, for `re` and hyperscan alike: no look to either side."""


_REST = r"(?![A-Za-z0-9_-])"
KEYS: tuple[Make, ...] = (
    Make("aws", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}"),
    Make("github", r"\bgh[pousr]_[A-Za-z0-9]{30,}\b|\bgithub_pat_[A-Za-z0-9_]{22,}\b", r"gh[pousr]_[A-Za-z0-9]{8}|github_pat_"),
    Make("gitlab", r"\bgl(?:pat|ptt|rt|dt|cbt|oas|soat|ft|imt|agent)-[A-Za-z0-9_-]{20,}", r"gl(?:pat|ptt|rt|dt|cbt|oas|soat|ft|imt|agent)-"),
    Make("slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Z0-9]+-\d+-[a-f0-9]+|hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{8,}/[AB][A-Z0-9]{8,}/[A-Za-z0-9/]{20,}", r"xox[abeoprs]-|xapp-|hooks\.slack\.com"),
    Make("stripe", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}\b|\bwhsec_[A-Za-z0-9+/=]{32,}", r"[sr]k_(?:live|test)_|whsec_"),
    Make("google", rf"\bAIza[0-9A-Za-z_-]{{35}}{_REST}|\bGOCSPX-[A-Za-z0-9_-]{{28}}|\bya29\.[A-Za-z0-9_-]{{20,}}", r"AIza[0-9A-Za-z_-]{8}|GOCSPX-|ya29\."),
    Make("sendgrid", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", r"SG\.[A-Za-z0-9_-]{8}"),
    Make("twilio", r"\bSK[0-9a-f]{32}\b", r"SK[0-9a-f]{32}"),
    Make("anthropic", r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{32,}", r"sk-ant-"),
    Make("openai", r"\bsk-(?:proj-|svcacct-|admin-)[A-Za-z0-9_-]{40,}|\bsk-[A-Za-z0-9]{40,}", r"sk-(?:proj-|svcacct-|admin-|[A-Za-z0-9]{20})"),
    Make("huggingface", r"\b(?:hf|api_org)_[A-Za-z]{34,}\b", r"(?:hf|api_org)_[A-Za-z]{34}"),
    Make("groq", r"\bgsk_[A-Za-z0-9]{48,}\b", r"gsk_"),
    Make("perplexity", r"\bpplx-[A-Za-z0-9]{40,}\b", r"pplx-"),
    Make("npm", r"\bnpm_[A-Za-z0-9]{36}\b", r"npm_[A-Za-z0-9]{8}"),
    Make("pypi", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}", r"pypi-AgEI"),
    Make("rubygems", r"\brubygems_[a-f0-9]{48}\b", r"rubygems_"),
    Make("docker", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,}", r"dckr_(?:pat|oat)_"),
    Make("digitalocean", r"\bdo[opr]_v1_[a-f0-9]{64}\b", r"do[opr]_v1_"),
    Make("shopify", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b", r"shp(?:at|ca|pa|ss)_"),
    Make("square", r"\bsq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,43}|\bEAAA[A-Za-z0-9_-]{60}\b", r"sq0(?:atp|csp|idp)-|EAAA[A-Za-z0-9_-]{60}"),
    Make("mailgun", r"\bkey-[0-9a-f]{32}\b", r"key-[0-9a-f]{32}"),
    Make("mailchimp", r"\b[0-9a-f]{32}-us\d{1,2}\b", r"[0-9a-f]{32}-us[0-9]"),
    Make("brevo", r"\bxkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}\b", r"xkeysib-"),
    Make("resend", r"\bre_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}\b", r"re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    Make("razorpay", r"\brzp_(?:live|test)_[A-Za-z0-9]{14}\b", r"rzp_(?:live|test)_"),
    Make("flutterwave", r"\bFLWSECK(?:_TEST)?-[0-9a-zA-Z]{12,}", r"FLWSECK"),
    Make("telegram", rf"\b\d{{8,10}}:AA[A-Za-z0-9_-]{{33}}{_REST}", r"[0-9]{8}:AA[A-Za-z0-9_-]{33}|[0-9]{9}:AA[A-Za-z0-9_-]{33}|[0-9]{10}:AA[A-Za-z0-9_-]{33}"),
    Make("discord", rf"\b[MNO][A-Za-z0-9_-]{{23,25}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,38}}{_REST}|discord(?:app)?\.com/api/webhooks/\d{{17,20}}/[A-Za-z0-9_-]{{60,}}", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.|com/api/webhooks/"),
    Make("teams", r"webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}", r"webhook\.office\.com/webhookb2/"),
    Make("vault", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}", r"hv[sbr]\.[A-Za-z0-9_-]{24}"),
    Make("terraform", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}", r"\.atlasv1\."),
    Make("azure", r"\bAccountKey=[A-Za-z0-9+/]{86}==|\b[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{31,34}|[?&]sig=[A-Za-z0-9%+/]{40,}(?:%3[Dd]|=)", r"AccountKey=|8Q~[A-Za-z0-9_~.-]{31}|[?&]sig="),
    Make("databricks", r"\bdapi[a-f0-9]{32}(?:-\d)?\b", r"dapi[a-f0-9]{32}"),
    Make("planetscale", r"\bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9_.-]{32,64}", r"pscale_"),
    Make("supabase", r"\bsb(?:p|_secret)_[A-Za-z0-9_-]{30,}\b", r"sb(?:p|_secret)_"),
    Make("linear", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}\b", r"lin_(?:api|oauth)_"),
    Make("notion", r"\bsecret_[A-Za-z0-9]{43}\b|\bntn_\d{11}[A-Za-z0-9]{35}\b", r"secret_[A-Za-z0-9]{43}|ntn_[0-9]{11}"),
    Make("figma", r"\bfig(?:d|u|o|or|ur)_[A-Za-z0-9_-]{36,}", r"fig(?:d|u|o|or|ur)_[A-Za-z0-9_-]{36}"),
    Make("atlassian", r"\bAT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{24,}", r"AT(?:ATT3|CTT3|BB)[A-Za-z0-9_=-]{24}"),
    Make("grafana", r"\bgl(?:sa|c)_[A-Za-z0-9+/]{32,}(?:_[a-fA-F0-9]{8})?={0,2}", r"gl(?:sa|c)_[A-Za-z0-9+/]{32}"),
    Make("newrelic", r"\bNR(?:AK|JS|IQ|II)-[A-Za-z0-9_-]{19,}", r"NR(?:AK|JS|IQ|II)-"),
    Make("dynatrace", r"\bdt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b", r"dt0[a-z][0-9]{2}\."),
    Make("sentry", r"\bsntry[su]_[A-Za-z0-9+/=_]{40,}", r"sntry[su]_"),
    Make("postman", r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}\b", r"PMAK-"),
    Make("doppler", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}\b", r"dp\.(?:pt|st|ct|sa|scim|audit)\."),
    Make("pulumi", r"\bpul-[a-f0-9]{40}\b", r"pul-[a-f0-9]{40}"),
    Make("cloudflare", r"\bv1\.0-[a-f0-9]{24}-[a-f0-9]{146}\b", r"v1\.0-[a-f0-9]{24}-"),
    Make("alibaba", r"\bLTAI[A-Za-z0-9]{12,30}\b", r"LTAI[A-Za-z0-9]{12}"),
    Make("tailscale", r"\btskey-[a-z]+-[A-Za-z0-9]+(?:-[A-Za-z0-9]{16,})?\b", r"tskey-"),
    Make("onepassword", r"\bops_eyJ[A-Za-z0-9+/=]{200,}", r"ops_eyJ"),
    Make("age", r"\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}\b", r"AGE-SECRET-KEY-1"),
    Make("sonarqube", r"\bsq[pau]_[a-f0-9]{40}\b", r"sq[pau]_[a-f0-9]{40}"),
    Make("heroku", r"\bHRKU-[A-Za-z0-9_-]{30,}", r"HRKU-"),
)

PATTERN = "|".join(f"(?:{make.pattern})" for make in KEYS)
"""Any of them."""
HINTS = tuple(make.hint for make in KEYS)


@lru_cache(maxsize=1)
def _database() -> Any:
    from rules.databases import database

    return database([(hint.encode(), 0) for hint in HINTS])


@lru_cache(maxsize=len(KEYS))
def _key(number: int) -> re.Pattern[str]:
    return re.compile(KEYS[number].pattern)


def _hit(number: int, _start: int, _end: int, _flags: int, found: set[int]) -> None:
    found.add(number)


def vendor(text: str) -> str:
    """The vendor of a key in a text; empty where there is none. One pass of hyperscan says which makes there may be: fifty in one pattern cost `re` fifty times that."""
    found: set[int] = set()
    _database().scan(text.encode("utf-8", "surrogatepass"), match_event_handler=_hit, context=found)
    return next((KEYS[number].vendor for number in sorted(found) if _key(number).search(text)), "")
