# SPDX-License-Identifier: MIT
"""The lab: three organisations on one machine.

usage: ./dev lab [-6] [--json] [--predict] [--pcap FILE] [--save FOLDER] [--keep]
       ./dev lab send ID | view ID | explain ID [--lang ja]
       ./dev lab run FILE
       ./dev lab reload | stop

Without a word: starts everything, sends the eleven scenarios, prints what was expected and what came, and
takes everything down. Exit 0 only if all agree.

send, view, explain   one scenario (1-1 to 4-4): the dialogue, the stored message, the reasons
run FILE              a scenario of your own; lab/example-scenario.ini shows the form
reload, stop          of a lab that --keep left up: read edited zones again; take it down

-6                    the same on IPv6
--json                {"scenarios":[{"id","expected","actual","ok"}]}
--predict             asks for your guess before it shows each result
--pcap FILE           keeps what crossed the wire (needs a network namespace of the lab's own)
--save FOLDER         keeps each stored message (.eml), the dialogue's replies (.txt) and its explanation (.json)
--keep                leaves it running and tells how to talk to it
"""

import argparse
import configparser
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import client
import services
import store
import topology

HERE = Path(__file__).resolve().parent


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K  {text} ...", end="", file=sys.stderr, flush=True)


def clear_progress():
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def own_scenario(path):
    """A student's scenario file: an INI section [scenario] with from, to, server and, if wanted, envelope-from, title and expectations."""
    ini = configparser.ConfigParser(interpolation=None)
    if not ini.read(path) or not ini.has_section("scenario"):
        raise services.LabError(f"{path}: no [scenario] section; lab/example-scenario.ini shows the form")
    part = ini["scenario"]
    for word in ("from", "to", "server"):
        if word not in part:
            raise services.LabError(f"{path}: '{word} =' is missing")
    if part["server"] not in topology.HOSTS:
        raise services.LabError(f"{path}: server is none of {', '.join(topology.RELAYS + list(topology.MXES) + [topology.STORE])}")
    expected = {key: part[key] for key in ("spf", "dkim", "dmarc", "stored") if key in part}
    return topology.Scenario(part.get("id", Path(path).stem), part["from"], part["to"], part["server"],
                             part.get("envelope-from", ""), part.get("title", Path(path).stem), expected)


def play(lab, scenario, show=lambda text: None, pause=client.PAUSE):
    """Sends one scenario and waits for what is stored. Returns a dictionary."""
    lines, replies = client.send(scenario, lab.net, lab.ports.smtp, show, pause)
    user = scenario.rcpt.split("@")[0]
    accepted = any(reply.startswith("250 2.0.0 Ok: queued as ") for reply in replies)
    message = store.fetch(lab.net, lab.ports.imap, user, lines[0].encode(), 30 if accepted else 0) if user in topology.USERS else None
    actual = store.verdicts(message or b"")
    actual["stored"] = "yes" if message else "no"
    expected = dict(scenario.expect)
    return {"scenario": scenario, "lines": lines, "replies": replies, "message": message, "actual": actual, "expected": expected,
            "ok": all(actual[key] == value for key, value in expected.items())}


def table_rows(results):
    yield ("scenario", "from (header)", "first server", "", "SPF", "DKIM", "DMARC", "stored")
    for result in results:
        scenario, expected, actual = result["scenario"], result["expected"], result["actual"]
        columns = ("spf", "dkim", "dmarc", "stored")
        yield (scenario.id, "@" + scenario.header_from.split("@")[1], scenario.server, "expected", *(expected.get(c, "?") for c in columns))
        yield ("", "", "", "actual", *(actual[c] for c in columns), "ok" if result["ok"] else "DIFFERS")


def print_table(results):
    widths = (9, 20, 18, 9, 6, 6, 6, 7, 8)
    for row in table_rows(results):
        print("".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    good = sum(result["ok"] for result in results)
    print(f"\n{good} of {len(results)} scenarios as expected")


def predict(result):
    scenario = result["scenario"]
    print(f"\nScenario {scenario.id}: header From {scenario.header_from}, MAIL FROM {scenario.mail_from}, sent through {scenario.server} to {scenario.rcpt}.")
    right = True
    for method in ("spf", "dkim", "dmarc"):
        truth = result["actual"][method]
        if truth == "-":
            continue
        guess = input(f"  {method.upper()}? [pass/fail/none] ").strip().lower()
        right &= guess == truth
        print(f"    {method}={truth}: {'right' if guess == truth else 'not so'}")
    if not right:
        print(f"  './dev lab explain {scenario.id}' tells why.")
    return right


def explain_command(lab, result, extra):
    """hikyaku explain for the MX that checked it (else the last hop), from the evidence kept under its queue id."""
    hops = store.queue_ids(result["message"] or b"")
    checked = next(((host, qid) for host, qid in hops if host in topology.MXES), hops[0] if hops else None)
    if not checked:
        raise services.LabError("nothing was stored, so there is nothing to explain")
    host, qid = checked
    return [str(lab.build / "hikyaku"), "explain", "--queue-id", qid, "--evidence-dir", str(lab.evidence_dir(host)), *extra]


def explain(lab, result, extra):
    sys.stdout.flush()
    return subprocess.run(explain_command(lab, result, extra)).returncode


def save(lab, result, folder):
    folder.mkdir(parents=True, exist_ok=True)
    name = f"scenario{result['scenario'].id}"
    (folder / f"{name}.txt").write_text("\n".join(result["replies"]) + "\n")
    (folder / f"{name}.data").write_text("\r\n".join(result["lines"]) + "\r\n", newline="")
    if result["message"]:
        (folder / f"{name}.eml").write_bytes(result["message"])
        done = subprocess.run(explain_command(lab, result, ["--json"]), capture_output=True)
        (folder / f"{name}.json").write_bytes(done.stdout)


def how_to_talk(lab):
    net, ports = lab.net, lab.ports
    server = net.address("dkim.smtp.a.test")
    enter = ""
    if os.environ.get("HIKYAKU_LAB_NETNS"):
        pid = os.getpid()
        enter = f"nsenter -t {pid} -n " if os.environ["HIKYAKU_LAB_NETNS"] == "root" else f"nsenter -t {pid} -U -n --preserve-credentials "
    print(f"""
The lab stays up until Ctrl-C or './dev lab stop'.
  telnet   {enter}telnet {server} {ports.smtp}
  swaks    {enter}swaks --server {server}:{ports.smtp} --from user1@a.test --to user1@dmarc.b.test
  IMAP     {enter}curl -u user1:lab imap://{net.address('imap.b.test')}:{ports.imap}/INBOX
  DNS      {enter}dig @{net.address('dns.test')} -p {ports.dns} TXT a.test
  zones    edit {lab.root}/zones/*.zone (the serial too), then './dev lab reload'
  configs  {lab.root}/*.conf, logs {lab.root}/*.log; reload a server with kill -HUP
  here     './dev lab send 4-4', 'view 4-4' and 'explain 4-4' use it""", flush=True)


def run_all(lab, options):
    results = []
    with ThreadPoolExecutor(len(topology.SCENARIOS)) as pool:
        for result in pool.map(lambda scenario: play(lab, scenario), topology.SCENARIOS):
            progress(f"scenario {result['scenario'].id}")
            results.append(result)
    clear_progress()
    if options.save:
        for result in results:
            save(lab, result, Path(options.save))
    if options.predict:
        for result in results:
            predict(result)
        print()
    if options.json:
        print(json.dumps({"scenarios": [
            {"id": r["scenario"].id, "expected": r["expected"], "actual": r["actual"], "ok": r["ok"]} for r in results]}))
    else:
        print_table(results)
    return 0 if all(result["ok"] for result in results) else 1


def run_one(lab, options):
    if options.word == "run":
        scenario = own_scenario(options.what)
    else:
        scenario = next((s for s in topology.SCENARIOS if s.id == options.what), None)
        if not scenario:
            raise services.LabError(f"no scenario {options.what}; there are {' '.join(s.id for s in topology.SCENARIOS)}")
    clear_progress()
    spoken = options.word in ("send", "run") and not options.json
    result = play(lab, scenario, (lambda text: print(text.replace("\r", ""), end="", flush=True)) if spoken else lambda text: None)
    if options.json:
        print(json.dumps({"scenarios": [{"id": scenario.id, "expected": result["expected"], "actual": result["actual"], "ok": result["ok"]}]}))
    elif options.word == "view":
        sys.stdout.write((result["message"] or b"").decode("utf-8", "replace").replace("\r\n", "\n"))
    elif options.word == "explain":
        explain(lab, result, ["--lang", options.lang] if options.lang else [])
    else:
        print()
        print_table([result])
    return 0 if result["ok"] else 1


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev lab", add_help=False)
    parser.add_argument("word", nargs="?", choices=["send", "view", "explain", "run", "reload", "stop"])
    parser.add_argument("what", nargs="?")
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("-6", dest="ipv6", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--predict", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--pcap", metavar="FILE")
    parser.add_argument("--save", metavar="FOLDER")
    parser.add_argument("--lang")
    options = parser.parse_args(arguments)
    if options.word in ("send", "view", "explain", "run") and not options.what:
        parser.error(f"{options.word} wants a scenario")
    return options


def keep_up(lab, state):
    state.write_text(json.dumps({
        "pid": os.getpid(), "root": str(lab.root), "prefix": lab.net.prefix, "low": lab.ports.low,
        "netns": os.environ.get("HIKYAKU_LAB_NETNS", "")}))
    signal.signal(signal.SIGHUP, lambda *_: lab.reload_zones())
    how_to_talk(lab)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(process.poll() is None for process in lab.processes.values()):
            time.sleep(0.5)
        print("a part of the lab ended; taking the rest down", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    finally:
        state.unlink(missing_ok=True)


def main(arguments):
    options = parse(arguments)
    if options.help:
        print(__doc__.strip())
        return 0
    build = Path(os.environ["HIKYAKU_BUILD"])
    state = build / "lab.json"
    attached = json.loads(os.environ["HIKYAKU_LAB_ATTACH"]) if os.environ.get("HIKYAKU_LAB_ATTACH") else None
    if attached:
        lab = services.Lab(attached["root"], build, topology.Network(attached["prefix"]), services.Ports(attached["low"]))
        return run_one(lab, options) if options.word else run_all(lab, options)
    net = topology.Network(os.environ["HIKYAKU_LAB_PREFIX"])
    ports = services.Ports(os.environ.get("HIKYAKU_LAB_LOW") == "1")
    root = Path(tempfile.mkdtemp(prefix="hikyaku-lab-"))
    try:
        with services.Lab(root, build, net, ports, progress) as lab:
            clear_progress()
            status = run_one(lab, options) if options.word else run_all(lab, options)
            if options.keep:
                keep_up(lab, state)
            return status
    finally:
        if os.environ.get("HIKYAKU_LAB_LEAVE"):
            print(f"left: {root}", file=sys.stderr)
        else:
            services.clean(root)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except services.LabError as error:
        clear_progress()
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
