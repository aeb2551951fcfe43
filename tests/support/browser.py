"""A headless browser, controlled through its debugging protocol."""

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
SECONDS = 120


def found():
    """Return the path of an installed browser, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Browser:
    """One page of a browser, with its workers, which can reach local files and servers only.

    Parameters
    ----------
    profile : Path     empty folder for the profile of the browser
    """

    def __init__(self, profile):
        from tornado.websocket import websocket_connect

        command = [
            found(),
            *FLAGS,
            OFFLINE,
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
        ]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen([*command, "about:blank"], stdout=quiet, stderr=quiet)
        port = Path(profile, "DevToolsActivePort")
        for _ in range(SECONDS * 10):
            if port.exists() and port.read_text().count("\n"):
                break
            time.sleep(0.1)
        number, path = port.read_text().split()
        self.loop = asyncio.new_event_loop()
        self.events, self.sent, self.session = [], 0, {}
        address = f"ws://127.0.0.1:{number}{path}"
        self.socket = self._wait(lambda: websocket_connect(address, max_message_size=2**28))
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        wait = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self.call("Target.setAutoAttach", **wait)  # to workers, before they load anything

    def _wait(self, start):
        """Run a coroutine function, and return its result."""

        async def run():
            return await asyncio.wait_for(start(), SECONDS)

        return self.loop.run_until_complete(run())

    def call(self, method, **params):
        """Send a command, and return its result; collect events that arrive in the meantime."""
        number = self._send(method, params, self.session)
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _send(self, method, params, session):
        """Send a command to the page or a worker; return its number."""
        self.sent += 1
        message = {"id": self.sent, "method": method, "params": params} | session
        self._wait(lambda: self.socket.write_message(json.dumps(message)))
        return self.sent

    def _receive(self):
        """Return the next message; collect events, and watch the requests of new workers."""
        message = json.loads(self._wait(self.socket.read_message))
        if "method" in message:
            self.events.append(message)
        if message.get("method") == "Target.attachedToTarget":
            worker = {"sessionId": message["params"]["sessionId"]}
            for method in ("Network.enable", "Runtime.runIfWaitingForDebugger"):
                self._send(method, {}, worker)
        return message

    def open(self, address, width, scheme="light"):
        """Open a page at the given window width and preferred colour scheme (light or dark)."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        preferred = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[preferred])
        self.events.clear()
        loader = self.call("Page.navigate", url=address)["loaderId"]
        while not any(
            event["method"] == "Page.lifecycleEvent"
            and event["params"]["loaderId"] == loader
            and event["params"]["name"] == "load"
            for event in self.events
        ):
            self._receive()

    def evaluate(self, script):
        """Return the value of a JavaScript expression, awaiting it if it is a promise."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        result = self.call("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def requests(self):
        """List the addresses that the page and its workers asked for since it was opened."""
        sent = (e for e in self.events if e["method"] == "Network.requestWillBeSent")
        return [event["params"]["request"]["url"] for event in sent]

    def complaints(self):
        """List errors, warnings and network requests since the page was opened."""
        bad = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                bad.append(params["exceptionDetails"])
            elif event["method"] == "Log.entryAdded":
                bad.append(params["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] != "log":
                bad.append(params["args"])
            elif event["method"] == "Network.requestWillBeSent":
                if not params["request"]["url"].startswith(("file:", "data:", "about:", "blob:")):
                    bad.append(params["request"]["url"])
        return bad

    def close(self):
        """Close the browser."""
        self.call("Browser.close")
        self.socket.close()
        self.loop.close()
        self.process.wait(SECONDS)
