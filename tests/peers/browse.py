#!/usr/bin/env python3
"""browse - a page in a headless Chromium, as one line of JSON

browse.py [--no-script] PROFILE URL [STEP]...

Opens URL in a browser with PROFILE, a directory of its own, as its data, and takes each STEP: "view WIDTH light" or
"view WIDTH dark" resizes the window (at first it is "view 1400 light"); "shot FILE" takes a picture of the whole page;
"until JAVASCRIPT" evaluates it until it is true, for at most 20 s; "touch FILE" tells others that it has come so far;
anything else is evaluated once.  Prints {"values": [...], "requests": [URL...], "complaints": [what the browser refused or a script said], "dialogs": N}.

It is steered over a pipe, by the DevTools protocol: messages of JSON, each ended by NUL.
"""
import argparse
import base64
import json
import os
import signal
import subprocess
import sys
import time

WAIT_SECONDS = 20
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"]


class Browser:
    def __init__(self, profile):
        self.log = profile + ".log"
        to_read, self.to = os.pipe()
        self.back, back_write = os.pipe()

        def arrange():  # the browser reads 3 and writes 4
            low, high = os.dup(to_read), os.dup(back_write)
            os.dup2(low, 3)
            os.dup2(high, 4)

        self.process = subprocess.Popen(["chromium", *FLAGS, "--user-data-dir=" + profile, "about:blank"],
                                        stdin=subprocess.DEVNULL, stdout=open(self.log, "wb"),
                                        stderr=subprocess.STDOUT, close_fds=False, preexec_fn=arrange,
                                        start_new_session=True)
        os.close(to_read)
        os.close(back_write)
        self.buffer, self.number, self.session = b"", 0, None
        self.requests, self.complaints, self.dialogs, self.loaded = [], [], 0, False

    def message(self):
        while b"\0" not in self.buffer:
            part = os.read(self.back, 1 << 16)
            if not part:
                sys.exit("browse: the browser has gone, status %s:\n%s" % (self.process.wait(), open(self.log).read()))
            self.buffer += part
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def note(self, event):
        method, what = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"])
        elif method == "Log.entryAdded":
            self.complaints.append(what["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(str(what["args"]))
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(what["exceptionDetails"]))
        elif method == "Page.javascriptDialogOpening":
            self.dialogs += 1
            self.send("Page.handleJavaScriptDialog", accept=False)
        elif method == "Page.loadEventFired":
            self.loaded = True

    def send(self, method, **parameters):
        self.number += 1
        call = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            call["sessionId"] = self.session
        os.write(self.to, json.dumps(call).encode() + b"\0")
        return self.number

    def answer(self, number):
        while (message := self.message()).get("id") != number:
            self.note(message)
        return message

    def call(self, method, **parameters):
        answer = self.answer(self.send(method, **parameters))
        if "error" in answer:
            sys.exit("browse: %s: %s" % (method, answer["error"]))
        return answer["result"]

    def open(self, url, script):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(domain + ".enable")
        self.view("1400", "light")
        self.call("Emulation.setScriptExecutionDisabled", value=not script)
        self.loaded = False
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            sys.exit("browse: %s: %s" % (url, failed))
        while not self.loaded:
            self.note(self.message())

    def view(self, width, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=int(width), height=900, deviceScaleFactor=1,
                  mobile=int(width) < 500)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit("browse: %s: %s" % (script, result["exceptionDetails"]))
        return result["result"].get("value")

    def evaluate_or_none(self, script):
        number = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        result = self.answer(number).get("result", {})
        return None if "exceptionDetails" in result else result.get("result", {}).get("value")

    def until(self, script):
        end = time.monotonic() + WAIT_SECONDS
        # between two documents there is nothing to be evaluated in
        while not (value := self.evaluate_or_none(script)):
            if time.monotonic() > end:
                sys.exit("browse: waited in vain for: " + script)
            time.sleep(0.05)
        return value

    def step(self, text):
        kind, _, rest = text.partition(" ")
        if kind == "until":
            return self.until(rest)
        if kind == "view":
            return self.view(*rest.split())
        if kind == "shot":
            return self.shoot(rest)
        if kind == "touch":
            return open(rest, "w").close()
        return self.evaluate(text)

    def shoot(self, name):
        image = self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")["data"]
        with open(name, "wb") as out:
            out.write(base64.b64decode(image))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("profile")
    options.add_argument("url")
    options.add_argument("--no-script", action="store_true")
    options.add_argument("step", nargs="*")
    o = options.parse_args()
    b = Browser(o.profile)
    try:
        b.open(o.url, not o.no_script)
        values = [b.step(step) for step in o.step]
    finally:
        os.killpg(b.process.pid, signal.SIGKILL)
        b.process.wait()
    print(json.dumps({"values": values, "requests": b.requests, "complaints": b.complaints, "dialogs": b.dialogs}))


main()
