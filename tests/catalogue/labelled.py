"""A labelled set of fields for the data classes: valid values computed by each format's own rules, and the values that look like them and are not.

The positives' check digits are computed here, from the published rules, not by the library that the product checks them with. Each sample is a
field (its name and some values) with the class that a careful reader would give it, or none.
"""

from __future__ import annotations

import base64
import json
import random
import string
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Sample:
    field: str
    values: tuple[Any, ...]
    wanted: str
    """Empty: no class."""
    beside: tuple[str, ...] = ()
    """Other fields of the object."""


def luhn_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        n = int(digit) * (2 if place % 2 == 0 else 1)
        total += n - 9 if n > 9 else n
    return str(-total % 10)


def digits(noise: random.Random, n: int, first: str = "0123456789") -> str:
    return noise.choice(first) + "".join(noise.choices("0123456789", k=n - 1))


def card(noise: random.Random) -> str:
    prefix, length = noise.choice([("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("6011", 16), ("3530", 16), ("36", 14), ("6759", 16), ("62", 16)])
    body = prefix + "".join(noise.choices("0123456789", k=length - len(prefix) - 1))
    return body + luhn_digit(body)


def spaced(number: str, by: str) -> str:
    if len(number) == 15:
        return by.join((number[:4], number[4:10], number[10:]))
    return by.join(number[k : k + 4] for k in range(0, len(number), 4))


IBANS = {"DE": "d18", "FR": "d10a11d2", "GB": "a4d14", "NL": "a4d10", "ES": "d20", "IT": "a1d22", "CH": "d5d12", "AT": "d16", "BE": "d12", "PL": "d24", "SE": "d20", "NO": "d11", "DK": "d14", "PT": "d21", "IE": "a4d14"}


def iban(noise: random.Random) -> str:
    while True:
        country = noise.choice(["DE", "NL", "AT", "CH", "PL", "SE", "DK", "GB", "IE"])
        body, shape = "", IBANS[country]
        i = 0
        while i < len(shape):
            j = i + 1
            while j < len(shape) and shape[j].isdigit():
                j += 1
            body += "".join(noise.choices(string.ascii_uppercase if shape[i] == "a" else string.digits, k=int(shape[i + 1 : j])))
            i = j
        number = int("".join(str(int(c, 36)) for c in body + country + "00"))
        return f"{country}{98 - number % 97:02d}{body}"


def born(noise: random.Random) -> tuple[int, int, int]:
    return noise.randrange(1940, 2004), noise.randrange(1, 13), noise.randrange(1, 29)


def pesel(noise: random.Random) -> str:
    year, month, day = born(noise)
    body = f"{year % 100:02d}{month + (20 if year >= 2000 else 0):02d}{day:02d}{digits(noise, 4)}"
    return body + str(-sum(int(c) * w for c, w in zip(body, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True)) % 10)


def cpf(noise: random.Random) -> str:
    body = digits(noise, 9)
    for n in (10, 11):
        body += str((sum(int(c) * (n - k) for k, c in enumerate(body)) * 10 % 11) % 10)
    return f"{body[:3]}.{body[3:6]}.{body[6:9]}-{body[9:]}"


def dni(noise: random.Random) -> str:
    body = digits(noise, 8)
    return body + "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23]


def hetu(noise: random.Random) -> str:
    year, month, day = born(noise)
    serial = f"{noise.randrange(2, 900):03d}"
    date = f"{day:02d}{month:02d}{year % 100:02d}"
    return f"{date}{'-' if year < 2000 else 'A'}{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(date + serial) % 31]}"


def personnummer(noise: random.Random) -> str:
    year, month, day = born(noise)
    body = f"{year % 100:02d}{month:02d}{day:02d}{digits(noise, 3)}"
    return f"{body[:6]}-{body[6:]}{luhn_digit(body)}"


def nir(noise: random.Random) -> str:
    year, month, _ = born(noise)
    body = f"{noise.choice('12')}{year % 100:02d}{month:02d}{noise.randrange(1, 95):02d}{noise.randrange(1, 500):03d}{noise.randrange(1, 999):03d}"
    return f"{body}{97 - int(body) % 97:02d}"


def bsn(noise: random.Random) -> str:
    while True:
        body = digits(noise, 8, "123456789")
        check = sum(int(c) * (9 - k) for k, c in enumerate(body)) % 11
        if check < 10:
            return body + str(check)


def codice_fiscale(noise: random.Random) -> str:
    odd = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23), strict=True))
    year, _, day = born(noise)
    body = "".join(noise.choices("BCDFGLMNPRST", k=6)) + f"{year % 100:02d}{noise.choice('ABCDEHLMPRST')}{day:02d}{noise.choice('ABCDEFGHIL')}{noise.randrange(1, 999):03d}"
    total = sum(odd[c] if k % 2 == 0 else int(c, 36) - (10 if c.isalpha() else 0) for k, c in enumerate(body))
    return body + chr(65 + total % 26)


def ric(noise: random.Random) -> str:
    year, month, day = born(noise)
    body = f"{noise.choice(['110101', '310104', '440305', '510107'])}{year}{month:02d}{day:02d}{noise.randrange(1, 999):03d}"
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11]


def ssn(noise: random.Random) -> str:
    area = noise.choice([n for n in range(1, 900) if n != 666])
    return f"{area:03d}-{noise.randrange(1, 100):02d}-{noise.randrange(1, 10_000):04d}"


VERHOEFF = ((0, 1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 5, 7, 6, 2, 8, 3, 0, 9, 4), (5, 8, 0, 3, 7, 9, 6, 1, 4, 2), (8, 9, 1, 6, 0, 4, 3, 5, 2, 7), (9, 4, 5, 3, 1, 2, 6, 8, 7, 0), (4, 2, 8, 6, 5, 7, 3, 9, 0, 1), (2, 7, 9, 3, 8, 0, 6, 4, 1, 5), (7, 0, 4, 6, 9, 1, 3, 2, 5, 8))


def dihedral(a: int, b: int) -> int:
    """a times b in the dihedral group of order ten."""
    if a < 5:
        return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
    return 5 + (a - b) % 5 if b < 5 else (a - b) % 5


def aadhaar(noise: random.Random) -> str:
    body = digits(noise, 11, "23456789")
    total = 0
    for k, c in enumerate(reversed(body)):
        total = dihedral(total, VERHOEFF[(k + 1) % 8][int(c)])
    check = next(n for n in range(10) if dihedral(total, n) == 0)
    return f"{body[:4]} {body[4:8]} {body[8:]}{check}"


def weighted(body: str, weights: tuple[int, ...]) -> int:
    return sum(int(c) * w for c, w in zip(body, weights, strict=True))


def ahv(noise: random.Random) -> str:
    body = "756" + digits(noise, 9)
    body += str(-weighted(body, (1, 3) * 6) % 10)
    return f"{body[:3]}.{body[3:7]}.{body[7:11]}.{body[11:]}"


def oib(noise: random.Random) -> str:
    body, rest = digits(noise, 10, "123456789"), 10
    for c in body:
        rest = (((int(c) + rest) % 10 or 10) * 2) % 11
    return body + str((11 - rest) % 10)


def isikukood(noise: random.Random) -> str:
    year, month, day = born(noise)
    body = f"{noise.choice('34') if year < 2000 else noise.choice('56')}{year % 100:02d}{month:02d}{day:02d}{digits(noise, 3)}"
    check = weighted(body, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if check == 10:
        check = weighted(body, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return f"{body}{check}"


def cuit(noise: random.Random) -> str:
    while True:
        body = noise.choice(["20", "23", "27"]) + digits(noise, 8)
        check = (11 - weighted(body, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11
        if check < 10:
            return f"{body[:2]}-{body[2:]}-{check}"


def thai(noise: random.Random) -> str:
    body = digits(noise, 12, "12345678")
    return f"{body}{(11 - weighted(body, tuple(range(13, 1, -1))) % 11) % 10}"


def passport(noise: random.Random) -> str:
    return noise.choice(["CFGHJK"[noise.randrange(6)] + digits(noise, 8), "".join(noise.choices(string.ascii_uppercase, k=2)) + digits(noise, 7)])


def email(noise: random.Random) -> str:
    return f"{word(noise)}.{word(noise)}{noise.choice(['', '+tag', str(noise.randrange(99))])}@{word(noise)}.{noise.choice(['com', 'co.uk', 'example', 'de', 'museum'])}"


def word(noise: random.Random) -> str:
    return "".join(noise.choice("bcdfglmnprstv") + noise.choice("aeiou") for _ in range(noise.randrange(2, 4)))


def name(noise: random.Random) -> str:
    return noise.choice(["Amelia", "José", "Chandra", "Dmitri", "Zoë", "Farah", "O'Brien", "Jean-Luc", "Müller", "李雷", "Ingrid"])


def phone(noise: random.Random) -> str:
    return noise.choice([f"+49 30 {digits(noise, 7, '123456789')}", f"+1-{digits(noise, 3, '23456789')}-{digits(noise, 3, '23456789')}-{digits(noise, 4)}", f"+44{digits(noise, 10, '7')}", f"+33 {digits(noise, 1, '67')} {digits(noise, 2)} {digits(noise, 2)} {digits(noise, 2)} {digits(noise, 2)}", f"({digits(noise, 3, '23456789')}) {digits(noise, 3, '23456789')}-{digits(noise, 4)}"])


def local_phone(noise: random.Random) -> str:
    return noise.choice([f"0{digits(noise, 3, '123456789')} {digits(noise, 6)}", f"{digits(noise, 3, '23456789')}-{digits(noise, 3, '23456789')}-{digits(noise, 4)}", digits(noise, 10, "6789")])


def base62(noise: random.Random, n: int) -> str:
    return "".join(noise.choices(string.ascii_letters + string.digits, k=n))


def hexes(noise: random.Random, n: int) -> str:
    return "".join(noise.choices("0123456789abcdef", k=n))


def jwt(noise: random.Random) -> str:
    part = lambda text: base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()  # noqa: E731
    return ".".join((part(json.dumps({"alg": "RS256"})), part(json.dumps({"sub": str(noise.randrange(10**6))})), base62(noise, 86)))


def key(noise: random.Random) -> str:
    upper = string.ascii_uppercase + "234567"
    return noise.choice(
        [
            "AKIA" + "".join(noise.choices(upper, k=16)), "ghp_" + base62(noise, 36), "glpat-" + base62(noise, 20), "xoxb-" + digits(noise, 12) + "-" + base62(noise, 24), "sk_live_" + base62(noise, 24),
            "AIza" + base62(noise, 35), f"SG.{base62(noise, 22)}.{base62(noise, 43)}", "npm_" + base62(noise, 36), "hf_" + "".join(noise.choices(string.ascii_letters, k=34)), "shpat_" + hexes(noise, 32),
            "dop_v1_" + hexes(noise, 64), "key-" + hexes(noise, 32), "sk-proj-" + base62(noise, 48), "sk-ant-api03-" + base62(noise, 60), "hvs." + base62(noise, 24), "dckr_pat_" + base62(noise, 27), "lin_api_" + base62(noise, 40), "glsa_" + base62(noise, 32) + "_" + hexes(noise, 8), digits(noise, 10, "123456789") + ":AA" + base62(noise, 33),
        ]
    )


def uuid(noise: random.Random) -> str:
    h = hexes(noise, 32)
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:]}"


def timestamp(noise: random.Random) -> str:
    return f"202{noise.randrange(10)}-{noise.randrange(1, 13):02d}-{noise.randrange(1, 29):02d}T{noise.randrange(24):02d}:{noise.randrange(60):02d}:{noise.randrange(60):02d}Z"


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIB{0}\n-----END RSA PRIVATE KEY-----"

# (field names, maker of values, class); the names of the second list say nothing.
POSITIVE: list[tuple[list[str], Any, str]] = [
    (["email", "contactEmail", "to", "login", "owner"], email, "email"),
    (["phone", "mobileNumber", "tel", "contact", "whatsapp"], phone, "phone"),
    (["phone_number", "customer_phone", "mobile", "fax"], local_phone, "phone"),
    (["card_number", "cardNumber", "pan", "payment", "value"], card, "payment_card"),
    (["number", "credit_card"], lambda noise: spaced(card(noise), noise.choice(" -")), "payment_card"),
    (["iban", "account", "bank_account", "ref"], iban, "iban"),
    (["payout"], lambda noise: spaced(iban(noise), " "), "iban"),
    (["first_name", "lastName", "full_name", "customerName", "surname", "cardholder_name"], name, "person_name"),
    (["dob", "birthDate", "date_of_birth", "geburtsdatum"], lambda noise: "{:04d}-{:02d}-{:02d}".format(*born(noise)), "birth_date"),
    (["birthday"], lambda noise: "{2:02d}/{1:02d}/{0:04d}".format(*born(noise)), "birth_date"),
    (["street", "address_line1", "billing_address", "shippingAddress"], lambda noise: f"{noise.randrange(1, 300)} {word(noise).title()} Street", "postal_address"),
    (["zip", "postal_code", "postcode"], lambda noise: noise.choice([digits(noise, 5), "SW1A 1AA", "K1A 0B1", "1010 AB"]), "postal_address"),
    (["ip", "remote_addr", "clientIp", "seen_from"], lambda noise: f"{noise.randrange(1, 224)}.{noise.randrange(256)}.{noise.randrange(256)}.{noise.randrange(256)}", "ip_address"),
    (["pesel", "person_number", "citizen"], pesel, "national_id"),
    (["cpf", "documento"], cpf, "national_id"),
    (["dni", "document"], dni, "national_id"),
    (["hetu", "code"], hetu, "national_id"),
    (["personnummer", "personal_number"], personnummer, "national_id"),
    (["nir", "insured"], nir, "national_id"),
    (["bsn", "citizen_id"], bsn, "national_id"),
    (["codiceFiscale", "holder"], codice_fiscale, "national_id"),
    (["resident_id", "holder"], ric, "national_id"),
    (["ssn", "social"], ssn, "national_id"),
    (["aadhaar", "aadhaar_number"], aadhaar, "national_id"),
    (["ahv_number", "insurance"], ahv, "national_id"),
    (["oib", "personal_id_number"], oib, "national_id"),
    (["isikukood", "personal_code", "nationalId"], isikukood, "national_id"),
    (["cuit", "tax_id", "payer"], cuit, "national_id"),
    (["thai_id", "citizen_id"], thai, "national_id"),
    (["passport_number", "passportNo", "driving_licence_number"], passport, "national_id"),
    (["nino", "national_insurance_number"], lambda noise: f"AB{digits(noise, 6)}{noise.choice('ABCD')}", "national_id"),
    (["message", "memo"], lambda noise: f"please pay {spaced(iban(noise), ' ')} until Friday", "iban"),
    (["message", "transcript"], lambda noise: f"my card is {spaced(card(noise), ' ')}, thank you", "payment_card"),
    (["password", "newPassword", "pwd", "passwd"], lambda noise: noise.choice(["hunter2", "S3cret!pw", "correct horse", base62(noise, 9)]), "password"),
    (["api_key", "clientSecret", "access_token", "refreshToken", "session_id", "webhook_secret"], lambda noise: base62(noise, 32), "secret"),
    (["config", "note", "value", "env"], key, "secret"),
    (["dsn", "database_url", "upstream"], lambda noise: f"{noise.choice(['postgres', 'amqp', 'https', 'mongodb+srv'])}://{word(noise)}:{base62(noise, 12)}@{word(noise)}.internal:{noise.randrange(1, 65_536)}/{word(noise)}", "secret"),
    (["token", "id_token", "data", "credential"], jwt, "jwt"),
    (["private_key", "pem", "body"], lambda noise: PEM.format(base62(noise, 64)), "private_key"),
    (["cvv", "card_security_code", "cvc"], lambda noise: digits(noise, 3), "card_security_code"),
    (["diagnosis", "icd10_code", "allergies", "blood_type", "medication"], lambda noise: noise.choice(["E11.9", "penicillin", "A+", "asthma", "metformin"]), "health"),
    (["gender", "religion", "ethnicity", "nationality", "marital_status"], lambda noise: noise.choice(["female", "none", "Dutch", "married", "male"]), "special_category"),
    (["lat", "longitude", "latitude", "lng"], lambda noise: round(noise.uniform(-90, 90), 6), "location"),
]

# What looks like one of the above and is none.
NEGATIVE: list[tuple[list[str], Any]] = [
    (["order_number", "order_id", "invoice", "tracking_number"], lambda noise: digits(noise, 16, "23456")),
    (["id", "number", "reference"], lambda noise: digits(noise, 16, "45")),
    (["transaction_id", "serial"], lambda noise: digits(noise, 11, "123456789")),
    (["id", "account_no"], lambda noise: digits(noise, 11, "123456789")),
    (["id", "user_id", "count"], lambda noise: noise.randrange(10**8, 10**9)),
    (["id", "snowflake"], lambda noise: noise.randrange(10**17, 10**18)),
    (["created_at", "timestamp", "ts", "expires"], lambda noise: noise.randrange(1_500_000_000_000, 1_800_000_000_000)),
    (["created", "updated", "epoch"], lambda noise: str(noise.randrange(1_500_000_000, 1_800_000_000))),
    (["time", "updated_at", "last_login", "password_changed_at", "phone_verified_at"], timestamp),
    (["id", "uuid", "request_id", "trace", "token_id"], uuid),
    (["etag", "hash", "checksum", "sha256"], lambda noise: hexes(noise, 64)),
    (["commit", "object_id"], lambda noise: hexes(noise, 40)),
    (["next_page_token", "cursor", "nextToken", "page_token"], lambda noise: base62(noise, 24)),
    (["sku", "part", "product_code"], lambda noise: f"{digits(noise, 3)}-{digits(noise, 5)}-{digits(noise, 2)}"),
    (["ticket", "case", "ref"], lambda noise: f"{digits(noise, 3, '23456789')}-{digits(noise, 3)}-{digits(noise, 4)}"),
    (["version", "app_version", "build"], lambda noise: f"{noise.randrange(9)}.{noise.randrange(30)}.{noise.randrange(200)}.{noise.randrange(200)}"),
    (["isbn", "ean", "barcode"], lambda noise: "978" + digits(noise, 10)),
    (["imei", "device"], lambda noise: (body := "35" + digits(noise, 12)) + luhn_digit(body)),
    (["name", "title", "product_name", "file_name", "display"], lambda noise: noise.choice(["Blue kettle", "report.pdf", "garden chair", "Lantern"])),
    (["company_name", "host_name", "brand_name", "event_name"], lambda noise: noise.choice(["Acme Ltd", "web-1", "signup", "Globex"])),
    (["status", "token_type", "password_policy", "email_status", "phone_type", "card_brand", "address_type"], lambda noise: noise.choice(["active", "Bearer", "strong", "sent", "mobile", "visa", "home"])),
    (["email_verified", "has_password", "gender_required", "requires_token"], lambda noise: noise.random() < 0.5),
    (["email_count", "phone_count", "tokens", "address_count"], lambda noise: noise.randrange(50)),
    (["price", "total", "score", "ratio"], lambda noise: round(noise.uniform(0, 900), 2)),
    (["color", "hex", "address"], lambda noise: "#" + hexes(noise, 6)),
    (["address", "mac", "hardware_address"], lambda noise: ":".join(hexes(noise, 2) for _ in range(6))),
    (["wallet", "contract_address"], lambda noise: "0x" + hexes(noise, 40)),
    (["url", "avatar", "image", "password_reset_url"], lambda noise: f"https://cdn.example/{hexes(noise, 12)}.png"),
    (["endpoint", "link", "href"], lambda noise: f"https://{word(noise)}.example:{noise.randrange(1, 65_536)}/{word(noise)}@{word(noise)}?at={noise.randrange(24)}:30"),
    (["description", "comment", "text"], lambda noise: noise.choice(["Call us at the desk", "Section 12.3 of 2024", "meet @ 5pm", "100 % cotton, size 42"])),
    (["amount", "balance"], lambda noise: digits(noise, 9, "123456789")),
    (["date", "delivery_date", "due"], lambda noise: "{:04d}-{:02d}-{:02d}".format(*born(noise))),
    (["locale", "country", "currency", "city"], lambda noise: noise.choice(["de-DE", "NL", "EUR", "Utrecht"])),
    (["width", "x", "progress", "temperature"], lambda noise: round(noise.uniform(-90, 90), 4)),
    (["slug", "handle", "username"], lambda noise: f"{word(noise)}-{digits(noise, 4)}"),
    (["iban_country", "bic", "swift"], lambda noise: noise.choice(["DE", "DEUTDEFF", "INGBNL2A"])),
    (["tax_rate", "vat", "quantity"], lambda noise: noise.randrange(1, 30)),
    (["pid", "process", "port"], lambda noise: noise.randrange(1, 65_536)),
    (["session_length", "token_expires_in", "pin_count"], lambda noise: noise.randrange(10_000)),
    (["key", "public_key_id", "keyword"], word),
    (["memo", "message"], lambda noise: f"order {digits(noise, 4)} {digits(noise, 4)} {digits(noise, 4)} {digits(noise, 4)} has left"),
    (["svn", "pnr", "tc_no", "national_number_type"], lambda noise: digits(noise, 6, "123456789")),
    (["customer", "intent", "publishable"], lambda noise: noise.choice(["cus_" + base62(noise, 14), "pi_3" + base62(noise, 23), "pk_live_" + base62(noise, 24)])),
    (["data", "thumbnail", "blob"], lambda noise: base64.b64encode(noise.randbytes(48)).decode()),
]


def samples(seed: int, values: int, rounds: int = 4) -> list[Sample]:
    """The set made with one seed: every field name, `rounds` times, with `values` values each."""
    noise = random.Random(seed)
    made = []
    for names, maker, wanted in [*POSITIVE, *((names, maker, "") for names, maker in NEGATIVE)]:
        for called in names:
            for _ in range(rounds):
                made.append(Sample(called, tuple(maker(noise) for _ in range(values)), wanted))
    made += [Sample("name", tuple(name(noise) for _ in range(values)), "person_name", ("email", "phone")) for _ in range(rounds)]
    made += [Sample("name", ("Blue kettle",) * values, "", ("sku", "price")) for _ in range(rounds)]
    return made
