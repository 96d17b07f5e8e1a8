# SPDX-License-Identifier: MIT
"""Letters whose signatures are made by openssl and by these lines, never by the code under test: RFC 6376 with RFC 8463, plainly,
so that a test can sign what no decent signer would. Standard library only."""

import base64
import hashlib
import json
import re
import subprocess

from harness import hikyaku, make_key


class Key:
    def __init__(self, folder, kind="rsa", name=None, bits=2048):
        self.kind, self.path = kind, folder / f"{name or kind}.pem"
        if kind == "rsa" and bits != 2048:
            subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", self.path],
                           check=True, capture_output=True)
            self.public = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"], check=True,
                                         capture_output=True).stdout
        else:
            self.public = make_key(self.path, kind)

    def record(self, tags="v=DKIM1; "):
        kind = "k=ed25519; " if self.kind == "ed25519" and "k=" not in tags else ""
        return f"{tags}{kind}p={base64.b64encode(self.public).decode()}"

    def sign(self, data, hash_name="sha256"):
        if self.kind == "rsa":
            command = ["openssl", "dgst", f"-{hash_name}", "-sign", self.path]
            return subprocess.run(command, input=data, check=True, capture_output=True).stdout
        digest = self.path.with_suffix(".digest")
        digest.write_bytes(hashlib.sha256(data).digest())  # RFC 8463 3: Ed25519 signs the hash
        command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", digest]
        return subprocess.run(command, check=True, capture_output=True).stdout


# ---- canonical forms (3.4) ----------------------------------------------------------------------


def fields(header):
    """The fields of a header section, whole."""
    return re.findall(rb"[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", header)


def name_of(field):
    return field.split(b":")[0].strip().lower()


def relaxed_field(field):
    value = field.split(b":", 1)[1].replace(b"\r\n", b"")
    return name_of(field) + b":" + re.sub(rb"[ \t]+", b" ", value).strip(b" ") + b"\r\n"


def canonical_body(body, form):
    if form == "relaxed":
        body = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
    body = re.sub(rb"(\r\n)+$", b"", body)
    return body + b"\r\n" if body or form == "simple" else b""


def body_hash(body, form="relaxed", length=None, hash_name="sha256"):
    return base64.b64encode(hashlib.new(hash_name, canonical_body(body, form)[:length]).digest()).decode()


# ---- signing --------------------------------------------------------------------------------------


def signature(key, header, body, d="a.test", s=None, h="from:to:subject:date", c="relaxed/relaxed", length=None, more="", hash_name="sha256",
              bh=None, start="v=1; "):
    """One DKIM-Signature field over that header and that body. more: further tags, as 'x=1; '; length: l=."""
    head_form, body_form = c.split("/")
    stated = f"l={length}; " if length is not None else ""
    value = (f"{start}a={key.kind}-{hash_name}; c={c}; d={d}; s={s or key.path.stem}; {more}{stated}h={h}; "
             f"bh={bh or body_hash(body, body_form, length, hash_name)}; b=")
    field = b"DKIM-Signature: " + value.encode("utf-8", "surrogateescape")
    rest, hashed = fields(header), b""
    for name in re.sub(r"\s", "", h).lower().split(":"):
        found = [f for f in rest if name_of(f) == name.encode()]
        if found:  # the lowest that is left (5.4.2)
            index = len(rest) - 1 - rest[::-1].index(found[-1])
            hashed += relaxed_field(found[-1]) if head_form == "relaxed" else found[-1]
            del rest[index]
    own = field + b"\r\n"
    hashed += (relaxed_field(own) if head_form == "relaxed" else own)[:-2]
    return field + base64.b64encode(key.sign(hashed, hash_name)) + b"\r\n"


def letter(key, header, body, **options):
    return signature(key, header, body, **options) + header + b"\r\n" + body


# ---- many verdicts, one process -------------------------------------------------------------------


class Catalogue:
    """Cases are gathered, judged by one `hikyaku verify --batch`, and then compared."""

    def __init__(self, tap, folder, arguments=()):
        self.tap, self.folder, self.arguments, self.cases = tap, folder, arguments, []

    def add(self, title, message, want, **request):
        """want: name -> value; see found()."""
        self.cases.append((title, message, want, request))

    def run(self, zone):
        (self.folder / "zone").write_text(zone)
        lines = []
        for i, (_, message, _, request) in enumerate(self.cases):
            path = self.folder / f"{i}.eml"
            path.write_bytes(message)
            lines.append(json.dumps({"id": i, "file": str(path), **request}))
        _, out, err = hikyaku("verify", "--dns", self.folder / "zone", "--batch", *self.arguments, given="\n".join(lines).encode())
        answers = [json.loads(line) for line in out.splitlines()]
        self.tap.ok(len(answers) == len(self.cases), f"{len(self.cases)} letters have a verdict each", err)
        for (title, _, want, _), answer in zip(self.cases, answers, strict=False):
            result = answer.get("result")
            got = {name: found(result, name) for name in want} if result else {"error": answer.get("error")}
            self.tap.ok(got == want, title, f"got  {got}"[:400], f"want {want}"[:400], "" if got == want or not result else json.dumps(result.get("dkim"))[:400])
        return answers


def found(result, name):
    """A few short names for what a verdict says."""
    if name == "dkim":
        return [one["result"] for one in result["dkim"]]
    if name == "reason":
        return [one["reason"] for one in result["dkim"]]
    if name == "asked":
        return [f"{one['type']} {one['name']}" for one in result["evidence"] if one["type"] not in ("SUFFIX", "ALABEL")]  # no name server's
    if name == "uncovered":
        return [one["uncovered_duplicate"] for one in result["dkim"]]
    if name == "signed_at":
        return [one["signed_at"] for one in result["dkim"]]
    if name in ("spf", "dmarc"):
        return result[name]["result"]
    if name == "from":
        return result["message"]["author_domain"]
    part, _, member = name.partition(".")
    return result[part][member]
