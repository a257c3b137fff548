// The workbench: the texts become editors, and what comes of them is shown while somebody types.
// Without this they are plain text fields, and "Try it" shows the same.
const PAUSE = 120; // milliseconds without a key, and what was typed is looked at
const MOST_PATHS = 500;
const editors = {};

function editorTheme() {
  const isDark = document.documentElement.classList.contains("dark");
  return isDark ? "ace/theme/github_dark" : "ace/theme/github_light_default";
}

// What may be completed: the paths of the document beside it, and the operators of the language.

function collectPaths(value, path, found) {
  if (found.size >= MOST_PATHS) {
    return;
  }
  if (path !== "$") {
    found.set(path, value !== null && typeof value === "object" ? "" : JSON.stringify(value));
  }
  if (Array.isArray(value)) {
    value.slice(0, 1).forEach((item) => collectPaths(item, `${path}[*]`, found));
  } else if (value !== null && typeof value === "object") {
    for (const [name, part] of Object.entries(value)) {
      const isPlain = /^[A-Za-z_]\w*$/.test(name);
      collectPaths(part, isPlain ? `${path}.${name}` : `${path}['${name}']`, found);
    }
  }
}

function paths() {
  const found = new Map();
  try {
    collectPaths(JSON.parse(editors.document.getValue()), "$", found);
  } catch {
    // while the document is being written there are none
  }
  for (const [path, value] of [...found]) {
    const item = path.lastIndexOf("[*]");
    if (item >= 0 && item + 3 < path.length) {
      found.set(`@${path.slice(item + 3)}`, value);
    }
  }
  return found;
}

const completer = {
  identifierRegexps: [/[$@\w.[\]*'-]/],
  getCompletions(editor, session, position, prefix, done) {
    const before = session.getLine(position.row).slice(0, position.column);
    if (!/"[^"]*$/.test(before)) {
      done(null, []);
      return;
    }
    const isValue = /[:[,]\s*"[^"]*$/.test(before);
    const offered = isValue
      ? [...paths()].map(([value, meta]) => ({ value, meta: meta.slice(0, 40), score: 2 }))
      : [];
    const operators = document.getElementById("operators");
    for (const { value, label } of operators.options) {
      offered.push({ value, meta: operators.dataset.kind, docText: label, score: 1 });
    }
    done(null, offered);
  },
};

// What was said of the texts, and where.

function showMarks(seen) {
  const marks = {};
  for (const button of seen.querySelectorAll("[data-meant]")) {
    const text = editors[button.closest("[data-of]").dataset.of].getValue();
    button.hidden = !text.includes(JSON.stringify(button.dataset.written));
  }
  for (const mark of seen.querySelectorAll("[data-line]")) {
    const { of, line, kind } = mark.dataset;
    (marks[of] ??= []).push({ row: line - 1, column: 0, type: kind, text: mark.firstChild.textContent });
  }
  for (const [name, editor] of Object.entries(editors)) {
    editor.session.setAnnotations(marks[name] ?? []);
  }
}

let asked = 0;

async function look(form, seen) {
  asked += 1;
  const mine = asked;
  const answer = await fetch(location.href, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { "X-Requested-With": "live" },
  });
  if (!answer.ok || answer.redirected || mine !== asked) {
    return; // logged out, or something newer was asked: what is there is better than nothing
  }
  seen.innerHTML = await answer.text();
  showMarks(seen);
}

function edit(area, whenChanged) {
  const place = document.createElement("div");
  place.className = "bench-editor";
  area.after(place);
  area.hidden = true;
  const editor = ace.edit(place);
  editor.session.setUseWorker(false); // what is wrong with it the server says
  editor.session.setMode("ace/mode/json");
  editor.setTheme(editorTheme());
  editor.setOptions({
    value: area.value,
    placeholder: area.placeholder,
    readOnly: "kept" in area.dataset,
    minLines: Math.min(area.rows, 8),
    maxLines: area.rows * 2,
    wrap: area.name !== "document",
    indentedSoftWrap: false,
    tabSize: 2,
    showPrintMargin: false,
    fontSize: 12,
    enableBasicAutocompletion: true,
    enableLiveAutocompletion: area.name !== "document",
    enableKeyboardAccessibility: true,
    textInputAriaLabel: area.dataset.json,
  });
  editor.textInput.setAriaLabel();
  editor.completers = [completer];
  editor.session.on("change", () => {
    area.value = editor.getValue();
    area.closest("details")?.querySelector("[data-none]")?.toggleAttribute("hidden", area.value.trim() !== "");
    whenChanged(area);
  });
  area.closest("details")?.addEventListener("toggle", () => editor.resize());
  editors[area.name] = editor;
}

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("workbench");
  if (!form) {
    return;
  }
  const seen = document.getElementById("seen");
  const unsaved = document.getElementById("unsaved");
  let waiting;
  let isUnsaved = unsaved?.hidden === false;
  const soon = (area) => {
    isUnsaved ||= area.name !== "document";
    unsaved?.toggleAttribute("hidden", !isUnsaved);
    clearTimeout(waiting);
    waiting = setTimeout(() => look(form, seen).catch(() => {}), PAUSE);
  };
  form.querySelectorAll("textarea[data-json]").forEach((area) => edit(area, soon));
  const show = form.querySelector('[value="look"]');
  form.querySelector("[data-look]")?.addEventListener("change", () => form.requestSubmit(show));
  form.querySelectorAll("[data-needless]").forEach((button) => { button.hidden = true; });
  seen.addEventListener("click", (event) => {
    const button = event.target.closest("[data-meant]");
    if (button) {
      const { written, meant } = button.dataset;
      const editor = editors[button.closest("[data-of]").dataset.of];
      const text = editor.getValue();
      editor.setValue(text.replaceAll(JSON.stringify(written), () => JSON.stringify(meant)), -1);
    }
  });
  form.addEventListener("submit", () => {
    isUnsaved = false; // it goes along
  });
  addEventListener("beforeunload", (event) => {
    if (isUnsaved) {
      event.preventDefault();
    }
  });
  new MutationObserver(() => {
    Object.values(editors).forEach((editor) => editor.setTheme(editorTheme()));
  }).observe(document.documentElement, { attributeFilter: ["class"] });
  showMarks(seen);
});
