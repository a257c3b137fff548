"""A headless Chromium, spoken to as its own developer tools do; it reaches nothing but loopback."""

import asyncio
import base64
import itertools
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW_TO_GET = (
    "There is no Chromium on this machine. Debian and Ubuntu: apt-get install chromium; "
    "macOS: brew install --cask chromium. Then make browser again."
)
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # the pages are ours, and in a container there is none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1440,1000",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)
SECONDS = 20
# What scripts still do when a page has loaded.
SETTLES = 0.15


def found() -> str:
    """The program, or nothing."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


class Chromium:
    """One window; what it complains about is kept in `complaints`, what it asks in `questions`.

    A question is answered with yes.
    """

    def __init__(self, folder: Path) -> None:
        self.complaints: list[str] = []
        self.complaints_of_policy = 0
        self.questions: list[str] = []
        self._yes: asyncio.Future[Any] | None = None
        self._runner = asyncio.Runner()
        self._process = subprocess.Popen(
            [found(), *OPTIONS, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._run(self._connect(folder / "DevToolsActivePort"))

    def close(self) -> None:
        self._run(self._disconnect())
        self._runner.close()
        self._process.terminate()
        self._process.wait(SECONDS)

    def open(self, url: str) -> int:
        """Go there, and wait until all of it is loaded and its scripts have begun; the status."""
        return self._run(self._open(url))

    def evaluate(self, script: str) -> Any:
        """What this is in the page."""
        return self._run(self._evaluate(script))

    def submit(self, script: str) -> int:
        """Do what sends a form, and wait for the next page; its status."""
        sending = self._call("Runtime.evaluate", expression=script)
        return self._run(self._loaded(sending))

    def click_at(self, x: float, y: float) -> None:
        """Press and release the mouse there, as a person does."""
        at = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for what in ("mousePressed", "mouseReleased"):
            self._run(self._call("Input.dispatchMouseEvent", type=what, **at))

    def type(self, text: str) -> None:
        """Into whatever has the focus."""
        self._run(self._call("Input.insertText", text=text))

    def press(self, key: str, *, ctrl: bool = False) -> None:
        """A key, such as "a" or "Enter"."""
        code = {"Enter": 13, "Tab": 9, "Escape": 27, "Backspace": 8}.get(key, ord(key[0].upper()))
        told = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if ctrl else 0}
        written = {"text": "\r"} if key == "Enter" else {}
        self._run(self._call("Input.dispatchKeyEvent", type="keyDown", **told, **written))
        self._run(self._call("Input.dispatchKeyEvent", type="keyUp", **told))

    def resize(self, width: int, height: int = 1000, *, dark: bool = False) -> None:
        """The window of a phone or of a desk, and the theme that its owner likes."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self._run(self._call("Emulation.setDeviceMetricsOverride", mobile=width < 600, **size))
        liked = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._run(self._call("Emulation.setEmulatedMedia", features=liked))

    def screenshot(self, *, scale: float = 1) -> bytes:
        """What can be seen of the page, as WebP."""
        size = self.evaluate("[innerWidth, innerHeight, scrollX, scrollY]")
        clip = dict(zip(("width", "height", "x", "y"), size, strict=True))
        given = {"format": "webp", "quality": 70, "clip": {**clip, "scale": scale}}
        data = self._run(self._call("Page.captureScreenshot", **given))["data"]
        return base64.b64decode(data)

    def _run(self, work: Any) -> Any:
        return self._runner.run(asyncio.wait_for(work, SECONDS))

    async def _connect(self, file: Path) -> None:
        while not (file.exists() and len(lines := file.read_text().split()) == 2):
            await asyncio.sleep(0.05)
        self._client = aiohttp.ClientSession()
        where = f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        self._socket = await self._client.ws_connect(where, max_msg_size=0)
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._session: str | None = None
        self._load = asyncio.Event()
        self._status = 0
        self._reader = asyncio.ensure_future(self._read())
        target = (await self._call("Target.createTarget", url="about:blank"))["targetId"]
        attached = await self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            await self._call(f"{domain}.enable")

    async def _disconnect(self) -> None:
        self._reader.cancel()
        await self._socket.close()
        await self._client.close()

    async def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": params, **session})
        return await answer

    async def _read(self) -> None:
        async for message in self._socket:
            told = message.json()
            if answer := self._answers.pop(told.get("id", 0), None):
                if "error" in told:
                    answer.set_exception(RuntimeError(told["error"]["message"]))
                else:
                    answer.set_result(told["result"])
            elif "method" in told:
                self._hear(told["method"], told["params"])

    def _hear(self, event: str, params: Any) -> None:
        if event == "Page.loadEventFired":
            self._load.set()
        elif event == "Page.javascriptDialogOpening":
            self.questions.append(params["message"])
            yes = self._call("Page.handleJavaScriptDialog", accept=True)
            self._yes = asyncio.ensure_future(yes)
        elif event == "Network.responseReceived" and params["type"] == "Document":
            self._status = params["response"]["status"]
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description", details["text"])
            self.complaints.append(f"exception: {thrown}")
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            words = [str(each.get("value", each.get("description"))) for each in params["args"]]
            self.complaints.append(f"console: {' '.join(words)}")
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self.complaints.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
        elif event == "Audits.issueAdded":
            issue = params["issue"]
            if issue["code"] == "ContentSecurityPolicyIssue":
                self.complaints_of_policy += 1
                self.complaints.append(f"policy: {issue['details']}")

    async def _open(self, url: str) -> int:
        return await self._loaded(self._call("Page.navigate", url=url))

    async def _loaded(self, begin: Any) -> int:
        """Wait for the page that this leads to; 0 when it is a file to keep."""
        self._load.clear()
        self._status = 0
        if (await begin or {}).get("isDownload"):
            return 0
        await self._load.wait()
        await asyncio.sleep(SETTLES)
        return self._status

    async def _evaluate(self, script: str) -> Any:
        done = await self._call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"]["description"])
        return done["result"].get("value")
