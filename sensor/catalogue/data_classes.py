"""What kind of personal or secret data a field holds: validators for the values, the field's name as context, counts, and no value kept.

A value is judged by what it proves itself (`of_text`, `of_number`): a check digit in an issuer's range, an IBAN's checksum, the make of a vendor's
key. What proves little (a phone number, a birth date, a person's name) counts only where the field's name says so (`named`). A field is given a class
when its values, taken together, hold up (`of_schema`): one order number in ten passes the Luhn check, so a field of order numbers does not become one
of payment cards, however many pass.

Sources: ISO/IEC 7812-1 (cards), ISO 13616 (IBAN), the national rules as python-stdnum keeps them, RFC 7519 (JWT), RFC 7468 (PEM), the vendors' published
key formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sensor import cards, ibans, keys, phones
from sensor.cards import card_number

if TYPE_CHECKING:
    from sensor.catalogue.schema import Schema

LONGEST = 16_384
"""Characters of one text that are searched for keys."""
INSIDE = 4_096
"""Characters of one text that are searched for account and card numbers."""
TOLD = 65_536
"""Texts of which it is remembered whether they hold a key, 6 MB or so: what APIs answer repeats itself."""
_told: dict[int, str] = {}

CLASSES = {
    "email": ("personal", "e-mail addresses"),
    "phone": ("personal", "phone numbers"),
    "person_name": ("personal", "names of persons"),
    "birth_date": ("personal", "dates of birth"),
    "postal_address": ("personal", "postal addresses"),
    "ip_address": ("personal", "IP addresses"),
    "national_id": ("personal", "national identification numbers"),
    "payment_card": ("payment", "payment card numbers"),
    "card_security_code": ("payment", "card security codes"),
    "iban": ("payment", "international bank account numbers"),
    "password": ("secret", "passwords"),
    "secret": ("secret", "keys and tokens"),
    "jwt": ("secret", "JSON Web Tokens"),
    "private_key": ("secret", "private keys"),
    "health": ("special", "health data"),
    "special_category": ("special", "data of special categories (GDPR article 9) and of protected groups"),
    "location": ("location", "positions of persons or things"),
}
"""Every class: its group (personal, payment, secret, special, location) and what it holds, in words."""


@dataclass(frozen=True, slots=True)
class DataClass:
    """One class of data in one field of an endpoint."""

    field: str
    """Where: ``request.user.email``, ``response.200.items[].iban``, ``query.q``, ``header.x-user``, ``response_header.200.x-user``, ``path.email`` for a
    parameter of the path; ``{}`` stands for the keys of a map."""
    name: str
    """One of CLASSES."""
    count: int
    """Values that hold it, of those looked at."""
    seen: int
    """Values looked at."""
    confidence: float
    detail: str = ""
    """The country of a national id, the vendor of a key."""

    @property
    def group(self) -> str:
        """personal, payment, secret, special, location."""
        return CLASSES.get(self.name, ("", ""))[0]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> DataClass:
        """What `to_json` wrote. Raises ValueError for what it cannot have written."""
        try:
            return cls(str(data["field"]), str(data["name"]), int(data["count"]), int(data["seen"]), float(data["confidence"]), str(data.get("detail", "")))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no data class: {error}") from error


# The field's name ---------------------------------------------------------------------------------------------------------------------

_PIECES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_A-Za-z]+")

_PEOPLE = "first|last|middle|given|family|full|maiden|birth|legal|preferred|real|customer|patient|employee|contact|cardholder|card_holder|account_holder|recipient|passenger|guest|owner|author|sender|receiver|person|billing|shipping|buyer|payer|payee|holder|student|tenant|driver|father|mother|spouse"
_PERSONAL_ID = (
    "ssn|social_?security\\w*|sozialversicherungs\\w*|national_?(?:id|identifier|insurance|identity)\\w*|nino|ni_number|steuer_?(?:id|nummer|identifikationsnummer)\\w*|cpf|curp|dni|nie|nif|pesel|bsn|burgerservicenummer|sofinummer|cnp|egn"
    "|hetu|henkilotunnus|personnummer|identity_?(?:number|card|no)\\w*|citizen(?:_?(?:id|number|no|card))?(?=_$)|aadhaar\\w*|aadhar\\w*|uidai|pan_?(?:no|number|card)|permanent_account_number|nhs_?(?:no|number)|codice_?fiscale|fiscal_?code"
    "|insee\\w*|numero_?secu\\w*|rodne_cislo|fodselsnummer|tfn|tckn|tc_?kimlik\\w*|kimlik\\w*|resident_?(?:id|number|registration\\w*)|passport(?:_?(?:no|nr|number|id))?|driv(?:er_?s?|ing)_?licen[cs]e(?:_?(?:no|nr|number|id))?|isikukood"
    "|ahv(?:_?\\w*)?|svnr|asmens_kodas|personas_kods|oib|emso|jmbg|teudat_zehut|kennitala|thai_id|amka|cuit|cuil|cedula\\w*|nric\\w*|mykad|ic_number|cnic|ird(?:_?(?:no|number))|itin|ktp|rntrc|snils"
    "|documento_(?:de_)?identi\\w*|cod(?:ul)?_numeric_\\w*|cartao_?cidadao|rijksregister\\w*|niss|pps_?n?(?:_?(?:no|number))?|hkid|shenfenzheng|bvn|medicare_?(?:no|number|id)|voter_?id|ghana_card|curp|idnr"
)
"""Names that stand for one kind of number that a state gives to a person."""
_NAMED: tuple[tuple[str, str], ...] = (
    ("password", r"_(?:password|passwd|pwd|passphrase|passcode|pass_?phrase|pin_?code|contrasena|kennwort|passwort|mot_de_passe|senha)\d?_(?:(?:confirm(?:ed|ation)?|repeat|again|new|old|hash|current|plain)_)*$|^_pass_$"),
    ("card_security_code", r"_(?:cvv\d?|cvc\d?|csc|cid_code|card_verification\w*|security_code|card_code)_"),
    ("phone", r"_(?:phones?|tel|telephone|mobile|cell|cellphone|msisdn|fax|whatsapp|telefon|telefono|handy|landline)(?:_(?:numbers?|no|nr|home|work|main|primary|e164))*_$|_(?:home|work|mobile|contact)_number_$"),
    ("birth_date", r"_(?:dob|birth_?da(?:y|te)|date_of_birth|born(?:_(?:on|at))?|geburtsdatum|geburtstag|fecha_(?:de_)?nacimiento|date_(?:de_)?naissance|data_(?:de_)?nascimento)_"),
    ("person_name", rf"_(?:{_PEOPLE})_?names?_$|_(?:firstname|lastname|fullname|surname|forename|vorname|nachname|nombres?|apellidos?|prenom|cognome|sobrenome|middle_initial|cardholder|card_holder)_$|^_name_on_card_$"),
    ("email", r"_(?:e_?mails?|mail|e_?mail_?address(?:es)?|correo)_(?:(?:work|home|primary|secondary|\d)_)?$"),
    ("ip_address", r"_(?:ips?|ip_?addr(?:ess(?:es)?)?|remote_?(?:ip|addr(?:ess)?)|ipv4|ipv6)_$"),
    ("postal_address", r"_(?:street|streets?_?(?:address|name|line)\w*|(?:address|addr)_?(?:line)?_?\d?|post(?:al)?_?code|zip(?:_?code)?|strasse|plz|calle|direccion|house_?number|(?:shipping|billing|home|postal|mailing|delivery|residential)_address)_$"),
    ("health", r"_(?:diagnos[ie]s|icd(?:_?\d+)?(?:_?codes?)?|blood_?(?:type|group|pressure)|allerg(?:y|ies)|medications?|prescriptions?|symptoms?|diseases?|illness|medical_\w+|mrn|immuni[sz]ations?|vaccin\w+|disabilit(?:y|ies)|pregnan\w+|hiv\w*|lab_?results?|heart_?rate|bmi|insulin|dosage|glucose|treatments?|health_(?:record|condition|history|insurance|data)\w*|chronic_\w+|therap(?:y|ies))_"),
    ("special_category", r"_(?:gender|sex|religion|religious_\w+|ethnicit(?:y|ies)|ethnic_\w+|race|sexual_?orientation|political_\w+|trade_?union\w*|nationality|marital_status|citizenship)_$"),
    ("location", r"_(?:lat|latitude|lng|lon|long|longitude|geo_?hash|geo_?lat|geo_?lon|gps_?\w*|geo_?location|coordinates|coords)_$"),
    ("national_id", rf"_(?:{_PERSONAL_ID}|tax_?(?:id|number|payer\w*)|tin|rfc|person(?:al)?_?(?:id|number|no|code)|id_?(?:card|document)(?:_?(?:no|number))?|id_?(?:no|number)|identification_?(?:no|number|code)|documento?(?=_$)|document_?(?:id|no|number)(?=_$)|insured(?:_?(?:id|no|number))?(?=_$)|sin|inn|cui|nir|run(?=_$)|pnr(?=_$)|fnr(?=_$)|secu(?=_$)|svn(?=_$)|nik(?=_$)|tc_?no|avs_?number|sa_id|my_?number|nin|cpr|rut|rrn)_"),
    ("payment_card", r"_(?:card_?(?:number|no|num)|cc_?(?:number|num)|credit_?card(?:_?(?:number|no))?|pan|primary_account_number|debit_card\w*|card)_$"),
    ("iban", r"_(?:iban|bank_?account\w*|account_?(?:iban|number))_"),
    ("secret", r"_(?:secrets?|api_?keys?|access_?keys?|private_?key|client_?secret|signing_?key|encryption_?key|(?:access|refresh|id|auth|session|bearer|reset|verification|csrf|xsrf|device|push|security|api|login|registration)_?tokens?|token|jwt|bearer|otp|credentials?|authorization|session_?(?:id|key)|webhook_?secret)_$"),
)
_NAMED_SEARCH = tuple((name, re.compile(pattern).search) for name, pattern in _NAMED)
_PAGING = re.compile(r"_(?:page|next|previous|prev|sync|continuation|cursor)_tokens?_").search
_NOT_NAMED = re.compile(
    r"_(?:is|has|was|can|allow|enable|enabled|require|required|needs|min|max|num|count|total|verified|valid|type|kind|status|policy|hint|length|strength|url|uri|link|href|expires|expiry|expiration|"
    r"expired|updated|changed|created|sent|at|ttl|format|regex|pattern|rules?|label|description|id_type|enabled|version|limit|usage|remaining|brand|scheme|method)_"
).search

PERSON_FIELDS = frozenset(
    {"email", "e_mail", "mail", "phone", "phone_number", "phoneNumber", "mobile", "birthdate", "birth_date", "birthDate", "birthday", "dob", "date_of_birth",
     "dateOfBirth", "first_name", "last_name", "firstName", "lastName", "surname", "username", "password", "ssn", "gender", "avatar", "job_title"}
)
"""Names beside which a bare `name` is that of a person."""

_IS_NAME = re.compile(r"[^\W\d_][^\d_@<>{}\[\]/\\=;:]{0,79}").fullmatch


@lru_cache(maxsize=16_384)
def words_of(name: str) -> str:
    """A field's name as `_word_word_`: ``customerEMail2`` is ``_customer_e_mail_2_``."""
    pieces = _PIECES.findall(name[:256])
    return "_" + "_".join(piece.lower() for piece in pieces) + "_" if pieces else ""


@lru_cache(maxsize=16_384)
def named(name: str) -> str:
    """The class that a field's name says its values may have; empty for most."""
    words = words_of(name)
    if not words:
        return ""
    for found, search in _NAMED_SEARCH:
        match = search(words)
        if match:
            beside = f"{words[: match.start()]}_ _{words[match.end() :]}"  # `email_status` is no address, `marital_status` is what it says
            return "" if _NOT_NAMED(beside) or _PAGING(words) else found
    return ""


def is_name(text: str) -> bool:
    """Whether a text can be a person's name."""
    return _IS_NAME(text) is not None


# The values ---------------------------------------------------------------------------------------------------------------------------

_JWT = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{6,}={0,2}\.[A-Za-z0-9_-]{2,}={0,2}\.[A-Za-z0-9_-]*={0,2}(?:\.[A-Za-z0-9_-]+){0,2}")
_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_USERINFO = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,31}://[^\s/:@?#]{0,128}:[^\s/@?#]{1,128}@[^\s/@]")  # RFC 3986 3.2.1: a password in a URI
_CARD_TEXT = re.compile(r"\d{12,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5}").fullmatch
_IBAN_TEXT = re.compile(r"[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)").fullmatch
_IBAN_INSIDE = re.compile(ibans.PATTERN, re.ASCII)
_MAY_HOLD_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]{4}[ -]?[A-Z0-9]{4}").search
_CARD_INSIDE = re.compile(cards.PATTERN, re.ASCII)
_MAY_HOLD_CARD = re.compile(r"[0-9]{4}[ -]?[0-9]{4}").search
_PHONE_E164 = re.compile(r"\+[1-9](?:[ ().-]{0,2}\d){7,14}").fullmatch
_PHONE_NAMED = re.compile(r"(?:\+|00)?(?:[ ()./-]{0,2}\d){6,15}(?: ?(?:x|ext\.?) ?\d{1,6})?").fullmatch
_PHONE_US = re.compile(r"(?:\+?1[ .-]?)?\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}").fullmatch
_DATE_TEXT = re.compile(r"(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?:[T ].*)?|(?:0?[1-9]|[12]\d|3[01])[-/. ](?:0?[1-9]|[12]\d|3[01])[-/. ](?:19|20)?\d\d|(?:19|20)\d{6}").fullmatch
_MACHINE = re.compile(r"[A-Za-z0-9._~+/=:|!@#$%^&*-]{12,}").fullmatch
_POSITION = re.compile(r"-?\d{1,3}\.\d{2,}").fullmatch
_VERSIONED = re.compile(r"_(?:version|ver|release|build|firmware|oid)_").search
_PERSONAL_ID_NAMED = re.compile(rf"_(?:{_PERSONAL_ID})_").search
_PERSONAL_ID_TEXT = re.compile(r"(?=(?:[^0-9]*[0-9]){5})[A-Za-z0-9](?:[ ./-]?[A-Za-z0-9]){5,19}(?:\([0-9A-Z]\))?").fullmatch
"""What such a number looks like, where its country has no check digit or none that is known here."""
_NOT_PERSONAL = re.compile(
    r"_(?:order|orders|invoice|ref|reference|transaction|txn|trx|sku|serial|tracking|track|timestamp|ts|time|epoch|created|updated|modified|hash|checksum|digest|build|version|etag|nonce|trace|span|request|"
    r"batch|offset|sequence|seq|isbn|ean|upc|gtin|barcode|imei|mac|parcel|shipment|ticket|case|product|item|price|amount|total|count|size|bytes|duration|ms|ns|millis)_"
).search

# (country, module of python-stdnum, what the number looks like, whether its form alone is rare enough to be believed without the field's name)
_NATIONAL: tuple[tuple[str, str, str, bool], ...] = (
    ("us", "us.ssn", r"\d{3}-\d{2}-\d{4}", True),
    ("us", "us.ssn", r"\d{9}", False),
    ("it", "it.codicefiscale", r"[A-Z]{6}[0-9A-Z]{2}[A-EHLMPR-T][0-9A-Z]{2}[A-Z][0-9A-Z]{3}[A-Z]", True),
    ("fi", "fi.hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", True),
    ("mx", "mx.curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[0-9A-Z]\d", True),
    ("cn", "cn.ric", r"[1-9]\d{16}[0-9X]", True),
    ("br", "br.cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", True),
    ("cl", "cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[0-9Kk]", True),
    ("kr", "kr.rrn", r"\d{6}-[1-8]\d{6}", True),
    ("be", "be.nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", True),
    ("fr", "fr.nir", r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", True),
    ("cz", "cz.rc", r"\d{6}/\d{3,4}", True),
    ("es", "es.dni", r"\d{8}-?[A-HJ-NP-TV-Z]", False),
    ("es", "es.nie", r"[XYZ]-?\d{7}-?[A-HJ-NP-TV-Z]", False),
    ("br", "br.cpf", r"\d{11}", False),
    ("pl", "pl.pesel", r"\d{11}", False),
    ("de", "de.idnr", r"\d{11}|\d{2} \d{3} \d{3} \d{3}", False),
    ("no", "no.fodselsnummer", r"\d{11}|\d{6} \d{5}", False),
    ("be", "be.nn", r"\d{11}", False),
    ("tr", "tr.tckimlik", r"[1-9]\d{10}", False),
    ("in", "in_.aadhaar", r"[2-9]\d{3} ?\d{4} ?\d{4}", False),
    ("in", "in_.pan", r"[A-Z]{3}[ABCFGHJKLPT][A-Z]\d{4}[A-Z]", False),
    ("za", "za.idnr", r"\d{13}", False),
    ("ro", "ro.cnp", r"[1-8]\d{12}", False),
    ("kr", "kr.rrn", r"\d{13}", False),
    ("se", "se.personnummer", r"(?:19|20)?\d{6}[-+]\d{4}", False),
    ("se", "se.personnummer", r"(?:19|20)\d{10}", False),
    ("dk", "dk.cpr", r"\d{6}-\d{4}", False),
    ("bg", "bg.egn", r"\d{10}", False),
    ("nl", "nl.bsn", r"\d{9}", False),
    ("ca", "ca.sin", r"\d{3}[- ]?\d{3}[- ]?\d{3}", False),
    ("au", "au.tfn", r"\d{3} ?\d{3} ?\d{3}", False),
    ("gb", "gb.nhs", r"\d{3} ?\d{3} ?\d{4}", False),
    ("pt", "pt.nif", r"[125689]\d{8}", False),
    ("ie", "ie.pps", r"\d{7}[A-W][A-IW]?", False),
    ("cl", "cl.rut", r"\d{7,8}-?[0-9Kk]", False),
    ("ch", "ch.ssn", r"756\.\d{4}\.\d{4}\.\d{2}", True),
    ("ch", "ch.ssn", r"756\d{10}", False),
    ("at", "at.vnr", r"\d{4} ?\d{6}", False),
    ("ee", "ee.ik", r"[1-8]\d{10}", False),
    ("lt", "lt.asmens", r"[1-6]\d{10}", False),
    ("lv", "lv.pvn", r"\d{6}-?\d{5}", False),
    ("hr", "hr.oib", r"\d{11}", False),
    ("si", "si.emso", r"\d{13}", False),
    ("il", "il.idnr", r"\d{9}", False),
    ("is", "is_.kennitala", r"\d{6}-?\d{4}", False),
    ("th", "th.pin", r"\d-\d{4}-\d{5}-\d{2}-\d", True),
    ("th", "th.pin", r"\d{13}", False),
    ("gr", "gr.amka", r"\d{11}", False),
    ("ar", "ar.cuit", r"(?:2[03-7]|3[034])-\d{8}-\d", True),
    ("ar", "ar.cuit", r"(?:2[03-7]|3[034])\d{9}", False),
    ("ec", "ec.ci", r"\d{9}-?\d", False),
    ("mx", "mx.rfc", r"[A-Z\u00d1&]{3,4}\d{6}[A-Z0-9]{3}", False),
    ("my", "my.nric", r"\d{6}-\d{2}-\d{4}", True),
    ("my", "my.nric", r"\d{12}", False),
    ("pk", "pk.cnic", r"\d{5}-\d{7}-\d", True),
    ("nz", "nz.ird", r"\d{2,3}-?\d{3}-?\d{3}", False),
    ("us", "us.itin", r"9\d{2}-\d{2}-\d{4}", True),
    ("id", "id.nik", r"\d{16}", False),
    ("ru", "ru.inn", r"\d{12}", False),
    ("ua", "ua.rntrc", r"\d{10}", False),
    ("do", "do.cedula", r"\d{3}-\d{7}-\d", True),
    ("do", "do.cedula", r"\d{11}", False),
    ("pe", "pe.cui", r"\d{8}-?[0-9A-K]", False),
    ("pt", "pt.cc", r"\d{8} ?\d ?[A-Z0-9]{2}\d", False),
    ("fr", "fr.nif", r"[0-3]\d{12}", False),
    ("ve", "ve.rif", r"[VE]-?\d{7,8}-?\d", False),
    ("cr", "cr.cpf", r"\d{1,2}-\d{4}-\d{4}", False),
    ("cu", "cu.ni", r"\d{11}", False),
    ("ca", "ca.bc_phn", r"9\d{3} ?\d{3} ?\d{3}", False),
)


@lru_cache(maxsize=1)
def _national_any() -> re.Pattern[str]:
    """One look, where all of them would be forty."""
    return re.compile("|".join(f"(?:{pattern})" for _, _, pattern, _ in _NATIONAL))


@lru_cache(maxsize=1)
def _national_texts() -> tuple[tuple[str, str, Callable[[str], object], bool], ...]:
    return tuple((country, module, re.compile(pattern).fullmatch, strong) for country, module, pattern, strong in _NATIONAL)


_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]").fullmatch  # NI numbers, HMRC NIM39110


def of_text(text: str, form: str, digits: int, field: str) -> str:
    """The class of one text value, empty for none. `form`: its format (`schema.FORMATS`), `digits`: how many it has, `field`: its field's name."""
    if form == "email":
        return "email"
    hint = named(field)
    if form in ("ipv4", "ipv6"):
        return "" if _VERSIONED(words_of(field)) else "ip_address"
    if len(text) >= 16:
        found = secret(text)
        if found:
            return found
    if hint and text:
        found = _of_named(hint, text, form, digits)
        if found:
            return found
    if form or len(text) > 42:
        return "" if form or hint else _inside(text)
    if digits < 7:
        if len(text) >= 15 and text[:2].isupper() and _IBAN_TEXT(text) and ibans.account_number(text.replace(" ", "")):
            return "iban"
        return _personal_id(text, field) if hint == "national_id" and digits >= 4 else ""
    return _of_digits(text, digits, hint, field) or ("" if hint else _inside(text))


def of_number(value: int | float, field: str) -> str:
    """The class of one number, empty for none."""
    hint = named(field)
    if hint == "location":
        return "location" if isinstance(value, float) and -180.0 <= value <= 180.0 and value != round(value, 1) else ""
    if hint == "health":
        return "health"
    if not isinstance(value, int) or value < 0:
        return ""
    text = str(value)
    if hint == "card_security_code":
        return hint if 3 <= len(text) <= 4 else ""
    if hint == "phone":
        return hint if 7 <= len(text) <= 15 else ""
    return _of_digits(text, len(text), hint, field)


def secret(text: str) -> str:
    """Keys and tokens that anything may hold, told by their make. No pattern begins twice in one run of letters: a text is read once, whatever it holds."""
    mark = hash(text)  # of what was told before no text is kept
    found = _told.get(mark)
    if found is None:
        if len(_told) >= TOLD:
            _told.clear()
        found = _told[mark] = _read_secret(text)
    return found


def _read_secret(text: str) -> str:
    """What a text holds that was not told before."""
    if len(text) > LONGEST:
        text = text[:LONGEST]
    if "PRIVATE KEY" in text and _PEM.search(text):
        return "private_key"
    if "eyJ" in text and _JWT.search(text):
        return "jwt"
    if "://" in text and _USERINFO.search(text):
        return "secret:uri"
    found = keys.vendor(text)
    return f"secret:{found}" if found else ""


def _of_named(hint: str, text: str, form: str, digits: int) -> str:
    """Whether a value can be what its field's name says."""
    n = len(text)
    if hint == "password":
        return hint if form not in ("date-time", "date", "uri") and text not in ("true", "false") else ""
    if hint == "phone":
        return hint if 7 <= digits <= 15 and _PHONE_NAMED(text) else ""
    if hint == "person_name":
        return hint if _IS_NAME(text) else ""
    if hint == "birth_date":
        return hint if form in ("date", "date-time") or _DATE_TEXT(text) else ""
    if hint == "postal_address":
        letters = sum(c.isalpha() for c in text[:64])
        if form or text.startswith(("0x", "/", "tcp:", "http")) or n > 200:
            return ""
        return hint if (letters >= 3 and " " in text.strip()) or (letters >= 3 and digits == 0 and text[:1].isupper()) or (3 <= n <= 10 and digits >= 3 and text.replace(" ", "").replace("-", "").isalnum()) else ""
    if hint in ("health", "special_category"):
        return hint if n <= 400 and form != "uri" else ""
    if hint == "location":
        return hint if (_POSITION(text) and -180 <= float(text) <= 180) or (5 <= n <= 12 and text.isalnum() and text.islower() and digits > 0) else ""
    if hint == "card_security_code":
        return hint if n in (3, 4) and text.isdigit() else ""
    if hint == "secret":
        mixed = (digits > 0) + any(c.isupper() for c in text) + any(c.islower() for c in text)
        return hint if _MACHINE(text) and form not in ("uri", "date-time", "email") and (mixed >= 2 or n >= 24) else ""
    return ""


def _of_digits(text: str, digits: int, hint: str, field: str) -> str:
    """Numbers that carry their proof: cards, IBANs, national ids; and phones, which carry a plus."""
    if hint and hint not in ("payment_card", "iban", "national_id", "phone"):
        return ""
    n = len(text)
    if hint != "national_id" and 12 <= digits <= 19 and _CARD_TEXT(text):
        bare = re.sub(r"\D", "", text)
        if card_number(bare):
            return "payment_card"
    if n >= 15 and text[:2].isupper() and _IBAN_TEXT(text):
        if ibans.account_number(text.replace(" ", "")):
            return "iban"
    if (text[0] == "+" and _PHONE_E164(text)) or (text[0] in "(1+" and _PHONE_US(text)):
        bare = re.sub(r"\D", "", text)
        if text[0] != "+" or phones.international(bare):
            return "phone"
    if hint == "national_id":
        return _personal_id(text, field)
    if hint or _NOT_PERSONAL(words_of(field)):
        return ""
    return _national(text, True)


def _personal_id(text: str, field: str) -> str:
    """The class of a value under a name that stands for a person's number: valid as that of some country, or any number where the name leaves no doubt."""
    found = _national(text, False) or ("national_id:gb" if _NINO(text) else "")
    return found or ("national_id" if _PERSONAL_ID_NAMED(words_of(field)) and _PERSONAL_ID_TEXT(text) else "")


def _inside(text: str) -> str:
    """What a longer text holds that proves itself: an account number, a card number."""
    if " " not in text:
        return ""
    text = text[:INSIDE]
    for found in _IBAN_INSIDE.finditer(text) if _MAY_HOLD_IBAN(text) else ():
        if ibans.account_number(ibans.bare(found[0])):
            return "iban"
    for found in _CARD_INSIDE.finditer(text) if _MAY_HOLD_CARD(text) else ():
        number = re.sub(r"\D", "", found[0])
        if 12 <= len(number) <= 19 and card_number(number):
            return "payment_card"
    return ""


def _national(text: str, strong: bool) -> str:
    """The national id that a text is valid as; `strong`: by a form of its own, or else told apart as `national_id?`, which alone proves little."""
    weak = ""
    if not _national_any().fullmatch(text):
        return weak
    for country, module, looks, proves in _national_texts():
        if looks(text) and (proves or not strong or len(text) >= 11 or not text.isdigit()) and _valid(module, text):
            if proves or not strong:
                return f"national_id:{country}"
            weak = weak or f"national_id?:{country}"
    return weak


_validators: dict[str, Callable[[str], bool]] = {}


def _valid(module: str, text: str) -> bool:
    """Whether python-stdnum finds the number valid. What its tables lack (a county of China's, say) it tells by errors of its own; such a number is none."""
    check = _validators.get(module)
    if check is None:
        from importlib import import_module

        check = _validators[module] = import_module(f"stdnum.{module}").is_valid
    try:
        return bool(check(text))
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
        return False


# The field's values together ----------------------------------------------------------------------------------------------------------

_SHARE = {"payment_card": 0.5, "iban": 0.5, "phone": 0.5, "national_id": 0.5, "national_id?": 0.9, "email": 0.3, "ip_address": 0.5, "person_name": 0.5, "birth_date": 0.5, "postal_address": 0.3, "location": 0.3}
"""The share of a field's values that must hold a class for the field to hold it; secrets count from the first."""
_LEAST = {"national_id?": 3}
"""How many values must, where one proves little."""
_PROOF = {"payment_card": 0.9, "iban": 0.99, "national_id": 0.9, "national_id?": 0.6, "email": 0.98, "jwt": 0.99, "private_key": 0.99, "secret": 0.8, "phone": 0.85, "ip_address": 0.9, "password": 0.9}


def of_schema(schema: Schema, field: str) -> list[DataClass]:
    """The classes that a field's values hold, all of them judged together."""
    return of_counts(schema.classes, schema.strings + schema.integers + schema.numbers, schema.hint, field)


def of_counts(counts: dict[str, int], whole: int, called: str, field: str) -> list[DataClass]:
    """The classes of `whole` values, of which `counts` were taken for each class; `called`: the field's name."""
    found: list[DataClass] = []
    shares: dict[str, tuple[int, str]] = {}
    for key, count in sorted(counts.items()):
        name, _, detail = key.partition(":")
        total, best = shares.get(name, (0, ""))
        shares[name] = (max(total, count), detail if count > total else best) if name.startswith("national") else (total + count, detail or best)
    hint = named(called)
    for name, (count, detail) in sorted(shares.items()):
        share = count / max(1, whole)
        if share < _SHARE.get(name, 0.0) or count < _LEAST.get(name, 1):
            continue
        clean = name.rstrip("?")
        confidence = _PROOF.get(name, 0.75)
        if hint == clean:
            confidence = 1 - (1 - confidence) * 0.4
        if name == "payment_card" and hint != clean and count < 3:  # one number in ten of an issuer's range passes by chance
            confidence -= 0.15
        confidence *= 0.6 + 0.4 * min(1.0, share)
        found.append(DataClass(field, clean, count, whole, round(confidence, 2), detail))
    if sum(one.name == "national_id" for one in found) > 1:
        best_one = max((one for one in found if one.name == "national_id"), key=lambda one: one.count)
        found = [one for one in found if one.name != "national_id" or one is best_one]
    return found


def below(schema: Schema, field: str) -> list[DataClass]:
    """The classes of a place and of all that stands below it, by field."""
    found = of_schema(schema, field)
    for name in sorted(schema.properties):
        found += below(schema.properties[name], f"{field}.{name}")
    if schema.additional is not None:
        found += below(schema.additional, f"{field}.{{}}")
    if schema.items is not None:
        found += below(schema.items, f"{field}[]")
    return found
